//! A clock that everybody sees: a background task speaks to a room, and asks who is still there.
//!
//! `cargo run -p fanfare --example push`, then in Node: `io("http://localhost:3000/clock").on("tick", console.log)`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanfare::{App, NamespaceHandle, Server, Socket};
use serde_json::json;

async fn tick(clock: NamespaceHandle) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        second.tick().await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // What a slow client misses it does not need any more.
        let told = clock.to("watchers").volatile().emit("tick", &json!({ "seconds": now.as_secs() }));
        if let Err(error) = told {
            return tracing::error!(%error, "the time cannot be told");
        }
        if now.as_secs().is_multiple_of(10) {
            let there = clock.to("watchers").fetch_sockets().await.len();
            tracing::info!(there, "watchers");
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = App::new()
        .namespace("/clock", |clock| clock.on_connect(async |socket: Socket| socket.join("watchers")));
    let clock = app.handle().of("/clock").ok_or("the namespace was just added")?;
    tokio::spawn(tick(clock));
    Ok(Server::bind("127.0.0.1:3000").serve(app).await?)
}
