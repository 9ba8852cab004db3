//! What idle Socket.IO clients in a room cost the real server: `idle [--short] [--server PATH]`.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fanfare_conformance::real::{Client, Flags, Outcome, Saying, Server, mebibytes};
use fanfare_conformance::socketio::{Cut, PATH, Packet, Polling};
use tokio::sync::Semaphore;

/// That come at the same time.
const ARRIVALS_AT_ONCE: usize = 64;

const LIMIT: Duration = Duration::from_secs(30);

const JOIN: &str = r#"42/chat,0["join",{"room":"idle"}]"#;
const JOINED: &str = r#"43/chat,0[{"ok":true}]"#;

/// Somebody who says nothing more. What they hear fits into their socket's buffer.
enum Idler {
    WebSocket { _client: Client },
    Polling { _polling: Box<Polling> },
}

fn main() -> ExitCode {
    let outcome = Flags::read().and_then(|flags| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.saying("a runtime")?.block_on(async {
            idle(&flags, "WebSocket", flags.pick(500, 10_000), false).await?;
            idle(&flags, "polling, with a poll that waits", flags.pick(500, 5_000), true).await
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("not ok idle: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn idle(flags: &Flags, what: &str, count: usize, polls: bool) -> Outcome<()> {
    let server = Server::start(&flags.server, &["--shards", "1"]).await?;
    let (address, before) = (server.address(), server.rss());
    let arrivals = Arc::new(Semaphore::new(ARRIVALS_AT_ONCE));
    let coming: Vec<_> = (0..count)
        .map(|number| {
            let arrivals = Arc::clone(&arrivals);
            tokio::spawn(async move {
                let _turn = arrivals.acquire().await.saying("a turn")?;
                if polls { polling(address).await } else { websocket(address, number).await }
            })
        })
        .collect();
    let mut here = Vec::new();
    for one in coming {
        here.push(one.await.map_err(|error| error.to_string())??);
    }
    // Buffers of those who have just come are given back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rss = server.rss();
    println!(
        "| {what}: {count} in a room | {} | {} | {} bytes each |",
        mebibytes(before),
        mebibytes(rss),
        (rss - before) / count
    );
    drop(here);
    Ok(())
}

async fn websocket(address: SocketAddr, number: usize) -> Outcome<Idler> {
    let target = format!("{PATH}?EIO=4&transport=websocket");
    let mut client = Client::connect_from(number, address, &target).await?;
    client.send_text("40/chat,").await?;
    client.until_text("40/chat,{", LIMIT).await?;
    client.send_text(JOIN).await?;
    client.until_text(JOINED, LIMIT).await?;
    Ok(Idler::WebSocket { _client: client })
}

async fn polling(address: SocketAddr) -> Outcome<Idler> {
    let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
    polling.send(&["40/chat,".into()]).await?;
    polling.next().await?.ok_or("the session is over")?;
    polling.send(&[JOIN.into()]).await?;
    while polling.next().await?.ok_or("the session is over")? != Packet::from(JOINED) {}
    polling.begin_poll("").await?;
    Ok(Idler::Polling { _polling: Box::new(polling) })
}
