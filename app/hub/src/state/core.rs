//! The shard's shared half: connections, rooms, the log. Kits act on it through their contexts.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_session::websocket::{CloseCode, DeflateParameters, InflaterPool};
use fanfare_session::{Reply, Session};
use smallvec::SmallVec;

use super::budget::Waiting;
use super::connection::{Closed, Connection, NOWHERE, Slot, connection_in};
use super::drain::Random;
use super::engine::{CLOSE, EngineAnswer};
use super::role::Role;
use super::shared::Shared;
use super::timers::Timers;
use crate::envelope::{Answer, DoorId, Envelope, Kind};
use crate::fanout::{Encoder, Log, Outbox, Variant};
use crate::ids::{GUEST_PREFIX, Instance, ShardId, SocketId, User, client_id, home_of};
use crate::limits::{Dialect, DoorRules, Limits, MAILBOX_BYTES_MAX, UNOFFERED_BYTES_MAX};
use crate::room::{Crowd, Rooms};

/// The time of a turn, on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds on a clock that only goes forward, from any start.
    pub ms: u64,
    /// Unix milliseconds, for timestamps.
    pub unix_ms: u64,
}

/// How a connection went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The peer closed it, with this code.
    ClosedByPeer(Option<CloseCode>),
    /// The server closed it, with this code.
    ClosedByServer(CloseCode),
    /// The transport ended without a close frame.
    Lost,
    /// A ping was not answered.
    HeartbeatTimeout,
    /// The Socket.IO client has left the namespace; its connection may live on.
    LeftNamespace,
    /// The server has sent it out of the namespace.
    SentAway,
    /// The client broke Engine.IO.
    Misbehaved,
    /// It sent what is no packet of Socket.IO.
    Undecodable,
    /// It sent a packet of Socket.IO that was out of place, such as one for a namespace that it is not in.
    OutOfPlace,
}

/// What a shard has counted; never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections ever accepted.
    pub connections: u64,
    /// Messages that came in whole.
    pub messages_received: u64,
    /// Messages put into outboxes, or kept to go past them to those who are sent nothing else.
    pub messages_sent: u64,
    /// Messages that did not fit a slow client's outbox, by the door's policy.
    pub messages_dropped: u64,
    /// Their bytes.
    pub bytes_dropped: u64,
    /// Connections closed for being too slow.
    pub too_slow: u64,
    /// Connections closed because memory ran out.
    pub shed: u64,
    /// Connections that broke the protocol.
    pub misbehaved: u64,
    /// Connections that did not answer a ping.
    pub heartbeat_timeouts: u64,
    /// Panics in kits.
    pub panics: u64,
}

impl Counters {
    /// Messages and their bytes, as an outbox says what it dropped.
    pub(crate) fn note_dropped(&mut self, (messages, bytes): (u64, u64)) {
        self.messages_dropped += messages;
        self.bytes_dropped += bytes;
    }
}

/// The message that is being handled, for the answer that it may be owed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Current {
    socket: Option<SocketId>,
    reply: Option<Reply>,
}

