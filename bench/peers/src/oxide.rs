//! socketioxide as a layer of axum's, on one thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};
use tokio::net::TcpListener;

/// Longer than a measurement, so that none has pings in it, but for one at the beginning of each session.
const PING_INTERVAL: Duration = Duration::from_secs(300);

/// Members of a room, where they are put into one.
const ROOM_MEMBERS: usize = 100;

pub(crate) fn serve(port: u16, mode: &str) -> std::io::Result<()> {
    let (layer, io) =
        SocketIo::builder().ping_interval(PING_INTERVAL).ping_timeout(PING_INTERVAL).build_layer();
    match mode {
        "broadcast" => io.ns("/", async |socket: SocketRef| socket.on("message", broadcast)),
        "room" => io.ns("/", room),
        _ => io.ns("/", async |socket: SocketRef| socket.on("message", echo)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        axum::serve(listener, axum::Router::new().layer(layer)).await
    })
}

async fn echo(socket: SocketRef, Data(text): Data<String>) {
    // A connection that has failed is over; the load says so.
    let _ = socket.emit("message-back", &text);
}

async fn broadcast(socket: SocketRef, Data(text): Data<String>) {
    let _ = socket.broadcast().emit("message", &text).await;
}

async fn room(socket: SocketRef) {
    static CAME: AtomicUsize = AtomicUsize::new(0);
    socket.join(format!("room-{}", CAME.fetch_add(1, Ordering::Relaxed) / ROOM_MEMBERS));
}
