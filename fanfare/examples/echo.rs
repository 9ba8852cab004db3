//! A plain WebSocket echo at `/echo`: text and binary come back as they were, whole and in order.
//!
//! `cargo run --release -p fanfare --example echo -- --port 3000`

use std::time::Duration;

use clap::{Arg, Command, value_parser};
use fanfare::hub::Heartbeat;
use fanfare::{App, Limits, Message, Server, WebSocket};

#[expect(clippy::print_stdout, reason = "an example says where it listens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).default_value(default).help(help).value_parser(value_parser!(u64))
    };
    let flags = Command::new("echo")
        .about("Echoes text and binary messages at /echo")
        .arg(number("port", "3000", "where to listen; 0 is any free port"))
        .arg(number("ping-interval-ms", "25000", "silence after which a ping is sent"))
        .arg(number("ping-timeout-ms", "20000", "silence after a ping that ends the connection"))
        .arg(number("max-payload", "1000000", "for Socket.IO, which is not served yet: it limits nothing"))
        .get_matches();
    let flag = |name: &str| flags.get_one::<u64>(name).copied().unwrap_or_default();

    let heartbeat = Heartbeat { interval_ms: flag("ping-interval-ms"), timeout_ms: flag("ping-timeout-ms") };
    let app = App::new()
        .websocket("/echo", async |socket: WebSocket, message: Message| socket.send(message))
        .message_limit(64 << 20);
    let running = Server::bind(format!("127.0.0.1:{}", flag("port")))
        .limits(Limits { heartbeat, ..Limits::default() })
        .start(app)?;
    println!("listening on {}", running.address());
    tokio::signal::ctrl_c().await?;
    running.drain(Duration::from_secs(1));
    Ok(running.wait().await?)
}
