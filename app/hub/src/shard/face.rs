//! The shard's face: what the driver gives it and takes from it.

use std::any::Any;
use std::io::IoSlice;

use fanfare_session::websocket::{CloseCode, InflaterPool};

use super::departures::DEPARTURES_PER_TURN;
use super::offer::{Next, Offered};
use crate::envelope::{DoorId, Envelope, Kind};
use crate::fanout::{Encoder, Log, Outgoing, Variant, Wire};
use crate::ids::{Instance, ShardId, SocketId};
use crate::kit::{Host, Kit, KitHost};
use crate::limits::{Dialect, DoorRules, Limits, SEND_BYTES_MAX};
use crate::room::{Crowd, Rooms};
use crate::state::{
    Arrival, Batch, Closed, Core, Counters, Current, Due, EngineArrival, Gone, INFLATERS_PER_SHARD, Now,
    Random, Timers, Waiting, connection_in,
};

/// Envelopes that go to another shard in one piece.
const ENVELOPES_PER_MAIL: usize = 1_024;

/// A kit behind a door, ready to be mounted on one shard.
pub struct Door {
    rules: DoorRules,
    make: Box<dyn FnOnce(DoorId) -> Box<dyn Host>>,
}

impl Door {
    /// A kit with the rules of its door.
    pub fn new<K: Kit>(rules: DoorRules, kit: K) -> Self {
        Self { rules, make: Box::new(move |door| Box::new(KitHost::new(kit, door))) }
    }
}

/// What makes one shard differ from another.
#[derive(Clone, Debug)]
pub struct ShardSetup {
    /// Which one it is.
    pub shard: ShardId,
    /// How many there are.
    pub shards: u16,
    /// The server's run.
    pub instance: Instance,
    /// Where its random numbers start; not 0.
    pub seed: u64,
    /// Its limits; the memory budget is this shard's part.
    pub limits: Limits,
}

/// One shard. See the module for what it is; the driver's turn is:
///
/// [`begin_turn`](Self::begin_turn), then any of [`accept`](Self::accept), [`receive`](Self::receive),
/// [`resume`](Self::resume), [`end_of_input`](Self::end_of_input), [`lost`](Self::lost), [`writable`](Self::writable) and
/// [`deliver`](Self::deliver), then [`finish_handling`](Self::finish_handling), then for each
/// [`next_dirty`](Self::next_dirty) the bytes of [`outgoing`](Self::outgoing) and [`sent`](Self::sent), then
/// [`take_envelopes`](Self::take_envelopes), [`next_closed`](Self::next_closed), [`next_resumed`](Self::next_resumed) until
/// each is empty, and [`end_turn`](Self::end_turn).
pub struct Shard {
    pub(crate) core: Core,
    pub(super) kits: Vec<Box<dyn Host>>,
}

impl Shard {
    /// A shard with these doors, in this order on every shard.
    #[must_use]
    pub fn new(setup: ShardSetup, doors: Vec<Door>, now: Now) -> Self {
        let (mut rules, mut kits) = (Vec::new(), Vec::new());
        for (number, door) in (0u8..).zip(doors) {
            rules.push(door.rules.within_limits());
            kits.push((door.make)(DoorId(number)));
        }
        let mut timers = Timers::new();
        timers.start(now.ms);
        let core = Core {
            shard: setup.shard,
            shards: setup.shards,
            instance: setup.instance,
            everyone: rules.iter().map(|_| Crowd::default()).collect(),
            rules,
            now,
            slots: Vec::new(),
            vacant: Vec::new(),
            rooms: Rooms::default(),
            log: Log::new(),
            encoder: Encoder::new(setup.limits.compression_threshold_bytes),
            inflaters: InflaterPool::new(INFLATERS_PER_SHARD, 0),
            limits: setup.limits,
            timers,
            current: Current::default(),
            counters: Counters::default(),
            dirty: std::collections::VecDeque::new(),
            sent_in_part: Vec::new(),
            departed: std::collections::VecDeque::new(),
            departures_left: DEPARTURES_PER_TURN,
            closed: std::collections::VecDeque::new(),
            answers: std::collections::VecDeque::new(),
            posts: std::collections::VecDeque::new(),
            admitted: std::collections::VecDeque::new(),
            released: std::collections::VecDeque::new(),
            shared: None,
            moved: None,
            outgoing: (0..setup.shards).map(|_| Vec::new()).collect(),
            outgoing_bytes: 0,
            relay_bytes: 0,
            waiting: Waiting::default(),
            held_bytes: 0,
            memberships: 0,
            unoffered_bytes: 0,
            holders: 0,
            draining: false,
            random: Random::new(setup.seed),
            last_id: 0,
            last_number: 0,
            last_acknowledgement: 0,
            transmit: Vec::new(),
        };
        Self { core, kits }
    }

