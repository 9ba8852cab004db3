//! Memory: what connections hold together, who is not read when it runs short, and who has to go when it runs out.

use std::collections::VecDeque;

use fanfare_session::websocket::CloseCode;

use super::connection::{BUSY_MS, connection_in};
use super::core::{Core, Gone};
use super::parked::PARKED_BYTES_MAX;
use super::role::Carrier;
use super::timers::Due;
use crate::ids::SocketId;
use crate::limits::{MAILBOX_BYTES_MAX, MEMBERSHIP_BYTES, MEMORY_STALL_MS, ROOM_BYTES};

/// Below it a connection is read however short memory is: it may be the one that finishes and frees some.
const SMALL_HOLDER_BYTES: usize = 64 << 10;

/// Inflaters that may be borrowed at once.
pub(crate) const INFLATERS_PER_SHARD: usize = 64;

/// Connections that are not read, and why.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) inflater: VecDeque<SocketId>,
    /// Those whose compressed message has arrived whole: they do not stand behind messages that stall.
    pub(crate) inflater_for_whole: VecDeque<SocketId>,
    pub(crate) mailbox: VecDeque<SocketId>,
    pub(crate) memory: VecDeque<SocketId>,
    /// Those who tell others faster than these are offered it.
    pub(crate) sending: VecDeque<SocketId>,
    /// Those that may be read again.
    pub(crate) resumed: VecDeque<SocketId>,
    /// Since when memory has kept somebody waiting.
    memory_since_ms: Option<u64>,
}

impl Waiting {
    pub(crate) fn wants_inflaters(&self) -> bool {
        !self.inflater.is_empty() || !self.inflater_for_whole.is_empty()
    }

    pub(crate) fn wants_mailboxes(&self) -> bool {
        !self.mailbox.is_empty()
    }
}

/// Whom a message of a connection has told something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) other_shards: bool,
    /// More than one connection of this shard, which may have been its own.
    pub(crate) several: bool,
}

impl Told {
    /// It told nobody, or one connection of this shard.
    pub(crate) fn is_one_at_most(self) -> bool {
        !self.other_shards && !self.several
    }
}

/// Why a connection is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Inflater { whole: bool },
    Mailbox,
    Memory,
    Sending,
    Kit,
}

impl Core {
    /// Brings the total in line with what the connection holds now.
    #[inline]
    pub(crate) fn account(&mut self, slot: u32) {
        // Nearly all hold nothing, before a message and after it.
        if self.at(slot).is_some_and(|there| there.held_bytes > 0 || !there.holds_nothing()) {
            self.account_anew(slot);
        }
    }

