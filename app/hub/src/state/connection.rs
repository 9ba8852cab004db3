//! What a shard keeps for each connection.

use std::sync::Arc;

use fanfare_session::Session;
use fanfare_session::websocket::DeflateParameters;
use smallvec::SmallVec;

use super::audience::Audience;
use super::core::Gone;
use super::handshake::Handshake;
use super::role::{Carrier, Member, Role};
use crate::envelope::DoorId;
use crate::fanout::{Outbox, Variant};
use crate::ids::{EngineId, SocketId, User};
use crate::room::{Kind, Membership};

/// A connection whose upgrade has been answered.
#[derive(Debug, Default)]
pub struct Arrival {
    /// What was negotiated, if compression was.
    pub deflate: Option<DeflateParameters>,
    /// The client takes binary messages where there is a choice (`?binary=1`).
    pub wants_binary: bool,
    /// The client wants its messages in batches of this interval (`?batch=<1 to 1000>`).
    pub batch_interval_ms: Option<u64>,
    /// What it has to do with an Engine.IO session, at doors that speak it.
    pub engine: Option<EngineArrival>,
}

/// What a newcomer has to do with an Engine.IO session.
#[derive(Clone, Debug)]
pub enum EngineArrival {
    /// It opens one.
    Open {
        /// Random bytes that nobody could guess.
        secret: [u8; 9],
        /// It polls, and may upgrade.
        polling: bool,
        /// What it said, where an application may ask.
        handshake: Option<Arc<Handshake>>,
    },
    /// It is a WebSocket that has come to take over a session which polls.
    Probe(EngineId),
}

/// Whether a socket is to be read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As soon as there is something.
    More,
    /// Its share of this turn is used: call [`crate::Shard::resume`] in the next.
    Later,
    /// Not before [`crate::Shard::next_resumed`] names it.
    Paused,
    /// No more.
    Done,
}

/// A socket that the driver is to close. Its slot is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which it was.
    pub socket: SocketId,
    /// The peer may still be sending: end our direction, and read to its end before closing, so that what was sent is not
    /// torn down by a reset.
    pub linger: bool,
}

/// Messages that wait to be sent as one `batch`.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) interval_ms: u64,
    /// When it is sent, while it holds any.
    pub(crate) due_ms: u64,
    pub(crate) text: Vec<u8>,
    pub(crate) count: usize,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    pub(crate) outbox: Outbox,
    pub(crate) user: Option<Arc<User>>,
    /// Most are in one room, or in none.
    pub(crate) rooms: SmallVec<[Membership; 1]>,
    /// Bytes that were read and not yet handled.
    #[expect(clippy::box_collection, reason = "16 bytes less for each idle connection")]
    pub(crate) leftover: Option<Box<Vec<u8>>>,
    pub(crate) batch: Option<Box<Batch>>,
    /// What this connection counts for in the shard's total.
    pub(crate) held_bytes: usize,
    /// The tick of the one timer entry that counts; they are numbered for eight years.
    pub(crate) timer_tick: u32,
    pub(crate) number: u32,
    /// Where it stands among everyone at its door.
    pub(crate) door_position: u32,
    pub(crate) door: DoorId,
    pub(crate) variant: Variant,
    /// What it is, where it is more or less than a WebSocket.
    pub(crate) role: Option<Box<Role>>,
    /// Set when the connection no longer takes part; it may still have to be sent its rest.
    pub(crate) gone: Option<Gone>,
    /// It stands in the list of those with something to send.
    pub(crate) dirty: bool,
    /// The socket took no more: wait until it is writable.
    pub(crate) blocked: bool,
    /// It has had what its room shares in this turn (`shared.rs`) before something else, or is not to have it.
    pub(crate) unshared: bool,
    /// It asked for batches.
    pub(crate) wants_batches: bool,
    pub(crate) paused: bool,
    /// The kit is still at work on something that it said.
    pub(crate) busy: bool,
    /// The kit wants no more of it for now.
    pub(crate) held: bool,
    /// The peer hung up while it was not read; what the kit was at work on has had its time since.
    pub(crate) hung_up: bool,
    /// The peer sends nothing more.
    pub(crate) ended: bool,
    /// It has gone, and its rooms and its kit know.
    pub(crate) told: bool,
}

/// Where a connection stands that is at no door yet.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// How long a kit may still work on what a peer said that has ended since.
pub(super) const BUSY_MS: u64 = 30_000;

impl Connection {
    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        self.role.as_deref().and_then(Role::carrier)
    }

    pub(crate) fn carrier_mut(&mut self) -> Option<&mut Carrier> {
        self.role.as_deref_mut().and_then(Role::carrier_mut)
    }

    pub(crate) fn member(&self) -> Option<&Member> {
        self.role.as_deref().and_then(Role::member)
    }

    pub(crate) fn member_mut(&mut self) -> Option<&mut Member> {
        self.role.as_deref_mut().and_then(Role::member_mut)
    }

    /// How it takes what a room is sent.
    pub(crate) fn kind(&self) -> Kind {
        (self.role.is_none() && !self.wants_batches).then_some(self.variant)
    }

    pub(super) fn is_in(&self, audience: Audience) -> bool {
        match audience {
            Audience::Room(room) => {
                self.rooms.iter().any(|membership| membership.room == room && membership.position.is_some())
            }
            Audience::Door(door) => self.door == door && self.door_position != NOWHERE,
        }
    }

    /// Whether there is nothing for its socket, nor will be, but what a room shares.
    #[inline]
    pub(crate) fn is_sent_nothing_else(&self) -> bool {
        // They stand beside each other, and are looked at as one number.
        let more = [self.dirty, self.blocked, self.unshared, self.wants_batches].map(u8::from);
        u32::from_le_bytes(more) == 0 && self.outbox.is_empty() && self.gone.is_none()
    }

    /// Whether it holds no byte of what it received.
    #[inline]
    pub(crate) fn holds_nothing(&self) -> bool {
        let has_none = |role: &Role| role.carrier().is_none_or(Carrier::holds_nothing);
        self.session.holds_nothing()
            && self.leftover.is_none()
            && self.batch.is_none()
            && self.role.as_deref().is_none_or(has_none)
    }

    /// Whether the next message may be taken as it comes: a WebSocket of its own which goes on speaking, and of which nothing is kept.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.role.is_none()
            && self.held_bytes == 0
            && self.leftover.is_none()
            && self.batch.is_none()
            && self.gone.is_none()
            && !self.held
            && !self.ended
            && self.session.is_calm()
    }

    /// Whether it has no WebSocket: it is answered when it asks.
    pub(crate) fn polls(&self) -> bool {
        self.carrier().is_some_and(|carrier| carrier.polling.is_some())
    }

    /// When the rest of what a departed peer is owed is given up.
    pub(crate) fn gives_up_at_ms(&self) -> u64 {
        let more_ms = if self.busy { BUSY_MS } else { 0 };
        self.session.gives_up_at_ms() + more_ms
    }
}

/// The connection in a slot, while the shard's other fields stay free to be borrowed.
pub(crate) fn connection_in(slots: &mut [Slot], slot: u32) -> Option<&mut Connection> {
    slots.get_mut(slot as usize)?.connection.as_mut()
}

/// A place in the shard's table.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) generation: u32,
    pub(crate) connection: Option<Connection>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_takes_no_more_than_it_did() {
        assert!(size_of::<Slot>() <= 200, "{}", size_of::<Slot>());
    }
}
