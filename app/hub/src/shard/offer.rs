//! What a connection is to be sent next: whose turn it is, and the one piece of bytes that it nearly always is.

use super::face::Shard;
use crate::fanout::Log;
use crate::ids::SocketId;
use crate::limits::SEND_BYTES_MAX;
use crate::state::Connection;

/// Whose turn it is to be sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whoever got something last.
    Newest,
    /// Whoever has waited longest.
    Oldest,
}

/// A connection that has something to send, and is not known to be unable to.
pub(crate) struct Offer<'a> {
    socket: SocketId,
    connection: &'a mut Connection,
    log: &'a mut Log,
}

impl Shard {
    /// The slot whose turn it is. Once there is none, everybody has been offered what there is.
    #[inline]
    pub(crate) fn pop_dirty(&mut self, next: Next) -> Option<u32> {
        let dirty = &mut self.core.dirty;
        let slot = if next == Next::Newest { dirty.pop_back() } else { dirty.pop_front() };
        if slot.is_none() {
            self.core.unoffered_bytes = 0;
        }
        slot
    }

    /// What the connection in a slot has to send.
    #[inline]
    pub(crate) fn offer(&mut self, slot: u32) -> Option<Offer<'_>> {
        let core = &mut self.core;
        let connection = core.at_mut(slot)?;
        connection.dirty = false;
        if connection.outbox.is_empty() {
            core.finish_if_done(slot);
            return None;
        }
        if connection.blocked {
            return None;
        }
        let place = core.slots.get_mut(slot as usize)?;
        let connection = place.connection.as_mut()?;
        let socket = SocketId { shard: core.shard, slot, generation: place.generation };
        Some(Offer { socket, connection, log: &mut core.log })
    }
}

impl Offer<'_> {
    #[inline]
    pub(crate) fn socket(&self) -> SocketId {
        self.socket
    }

    /// The bytes, [`SEND_BYTES_MAX`] at most, where they lie in one piece.
    #[inline]
    pub(crate) fn single(&self) -> Option<&[u8]> {
        self.connection.outbox.single(self.log)
    }

    /// The socket took so many of [`Offer::single`]. True where that was all, and there is nothing else to be done; otherwise
    /// [`Shard::sent`] has to be told, as if this had not been asked.
    #[inline]
    pub(crate) fn took_all(self, sent: usize) -> bool {
        let outbox = &mut self.connection.outbox;
        let is_all = sent == outbox.queued_bytes() && sent < SEND_BYTES_MAX && self.connection.gone.is_none();
        if is_all {
            outbox.clear_single(self.log);
        }
        is_all
    }
}
