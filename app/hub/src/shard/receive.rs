//! From a connection's bytes to the kit that they are for.

use fanfare_session::native::Request;
use fanfare_session::websocket::{Payload, Short, Text};
use fanfare_session::{End, FRAMES_PARSED, Opened, Received, Reply, Share, Turn};

use super::face::Shard;
use crate::envelope::DoorId;
use crate::fanout::Outgoing;
use crate::ids::SocketId;
use crate::kit::Message;
use crate::limits::Dialect;
use crate::state::{Common, Connection, Core, Gone, Pause, Reading, Told, connection_in};

/// PING: type u8, timestamp u64 (`docs/protocol.md`, "Binary messages").
const PING_TYPE: u8 = 0x01;
const PONG_TYPE: u8 = 0x02;
const PING_BYTES: usize = 9;

impl Shard {
    /// Handles bytes that were read from a socket.
    ///
    /// All of `input` is taken: what must wait for another turn is kept, and [`Reading`] says so.
    pub fn receive(&mut self, socket: SocketId, input: &mut [u8], share: &mut Share) -> Reading {
        let Some(connection) = self.core.get_mut(socket) else { return Reading::Done };
        if connection.leftover.is_none() {
            return self.process(socket, input, share);
        }
        let mut leftover = connection.leftover.take().unwrap_or_default();
        leftover.extend_from_slice(input);
        self.process(socket, &mut leftover, share)
    }

    /// Where the rest of a long message is to be read to, if one is under way: what is appended there, as far as there is space, is
    /// not copied. Tell [`received_directly`](Self::received_directly).
    pub fn space(&mut self, socket: SocketId) -> Option<&mut Vec<u8>> {
        let connection = self.core.get_mut(socket)?;
        // What was read before comes before it.
        if connection.leftover.is_some() || connection.paused {
            return None;
        }
        let held_bytes = connection.session.held_bytes();
        connection.session.space()?;
        if connection.session.held_bytes() != held_bytes {
            // Perhaps nothing comes now, and nobody would count it.
            self.core.account(socket.slot);
        }
        self.core.get_mut(socket)?.session.space()
    }

    /// Handles what was appended to [`space`](Self::space).
    pub fn received_directly(&mut self, socket: SocketId, bytes: usize, share: &mut Share) -> Reading {
        let slot = socket.slot;
        let (mut excess, received) = self.core.appended(slot, bytes, share);
        if let Received::Ended(end) = received {
            self.core.ended(slot, &end);
            self.settle();
            return Reading::Done;
        }
        self.process(socket, &mut excess, share)
    }

    /// Whether what comes of a socket may be handled as it comes: nothing of it waits, and it goes on speaking.
    #[inline]
    pub(crate) fn is_calm(&self, socket: SocketId) -> bool {
        self.core.get(socket).is_some_and(Connection::is_calm)
    }

    /// Goes on with what was kept of a socket's bytes.
    pub fn resume(&mut self, socket: SocketId, share: &mut Share) -> Reading {
        let Some(connection) = self.core.get(socket) else { return Reading::Done };
        // Every ready socket comes by here, and nearly none has anything left.
        if connection.leftover.is_none() && connection.session.is_idle() && !connection.ended {
            return Reading::More;
        }
        self.receive(socket, &mut [], share)
    }

    /// The peer has ended its direction. What it asked for is still answered.
    pub fn end_of_input(&mut self, socket: SocketId) {
        let now_ms = self.core.now.ms;
        let Some(connection) = self.core.get_mut(socket) else { return };
        connection.ended = true;
        connection.session.progressed(now_ms);
        self.core.depart_if_done(socket.slot);
        let at_ms = self.core.now.ms + fanfare_session::CLOSE_TIMEOUT_MS;
        self.core.schedule_check(socket.slot, at_ms);
        self.settle();
    }

