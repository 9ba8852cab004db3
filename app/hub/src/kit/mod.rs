//! Kits: complete applications behind a door, in two halves.

mod context;
mod host;
mod traits;

pub use context::{Edge, PlaceContext};
pub(crate) use host::{Host, KitHost, Passage};
pub use traits::{Gone, Kit, Message, Place, PlainPlace};
