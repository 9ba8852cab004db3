//! One shard: its connections, its members of every room, its places. A pure state machine; the driver gives it bytes,
//! envelopes and the time, and takes bytes, envelopes and closed sockets from it.

mod departures;
mod engine;
mod face;
mod offer;
mod parked;
mod receive;

pub use face::{Door, Shard, ShardSetup};
pub(crate) use offer::{Next, Offered};
