//! Sending: from a message to the outboxes of those it is for.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_session::Reply;
use fanfare_session::native::{write_ack, write_error, write_event, write_nack};
use fanfare_session::websocket::{CloseCode, Opcode, Payload, Text, write_frame_header};

use super::audience::Audience;
use super::connection::{Connection, Slot, connection_in};
use super::core::Core;
use super::role::Role;
use super::timers::Due;
use crate::envelope::{Answer, DoorId, Kind};
use crate::fanout::{Encoded, Encoder, Event, Outbox, Outgoing, Span, Wire};
use crate::ids::SocketId;
use crate::limits::SlowPolicy;
use crate::room::Roster;

/// Owned payloads from this length on are taken into the log as they are, with their header beside them.
const ADOPTED_BYTES_MIN: usize = 16 << 10;

impl Core {
    /// Sends to the members of a room, on the shards that the room's roster names.
    pub(crate) fn room_broadcast(
        &mut self,
        door: DoorId,
        room: &Arc<str>,
        roster: &Roster,
        except: Option<SocketId>,
        message: &Outgoing<'_>,
    ) {
        let mut shared = None;
        for shard in roster.shards() {
            if shard == self.shard {
                self.broadcast_here(door, room, except, message);
            } else {
                let message = Arc::clone(shared.get_or_insert_with(|| Arc::new(message.to_owned())));
                self.tell(shard, Kind::Room { door, room: Arc::clone(room), except, message });
            }
        }
    }

    /// Sends to the members of a room that live here.
    pub(crate) fn broadcast_here(
        &mut self,
        door: DoorId,
        room: &str,
        except: Option<SocketId>,
        message: &Outgoing<'_>,
    ) {
        let Some(index) = self.rooms.find(door, room) else { return };
        self.tell_all(door, Audience::Room(index), except, message);
    }

    /// Sends to everyone at a door, on every shard.
    pub(crate) fn everyone(&mut self, door: DoorId, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.everyone_here(door, except, message);
        if self.shards == 1 {
            return;
        }
        let shared = Arc::new(message.to_owned());
        for shard in 0..self.shards {
            if shard != self.shard.0 {
                let message = Arc::clone(&shared);
                self.tell(crate::ids::ShardId(shard), Kind::Everyone { door, except, message });
            }
        }
    }

    pub(crate) fn everyone_here(&mut self, door: DoorId, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.tell_all(door, Audience::Door(door), except, message);
    }

    /// Sends one message to these connections of this shard, which are all in one namespace.
    pub(crate) fn push_to_sockets(&mut self, sockets: &[SocketId], message: &Outgoing<'_>) {
        let mut encoded = Encoded::default();
        for socket in sockets {
            if self.get(*socket).is_some() {
                self.push(socket.slot, message, &mut encoded);
            }
        }
    }

    /// Sends to one connection, wherever it lives.
    pub(crate) fn send(&mut self, to: SocketId, message: &Outgoing<'_>) {
        if to.shard != self.shard {
            let message = Arc::new(message.to_owned());
            self.tell(to.shard, Kind::Socket { to, message });
        } else if self.get(to).is_some() {
            self.push(to.slot, message, &mut Encoded::default());
        }
    }

    pub(crate) fn send_text(&mut self, to: SocketId, text: Text<'_>) {
        match text {
            Text::Owned(text) => self.send_payload(to, Opcode::Text, Payload::Owned(text.into_bytes())),
            Text::Borrowed(text) => self.send_payload(to, Opcode::Text, Payload::Borrowed(text.as_bytes())),
        }
    }

    pub(crate) fn send_binary(&mut self, to: SocketId, payload: Payload<'_>) {
        self.send_payload(to, Opcode::Binary, payload);
    }