    fn process(&mut self, socket: SocketId, input: &mut [u8], share: &mut Share) -> Reading {
        let slot = socket.slot;
        let Some(door) = self.core.at(slot).map(|connection| connection.door) else { return Reading::Done };
        let rules = &self.core.rules[usize::from(door.0)];
        let limit_bytes = rules.text_limit_bytes.min(rules.binary_limit_bytes);
        let is_plain = rules.dialect == Dialect::Plain;
        let mut taken = 0;
        let reading = loop {
            let before = self.core.told_so_far();
            match self.core.take_short(slot, limit_bytes, &mut input[taken..], share) {
                Some((bytes, Some(Short::Text(text)))) => {
                    taken += bytes;
                    if is_plain {
                        self.plain(socket, door, Message::Text(Text::Borrowed(text)));
                    } else {
                        self.text_of_a_dialect(socket, door, text, share);
                    }
                }
                Some((bytes, Some(Short::Binary(payload)))) => {
                    taken += bytes;
                    self.binary(socket, door, Payload::Borrowed(payload), share);
                }
                Some((_, None)) => {
                    self.core.refuse_short(slot);
                    break Reading::Done;
                }
                None => {
                    let (bytes, stops) = self.any_message(socket, door, &mut input[taken..], share);
                    taken += bytes;
                    if let Some(reading) = stops {
                        break reading;
                    }
                }
            }
            let told = self.core.told_since(before);
            if told.is_one_at_most() && self.is_calm(socket) {
                // As after nearly every message: there is nothing to be accounted for, and nobody to wait.
                if taken < input.len() {
                    continue;
                }
                self.settle();
                return if share.is_used() { Reading::Later } else { Reading::More };
            }
            if let Some((_, carrier)) = self.core.moved.filter(|(from, _)| *from == socket) {
                // What follows is the session's that this link belongs to now.
                return self.process(carrier, &mut input[taken..], share);
            }
            self.core.account(slot);
            let Some(connection) = self.core.get(socket).filter(|there| !there.session.is_over()) else {
                break Reading::Done;
            };
            let is_read = taken == input.len() && connection.session.is_idle();
            if let Some(pause) = self.core.pause_due(slot, told) {
                self.core.pause(slot, pause);
                break Reading::Paused;
            }
            if is_read {
                break if share.is_used() { Reading::Later } else { Reading::More };
            }
        };
        let reading = self.core.keep_leftover(slot, &input[taken..], reading);
        self.core.depart_if_done(slot);
        self.settle();
        reading
    }

    /// Takes whatever comes next, short or not: how many bytes, and whether that was all for now.
    fn any_message(
        &mut self,
        socket: SocketId,
        door: DoorId,
        input: &mut [u8],
        share: &mut Share,
    ) -> (usize, Option<Reading>) {
        let slot = socket.slot;
        let is_plain = self.core.rules[usize::from(door.0)].dialect == Dialect::Plain;
        let (bytes, received) = self.core.receive_one(slot, input, share);
        let stops = match received {
            Received::Text(text) if is_plain => {
                self.plain(socket, door, Message::Text(text));
                None
            }
            Received::Text(text) => {
                self.text_of_a_dialect(socket, door, &text, share);
                None
            }
            Received::Binary(payload) => {
                self.binary(socket, door, payload, share);
                None
            }
            Received::Control => None,
            Received::Nothing | Received::ShareUsed => {
                let more = matches!(received, Received::Nothing);
                let pause = self.core.pause_due(slot, Told::default());
                if let Some(pause) = pause {
                    self.core.pause(slot, pause);
                }
                Some(match pause {
                    Some(_) => Reading::Paused,
                    None if more => Reading::More,
                    None => Reading::Later,
                })
            }
            Received::InflaterWanted { whole } => {
                self.core.pause(slot, Pause::Inflater { whole });
                Some(Reading::Paused)
            }
            Received::Ended(end) => {
                self.core.ended(slot, &end);
                Some(Reading::Done)
            }
        };
        (bytes, stops)
    }

