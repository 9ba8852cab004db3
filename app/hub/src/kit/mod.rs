//! Kits: complete applications behind a door, in two halves.

mod context;
mod edge;
mod host;
mod traits;

pub use context::PlaceContext;
pub use edge::Edge;
pub(crate) use host::{Host, KitHost};
pub use traits::{Kit, Message, Place, PlainPlace, Silent, SocketEvent};