    #[inline(always)]
    fn send_payload(&mut self, to: SocketId, opcode: Opcode, payload: Payload<'_>) {
        if self.shared.is_some() && self.get(to).is_some() {
            self.unshare(to.slot);
        }
        let own = |place: &&mut Slot| to.shard == self.shard && place.generation == to.generation;
        let place = self.slots.get_mut(to.slot as usize).filter(own);
        let Some(connection) = place.and_then(|place| place.connection.as_mut()) else { return };
        let takes_more =
            connection.gone.is_none() && connection.outbox.has_room(self.limits.outbox_bytes).is_ok();
        match &payload {
            Payload::Borrowed(payload) if takes_more && connection.variant.bits() == 0 => {
                // As nearly always: the connection is not looked up again.
                let span = Encoder::plain_frame(&mut self.log, opcode, payload);
                self.counters.messages_sent += 1;
                let merge = self.rules[usize::from(connection.door.0)].merges();
                self.unoffered_bytes += span.len();
                enqueue(connection, &mut self.dirty, to.slot, |outbox| {
                    outbox.push(span, merge, &mut self.log);
                });
            }
            _ => self.send_payload_as_it_takes_it(to, opcode, payload),
        }
    }

    fn send_payload_as_it_takes_it(&mut self, to: SocketId, opcode: Opcode, payload: Payload<'_>) {
        let Some(connection) = self.get(to) else { return };
        let variant = connection.variant;
        if variant.wire != Wire::Plain {
            let span = self.encoder.message(&mut self.log, variant.wire, opcode, &payload, variant);
            return self.push_message(to.slot, span);
        }
        let bits = variant.deflate_window_bits;
        let adopts = bits == 0 && self.rules[usize::from(connection.door.0)].merges();
        match payload {
            Payload::Owned(bytes) if adopts && bytes.len() >= ADOPTED_BYTES_MIN => {
                if !self.has_room(to.slot) {
                    return;
                }
                let length = bytes.len();
                let header =
                    self.log.append(16, |out| write_frame_header(out, opcode, true, false, length, None));
                let payload = self.log.adopt(bytes);
                self.push_span(to.slot, header);
                self.push_span(to.slot, payload);
                self.counters.messages_sent += 1;
            }
            payload => {
                let span = self.encoder.frame(&mut self.log, opcode, &payload, bits);
                self.push_message(to.slot, span);
            }
        }
    }

