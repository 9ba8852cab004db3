//! Socket.IO inside an axum router, beside the routes of one's own; a route speaks to everybody who is connected.
//!
//! `cargo run -p fanfare --example axum`, then `curl -X POST http://localhost:3000/announce -d "Lunch is ready"`.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::map_request;
use axum::routing::{get, post};
use fanfare::{App, Args, Client, NamespaceHandle, Socket};

/// Tells the app where its clients are, so that its limits on addresses hold.
async fn with_address(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Client { address, secure: false });
    request
}

async fn announce(State(everybody): State<NamespaceHandle>, text: String) -> String {
    match everybody.emit("announcement", &text) {
        Ok(()) => "said\n".to_owned(),
        Err(error) => format!("{error}\n"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = App::new().namespace("/", |root| {
        root.on("message", async |socket: Socket, args: Args| socket.broadcast().emit("message", args))
    });
    let everybody = app.handle().of("/").ok_or("the namespace was just added")?;
    let router = Router::new()
        .route("/hello", get(async || "hello\n"))
        .route("/announce", post(announce))
        .with_state(everybody)
        .fallback_service(app.into_service()?)
        .layer(map_request(with_address));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
