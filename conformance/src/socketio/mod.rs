//! Socket.IO as its clients meet it: the server in question as a process, and clients that say exactly what they are told to,
//! over raw HTTP and raw WebSocket, whole or cut in pieces.

mod case;
mod http;
mod link;
mod meaning;
mod polling;
mod target;
mod websocket;
mod wire;

pub use case::{Case, Scene, case, run};
pub use http::{Answer, Http};
pub use link::{Link, is_sid};
pub use meaning::Meaning;
pub use polling::{Polling, body, packets, request};
pub use target::{CALM, HASTY, Heartbeat, Target, is_reference, reference};
pub use websocket::{WebSocket, handshake};
pub use wire::{Cut, Packet, SEPARATOR};

use std::time::Duration;

/// How long an answer may take on a machine that does other things too.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where the Engine.IO server of a Socket.IO application is.
pub const PATH: &str = "/socket.io/";