    /// The one way of a message into an outbox: as its variant, within the limit, or by the door's policy.
    pub(crate) fn push(&mut self, slot: u32, message: &Outgoing<'_>, encoded: &mut Encoded) {
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return;
        };
        if connection.gone.is_some() {
            return;
        }
        if connection.batch.is_some() {
            return self.push_to_batcher(slot, message, encoded);
        }
        // What somebody in a namespace is sent goes through the session that carries it.
        let (namespace, outlet) = match connection.role.as_deref() {
            None => ("", slot),
            Some(Role::Member(member)) if !member.admitted => return,
            Some(Role::Member(member)) => (&*member.namespace, member.carrier.slot),
            Some(Role::Carrier(_) | Role::Prober(_)) => ("", slot),
        };
        let variant = connection.variant;
        let span = match encoded.again(variant) {
            Some(span) => span,
            None => match self.encoder.encode(&mut self.log, encoded, message, (variant, namespace)) {
                Some(span) => span,
                None => return,
            },
        };
        self.push_message(outlet, span);
    }

    /// The same for a connection that wants batches: events wait, and what is no event goes behind those that do.
    fn push_to_batcher(&mut self, slot: u32, message: &Outgoing<'_>, encoded: &mut Encoded) {
        let Some(connection) = self.at(slot) else { return };
        let variant = connection.variant;
        let event = match message {
            Outgoing::Event(event) => Some(event),
            Outgoing::Either { event, .. } if !variant.wants_binary => event.as_ref(),
            _ => None,
        };
        if let Some(event) = event {
            return self.push_batched(slot, |out| write_event(out, event.name, event.body));
        }
        self.flush_batch(slot);
        // Batches are for native clients, who are in no namespace.
        if let Some(span) = self.encoder.encode(&mut self.log, encoded, message, (variant, "")) {
            self.push_message(slot, span);
        }
    }

    #[inline(always)]
    fn push_message(&mut self, slot: u32, span: Span) {
        self.unshare(slot);
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return;
        };
        if connection.gone.is_none() && connection.outbox.has_room(self.limits.outbox_bytes).is_ok() {
            // As nearly always: nothing is looked up twice.
            self.counters.messages_sent += 1;
            let merge = self.rules[usize::from(connection.door.0)].merges();
            self.unoffered_bytes += span.len();
            enqueue(connection, &mut self.dirty, slot, |outbox| outbox.push(span, merge, &mut self.log));
        } else if self.has_room(slot) {
            self.counters.messages_sent += 1;
            self.push_span(slot, span);
        }
    }

    /// Whether a message may still wait for this connection; where not, the door's policy has been carried out.
    pub(super) fn has_room(&mut self, slot: u32) -> bool {
        let limit = self.limits.outbox_bytes;
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return false;
        };
        if connection.gone.is_some() {
            return false;
        }
        // Whoever has not refused a byte is not slow, however much one turn has for it.
        if !connection.blocked || connection.outbox.has_room(limit).is_ok() {
            return true;
        }
        let keep = match self.rules[usize::from(connection.door.0)].slow {
            SlowPolicy::Disconnect => {
                self.counters.messages_dropped += 1;
                self.cut_slow(slot);
                return false;
            }
            SlowPolicy::DropOldest => limit,
            SlowPolicy::KeepNewest => 0,
        };
        let dropped = connection.outbox.drop_waiting(keep, &mut self.log);
        // Answers stay, up to a limit of their own.
        let full = connection.outbox.has_room(2 * limit).is_err();
        self.counters.note_dropped(dropped);
        if full {
            self.cut_slow(slot);
        }
        !full
    }

    pub(crate) fn push_span(&mut self, slot: u32, span: Span) {
        self.unshare(slot);
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return;
        };
        let merge = self.rules[usize::from(connection.door.0)].merges();
        self.unoffered_bytes += span.len();
        enqueue(connection, &mut self.dirty, slot, |outbox| outbox.push(span, merge, &mut self.log));
    }

    /// Whether not even what no policy drops may still wait for this connection.
    pub(crate) fn is_overfull(&self, slot: u32) -> bool {
        self.at(slot)
            .is_none_or(|there| there.blocked && there.outbox.has_room(2 * self.limits.outbox_bytes).is_err())
    }

    pub(crate) fn cut_slow(&mut self, slot: u32) {
        self.counters.too_slow += 1;
        self.cut_off(slot, CloseCode::TRY_AGAIN_LATER, "Too slow");
    }

    /// Sends what a session wrote: control frames, which no policy drops.
    pub(crate) fn flush_transmit(&mut self, slot: u32) {
        if self.transmit.is_empty() {
            return;
        }
        // Taken first: others may be cut off for what is shared, and have frames of their own.
        let mut transmit = std::mem::take(&mut self.transmit);
        let closes = self.at(slot).is_some_and(|there| there.session.has_closed());
        if self.unshare_may_cut(slot) && !closes {
            // Its close frame is the last that it is sent.
            transmit.clear();
        }
        let full = self.is_overfull(slot);
        if full && self.at(slot).is_some_and(|there| there.gone.is_none() && !there.session.has_closed()) {
            // Someone who pings without ever reading the pongs.
            self.cut_slow(slot);
        } else if let Some(connection) = connection_in(&mut self.slots, slot) {
            if full {
                // Our close frame comes before what is queued, since that cannot all come.
                self.counters.note_dropped(connection.outbox.drop_unstarted(&mut self.log));
            }
            if !transmit.is_empty() {
                let span = self.log.append(transmit.len(), |out| out.extend_from_slice(&transmit));
                self.push_span(slot, span);
            }
        }
        if self.transmit.is_empty() {
            self.transmit = transmit;
            self.transmit.clear();
        }
    }

    /// Sends an answer or a refusal, which is for this connection alone.
    pub(crate) fn push_native(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(connection) = self.at(slot) else { return };
        if connection.gone.is_some() {
            return;
        }
        // Who asked gets an answer, whatever else the door's policy drops.
        let is_kept = !self.rules[usize::from(connection.door.0)].merges();
        if connection.batch.is_some() && !is_kept {
            return self.push_batched(slot, write);
        }
        let bits = connection.variant.deflate_window_bits;
        let mut text = self.encoder.take_buffer();
        write(&mut text);
        let span = self.encoder.frame(&mut self.log, Opcode::Text, &text, bits);
        self.encoder.give_buffer(text);
        self.push_message(slot, if is_kept { span.kept() } else { span });
    }

    /// Adds a message to the batch that this connection asked for.
    fn push_batched(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let now_ms = self.now.ms;
        let Some(socket) = self.socket_at(slot) else { return };
        let limit = self.limits.outbox_bytes;
        let Some(batch) = self.at_mut(slot).and_then(|connection| connection.batch.as_mut()) else { return };
        let first = batch.count == 0;
        batch.text.extend_from_slice(if first { b"{\"type\":\"batch\",\"messages\":[" } else { b"," });
        write(&mut batch.text);
        batch.count += 1;
        let full = batch.count == fanfare_session::native::BATCH_MESSAGES_MAX || batch.text.len() >= limit;
        if first {
            batch.due_ms = now_ms + batch.interval_ms;
            let due_ms = batch.due_ms;
            self.timers.set(due_ms, Due::Batch(socket));
        }
        if full {
            self.flush_batch(slot);
        }
        self.account(slot);
    }

    /// Sends the batch as far as it has come.
    pub(crate) fn flush_batch(&mut self, slot: u32) {
        let Some(socket) = self.socket_at(slot) else { return };
        let Some(connection) = connection_in(&mut self.slots, slot) else { return };
        let bits = connection.variant.deflate_window_bits;
        let Some(batch) = connection.batch.as_mut().filter(|batch| batch.count > 0) else { return };
        self.timers.cancel(batch.due_ms, Due::Batch(socket));
        let mut text = std::mem::take(&mut batch.text);
        batch.count = 0;
        text.extend_from_slice(b"]}");
        self.account(slot);
        let span = self.encoder.frame(&mut self.log, Opcode::Text, &text, bits);
        self.push_message(slot, span);
    }

    /// Answers a message of one of this shard's connections. An `id` is answered once.
    pub(crate) fn answer(&mut self, to: SocketId, reply: Option<Reply>, answer: Answer) {
        let Some(connection) = self.get_mut(to) else { return };
        let id = reply.and_then(|reply| connection.session.take_id(reply));
        if reply.is_some() && id.is_none() {
            return;
        }
        if connection.member().is_some() {
            return self.answer_member(to, id.as_deref(), answer);
        }
        match (id, answer) {
            (Some(id), Answer::Ack(body)) => self.push_native(to.slot, |out| write_ack(out, &id, &body)),
            (Some(id), Answer::Refuse(code, text)) => {
                self.push_native(to.slot, |out| write_nack(out, &id, code, &text));
            }
            (None, Answer::Refuse(code, text)) => {
                self.push_native(to.slot, |out| write_error(out, code, &text));
            }
            (None, Answer::Ack(_)) => {}
        }
        self.depart_if_done(to.slot);
    }

    /// A peer that has said its last word stays until everything it asked is answered.
    #[inline]
    pub(crate) fn depart_if_done(&mut self, slot: u32) {
        // Nearly all go on speaking; whether a member's peer does, its carrier knows.
        if self.at(slot).is_some_and(|there| there.ended || there.member().is_some()) {
            self.depart_if_answered(slot);
        }
    }

    fn depart_if_answered(&mut self, slot: u32) {
        // What somebody in a namespace is owed, the session that carries it waits for.
        let carrier = self.at(slot).and_then(Connection::member).map(|member| member.carrier.slot);
        let slot = carrier.unwrap_or(slot);
        let owes = |there: &Connection| there.busy || there.session.owes_answers();
        let done = self.at(slot).is_some_and(|there| {
            let members = there.carrier().map_or(&[][..], |carrier| &carrier.members);
            there.ended
                && there.leftover.is_none()
                && !there.paused
                && !owes(there)
                && !members.iter().any(|slot| self.at(*slot).is_some_and(owes))
        });
        if done {
            self.flush_batch(slot);
            self.depart(slot, super::core::Gone::Lost);
        }
    }

    pub(crate) fn event(&mut self, slot: u32, name: &str, body: &[u8]) {
        self.push(slot, &Outgoing::Event(Event { name, body }), &mut Encoded::default());
    }
}

/// Puts something into a connection's outbox and the connection among those with something to send.
#[inline]
pub(super) fn enqueue(
    connection: &mut Connection,
    dirty: &mut VecDeque<u32>,
    slot: u32,
    put: impl FnOnce(&mut Outbox),
) {
    put(&mut connection.outbox);
    if !std::mem::replace(&mut connection.dirty, true) {
        dirty.push_back(slot);
    }
}
