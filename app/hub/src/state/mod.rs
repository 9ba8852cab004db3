//! What a shard is made of, apart from its kits: connections, members of rooms, outboxes, timers, memory. Kits act on it
//! through their contexts; the [`Shard`](crate::Shard) drives it.

mod audience;
mod budget;
mod common;
mod connection;
mod core;
mod deliver;
mod drain;
mod engine;
mod handshake;
mod namespaces;
mod parked;
mod role;
mod rooms;
mod shared;
mod timers;

pub(crate) use budget::{INFLATERS_PER_SHARD, Pause, Told, Waiting};
pub(crate) use common::Common;
pub use connection::{Arrival, Closed, EngineArrival, Reading};
pub(crate) use connection::{Batch, Connection, NOWHERE, connection_in};
pub(crate) use core::{Core, Current};
pub use core::{Counters, Gone, Now};
pub(crate) use drain::Random;
pub use engine::EngineAnswer;
pub(crate) use engine::{NOOP, take_body};
pub use handshake::{Handshake, Headers};
pub(crate) use role::{Carrier, Polling, Prober, Role};
pub(crate) use timers::{Due, Timers};
