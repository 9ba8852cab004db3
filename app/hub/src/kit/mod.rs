//! Kits: complete applications behind a door, in two halves.

mod context;
mod host;
mod traits;

pub use context::{Edge, PlaceContext};
pub(crate) use host::{Host, KitHost};
pub use traits::{Kit, Message, Place, PlainPlace};