pub(crate) struct Core {
    pub(crate) shard: ShardId,
    pub(crate) shards: u16,
    pub(crate) instance: Instance,
    pub(crate) limits: Limits,
    pub(crate) rules: Vec<DoorRules>,
    pub(crate) now: Now,
    pub(crate) slots: Vec<Slot>,
    pub(crate) vacant: Vec<u32>,
    /// Everyone at each door, by slot.
    pub(crate) everyone: Vec<Crowd>,
    pub(crate) rooms: Rooms,
    pub(crate) log: Log,
    pub(crate) encoder: Encoder,
    pub(crate) inflaters: InflaterPool,
    pub(crate) timers: Timers,
    pub(crate) current: Current,
    pub(crate) counters: Counters,
    /// What a room shares in this turn.
    pub(crate) shared: Option<Box<Shared>>,
    /// Slots with something to send.
    pub(crate) dirty: VecDeque<u32>,
    /// Slots that have been sent what a turn sends them, and have more; they are marked as dirty.
    pub(crate) sent_in_part: Vec<u32>,
    /// Slots that no longer take part and whose rooms and kit do not know yet.
    pub(crate) departed: VecDeque<u32>,
    /// How many of them this turn may still tell of.
    pub(crate) departures_left: usize,
    pub(crate) closed: VecDeque<Closed>,
    /// Answers to requests of Engine.IO sessions.
    pub(crate) answers: VecDeque<(SocketId, EngineAnswer)>,
    /// Sessions whose posted bodies are not handled to their end.
    pub(crate) posts: VecDeque<SocketId>,
    /// Socket.IO clients that have been taken into a namespace and whose kit does not know yet.
    pub(crate) admitted: VecDeque<SocketId>,
    /// Those whose kit takes again what is parked for it.
    pub(crate) released: VecDeque<SocketId>,
    /// A WebSocket that belongs to another connection from now on.
    pub(crate) moved: Option<(SocketId, SocketId)>,
    /// Envelopes for each shard.
    pub(crate) outgoing: Vec<Vec<Envelope>>,
    pub(crate) outgoing_bytes: usize,
    /// What waits in the fullest mailboxes, as the driver last said.
    pub(crate) relay_bytes: usize,
    pub(crate) waiting: Waiting,
    /// Unfinished messages, inflaters and leftovers of all connections.
    pub(crate) held_bytes: usize,
    /// Bytes put into outboxes, or kept for many, since all of them were last offered to their sockets.
    pub(crate) unoffered_bytes: usize,
    /// Rooms that connections are in, summed over the connections.
    pub(crate) memberships: usize,
    pub(crate) holders: usize,
    pub(crate) draining: bool,
    pub(crate) random: Random,
    pub(crate) last_id: u64,
    pub(crate) last_number: u32,
    pub(crate) last_acknowledgement: u64,
    /// Frames that sessions want sent, on their way to the log.
    pub(crate) transmit: Vec<u8>,
}

