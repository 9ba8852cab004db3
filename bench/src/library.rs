//! An app on the library, by itself or inside somebody else's HTTP server: what a Rust developer would write, and no more.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use fanfare::{App, Args, Heartbeat, Limits, Message, Namespace, Server, Socket, WebSocket};

use crate::arguments::Arguments;

/// Longer than a measurement, so that none has pings in it; the peers have the same.
const HEARTBEAT: Heartbeat = Heartbeat { interval_ms: 300_000, timeout_ms: 20_000 };

/// Members of a room, where they are put into one.
const ROOM_MEMBERS: usize = 100;

pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let port: u16 = arguments.needed("port")?;
    let app = app(arguments.text("mode", "echo"))?;
    let inside = arguments.text("inside", "").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let shards = arguments.number("shards", 1)?;
    runtime.block_on(run(app, address, &inside, shards)).map_err(|error| error.to_string())
}

fn app(mode: &str) -> Result<App, String> {
    let namespace = match mode {
        "echo" => echo,
        "broadcast" => broadcast,
        "hall" => hall,
        "room" => room,
        other => return Err(format!("--mode {other}: there are echo, broadcast, hall and room")),
    };
    let back = async |socket: WebSocket, message: Message| socket.send(message);
    Ok(App::new().namespace("/", namespace).websocket("/echo", back))
}

fn echo(root: Namespace) -> Namespace {
    root.on("message", async |socket: Socket, args: Args| socket.emit("message-back", args))
}

fn broadcast(root: Namespace) -> Namespace {
    root.on("message", async |socket: Socket, args: Args| socket.broadcast().emit("message", args))
}

/// One room with everybody.
fn hall(root: Namespace) -> Namespace {
    root.on_connect(async |socket: Socket| socket.join("hall"))
        .on("message", async |socket: Socket, args: Args| socket.to("hall").emit("message", args))
}

fn room(root: Namespace) -> Namespace {
    let came = AtomicUsize::new(0);
    root.on_connect(async move |socket: Socket| {
        let number = came.fetch_add(1, Ordering::Relaxed) / ROOM_MEMBERS;
        socket.join(format!("room-{number}"));
    })
}

async fn run(
    app: App,
    address: SocketAddr,
    inside: &str,
    shards: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let limits = Limits { heartbeat: HEARTBEAT, ..Limits::default() };
    let server = if inside.is_empty() { Server::bind(address.to_string()) } else { Server::embedded() };
    let server = server.shards(shards).limits(limits).drain_within(Duration::ZERO);
    if inside.is_empty() {
        return Ok(server.serve(app).await?);
    }
    let router = Router::new().fallback_service(server.into_service(app)?);
    match inside {
        "axum" => {
            let listener = tokio::net::TcpListener::bind(address).await?;
            Ok(axum::serve(listener, router).await?)
        }
        "tls" => {
            let service = router.into_make_service();
            let acceptor = RustlsAcceptor::new(certified().await?).acceptor(NoDelayAcceptor);
            Ok(axum_server::bind(address).acceptor(acceptor).serve(service).await?)
        }
        other => Err(format!("--inside {other}: there are axum and tls").into()),
    }
}

/// A certificate made for this run.
async fn certified() -> Result<RustlsConfig, Box<dyn std::error::Error>> {
    // Nobody else in this process chooses one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = made.signing_key.serialize_der();
    Ok(RustlsConfig::from_der(vec![made.cert.der().to_vec()], key).await?)
}
