//! Fanfare as a library: real-time communication for browsers, phones and services, in rooms.
//!
//! An [`App`] is what is served: kits mounted at paths, and handlers of one's own. A [`Server`] serves it.
//!
//! ```no_run
//! use fanfare::{App, Message, Server, WebSocket, kits};
//!
//! # async fn example() -> Result<(), fanfare::ServeError> {
//! let app = App::new()
//!     .mount("/chat", kits::Chat)
//!     .websocket("/shout", async |socket: WebSocket, message: Message| {
//!         if let Message::Text(text) = message {
//!             socket.send(text.to_uppercase());
//!         }
//!     });
//! Server::bind("0.0.0.0:8080").serve(app).await
//! # }
//! ```

mod app;
mod handler;
mod namespace;
mod running;
mod server;
mod service;
mod websocket;

pub use app::App;
pub use handler::Outcome;
pub use namespace::{
    Ack, AckError, AcksError, Args, Auth, Binary, DisconnectReason, Disconnected, EmitError, Event,
    EventHandler, EventName, Extract, Failure, Handle, HandshakeInfo, IntoArgs, Json, Namespace,
    NamespaceHandle, Operators, Refusal, Rejection, RemoteSocket, Reply, Socket, State,
};
pub use running::{Running, ServeError};
pub use server::Server;
pub use service::{AppService, Client};
pub use websocket::{Message, WebSocket};

pub use fanfare_driver::EngineCookie;
/// What a kit of one's own is made of: see [`Kit`](hub::Kit) and [`Place`](hub::Place).
pub use fanfare_hub as hub;
pub use fanfare_hub::{CloseCode, Heartbeat, Limits, Parser};
/// The kits that come with Fanfare.
pub use fanfare_kits as kits;

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
