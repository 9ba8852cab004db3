//! What a room shares in a turn: broadcasts that go to the sockets of its members at the end of the turn, past their outboxes.
//!
//! The slow way puts a span into the outbox of each member. Nearly all members of nearly all rooms are sent nothing else in a turn, and
//! then so many outboxes hold the same: so what is said to a room is kept once, and whoever is to get something else besides
//! has it put into its outbox before ([`Core::unshare`]). Whatever else concerns many ends the sharing first
//! ([`Core::end_sharing`]), and everything is as if it had gone the slow way.

use std::io::{self, IoSlice};

use smallvec::SmallVec;

use super::audience::{Alike, Audience};
use super::connection::connection_in;
use super::core::Core;
use super::deliver::enqueue;
use crate::envelope::DoorId;
use crate::fanout::{Encoded, Outgoing, Span, Variant};
use crate::ids::SocketId;

/// Bytes that are shared at most, for all members together: what a turn sends.
const SHARED_BYTES_MAX: usize = 8 << 20;

/// Bytes that one member is sent of it at most.
const SHARED_BYTES_EACH_MAX: usize = 64 << 10;

/// Pieces that they lie in at most.
const SHARED_PIECES_MAX: usize = 16;

/// What a message may be longer by once it is encoded; where it is more, the limits are met a little late.
const ENCODED_BYTES_MORE: usize = 64;

/// Members at most who are sent something else besides; with more the sharing does not pay.
const UNSHARED_MAX: usize = 64;

/// What an audience is to be sent.
#[derive(Debug)]
pub(crate) struct Shared {
    audience: Audience,
    /// The slot of whoever said it, where that is not to hear it.
    except: Option<u32>,
    variant: Variant,
    pieces: SmallVec<[Piece; SHARED_PIECES_MAX]>,
    bytes: usize,
    /// Slots of members who have had it put into their outboxes; they are marked.
    unshared: Vec<u32>,
}

/// Messages that follow each other in the log.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Retained once, for all.
    span: Span,
    messages: u64,
}

impl Shared {
    fn new(audience: Audience, except: Option<u32>, variant: Variant) -> Self {
        Self { audience, except, variant, pieces: SmallVec::new(), bytes: 0, unshared: Vec::new() }
    }

    /// Whether what is said now is for the same.
    fn is_for(&self, audience: Audience, except: Option<u32>, variant: Variant) -> bool {
        self.audience == audience && self.except == except && self.variant == variant
    }

    fn has_place_for(&self, bytes: usize, members: usize) -> bool {
        self.pieces.len() < SHARED_PIECES_MAX && is_little(self.bytes + bytes, members)
    }
}

/// Whether so many bytes for each of so many members may be shared.
fn is_little(bytes: usize, members: usize) -> bool {
    bytes <= SHARED_BYTES_EACH_MAX && bytes * members <= SHARED_BYTES_MAX
}

impl Core {
    /// Keeps a message for all members of a room, where all of them take the same bytes of it. False where it has to go the slow way.
    pub(super) fn share(
        &mut self,
        door: DoorId,
        audience: Audience,
        except: Option<SocketId>,
        message: &Outgoing<'_>,
    ) -> bool {
        if !self.rules[usize::from(door.0)].merges() {
            return false;
        }
        let but = except.and_then(|socket| Some((socket.slot, self.get(socket)?)));
        let (except, kind) =
            but.filter(|(_, there)| there.is_in(audience)).map(|(slot, there)| (slot, there.kind())).unzip();
        let Some(crowd) = self.crowd(audience) else { return true };
        let Some(variant) = crowd.only_variant(kind) else { return false };
        let members = crowd.slots().len() - usize::from(except.is_some());
        let bytes = message.cost_bytes() + ENCODED_BYTES_MORE;
        if let Some(shared) = &self.shared
            && !(shared.is_for(audience, except, variant) && shared.has_place_for(bytes, members))
        {
            self.end_sharing();
        }
        if self.shared.is_none() && !is_little(bytes, members) {
            return false;
        }
        let mut encoded = Encoded::default();
        let Some(span) = self.encoder.encode(&mut self.log, &mut encoded, message, (variant, "")) else {
            return true;
        };
        let shared = self.shared.get_or_insert_with(|| Box::new(Shared::new(audience, except, variant)));
        shared.bytes += span.len();
        if let Some(last) = shared.pieces.last_mut()
            && last.span.merge(span)
        {
            last.messages += 1;
        } else {
            self.log.retain(span);
            shared.pieces.push(Piece { span, messages: 1 });
        }
        self.counters.messages_sent += members as u64;
        self.unoffered_bytes += span.len() * members;
        for slot in shared.unshared.clone() {
            self.put(slot, &[Piece { span, messages: 1 }]);
        }
        true
    }

    /// This connection is about to be sent something else, or to be sent nothing more: what it shares comes before that.
    #[inline]
    pub(crate) fn unshare(&mut self, slot: u32) {
        if self.shared.is_some() {
            self.unshare_where_shared(slot);
        }
    }