    /// A turn begins; its time holds until the next.
    pub fn begin_turn(&mut self, now: Now) {
        self.core.now = now;
        self.core.departures_left = DEPARTURES_PER_TURN;
    }

    /// A connection whose upgrade has been answered.
    pub fn accept(&mut self, door: DoorId, arrival: &Arrival) -> SocketId {
        let core = &mut self.core;
        core.counters.connections += 1;
        let bits = arrival
            .deflate
            .and_then(|deflate| deflate.own_window_bits(fanfare_session::websocket::Role::Server));
        let dialect = core.rules[usize::from(door.0)].dialect;
        let variant = Variant {
            wants_binary: arrival.wants_binary,
            deflate_window_bits: bits.unwrap_or_default(),
            wire: Wire::of(dialect),
            polling: matches!(arrival.engine, Some(EngineArrival::Open { polling: true, .. })),
        };
        let role = arrival.engine.as_ref().map(|engine| core.role(dialect, engine));
        let socket = core.insert(door, variant, role, arrival.deflate.as_ref());
        let slot = socket.slot;
        core.schedule_check(slot, core.now.ms + core.limits.heartbeat.interval_ms);
        if let Some(EngineArrival::Probe(id)) = &arrival.engine {
            core.begin_probe(socket, id);
            return socket;
        }
        if let Some(connection) = core.at_mut(slot) {
            connection.blocked = variant.polling;
            connection.wants_batches = arrival.batch_interval_ms.is_some();
            connection.batch = arrival
                .batch_interval_ms
                .map(|interval_ms| Box::new(Batch { interval_ms, due_ms: 0, text: Vec::new(), count: 0 }));
        }
        core.stand_at_door(slot, door);
        core.open_engine(socket);
        if dialect == Dialect::Native {
            let number = core.at(slot).map_or(0, |connection| connection.number);
            core.welcome(socket, number);
        }
        core.clear_current();
        if core.draining {
            // Its upgrade was answered before the drain began.
            core.timers.set(core.now.ms, Due::Farewell(socket));
        }
        self.kits[usize::from(door.0)].connected(&mut self.core, socket);
        socket
    }

    /// The socket has failed: nothing more can be sent or received.
    pub fn lost(&mut self, socket: SocketId) {
        let core = &mut self.core;
        let Some(place) =
            core.slots.get_mut(socket.slot()).filter(|place| place.generation == socket.generation)
        else {
            return;
        };
        let Some(connection) = &mut place.connection else { return };
        connection.ended = true;
        connection.blocked = false;
        connection.leftover = None;
        core.withhold(socket.slot);
        let Some(connection) = connection_in(&mut core.slots, socket.slot) else { return };
        connection.session.abandon(&mut core.inflaters);
        connection.outbox.clear(&mut core.log);
        core.account(socket.slot);
        core.depart(socket.slot, Gone::Lost);
        self.settle();
    }

    /// Whether envelopes are to be delivered now. Not while more waits to be offered to sockets than a turn sends: then they stay in
    /// the mailbox, where they hold back those who speak.
    #[must_use]
    pub fn takes_mail(&self) -> bool {
        !self.core.is_behind_with_sending()
    }