    /// A message for a kit as it came.
    #[inline(always)]
    fn plain(&mut self, socket: SocketId, door: DoorId, message: Message<'_>) {
        self.core.counters.messages_received += 1;
        self.core.set_current(socket, None);
        self.kits[usize::from(door.0)].received(&mut self.core, socket, message);
    }

    fn text_of_a_dialect(&mut self, socket: SocketId, door: DoorId, text: &str, share: &mut Share) {
        share.frames = share.frames.saturating_sub(FRAMES_PARSED - 1);
        if let Dialect::Engine | Dialect::SocketIo(_) = self.core.rules[usize::from(door.0)].dialect {
            return self.engine_text(socket, text);
        }
        self.core.counters.messages_received += 1;
        let Some(connection) = self.core.get_mut(socket) else { return };
        let opened = connection.session.open(text);
        self.opened(socket, door, opened, share);
        self.in_order(socket, door, share);
    }

    /// Handles what waited for the `seq` that has just come.
    fn in_order(&mut self, socket: SocketId, door: DoorId, share: &mut Share) {
        while let Some(connection) = self.core.get_mut(socket).filter(|connection| connection.gone.is_none())
        {
            let Some(text) = connection.session.take_in_order() else { return };
            let opened = connection.session.open_in_order(&text);
            self.opened(socket, door, opened, share);
        }
    }

    fn opened(&mut self, socket: SocketId, door: DoorId, opened: Opened<'_>, share: &mut Share) {
        match opened {
            Opened::Nothing => {}
            Opened::Request(request, reply) => self.request(socket, door, request, reply),
            Opened::Refused { code, reason, id } => self.core.push_native(socket.slot, |out| match id {
                Some(id) => fanfare_session::native::write_nack(out, id, code, &reason),
                None => fanfare_session::native::write_error(out, code, &reason),
            }),
            Opened::Batch(messages, reply) => {
                for text in messages {
                    self.core.counters.messages_received += 1;
                    let Some(connection) = self.core.get_mut(socket).filter(|there| there.gone.is_none())
                    else {
                        return;
                    };
                    share.frames = share.frames.saturating_sub(FRAMES_PARSED);
                    let opened = connection.session.open_in_batch(text);
                    self.opened(socket, door, opened, share);
                    self.in_order(socket, door, share);
                }
                self.core.set_current(socket, reply);
                self.core.settle_current();
            }
        }
    }

    pub(super) fn request(
        &mut self,
        socket: SocketId,
        door: DoorId,
        request: Request<'_>,
        reply: Option<Reply>,
    ) {
        self.core.set_current(socket, reply);
        let kit = &mut self.kits[usize::from(door.0)];
        match self.core.common(socket, &request) {
            Common::Kit => kit.received(&mut self.core, socket, Message::Request(request)),
            Common::Done => self.core.settle_current(),
            Common::Passage(room, passage) => {
                let Some(user) = self.core.user(socket) else { return };
                let reply = self.core.take_current_reply();
                let from = crate::envelope::Sender { socket, user };
                kit.passage(&mut self.core, room, from, reply, passage);
            }
        }
    }

    fn binary(&mut self, socket: SocketId, door: DoorId, payload: Payload<'_>, share: &mut Share) {
        let door = usize::from(door.0);
        if self.core.rules[door].dialect.parser().is_some() {
            share.frames = share.frames.saturating_sub(FRAMES_PARSED - 1);
            return self.engine_binary(socket, payload);
        }
        self.core.counters.messages_received += 1;
        if self.core.rules[door].dialect == Dialect::Native {
            self.core.wants_binary(socket);
            if payload.len() == PING_BYTES && payload.first() == Some(&PING_TYPE) {
                let mut pong = payload.to_vec();
                pong[0] = PONG_TYPE;
                return self.core.send(socket, &Outgoing::Binary(&pong));
            }
        }
        self.core.set_current(socket, None);
        self.kits[door].received(&mut self.core, socket, Message::Binary(payload));
    }
}

