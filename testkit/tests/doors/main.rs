//! Rules that hold at every native door, one dialogue each.

mod answers;
mod batches;
mod common;
mod departures;
mod ids;
mod inflaters;
mod kits;
mod memory;
mod rooms;
mod shares;
mod slow;
