//! One shard: its connections, its members of every room, its places. A pure state machine; the driver gives it bytes,
//! envelopes and the time, and takes bytes, envelopes and closed sockets from it.

mod budget;
mod common;
mod connection;
mod core;
mod deliver;
mod drain;
mod receive;
mod rooms;
mod shard;
mod timers;

pub use connection::{Arrival, Closed, Reading};
pub(crate) use core::Core;
pub use core::{Counters, Now};
pub use shard::{Door, Shard, ShardSetup};