    /// Envelopes from another shard, in its order.
    pub fn deliver(&mut self, envelopes: Vec<Envelope>) {
        for envelope in envelopes {
            match envelope.0 {
                Kind::Passage { door, room, from, reply, passage } => {
                    self.kits[usize::from(door.0)].passage(&mut self.core, room, from, reply, passage);
                }
                Kind::Letter { door, room, from, reply, letter, .. } => {
                    self.kits[usize::from(door.0)].letter(&mut self.core, room, from, reply, letter);
                }
                Kind::Kit { door, letter, .. } => {
                    self.kits[usize::from(door.0)].told(&mut self.core, letter);
                }
                kind => self.core.carry_out(kind),
            }
        }
        self.settle();
    }

    /// Sends to one connection of this shard, on behalf of somebody outside its turns.
    pub fn send(&mut self, to: SocketId, message: &Outgoing<'_>) {
        self.core.send(to, message);
    }

    /// Begins to close one connection of this shard, on behalf of somebody outside its turns.
    pub fn close(&mut self, socket: SocketId, code: CloseCode, reason: &str) {
        self.core.close(socket, code, reason);
        self.settle();
    }

    /// Gives the kit of a door something that was sent to it from outside its shards.
    pub fn tell_kit(&mut self, door: DoorId, letter: Box<dyn Any + Send>) {
        if let Some(kit) = self.kits.get_mut(usize::from(door.0)) {
            kit.told(&mut self.core, letter);
        }
        self.settle();
    }

    /// Tells a connection's kit that what it waited for has come.
    pub fn woken(&mut self, socket: SocketId) {
        let Some(door) = self.core.get(socket).map(|connection| connection.door) else { return };
        self.core.set_current(socket, None);
        self.kits[usize::from(door.0)].woken(&mut self.core, socket);
        self.settle();
    }

    /// Does what has become due, and settles who waits for what. Nothing more is handled in this turn after it.
    pub fn finish_handling(&mut self) {
        while let Some(due) = self.core.advance() {
            match due {
                Due::Place(door, room) => self.kits[usize::from(door)].tick(&mut self.core, &room),
                Due::Batch(socket) if self.core.get(socket).is_some() => self.core.flush_batch(socket.slot),
                Due::Batch(_) | Due::Turn => {}
                Due::Farewell(socket) => self.core.farewell(socket),
                Due::Noop(socket) => self.core.noop_due(socket),
                Due::HungUp(socket) => self.core.still_hung_up(socket),
            }
        }
        self.core.settle_waiting();
        self.settle();
    }