    fn account_anew(&mut self, slot: u32) {
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return;
        };
        let leftover = connection.leftover.as_ref().map_or(0, |leftover| leftover.capacity());
        let batch = connection.batch.as_ref().map_or(0, |batch| batch.text.capacity());
        let engine = connection.carrier().map_or(0, |carrier| {
            let post = carrier.post.as_ref().map_or(0, |post| post.body.capacity());
            carrier.engine.held_bytes() + post + carrier.parked_bytes
        });
        let holds = connection.session.held_bytes() + leftover + batch + engine;
        let held = std::mem::replace(&mut connection.held_bytes, holds);
        self.held_bytes = self.held_bytes + holds - held;
        self.holders = self.holders + usize::from(holds > 0) - usize::from(held > 0);
    }

    pub(crate) fn total_bytes(&self) -> usize {
        self.held_bytes + self.log.allocated_bytes() + self.log.list_bytes() + self.rooms_bytes()
    }

    fn rooms_bytes(&self) -> usize {
        self.rooms.len() * ROOM_BYTES + self.memberships * MEMBERSHIP_BYTES
    }

    /// Whether memory allows one connection more in a room. Nothing that waits can be left unread to make space for rooms, and
    /// nobody is to be sent away for them, so they are refused where they would take more than their half.
    pub(crate) fn may_have_room(&self) -> bool {
        self.rooms_bytes() + ROOM_BYTES + MEMBERSHIP_BYTES <= self.limits.memory_budget_bytes / 2
    }

    fn is_short(&self) -> bool {
        self.total_bytes() + self.under_way_bytes() > self.limits.memory_budget_bytes / 5 * 4
    }

    /// What there was before a message, for [`Core::told_since`].
    pub(crate) fn told_so_far(&self) -> (usize, u64) {
        (self.outgoing_bytes, self.counters.messages_sent)
    }

    pub(crate) fn told_since(&self, before: (usize, u64)) -> Told {
        Told {
            other_shards: self.outgoing_bytes > before.0,
            several: self.counters.messages_sent > before.1 + 1,
        }
    }

    /// Whether this connection has to wait before it is read further, and for what.
    #[inline]
    pub(crate) fn pause_due(&self, slot: u32, told: Told) -> Option<Pause> {
        let connection = self.at(slot)?;
        let is_free =
            !connection.held && connection.carrier().is_none_or(|carrier| carrier.parked_bytes == 0);
        if is_free && told.is_one_at_most() && connection.held_bytes <= SMALL_HOLDER_BYTES {
            return None;
        }
        self.pause_due_to(slot, told)
    }

    fn pause_due_to(&self, slot: u32, told: Told) -> Option<Pause> {
        let is_full = |carrier: &Carrier| carrier.parked_bytes >= PARKED_BYTES_MAX;
        let connection = self.at(slot)?;
        if connection.held || connection.carrier().is_some_and(is_full) {
            return Some(Pause::Kit);
        }
        if told.other_shards && self.mailboxes_half_full() {
            return Some(Pause::Mailbox);
        }
        if told.several && self.is_behind_with_sending() {
            return Some(Pause::Sending);
        }
        let holds = self.at(slot)?.held_bytes;
        // Who has to go is settled at the end of the turn; until then nobody makes it worse.
        let out = || self.total_bytes() > self.limits.memory_budget_bytes;
        let is_large = || holds >= self.held_bytes / self.holders.max(1);
        (holds > SMALL_HOLDER_BYTES && (out() || (is_large() && self.is_short()))).then_some(Pause::Memory)
    }

    pub(crate) fn pause(&mut self, slot: u32, pause: Pause) {
        let now_ms = self.now.ms;
        let Some(socket) = self.socket_at(slot) else { return };
        let Some(connection) = self.at_mut(slot) else { return };
        if std::mem::replace(&mut connection.paused, true) {
            return;
        }
        connection.session.suspend(true, now_ms);
        match pause {
            Pause::Inflater { whole: true } => self.waiting.inflater_for_whole.push_back(socket),
            Pause::Inflater { whole: false } => self.waiting.inflater.push_back(socket),
            // The kit says itself when it goes on.
            Pause::Kit => {}
            Pause::Mailbox => self.waiting.mailbox.push_back(socket),
            Pause::Sending => self.waiting.sending.push_back(socket),
            Pause::Memory => {
                if self.waiting.memory_since_ms.is_none() {
                    self.note_memory_wait();
                }
                self.waiting.memory.push_back(socket);
            }
        }
    }

    /// Whether somebody waits for something that is there: it may have become free at the very end of a turn, which no event
    /// announces.
    pub(crate) fn could_resume(&self) -> bool {
        let waiting = &self.waiting;
        (!waiting.inflater_for_whole.is_empty() && self.inflaters.available(true) > 0)
            || (!waiting.inflater.is_empty() && self.inflaters.available(false) > 0)
            || (!waiting.memory.is_empty() && !self.is_short())
            || (!waiting.sending.is_empty() && !self.is_behind_with_sending())
    }

    /// Lets those be read again who wait for what is there now; sends the largest away where memory has run out.
    pub(crate) fn settle_waiting(&mut self) {
        let mut free = self.inflaters.available(true);
        while free > 0
            && let Some(socket) = self.waiting.inflater_for_whole.pop_front()
        {
            free -= usize::from(self.unpause(socket));
        }
        let mut free = self.inflaters.available(false);
        while free > 0
            && let Some(socket) = self.waiting.inflater.pop_front()
        {
            free -= usize::from(self.unpause(socket));
        }
        if self.under_way_bytes() < MAILBOX_BYTES_MAX / 4 {
            while let Some(socket) = self.waiting.mailbox.pop_front() {
                self.unpause(socket);
            }
        }
        if !self.is_behind_with_sending() {
            while let Some(socket) = self.waiting.sending.pop_front() {
                self.unpause(socket);
            }
        }
        if self.total_bytes() > self.limits.memory_budget_bytes {
            self.shed(self.limits.memory_budget_bytes);
        }
        if !self.is_short() {
            while let Some(socket) = self.waiting.memory.pop_front() {
                self.unpause(socket);
            }
            self.waiting.memory_since_ms = None;
        } else if self.waiting.memory_since_ms.is_some_and(|since| self.now.ms >= since + MEMORY_STALL_MS) {
            // Those who wait for each other would wait for ever.
            self.note_memory_wait();
            self.shed(self.limits.memory_budget_bytes / 5 * 3);
        }
    }

    /// From now on somebody waits for memory; the turn in which that has lasted too long needs no event.
    fn note_memory_wait(&mut self) {
        self.waiting.memory_since_ms = Some(self.now.ms);
        self.timers.set(self.now.ms + MEMORY_STALL_MS, Due::Turn);
    }

    /// The peer of a connection that waits has ended its direction. Where it waits for memory it goes: its end would not be
    /// noticed before others have given theirs back, and they may be waiting just so. Where it waits for its kit it goes
    /// after a while, unless the kit has caught up by then: nothing else would end what the kit waits for.
    pub(crate) fn ended_unread(&mut self, socket: SocketId) {
        let Some(connection) = self.get(socket).filter(|there| there.paused && there.gone.is_none()) else {
            return;
        };
        if self.waiting.memory.contains(&socket) {
            self.counters.shed += 1;
            return self.cut_off(socket.slot, CloseCode::TRY_AGAIN_LATER, "Out of memory");
        }
        let waits_for_kit = self.pause_due(socket.slot, Told::default()) == Some(Pause::Kit);
        if waits_for_kit && !connection.hung_up {
            self.timers.set(self.now.ms + BUSY_MS, Due::HungUp(socket));
            if let Some(connection) = self.get_mut(socket) {
                connection.hung_up = true;
            }
        }
    }

    /// The peer hung up a while ago. Where its connection still waits for its kit, it goes.
    pub(crate) fn still_hung_up(&mut self, socket: SocketId) {
        let Some(connection) = self.get(socket).filter(|there| there.gone.is_none()) else { return };
        let is_paused = connection.paused;
        let goes = is_paused && self.pause_due(socket.slot, Told::default()) == Some(Pause::Kit);
        if let Some(connection) = self.get_mut(socket) {
            connection.hung_up = goes;
            connection.ended |= goes;
        }
        if goes {
            self.expire(socket.slot, Gone::Lost);
        }
    }

    pub(crate) fn set_busy(&mut self, socket: SocketId, busy: bool) {
        if let Some(connection) = self.get_mut(socket) {
            connection.busy = busy;
            self.depart_if_done(socket.slot);
        }
    }

    pub(crate) fn hold(&mut self, socket: SocketId) {
        if let Some(connection) = self.get_mut(socket) {
            connection.held = true;
        }
    }

    pub(crate) fn release(&mut self, socket: SocketId) {
        let Some(connection) = self.get_mut(socket) else { return };
        if !std::mem::replace(&mut connection.held, false) {
            return;
        }
        match connection.member() {
            // What a client says in one namespace comes with what it says in the others: it is read all the time.
            Some(member) if member.parked.is_empty() => {}
            Some(_) => self.released.push_back(socket),
            None => {
                self.unpause(socket);
            }
        }
    }

    pub(super) fn unpause(&mut self, socket: SocketId) -> bool {
        let now_ms = self.now.ms;
        let Some(connection) =
            self.get_mut(socket).filter(|connection| connection.paused && !connection.held)
        else {
            return false;
        };
        connection.paused = false;
        connection.session.suspend(false, now_ms);
        if let Some(carrier) = connection.carrier_mut() {
            carrier.engine.rest(now_ms);
        }
        self.waiting.resumed.push_back(socket);
        true
    }

    /// Closes the largest holders until at most `target_bytes` are held, apart from what was received of those who have been closed: it
    /// comes back by itself, and nobody else need go for it.
    fn shed(&mut self, target_bytes: usize) {
        self.log.end_turn();
        if self.total_bytes() <= target_bytes {
            return;
        }
        let connections = self.slots.iter().filter_map(|place| place.connection.as_ref());
        let departed = connections.filter(|connection| connection.gone.is_some());
        let mut leaving_bytes: usize = departed.map(|connection| connection.held_bytes).sum();
        if self.total_bytes() <= target_bytes + leaving_bytes {
            return;
        }
        let weigh = |slot: &super::connection::Slot| {
            let connection = slot.connection.as_ref().filter(|connection| connection.gone.is_none())?;
            Some(connection.held_bytes + connection.outbox.weight_bytes()).filter(|weight| *weight > 0)
        };
        let slots = (0u32..).zip(&self.slots);
        let mut holders: Vec<_> = slots.filter_map(|(slot, place)| Some((weigh(place)?, slot))).collect();
        holders.sort_unstable_by(|a, b| b.cmp(a));
        for (_, slot) in holders {
            // One that tried to take over a session goes with it.
            if self.at(slot).is_some_and(|connection| connection.gone.is_none()) {
                self.send_away_for_memory(slot);
            }
            leaving_bytes += self.at(slot).map_or(0, |connection| connection.held_bytes);
            if self.total_bytes() <= target_bytes + leaving_bytes {
                return;
            }
        }
    }

    fn send_away_for_memory(&mut self, slot: u32) {
        self.counters.shed += 1;
        if self.at(slot).is_some_and(|connection| connection.blocked) {
            // Finishing what it has begun to take would keep the memory that has to come back.
            self.expire(slot, Gone::ClosedByServer(CloseCode::TRY_AGAIN_LATER));
        } else {
            self.cut_off(slot, CloseCode::TRY_AGAIN_LATER, "Out of memory");
        }
        self.log.end_turn();
    }
}
