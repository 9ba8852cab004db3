//! The only place with sockets: listeners, HTTP, and one core loop a shard.
//!
//! [`Server::start`] starts a thread for each shard. A thread runs a tokio runtime of its own for what is rare (accepting,
//! HTTP, handshakes) and the core loop for what is not: after the upgrade the socket moves into the loop, which reads,
//! handles and writes whole turns at a time ([`fanfare_hub::Links`]).

mod admission;
mod answers;
mod append;
mod clock;
mod core_loop;
mod engine;
mod entrance;
mod front;
mod http;
mod listen;
mod mailbox;
mod options;
mod polls;
mod posting;
mod random;
mod server;
mod service;
mod stream;
mod transport;
mod trim;
mod turn_away;

pub use front::{Asset, Pages};
pub use mailbox::Remote;
pub use options::{Allow, EngineCookie, EngineOptions};
pub use server::{DoorSpec, Options, Server, StartError, Stopped, Stopper};
pub use service::{Origin, Service};
