//! Three echoes: a Socket.IO server with the namespaces `/` and `/custom`, a plain WebSocket at `/echo`, and bare Engine.IO at
//! `/engine.io/`.
//!
//! `cargo run --release -p fanfare --example echo -- --port 3000`

use std::time::Duration;

use clap::{Arg, Command, value_parser};
use fanfare::{Ack, App, Args, Auth, Heartbeat, Limits, Message, Namespace, Server, Socket, WebSocket};
use serde_json::Value;

fn echo(namespace: Namespace) -> Namespace {
    namespace
        .on_connect(async |socket: Socket, Auth(auth): Auth<Value>| socket.emit("auth", &auth))
        .on("message", async |socket: Socket, args: Args| socket.emit("message-back", args))
        .on("message-with-ack", async |args: Args, ack: Ack| ack.send(args))
}

async fn back(socket: WebSocket, message: Message) {
    socket.send(message);
}

#[expect(clippy::print_stdout, reason = "an example says where it listens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).default_value(default).help(help).value_parser(value_parser!(u64))
    };
    let flags = Command::new("echo")
        .about("Echoes Socket.IO events, messages at /echo, and messages of Engine.IO at /engine.io/")
        .arg(number("port", "3000", "where to listen; 0 is any free port"))
        .arg(number("ping-interval-ms", "25000", "time between two pings"))
        .arg(number("ping-timeout-ms", "20000", "silence after a ping that ends the connection"))
        .arg(number("max-payload", "1000000", "bytes of a Socket.IO packet, and of a posted body"))
        .arg(number("shards", "0", "threads that serve; 0 is one a core"))
        .get_matches();
    let flag = |name: &str| flags.get_one::<u64>(name).copied().unwrap_or_default();
    let size = |name: &str| usize::try_from(flag(name)).unwrap_or(usize::MAX);

    let heartbeat = Heartbeat { interval_ms: flag("ping-interval-ms"), timeout_ms: flag("ping-timeout-ms") };
    let app = App::new()
        .namespace("/", echo)
        .namespace("/custom", echo)
        .max_payload(size("max-payload"))
        .websocket("/echo", back)
        .message_limit(64 << 20)
        .engine("/engine.io/", back);
    let mut server =
        Server::bind(format!("127.0.0.1:{}", flag("port"))).limits(Limits { heartbeat, ..Limits::default() });
    if size("shards") > 0 {
        server = server.shards(size("shards"));
    }
    let running = server.start(app)?;
    println!("listening on http://{}", running.address());
    tokio::signal::ctrl_c().await?;
    running.drain(Duration::from_secs(1));
    Ok(running.wait().await?)
}
