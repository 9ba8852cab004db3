//! Rooms: who of this shard is in one ([`Rooms`]), and who of all shards is in one whose place lives here ([`Roster`]).

mod crowd;
mod members;
mod roster;

pub(crate) use crowd::{Crowd, Kind};
pub(crate) use members::{Membership, RoomIndex, Rooms, shrink};
pub(crate) use roster::Roster;
