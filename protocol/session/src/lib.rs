//! One connection as one state machine, pure: bytes and time are arguments.
//!
//! [`Session::receive`] takes what the socket gave and returns one [`Received`] at a time; what the session itself has to
//! say (pongs, the closing handshake) it appends to [`Turn::transmit`]. Whoever drives it sends `transmit` before it calls
//! again, and calls [`Session::check`] when the time that the last check named has come.
//!
//! The drain rule: call `receive` with the rest of the input until it says [`Received::Nothing`], and do not read more from
//! the socket while it says [`Received::ShareUsed`] or [`Received::InflaterWanted`].

mod engine;
mod heartbeat;
mod native_state;
mod pending;
mod session;
mod turn;

pub use engine::{CONNECT_TIMEOUT_MS, Came, Engine, Packet, Parser, Pulsed};
pub use fanfare_engineio as engineio;
pub use fanfare_native as native;
pub use fanfare_socketio as socketio;
pub use fanfare_websocket as websocket;
pub use heartbeat::{Check, Expiry, Heartbeat};
pub use native_state::{NativeState, Opened};
pub use pending::{IdRefused, Pending, Reply, UNANSWERED_MAX};
pub use session::{CLOSE_TIMEOUT_MS, End, INFLATER_HOLD_MS, INFLATER_STALL_MS, Received, Session};
pub use turn::{FRAMES_PARSED, FRAMES_PER_TURN, INFLATED_BYTES_PER_TURN, READ_BYTES_PER_TURN, Share, Turn};
