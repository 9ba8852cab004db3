//! Those who are told the same: a room's members, or everyone at a door.

use super::connection::connection_in;
use super::core::Core;
use super::role::Role;
use crate::envelope::DoorId;
use crate::fanout::{Encoded, Outgoing, Span, Variant};
use crate::ids::SocketId;
use crate::room::{Crowd, RoomIndex};

/// Who is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// The members of a room.
    Room(RoomIndex),
    /// Everyone at a door.
    Door(DoorId),
}

/// Connections that get the same span one after another, and what is still to be counted of it.
#[derive(Default)]
pub(super) struct Alike {
    /// Of which variant all of them are; `None` before the first.
    variant_bits: Option<u32>,
    span: Span,
    /// Who keeps the span as the first of an empty outbox: each retains it.
    begun: u32,
    messages: u64,
}

impl Alike {
    /// Those who follow the one that was encoded for last.
    fn of(encoded: &Encoded) -> Self {
        let (variant_bits, span) = encoded.given().unzip();
        Self { variant_bits, span: span.unwrap_or_default(), begun: 0, messages: 0 }
    }

    /// Those who are to have a span.
    pub(super) fn to_be_had(variant: Variant, span: Span) -> Self {
        Self { variant_bits: Some(variant.bits()), span, begun: 0, messages: 0 }
    }

    pub(super) fn begun(&self) -> u32 {
        self.begun
    }
}

impl Core {
    pub(super) fn tell_all(
        &mut self,
        door: DoorId,
        audience: Audience,
        except: Option<SocketId>,
        message: &Outgoing<'_>,
    ) {
        if self.share(door, audience, except, message) {
            return;
        }
        self.end_sharing();
        let slots = self.lend(audience);
        self.push_to_all(&slots, except, message);
        self.restore(audience, slots);
    }

    fn push_to_all(&mut self, slots: &[u32], except: Option<SocketId>, message: &Outgoing<'_>) {
        let except = except.filter(|socket| self.get(*socket).is_some()).map(|socket| socket.slot);
        let mut encoded = Encoded::default();
        let mut alike = Alike::default();
        for slot in slots.iter().filter(|slot| Some(**slot) != except) {
            if self.push_alike(*slot, &mut alike) {
                continue;
            }
            self.note_alike(&alike);
            self.push(*slot, message, &mut encoded);
            alike = Alike::of(&encoded);
        }
        self.note_alike(&alike);
    }

    /// Gives a connection the span that the one before it got, where nothing speaks against that; false where it has to go the
    /// whole way. What it counts for is noted for all of them at once.
    #[inline]
    pub(super) fn push_alike(&mut self, mut slot: u32, alike: &mut Alike) -> bool {
        let Some(mut connection) = connection_in(&mut self.slots, slot) else { return false };
        let is_alike = Some(connection.variant.bits()) == alike.variant_bits;
        if !is_alike || connection.batch.is_some() || connection.gone.is_some() {
            return false;
        }
        if let Some(role) = connection.role.as_deref() {
            let Role::Member(member) = role else { return false };
            if !member.admitted {
                return false;
            }
            slot = member.carrier.slot;
            match connection_in(&mut self.slots, slot) {
                Some(carrier) if carrier.gone.is_none() => connection = carrier,
                _ => return false,
            }
        }
        let merge = self.rules[usize::from(connection.door.0)].merges();
        if !connection.outbox.push_shared(alike.span, merge, &mut alike.begun) {
            return false;
        }
        alike.messages += 1;
        if !std::mem::replace(&mut connection.dirty, true) {
            self.dirty.push_back(slot);
        }
        true
    }

    fn note_alike(&mut self, alike: &Alike) {
        if alike.messages > 0 {
            self.log.retain_for(alike.span, alike.begun);
            self.counters.messages_sent += alike.messages;
            self.unoffered_bytes += alike.span.len() * usize::try_from(alike.messages).unwrap_or(usize::MAX);
        }
    }

    pub(super) fn crowd(&self, audience: Audience) -> Option<&Crowd> {
        match audience {
            Audience::Room(index) => self.rooms.members(index),
            Audience::Door(door) => self.everyone.get(usize::from(door.0)),
        }
    }

    fn crowd_mut(&mut self, audience: Audience) -> Option<&mut Crowd> {
        match audience {
            Audience::Room(index) => self.rooms.members_mut(index),
            Audience::Door(door) => self.everyone.get_mut(usize::from(door.0)),
        }
    }

    /// Lends the slots of an audience out, to be put back with [`Core::restore`] before anybody comes or goes.
    pub(super) fn lend(&mut self, audience: Audience) -> Vec<u32> {
        self.crowd_mut(audience).map(Crowd::lend).unwrap_or_default()
    }

    pub(super) fn restore(&mut self, audience: Audience, slots: Vec<u32>) {
        if let Some(crowd) = self.crowd_mut(audience) {
            crowd.restore(slots);
        }
    }
}
