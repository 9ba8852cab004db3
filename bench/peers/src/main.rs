//! Servers of others, each as its authors show it: one thread, echo or fan-out.
//!
//! The WebSocket libraries are handed sockets that the same few lines here have upgraded, which no measurement covers;
//! socketioxide is a layer of axum's.

mod fanout;
mod fast;
mod oxide;
mod sockudo;
mod tokio_ws;
mod tungstenite;
mod upgrade;
mod yawc_ws;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use fanout::Everyone;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

const USAGE: &str =
    "fanfare-bench-peers fastwebsockets|tokio-websockets|tungstenite --port N [--mode echo|broadcast]
fanfare-bench-peers sockudo-ws|yawc --port N [--mode echo|broadcast] [--deflate]
fanfare-bench-peers socketioxide --port N [--mode echo|broadcast|room]";

#[derive(Clone, Copy)]
enum Peer {
    FastWebsockets,
    /// With permessage-deflate or without.
    Sockudo {
        deflates: bool,
    },
    TokioWebsockets,
    Tungstenite,
    Yawc {
        deflates: bool,
    },
}

impl Peer {
    fn deflates(self) -> bool {
        matches!(self, Self::Sockudo { deflates: true } | Self::Yawc { deflates: true })
    }
}

/// The largest message that any of them takes.
const MESSAGE_LIMIT_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1).cloned()
    };
    let Some(port) = value("--port").and_then(|port| port.parse().ok()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mode = value("--mode").unwrap_or_default();
    let deflates = words.iter().any(|word| word == "--deflate");
    let peer = match words.first().map(String::as_str) {
        Some("fastwebsockets") => Peer::FastWebsockets,
        Some("sockudo-ws") => Peer::Sockudo { deflates },
        Some("tokio-websockets") => Peer::TokioWebsockets,
        Some("tungstenite") => Peer::Tungstenite,
        Some("yawc") => Peer::Yawc { deflates },
        Some("socketioxide") => return end(oxide::serve(port, &mode)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    end(serve(peer, port, mode == "broadcast"))
}

fn end(served: std::io::Result<()>) -> ExitCode {
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(peer: Peer, port: u16, broadcasts: bool) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let everyone = Rc::new(RefCell::new(Everyone::default()));
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let everyone = broadcasts.then(|| Rc::clone(&everyone));
            // A connection that fails is over; the load says so.
            spawn_local(async move { drop(connection(peer, stream, everyone).await) });
        }
    })
}

/// Whatever ended a connection.
type Ended = Result<(), Box<dyn std::error::Error>>;

async fn connection(peer: Peer, mut stream: TcpStream, everyone: Option<Rc<RefCell<Everyone>>>) -> Ended {
    upgrade::upgrade(&mut stream, peer.deflates()).await?;
    match (peer, everyone) {
        (Peer::FastWebsockets, None) => fast::echo(stream).await,
        (Peer::FastWebsockets, Some(everyone)) => fast::broadcast(stream, everyone).await,
        (Peer::Sockudo { deflates }, everyone) => sockudo::serve(stream, deflates, everyone).await,
        (Peer::TokioWebsockets, None) => tokio_ws::echo(stream).await,
        (Peer::TokioWebsockets, Some(everyone)) => tokio_ws::broadcast(stream, everyone).await,
        (Peer::Tungstenite, None) => tungstenite::echo(stream).await,
        (Peer::Tungstenite, Some(everyone)) => tungstenite::broadcast(stream, everyone).await,
        (Peer::Yawc { deflates }, None) => yawc_ws::echo(stream, deflates).await,
        (Peer::Yawc { deflates }, Some(everyone)) => yawc_ws::broadcast(stream, deflates, everyone).await,
    }
}
