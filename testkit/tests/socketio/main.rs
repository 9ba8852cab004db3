//! Socket.IO at the hub, one dialogue each: sessions that poll, upgrades, namespaces, both dialects in one room.

mod common;
mod memory;
mod namespaces;
mod polling;
mod upgrades;
