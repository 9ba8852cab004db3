//! Going: the rooms and the kit are told, a few at a time, and then the slot is free.

use fanfare_session::websocket::CloseCode;

use super::face::Shard;
use crate::envelope::{DoorId, Passage};
use crate::limits::Dialect;
use crate::state::{Carrier, Closed, Core, EngineAnswer, Gone, NOOP, NOWHERE, Role};

/// Departures that one turn tells of, counted by rooms: whoever leaves a hundred rooms costs a hundred. Measured: a million
/// rooms left at once kept everybody else waiting for 3 s where one turn told of them all (`docs/trials.md`).
pub(super) const DEPARTURES_PER_TURN: usize = 1_024;

impl Shard {
    /// Whether the next turn has something to do that no event announces.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.core.departed.is_empty()
            || !self.core.released.is_empty()
            || self.core.could_resume()
            || self.has_posts_due()
    }

    /// Timers that are set, beside one a connection.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.core.timers.exact()
    }

    /// Tells kits of those whom namespaces have taken in, and rooms and kits of those who take no part any more, as far as a
    /// turn goes.
    #[inline(always)]
    pub(super) fn settle(&mut self) {
        let core = &self.core;
        if !core.admitted.is_empty() || !core.released.is_empty() || !core.departed.is_empty() {
            self.settle_them();
        }
    }

    fn settle_them(&mut self) {
        while let Some(socket) = self.core.admitted.pop_front() {
            if let Some(door) = self.core.get(socket).map(|connection| connection.door) {
                self.core.clear_current();
                self.kits[usize::from(door.0)].connected(&mut self.core, socket);
            }
        }
        for _ in 0..self.core.released.len() {
            let Some(socket) = self.core.released.pop_front() else { break };
            self.hand_over_parked(socket);
        }
        if !self.core.departed.is_empty() {
            self.tell_of_departed();
        }
    }

    fn tell_of_departed(&mut self) {
        while self.core.departures_left > 0
            && let Some(slot) = self.core.departed.pop_front()
        {
            let Some(socket) = self.core.socket_at(slot) else { continue };
            let Some(user) = self.core.user(socket) else { continue };
            let Some(connection) = self.core.get_mut(socket) else { continue };
            let (door, position) = (connection.door, connection.door_position);
            let gone = connection.gone.unwrap_or(Gone::Lost);
            let rooms = std::mem::take(&mut connection.rooms);
            connection.batch = None;
            connection.told = true;
            self.core.departures_left = self.core.departures_left.saturating_sub(1 + rooms.len());
            self.core.memberships -= rooms.len();
            self.core.leave_door(slot, door, position);
            // What it said before it went is handled before its going.
            while self.hand_over_one(socket) {}
            self.core.clear_current();
            for membership in rooms {
                self.core.leave_list(socket, membership);
                let name = self.core.rooms.name(membership.room).cloned();
                self.core.rooms.unclaim(membership.room);
                let from = crate::envelope::Sender { socket, user: std::sync::Arc::clone(&user) };
                let has_places = self.core.rules[usize::from(door.0)].dialect != Dialect::Events;
                if let Some(name) = name.filter(|_| has_places) {
                    self.kits[usize::from(door.0)].passage(&mut self.core, name, from, None, Passage::Gone);
                }
            }
            self.kits[usize::from(door.0)].disconnected(&mut self.core, socket, gone);
            self.core.mark_dirty(slot);
        }
    }
}

impl Core {
    fn leave_door(&mut self, slot: u32, door: DoorId, position: u32) {
        if position == NOWHERE {
            return;
        }
        self.end_sharing();
        let Some(connection) = self.at_mut(slot) else { return };
        connection.door_position = NOWHERE;
        let kind = connection.kind();
        let Some(everyone) = self.everyone.get_mut(usize::from(door.0)) else { return };
        let Some(moved) = everyone.exit(position, kind) else { return };
        if let Some(connection) = self.at_mut(moved) {
            connection.door_position = position;
        }
    }

    /// Frees the slot of a connection that has been sent its last byte.
    pub(crate) fn finish_if_done(&mut self, slot: u32) {
        let Some(socket) = self.socket_at(slot) else { return };
        let Some(connection) = self.at(slot) else { return };
        let heard = connection.session.is_over() || connection.ended;
        if connection.gone.is_none() || !heard || !connection.outbox.is_empty() || !connection.told {
            return;
        }
        let linger = !connection.ended && !connection.polls();
        let place = &mut self.slots[slot as usize];
        let mut late_prober = None;
        if let Some(mut connection) = place.connection.take() {
            connection.session.abandon(&mut self.inflaters);
            match connection.role.as_deref() {
                // It has no transport.
                Some(Role::Member(_)) => {}
                role => {
                    if let Some(prober) = role.and_then(Role::carrier).and_then(|carrier| carrier.prober) {
                        late_prober = Some(prober);
                    }
                    if role.and_then(Role::carrier).is_some_and(Carrier::has_waiting_poll) {
                        self.answers.push_back((socket, EngineAnswer::Polled(NOOP.to_vec())));
                    }
                    self.closed.push_back(Closed { socket, linger });
                }
            }
            self.held_bytes -= connection.held_bytes;
            self.holders -= usize::from(connection.held_bytes > 0);
        }
        place.generation = place.generation.wrapping_add(1);
        self.vacant.push(slot);
        if let Some(prober) = late_prober {
            self.close(prober, CloseCode::NORMAL, "");
        }
    }
}