    fn unshare_where_shared(&mut self, slot: u32) {
        if !self.awaits_shared(slot) {
            return;
        }
        if self.shared.as_ref().is_some_and(|shared| shared.unshared.len() == UNSHARED_MAX) {
            return self.end_sharing();
        }
        self.withhold(slot);
        let pieces = self.shared.as_ref().map(|shared| shared.pieces.clone()).unwrap_or_default();
        self.put(slot, &pieces);
    }

    /// Whether this connection is still to have what is shared.
    fn awaits_shared(&self, slot: u32) -> bool {
        let Some(shared) = self.shared.as_ref().filter(|shared| shared.except != Some(slot)) else {
            return false;
        };
        self.at(slot).is_some_and(|there| !there.unshared && there.is_in(shared.audience))
    }

    /// The same; says whether that was too much for a slow one, who has been cut off for it.
    pub(crate) fn unshare_may_cut(&mut self, slot: u32) -> bool {
        let is_there = |core: &Self| core.at(slot).is_some_and(|there| there.gone.is_none());
        let was_there = is_there(self);
        self.unshare(slot);
        was_there && !is_there(self)
    }

    /// This connection is not to have what is shared: it is at its end, or has it otherwise.
    pub(crate) fn withhold(&mut self, slot: u32) {
        if self.awaits_shared(slot)
            && let (Some(shared), Some(connection)) = (&mut self.shared, connection_in(&mut self.slots, slot))
        {
            connection.unshared = true;
            shared.unshared.push(slot);
        }
    }

    /// Everybody has what is shared put into the outbox: the slow way.
    pub(crate) fn end_sharing(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let members = self.lend(shared.audience);
        for piece in &shared.pieces {
            let mut alike = Alike::to_be_had(shared.variant, piece.span);
            for slot in members.iter().filter(|slot| Some(**slot) != shared.except) {
                let has_it = self.at(*slot).is_none_or(|there| there.unshared);
                if !has_it && !self.push_alike(*slot, &mut alike) {
                    self.put(*slot, &[*piece]);
                }
            }
            self.log.retain_for(piece.span, alike.begun());
        }
        self.restore(shared.audience, members);
        self.forget(&shared);
    }

    /// Offers what is shared to the sockets of those who are to be sent nothing else, and gives it to the others, and to those whose
    /// socket does not take all of it, into their outboxes. `offer` gives what the socket says, and `None` where there is none. Gives
    /// the bytes that went to those who took all; and of the others whose socket it was, how much was offered, and what it said.
    pub(crate) fn offer_shared(
        &mut self,
        mut offer: impl FnMut(SocketId, &[IoSlice<'_>]) -> Option<io::Result<usize>>,
    ) -> (usize, Vec<(SocketId, usize, io::Result<usize>)>) {
        let Some(mut shared) = self.shared.take() else { return (0, Vec::new()) };
        // Whoever is not to have it counts as one who has had it.
        if let Some(slot) = shared.except
            && let Some(connection) = connection_in(&mut self.slots, slot)
        {
            connection.unshared = true;
            shared.unshared.push(slot);
        }
        let members = self.lend(shared.audience);
        self.unoffered_bytes = self.unoffered_bytes.saturating_sub(shared.bytes * members.len());
        let mut slices = [IoSlice::new(&[]); SHARED_PIECES_MAX];
        for (slice, piece) in slices.iter_mut().zip(&shared.pieces) {
            *slice = IoSlice::new(self.log.bytes(piece.span));
        }
        let slices = &slices[..shared.pieces.len()];
        let (slots, shard) = (&self.slots[..], self.shard);
        let mut left = Vec::new();
        for slot in &members {
            let Some(place) = slots.get(*slot as usize) else { continue };
            let Some(connection) = &place.connection else { continue };
            let socket = SocketId { shard, slot: *slot, generation: place.generation };
            let said = if connection.is_sent_nothing_else() { offer(socket, slices) } else { None };
            if !matches!(said, Some(Ok(bytes)) if bytes == shared.bytes) {
                left.push((socket, said));
            }
        }
        let taken = shared.bytes * (members.len() - left.len());
        self.restore(shared.audience, members);
        let mut said_by = Vec::new();
        for (socket, said) in left {
            if self.at(socket.slot).is_some_and(|there| !there.unshared) {
                self.put(socket.slot, &shared.pieces);
                self.unoffered_bytes += shared.bytes;
                said_by.extend(said.map(|said| (socket, shared.bytes, said)));
            }
        }
        self.forget(&shared);
        (taken, said_by)
    }

    /// Puts shared pieces, which have been counted, into an outbox; what is not put there is not counted any more.
    fn put(&mut self, slot: u32, pieces: &[Piece]) {
        for (at, piece) in pieces.iter().enumerate() {
            let has_room = self.has_room(slot);
            let Some(connection) = connection_in(&mut self.slots, slot).filter(|_| has_room) else {
                let left: u64 = pieces[at..].iter().map(|piece| piece.messages).sum();
                self.counters.messages_sent -= left;
                return;
            };
            enqueue(connection, &mut self.dirty, slot, |outbox| outbox.push(piece.span, true, &mut self.log));
        }
    }

    fn forget(&mut self, shared: &Shared) {
        for slot in &shared.unshared {
            if let Some(connection) = connection_in(&mut self.slots, *slot) {
                connection.unshared = false;
            }
        }
        for piece in &shared.pieces {
            self.log.release(piece.span);
        }
    }
}