impl Core {
    /// A new connection, which stands at no door yet.
    pub(crate) fn insert(
        &mut self,
        door: DoorId,
        variant: Variant,
        role: Option<Role>,
        deflate: Option<&DeflateParameters>,
    ) -> SocketId {
        self.last_number = self.last_number.wrapping_add(1);
        let shards = u32::from(self.shards);
        let connection = Connection {
            session: Session::new(self.now.ms, deflate),
            outbox: Outbox::default(),
            user: None,
            rooms: SmallVec::new(),
            leftover: None,
            batch: None,
            held_bytes: 0,
            timer_tick: 0,
            number: self.last_number.wrapping_mul(shards).wrapping_add(u32::from(self.shard.0)),
            door_position: NOWHERE,
            door,
            variant,
            role: role.map(Box::new),
            gone: None,
            wants_batches: false,
            dirty: false,
            blocked: false,
            paused: false,
            busy: false,
            held: false,
            hung_up: false,
            ended: false,
            unshared: false,
            told: false,
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.slots[slot as usize];
        place.connection = Some(connection);
        SocketId { shard: self.shard, slot, generation: place.generation }
    }

    pub(crate) fn get(&self, socket: SocketId) -> Option<&Connection> {
        let slot = self.slots.get(socket.slot as usize)?;
        (socket.shard == self.shard && slot.generation == socket.generation)
            .then_some(slot.connection.as_ref()?)
    }

    pub(crate) fn get_mut(&mut self, socket: SocketId) -> Option<&mut Connection> {
        let slot = self.slots.get_mut(socket.slot as usize)?;
        (socket.shard == self.shard && slot.generation == socket.generation)
            .then_some(slot.connection.as_mut()?)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&Connection> {
        self.slots.get(slot as usize)?.connection.as_ref()
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Connection> {
        connection_in(&mut self.slots, slot)
    }

    pub(crate) fn socket_at(&self, slot: u32) -> Option<SocketId> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(SocketId { shard: self.shard, slot, generation })
    }

    pub(crate) fn home_of(&self, room: &str) -> ShardId {
        home_of(room, self.shards)
    }

    pub(crate) fn room_name(&self, door: DoorId, room: &str) -> Arc<str> {
        self.rooms.shared_name(door, room)
    }

    /// Who a connection is; made when it is first asked for.
    pub(crate) fn user(&mut self, socket: SocketId) -> Option<Arc<User>> {
        let instance = self.instance;
        let connection = self.get_mut(socket)?;
        let number = connection.number;
        let user = connection.user.get_or_insert_with(|| Arc::new(guest(instance, socket, number, None)));
        Some(Arc::clone(user))
    }

    /// A number that this shard has not given before. It grows with the time, so that a room which comes back after it was
    /// empty goes on counting, and a server that was started again does too.
    pub(crate) fn fresh_number(&mut self) -> u64 {
        self.last_id = self.last_id.max(self.now.unix_ms * 1_000) + 1;
        self.last_id
    }

    /// A number for an acknowledgement that no socket gets twice from this server.
    pub(crate) fn fresh_acknowledgement(&mut self) -> u64 {
        self.last_acknowledgement += 1;
        (self.last_acknowledgement - 1) * u64::from(self.shards) + u64::from(self.shard.0)
    }

    pub(crate) fn set_current(&mut self, socket: SocketId, reply: Option<Reply>) {
        self.current = Current { socket: Some(socket), reply };
    }

    pub(crate) fn clear_current(&mut self) {
        self.current = Current::default();
    }

    pub(crate) fn take_current_reply(&mut self) -> Option<Reply> {
        self.current.reply.take()
    }

    pub(crate) fn is_reply_owed(&self) -> bool {
        self.current.reply.is_some()
    }

    /// Answers the message at hand: an acknowledgement needs an `id`, a refusal is told either way.
    pub(crate) fn answer_current(&mut self, answer: Answer) {
        let Some(to) = self.current.socket else { return };
        let reply = self.current.reply.take();
        if reply.is_some() || matches!(answer, Answer::Refuse(..)) {
            self.tell(to.shard, Kind::Answer { to, reply, answer });
        }
    }

    /// Acknowledges the message at hand if nothing else was said of it.
    #[inline]
    pub(crate) fn settle_current(&mut self) {
        if self.current.reply.is_some() {
            self.acknowledge_current();
        }
        self.clear_current();
    }

    fn acknowledge_current(&mut self) {
        self.answer_current(Answer::Ack((*b"{}").into()));
    }

    /// A kit has panicked: whoever it was serving is told.
    pub(crate) fn panicked(&mut self) {
        self.counters.panics += 1;
        let plain =
            |connection: &Connection| self.rules[usize::from(connection.door.0)].dialect == Dialect::Plain;
        if let Some(socket) = self.current.socket.filter(|socket| self.get(*socket).is_some_and(plain)) {
            return self.close(socket, CloseCode::INTERNAL_ERROR, "Internal error");
        }
        self.answer_current(Answer::Refuse(
            fanfare_session::native::ErrorCode::Internal,
            "Internal error".into(),
        ));
    }

    /// Puts an envelope into the mailbox of another shard, or carries it out where it is for this one.
    pub(crate) fn tell(&mut self, shard: ShardId, kind: Kind) {
        if shard == self.shard {
            self.carry_out(kind);
            return;
        }
        let envelope = Envelope(kind);
        if let Some(outgoing) = self.outgoing.get_mut(usize::from(shard.0)) {
            self.outgoing_bytes += envelope.cost_bytes();
            outgoing.push(envelope);
        }
    }

    /// Whether mailboxes between shards are half full, these or others: who fills them is then not read.
    pub(crate) fn mailboxes_half_full(&self) -> bool {
        self.under_way_bytes() >= MAILBOX_BYTES_MAX / 2
    }

    /// What waits between shards: what this one has for others, and what is in the fullest mailboxes.
    pub(crate) fn under_way_bytes(&self) -> usize {
        self.outgoing_bytes + self.relay_bytes
    }

    /// Whether more waits to be offered to sockets than a turn sends: who tells several, and the mail, wait for it.
    pub(crate) fn is_behind_with_sending(&self) -> bool {
        self.unoffered_bytes > UNOFFERED_BYTES_MAX
    }

    /// What this shard can do about an envelope without its kits.
    pub(crate) fn carry_out(&mut self, kind: Kind) {
        match kind {
            Kind::Room { door, room, except, message } => {
                self.broadcast_here(door, &room, except, &message.as_outgoing());
            }
            Kind::Everyone { door, except, message } => {
                self.everyone_here(door, except, &message.as_outgoing());
            }
            Kind::Socket { to, message } => self.send(to, &message.as_outgoing()),
            Kind::Private { to, name, door, asker, reply, message } => {
                let is_there = |core: &Self| {
                    core.get(to).is_some_and(|there| there.door == door && there.gone.is_none())
                };
                if is_there(self) {
                    self.send(to, &message.as_outgoing());
                }
                // It may have been one message too many for a slow client.
                let found = is_there(self);
                let answer =
                    if found { Answer::Ack((*b"{}").into()) } else { super::common::not_found(&name) };
                if reply.is_some() || !found {
                    self.tell(asker.shard, Kind::Answer { to: asker, reply, answer });
                }
            }
            Kind::Answer { to, reply, answer } => self.answer(to, reply, answer),
            Kind::Admit { socket, room } => self.admit(socket, &room),
            Kind::Dismiss { socket, room } => self.dismiss(socket, &room),
            Kind::Expel { socket, room } => self.expel(socket, &room),
            // These need a kit: the shard takes them out before.
            Kind::Passage { .. } | Kind::Letter { .. } | Kind::Kit { .. } => {}
        }
    }

    /// Begins to close a connection: whatever waits for it is sent first, then the close frame.
    pub(crate) fn close(&mut self, socket: SocketId, code: CloseCode, reason: &str) {
        if self.get(socket).is_none_or(|connection| connection.gone.is_some()) {
            return;
        }
        let Some(connection) = self.get(socket) else { return };
        if connection.member().is_some() {
            return self.send_away(socket);
        }
        if connection.polls() {
            self.push_packet(socket.slot, CLOSE);
            return self.depart(socket.slot, Gone::ClosedByServer(code));
        }
        self.flush_batch(socket.slot);
        let now_ms = self.now.ms;
        self.with_session(socket.slot, |session, transmit| session.close(now_ms, code, reason, transmit));
        self.depart(socket.slot, Gone::ClosedByServer(code));
    }

    /// Lends a connection's session the buffer for what it wants sent, and sends that.
    pub(crate) fn with_session<R>(
        &mut self,
        slot: u32,
        run: impl FnOnce(&mut Session, &mut Vec<u8>) -> R,
    ) -> Option<R> {
        let connection = connection_in(&mut self.slots, slot)?;
        let result = run(&mut connection.session, &mut self.transmit);
        self.flush_transmit(slot);
        Some(result)
    }

    /// Closes a connection that will not be listened to any more, dropping what it has not begun to be sent.
    pub(crate) fn cut_off(&mut self, slot: u32, code: CloseCode, reason: &str) {
        let now_ms = self.now.ms;
        if self.unshare_may_cut(slot) {
            return;
        }
        if let Some(connection) = connection_in(&mut self.slots, slot) {
            self.counters.note_dropped(connection.outbox.drop_unstarted(&mut self.log));
            connection.batch = None;
            connection.leftover = None;
            if !connection.polls() {
                connection.session.close(now_ms, code, reason, &mut self.transmit);
                connection.session.abandon(&mut self.inflaters);
            }
        }
        self.flush_transmit(slot);
        if self.at(slot).is_some_and(Connection::polls) {
            self.push_packet(slot, CLOSE);
        }
        self.account(slot);
        self.depart(slot, Gone::ClosedByServer(code));
    }

    /// The connection takes no part any more; its rooms and its kit are told before the turn goes on.
    pub(crate) fn depart(&mut self, slot: u32, gone: Gone) {
        let now_ms = self.now.ms;
        self.unshare(slot);
        let Some(connection) = self.at_mut(slot) else { return };
        if connection.gone.is_none() {
            connection.gone = Some(gone);
            connection.session.progressed(now_ms);
            if connection.role.is_some() {
                self.depart_members(slot, gone);
            }
            self.departed.push_back(slot);
        }
        // Whatever is left to be sent has a time limit.
        self.schedule_check(slot, self.now.ms + fanfare_session::CLOSE_TIMEOUT_MS);
        self.mark_dirty(slot);
    }

    pub(crate) fn mark_dirty(&mut self, slot: u32) {
        if let Some(connection) = connection_in(&mut self.slots, slot)
            && !connection.dirty
        {
            connection.dirty = true;
            self.dirty.push_back(slot);
        }
    }
}

/// A guest, as §2.1 of the wire contract has it: never the id that it asks for.
pub(crate) fn guest(instance: Instance, socket: SocketId, number: u32, name: Option<&str>) -> User {
    let client_id = client_id(instance, socket);
    let id = [GUEST_PREFIX, &client_id].concat();
    match name {
        Some(name) => User::new(&client_id, number, &id, name),
        None => User::new(&client_id, number, &id, &format!("Guest {number}")),
    }
}