    /// When the shard next has something to do by itself.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        self.core.timers.next_ms()
    }

    /// A socket that has something to send, and is not known to be unable to: the one that came last.
    pub fn next_dirty(&mut self) -> Option<SocketId> {
        self.core.end_sharing();
        while let Some(slot) = self.pop_dirty(Next::Newest) {
            if let Offered::Unlinked(socket) | Offered::Several(socket) = self.offer(slot, |_, _| None) {
                return Some(socket);
            }
        }
        None
    }

    /// The next bytes for a socket, as many slices as fit; returns how many were filled.
    pub fn outgoing<'a>(&'a self, socket: SocketId, slices: &mut [IoSlice<'a>]) -> usize {
        self.core.get(socket).map_or(0, |connection| connection.outbox.slices(&self.core.log, slices))
    }

    /// The next bytes for a socket where they lie in one piece, which is the usual case.
    #[must_use]
    pub fn outgoing_single(&self, socket: SocketId) -> Option<&[u8]> {
        self.core.get(socket)?.outbox.single(&self.core.log)
    }

    /// The socket took `bytes` of [`outgoing`](Self::outgoing); `blocked` where it would not take all that was offered.
    pub fn sent(&mut self, socket: SocketId, bytes: usize, blocked: bool) {
        let core = &mut self.core;
        let Some(connection) = connection_in(&mut core.slots, socket.slot) else {
            return;
        };
        connection.outbox.advance(bytes, &mut core.log);
        connection.blocked = blocked;
        if connection.outbox.is_empty() {
            if connection.gone.is_some() {
                core.finish_if_done(socket.slot);
            }
        } else if !blocked {
            core.mark_dirty(socket.slot);
        }
    }

    /// The socket took `bytes`, which is what one turn sends to it. The rest is for the next.
    pub fn sent_part(&mut self, socket: SocketId, bytes: usize) {
        self.sent(socket, bytes, false);
        // Had there been nothing left it would not be dirty.
        let core = &mut self.core;
        if core.dirty.pop_back_if(|slot| *slot == socket.slot).is_some() {
            core.sent_in_part.push(socket.slot);
        }
    }

    /// Those who were sent a part have their turn again in the next, each with another part. Says whether there are any.
    pub fn go_on_sending(&mut self) -> bool {
        let core = &mut self.core;
        let waits = |slot: &u32| {
            let connection = core.slots.get(*slot as usize).and_then(|place| place.connection.as_ref());
            connection.map_or(0, |connection| connection.outbox.queued_bytes().min(SEND_BYTES_MAX))
        };
        let waiting: usize = core.sent_in_part.iter().map(waits).sum();
        // Where not everybody was offered what there is, they have been counted with it.
        if core.unoffered_bytes == 0 {
            core.unoffered_bytes = waiting;
        }
        core.dirty.extend(core.sent_in_part.drain(..));
        waiting > 0
    }

    /// The socket takes bytes again.
    pub fn writable(&mut self, socket: SocketId) {
        let now_ms = self.core.now.ms;
        let Some(connection) = self.core.get_mut(socket) else { return };
        if std::mem::replace(&mut connection.blocked, false) {
            connection.session.progressed(now_ms);
            if let Some(carrier) = connection.carrier_mut() {
                carrier.engine.rest(now_ms);
            }
            self.core.mark_dirty(socket.slot);
        }
    }

    /// The peer has ended its direction while [`Reading::Paused`](crate::Reading::Paused) keeps it from being read.
    pub fn ended_unread(&mut self, socket: SocketId) {
        self.core.ended_unread(socket);
        self.settle();
    }

    /// What is to be put into the mailbox of another shard, with its cost in bytes. Call it until there is nothing: it
    /// comes in pieces of a thousand, between which the other shard may go on with its turn.
    pub fn take_envelopes(&mut self, shard: ShardId) -> Option<(Vec<Envelope>, usize)> {
        let waiting =
            self.core.outgoing.get_mut(usize::from(shard.0)).filter(|envelopes| !envelopes.is_empty())?;
        let rest = waiting.split_off(waiting.len().min(ENVELOPES_PER_MAIL));
        let envelopes = std::mem::replace(waiting, rest);
        let bytes = envelopes.iter().map(Envelope::cost_bytes).sum();
        self.core.outgoing_bytes -= bytes;
        Some((envelopes, bytes))
    }

    /// Whether somebody is not read because the mailboxes to other shards are full.
    #[must_use]
    pub fn waits_for_mailboxes(&self) -> bool {
        self.core.waiting.wants_mailboxes()
    }

    /// Says how many bytes of one shard wait in the mailboxes of the others: of the one that has the most.
    pub fn set_relay_bytes(&mut self, bytes: usize) {
        self.core.relay_bytes = bytes;
    }

    /// A socket that may be read again: call [`resume`](Self::resume) for it.
    pub fn next_resumed(&mut self) -> Option<SocketId> {
        self.core.waiting.resumed.pop_front()
    }

    /// A socket that is to be closed.
    pub fn next_closed(&mut self) -> Option<Closed> {
        self.core.closed.pop_front()
    }

    /// The turn is over: frees what nobody refers to any more.
    pub fn end_turn(&mut self) {
        self.core.log.end_turn();
    }

    /// Begins to send everybody away within `within_ms`.
    pub fn drain(&mut self, within_ms: u64) {
        self.core.drain(within_ms);
    }

    /// Connections that are there, also those that are only being sent their rest.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.core.slots.len() - self.core.vacant.len()
    }

    /// What the shard has counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.core.counters
    }

    /// Bytes of unfinished messages, inflaters and outboxes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.core.total_bytes()
    }

    /// Rooms that a connection of this shard is in, and places that live here.
    #[must_use]
    pub fn rooms_and_places(&self) -> (usize, usize) {
        (self.core.rooms.len(), self.kits.iter().map(|kit| kit.places()).sum())
    }
}
