//! Engine.IO v4, pure: texts and the time are arguments.
//!
//! Engine.IO carries messages over long polling or WebSocket, tells a live link from a dead one, and moves a session from
//! polling to WebSocket. This crate knows its packets, its requests, its heartbeat and its upgrade; who holds the sockets
//! and the sessions is somebody else.

mod heartbeat;
mod packet;
mod payload;
mod request;
mod upgrade;

pub use heartbeat::{Beat, Pulse};
pub use packet::{Malformed, Open, Packet, read, write_open};
pub use payload::{SEPARATOR, read_payload, write_binary};
pub use request::{Asked, RequestError, Transport, asked};
pub use upgrade::{NOOP_INTERVAL_MS, PROBE_TIMEOUT_MS, Probe, ProbeStep};
