//! Fan-out: a message is encoded at most once for each variant in use, and every outbox refers to it.

mod encode;
mod log;
mod outbox;
mod outgoing;

pub(crate) use encode::{Encoded, Encoder, Variant, Wire};
pub(crate) use log::{Log, Span};
pub(crate) use outbox::Outbox;
pub use outgoing::{Arguments, Event, Outgoing, OwnedOutgoing, body};
