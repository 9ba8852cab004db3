//! The native dialect of Fanfare's wire contract (`docs/protocol.md`), pure: text in, requests out; events in, text out.
//!
//! Every text message is one JSON object with a string `type`. This crate knows what every door shares: the head of a
//! message (`type`, `id`, `seq`), batches, acknowledgements, errors and the ordered stream. What a message means to an
//! application is the application's own.

mod code;
mod depth;
mod message;
mod order;
mod reply;

pub use code::ErrorCode;
pub use depth::{JSON_DEPTH_MAX, depth_exceeds};
pub use message::{BATCH_MESSAGES_MAX, ID_BYTES_MAX, Malformed, Request, SEQ_MAX, batch_messages, read};
pub use order::{EARLY_BYTES_MAX, EARLY_MESSAGES_MAX, Order, Sequenced};
pub use reply::{Welcome, write_ack, write_arguments, write_error, write_event, write_nack};
