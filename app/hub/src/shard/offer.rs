//! What a connection is to be sent next: whose turn it is, and the one piece of bytes that it nearly always is.

use std::io::{self, IoSlice};

use super::face::Shard;
use crate::ids::SocketId;
use crate::limits::SEND_BYTES_MAX;

/// Whose turn it is to be sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Whoever got something last.
    Newest,
    /// Whoever has waited longest.
    Oldest,
}

/// What became of what was offered to a connection's socket.
#[derive(Debug)]
pub(crate) enum Offered {
    /// There was nothing, or the socket is known to take nothing.
    Nothing,
    /// All of it was taken: so many bytes.
    All(usize),
    /// One piece of so many bytes was offered, and [`Shard::sent`] has to be told what came of it.
    One(SocketId, usize, io::Result<usize>),
    /// There are several pieces: see [`Shard::outgoing`].
    Several(SocketId),
    /// The connection has no socket.
    Unlinked(SocketId),
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

    /// Whether a room shares something.
    #[inline]
    pub(crate) fn shares(&self) -> bool {
        self.core.shared.is_some()
    }

    /// Offers what a room shares to those members who are sent nothing else; the others have it put into their outboxes. `transmit` is as
    /// in [`Shard::offer`]. Gives the bytes that were taken where all of it was; and of those who did not take all of it how much that
    /// was, and what their sockets said.
    pub(crate) fn offer_shared(
        &mut self,
        transmit: impl FnMut(SocketId, &[IoSlice<'_>]) -> Option<io::Result<usize>>,
    ) -> (usize, Vec<(SocketId, usize, io::Result<usize>)>) {
        self.core.offer_shared(transmit)
    }

    /// Offers what the connection in a slot has to send where it lies in one piece, as nearly always, [`SEND_BYTES_MAX`] at most of it.
    /// `transmit` gives what the socket says, and `None` where there is none.
    #[inline(always)]
    pub(crate) fn offer(
        &mut self,
        slot: u32,
        transmit: impl FnOnce(SocketId, &[u8]) -> Option<io::Result<usize>>,
    ) -> Offered {
        let core = &mut self.core;
        let Some(place) = core.slots.get_mut(slot as usize) else { return Offered::Nothing };
        let socket = SocketId { shard: core.shard, slot, generation: place.generation };
        let Some(connection) = place.connection.as_mut() else { return Offered::Nothing };
        connection.dirty = false;
        if !connection.blocked
            && let Some(bytes) = connection.outbox.single(&core.log)
        {
            let offered = bytes.len();
            let Some(result) = transmit(socket, bytes) else { return Offered::Unlinked(socket) };
            if let Ok(sent) = result
                && sent == connection.outbox.queued_bytes()
                && sent < SEND_BYTES_MAX
                && connection.gone.is_none()
            {
                connection.outbox.clear_single(&mut core.log);
                return Offered::All(sent);
            }
            return Offered::One(socket, offered, result);
        }
        if connection.outbox.is_empty() {
            core.finish_if_done(slot);
        } else if !connection.blocked {
            return Offered::Several(socket);
        }
        Offered::Nothing
    }
}
