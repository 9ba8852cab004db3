//! Socket.IO protocol v5, pure: the packets inside Engine.IO messages, as texts and bytes.
//!
//! Arguments are never parsed into values: a packet is validated in one pass and what it carries is lent as the JSON text
//! that came.

mod assembly;
mod event;
mod limits;
mod malformed;
pub mod msgpack;
mod number;
mod outline;
mod packet;
mod scan;
mod write;

pub use assembly::{Assembly, check_placeholders};
pub use event::{Event, ack_args, elements, event, is_reserved};
pub use limits::ATTACHMENTS_MAX;
pub use malformed::Malformed;
pub use packet::{Head, Kind, read, read_address};
pub use write::{write_ack, write_connect, write_connect_error, write_disconnect, write_event};