impl Core {
    fn appended(&mut self, slot: u32, bytes: usize, share: &mut Share) -> (Vec<u8>, Received<'static>) {
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return (Vec::new(), Received::Nothing);
        };
        let rules = &self.rules[usize::from(connection.door.0)];
        let mut turn = Turn {
            now_ms: self.now.ms,
            text_limit_bytes: rules.text_limit_bytes,
            binary_limit_bytes: rules.binary_limit_bytes,
            inflaters: &mut self.inflaters,
            share,
            transmit: &mut self.transmit,
        };
        let (excess, received) = connection.session.appended(bytes, &mut turn);
        if !self.transmit.is_empty() {
            self.flush_transmit(slot);
        }
        (excess, received)
    }

    /// The short message at the front of the input, if there is one; nothing more where it is text that is not UTF-8.
    #[inline(always)]
    fn take_short<'a>(
        &mut self,
        slot: u32,
        limit_bytes: usize,
        input: &'a mut [u8],
        share: &mut Share,
    ) -> Option<(usize, Option<Short<'a>>)> {
        let connection = connection_in(&mut self.slots, slot)?;
        let short = connection.session.short_message(input, limit_bytes, share)?;
        Some((short.frame_bytes(), connection.session.take_short(short, input, self.now.ms, share)))
    }

    fn refuse_short(&mut self, slot: u32) {
        let Some(connection) = connection_in(&mut self.slots, slot) else { return };
        let end = connection.session.refuse_short(&mut self.transmit);
        self.flush_transmit(slot);
        self.ended(slot, &end);
    }

    /// Whatever comes next, short or not.
    fn receive_one<'a>(
        &mut self,
        slot: u32,
        input: &'a mut [u8],
        share: &mut Share,
    ) -> (usize, Received<'a>) {
        let Some(connection) = connection_in(&mut self.slots, slot) else {
            return (input.len(), Received::Nothing);
        };
        let rules = &self.rules[usize::from(connection.door.0)];
        let mut turn = Turn {
            now_ms: self.now.ms,
            text_limit_bytes: rules.text_limit_bytes,
            binary_limit_bytes: rules.binary_limit_bytes,
            inflaters: &mut self.inflaters,
            share,
            transmit: &mut self.transmit,
        };
        let (taken, received) = connection.session.receive(input, &mut turn);
        if !self.transmit.is_empty() {
            self.flush_transmit(slot);
        }
        if matches!(received, Received::Nothing | Received::ShareUsed) {
            self.watch_unfinished(slot);
            self.account(slot);
        }
        (taken, received)
    }

    /// A compressed message that stops half-way is noticed sooner than a silent connection.
    fn watch_unfinished(&mut self, slot: u32) {
        if self.at(slot).is_some_and(|connection| connection.session.holds_inflater()) {
            self.schedule_check(slot, self.now.ms + fanfare_session::INFLATER_STALL_MS);
        }
    }

    #[inline]
    fn keep_leftover(&mut self, slot: u32, rest: &[u8], reading: Reading) -> Reading {
        let Some(connection) = self.at_mut(slot) else { return Reading::Done };
        if !rest.is_empty() && matches!(reading, Reading::Later | Reading::Paused) {
            connection.leftover = Some(Box::new(rest.to_vec()));
            self.account(slot);
        }
        reading
    }

    /// The conversation is over: what is queued is still sent.
    fn ended(&mut self, slot: u32, end: &End) {
        let gone = match end {
            End::ByPeer(code, _) => Gone::ClosedByPeer(*code),
            End::ByUs => Gone::Lost,
            End::Misbehaved(misbehaved) => {
                self.counters.misbehaved += 1;
                Gone::ClosedByServer(misbehaved.close_code())
            }
        };
        if let Some(connection) = connection_in(&mut self.slots, slot) {
            connection.session.abandon(&mut self.inflaters);
        }
        self.account(slot);
        self.depart(slot, gone);
    }
}
