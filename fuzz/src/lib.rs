//! Fuzz targets: plain functions that take any bytes and panic when an invariant does not hold.
//!
//! A new one is a function and a line in [`TARGETS`]; its seeds lie in `fuzz/corpus/<name>/`.

mod driver;
mod handshake;
mod input;
mod native;
mod socketio;
mod websocket;

pub use driver::{Failure, Mutator, corpus, run_one};
pub use handshake::handshake;
pub use native::{native, shard};
pub use socketio::{engineio, message_pack, socketio};
pub use websocket::{frames, messages};

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("handshake", handshake),
    ("frames", frames),
    ("messages", messages),
    ("native", native),
    ("shard", shard),
    ("engineio", engineio),
    ("socketio", socketio),
    ("message_pack", message_pack),
];
