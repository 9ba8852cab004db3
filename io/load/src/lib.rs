//! The load: connections that measure what a real-time server answers, and how fast.
//!
//! One thread over edge-triggered epoll (mio): it has to be faster than whatever it measures.

mod channel;
mod connection;
mod deflate;
mod handshake;
mod socketio;
mod wire;

pub use channel::{Channel, Secure, SecureStream};
pub use connection::{Connection, Opened, READ_BUFFER_BYTES, Target};
pub use socketio::PATH as SOCKETIO_PATH;
pub use wire::{Counter, Kind, Wire, beginning, payload};
