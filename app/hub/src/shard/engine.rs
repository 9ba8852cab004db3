//! Engine.IO sessions and Socket.IO packets: from what a client sends to the namespace that it is for.

use fanfare_session::engineio::{self, PROBE_TIMEOUT_MS, Probe, ProbeStep, RequestError, SEPARATOR};
use fanfare_session::native::{ErrorCode, JSON_DEPTH_MAX, Request};
use fanfare_session::socketio::{self, Kind};
use fanfare_session::websocket::{CloseCode, Opcode, Payload};
use fanfare_session::{Came, Engine, FRAMES_PARSED, Packet, Parser, Share};

use super::face::Shard;
use crate::envelope::Answer;
use crate::fanout::{Variant, Wire};
use crate::ids::{EngineId, SocketId};
use crate::kit::{Message, SocketEvent};
use crate::limits::Dialect;
use crate::state::{
    Carrier, Connection, Core, EngineAnswer, EngineArrival, Gone, NOOP, Polling, Prober, Role, connection_in,
    take_body,
};

/// Events of the native dialect that Socket.IO has its own ways for, or none.
const NOT_CARRIED: &[&str] = &["ack", "nack", "ping", "pong", "batch", "auth", "received"];

/// Posts that one turn goes on with.
const POSTS_PER_TURN: usize = 512;

impl Shard {
    /// The session of this id, if it is here.
    #[must_use]
    pub fn engine(&self, id: &EngineId) -> Option<SocketId> {
        self.core.engine(id)
    }

    /// A poll has come for a session. Its answer comes from [`next_answer`](Self::next_answer).
    ///
    /// # Errors
    /// What the request is refused with.
    pub fn poll(&mut self, socket: SocketId) -> Result<(), RequestError> {
        let polled = self.core.poll(socket);
        self.settle();
        polled
    }

    /// The client has given up a request of a session that polls, or asked amiss: the session is over.
    pub fn end_session(&mut self, socket: SocketId, gone: Gone) {
        if self.polls(socket) {
            self.core.end_engine(socket, gone, false);
            self.settle();
        }
    }

    /// A body has been posted to a session. Its answer comes from [`next_answer`](Self::next_answer).
    ///
    /// # Errors
    /// What the request is refused with.
    pub fn post(&mut self, socket: SocketId, body: String) -> Result<(), RequestError> {
        let posted = self.core.post(socket, body);
        self.settle();
        posted
    }

    /// Goes on with what has been posted, each session within its share of the turn. Says whether the next turn has more of it.
    pub fn handle_posts(&mut self) -> bool {
        for _ in 0..self.core.posts.len().min(POSTS_PER_TURN) {
            let Some(socket) = self.core.posts.pop_front() else { break };
            if !self.handle_post(socket) {
                self.core.posts.push_back(socket);
            }
            self.settle();
        }
        self.has_posts_due()
    }

    /// Whether something that was posted may be gone on with.
    pub(super) fn has_posts_due(&self) -> bool {
        let is_due = |socket: &SocketId| self.core.get(*socket).is_none_or(|there| !there.paused);
        self.core.posts.iter().any(is_due)
    }

    /// An answer to a request of a session that polls.
    pub fn next_answer(&mut self) -> Option<(SocketId, EngineAnswer)> {
        self.core.answers.pop_front()
    }

    /// Where the transport of a connection belongs from now on: the one that it came for has it.
    pub fn take_moved(&mut self) -> Option<(SocketId, SocketId)> {
        self.core.moved.take()
    }

    /// Whether a connection has no transport of its own.
    #[must_use]
    pub fn polls(&self, socket: SocketId) -> bool {
        self.core.get(socket).is_some_and(Connection::polls)
    }

    /// Answers the poll of a session with what waits for it; gives how many bytes that is.
    pub fn answer_poll(&mut self, socket: SocketId) -> usize {
        self.core.answer_poll(socket)
    }

    /// Handles packets of a posted body; says whether it is done.
    fn handle_post(&mut self, socket: SocketId) -> bool {
        let mut share = Share::default();
        loop {
            let now_ms = self.core.now.ms;
            let before = self.core.told_so_far();
            let Some(connection) = self.core.get_mut(socket) else { return true };
            if connection.paused {
                return false;
            }
            let gone = connection.gone.is_some();
            let Some(carrier) = connection.carrier_mut() else { return true };
            let Some(mut post) = carrier.post.take().filter(|_| !gone) else {
                self.core.answers.push_back((socket, EngineAnswer::Posted));
                return true;
            };
            if share.is_used() {
                carrier.post = Some(post);
                return false;
            }
            share.frames = share.frames.saturating_sub(FRAMES_PARSED);
            let rest = &post.body[post.at..];
            let text = rest.split(char::from(SEPARATOR)).next().unwrap_or_default();
            let came = match engineio::read_payload(text).next() {
                Some(Ok(packet)) => carrier.engine.packet(packet, now_ms),
                Some(Err(malformed)) => Came::Misbehaved(malformed.to_string()),
                None => Came::Misbehaved("an empty body".to_owned()),
            };
            let is_last = rest.len() == text.len();
            let length = text.len();
            self.came(socket, came);
            post.at += length + 1;
            let Some(connection) = self.core.get_mut(socket) else { return true };
            let is_gone = connection.gone.is_some();
            let is_done = is_last || is_gone;
            if !is_done && let Some(carrier) = connection.carrier_mut() {
                carrier.post = Some(post);
            }
            self.core.account(socket.slot);
            let told = self.core.told_since(before);
            // Its next body waits, too.
            if !is_gone && let Some(pause) = self.core.pause_due(socket.slot, told) {
                self.core.pause(socket.slot, pause);
            }
            if is_done {
                self.core.answers.push_back((socket, EngineAnswer::Posted));
                return true;
            }
        }
    }

    /// Handles a text message at a door that speaks Engine.IO.
    pub(super) fn engine_text(&mut self, socket: SocketId, text: &str) {
        let now_ms = self.core.now.ms;
        let Some(connection) = self.core.get_mut(socket) else { return };
        match connection.role.as_deref_mut() {
            Some(Role::Carrier(carrier)) => {
                let came = carrier.engine.text(text, now_ms);
                self.came(socket, came);
            }
            Some(Role::Prober(prober)) => {
                let step =
                    engineio::read(text).map_or(ProbeStep::Close, |packet| prober.probe.packet(&packet));
                self.probed(socket, step);
            }
            Some(Role::Member(_)) | None => {}
        }
    }

    /// Handles a binary message at a door that speaks Engine.IO.
    pub(super) fn engine_binary(&mut self, socket: SocketId, payload: Payload<'_>) {
        match self.core.get_mut(socket).and_then(|connection| connection.role.as_deref_mut()) {
            Some(Role::Carrier(carrier)) => {
                let came = carrier.engine.binary(payload);
                self.came(socket, came);
            }
            Some(Role::Prober(_)) => self.probed(socket, ProbeStep::Close),
            Some(Role::Member(_)) | None => {}
        }
    }

    fn came(&mut self, carrier: SocketId, came: Came<'_>) {
        let Some(connection) = self.core.get(carrier).filter(|connection| connection.gone.is_none()) else {
            return;
        };
        let door = usize::from(connection.door.0);
        match came {
            Came::Nothing => {}
            Came::Text(text) => {
                self.core.counters.messages_received += 1;
                self.core.set_current(carrier, None);
                let text = fanfare_session::websocket::Text::Borrowed(text);
                self.kits[door].received(&mut self.core, carrier, Message::Text(text));
            }
            Came::Binary(payload) => {
                self.core.counters.messages_received += 1;
                self.core.set_current(carrier, None);
                self.kits[door].received(&mut self.core, carrier, Message::Binary(payload));
            }
            Came::Packet(packet) => self.packet(carrier, packet),
            Came::TooDeep { namespace, id } => self.too_deep(carrier, namespace, id),
            // Over a WebSocket it is not how one closes, and the reference does not take it for that.
            Came::Close if self.polls(carrier) => {
                self.core.end_engine(carrier, Gone::ClosedByPeer(None), false);
            }
            Came::Close => {}
            Came::Misbehaved(_) => self.core.end_engine(carrier, Gone::Misbehaved, false),
            Came::Undecodable(_) => self.core.end_engine(carrier, Gone::Undecodable, true),
        }
        self.core.account(carrier.slot);
    }

    fn packet(&mut self, carrier: SocketId, packet: Packet<'_>) {
        let member = self.core.member_of(carrier, &packet.namespace);
        match (packet.kind, member) {
            (Kind::Connect, None) => self.connect(carrier, &packet),
            (Kind::Disconnect, Some(member)) => {
                self.core.leave_namespace(member);
                self.settle();
            }
            (Kind::Event | Kind::BinaryEvent, Some(member)) => self.event(carrier, member, packet),
            (Kind::Ack | Kind::BinaryAck, Some(member)) => self.acknowledged(member, packet),
            // A second CONNECT, a namespace that is not joined, and what only servers send.
            _ => self.core.end_engine(carrier, Gone::OutOfPlace, true),
        }
    }

    fn connect(&mut self, carrier: SocketId, packet: &Packet<'_>) {
        let member = match self.core.enter_namespace(carrier, &packet.namespace, &packet.data) {
            Ok(member) => member,
            Err(reason) => return self.core.refuse_namespace(carrier, &packet.namespace, &reason, None),
        };
        let Some(door) = self.core.get(member).map(|connection| usize::from(connection.door.0)) else {
            return;
        };
        let auth = if packet.data.is_empty() { "{}" } else { &packet.data };
        if self.core.rules[door].dialect == Dialect::Native
            && let Err(reason) = self.core.take_name(member, auth)
        {
            return self.core.refuse_member(member, &reason, None);
        }
        self.core.clear_current();
        self.kits[door].connecting(&mut self.core, member, auth);
        self.settle();
    }

    fn event(&mut self, carrier: SocketId, member: SocketId, packet: Packet<'_>) {
        self.core.counters.messages_received += 1;
        let Some(connection) = self.core.get(member) else { return };
        let door = usize::from(connection.door.0);
        let is_admitted = connection.member().is_some_and(|member| member.admitted);
        let rules = &self.core.rules[door];
        let binary_bytes = packet.attachments.iter().map(Vec::len).sum::<usize>();
        if packet.data.len() > rules.text_limit_bytes || binary_bytes > rules.binary_limit_bytes {
            self.core.counters.misbehaved += 1;
            return self.core.close(carrier, CloseCode::TOO_BIG, "Message too big for its namespace");
        }
        let Ok(event) = socketio::event(&packet.data) else {
            return self.core.end_engine(carrier, Gone::Undecodable, true);
        };
        if !is_admitted {
            return self.core.end_engine(carrier, Gone::OutOfPlace, true);
        }
        if self.core.is_parked(member) {
            return self.core.park(member, packet);
        }
        self.said(member, event, packet.attachments, packet.id);
    }

    /// An event for the application of a namespace.
    pub(super) fn said(
        &mut self,
        member: SocketId,
        event: socketio::Event<'_>,
        attachments: Vec<Vec<u8>>,
        id: Option<u64>,
    ) {
        let Some(door) = self.core.get(member).map(|connection| usize::from(connection.door.0)) else {
            return;
        };
        if self.core.rules[door].dialect == Dialect::Events {
            let event = SocketEvent { name: event.name, arguments: event.args, attachments, id };
            self.core.set_current(member, None);
            self.kits[door].received(&mut self.core, member, Message::Event(event));
        } else {
            self.native_event(member, event, attachments, id);
        }
    }

    /// An event for a built-in application is what a native client says with a JSON message of that type.
    fn native_event(
        &mut self,
        member: SocketId,
        event: socketio::Event<'_>,
        mut attachments: Vec<Vec<u8>>,
        id: Option<u64>,
    ) {
        let Some(connection) = self.core.get_mut(member) else { return };
        let door = connection.door;
        let text = id.map(|id| id.to_string());
        let reply = match text.as_deref().map(|id| connection.session.open_id(id)).transpose() {
            Ok(reply) => reply,
            Err((code, reason)) => return self.core.member_error(member, code, &reason),
        };
        self.core.set_current(member, reply);
        let arguments = socketio::elements(event.args);
        if !attachments.is_empty() {
            if &*event.name == "binary" && attachments.len() == 1 && arguments.len() == 1 {
                self.core.wants_binary(member);
                let payload = Payload::Owned(attachments.remove(0));
                return self.kits[usize::from(door.0)].received(
                    &mut self.core,
                    member,
                    Message::Binary(payload),
                );
            }
            let event = SocketEvent { name: event.name, arguments: event.args, attachments, id };
            return self.kits[usize::from(door.0)].received(&mut self.core, member, Message::Event(event));
        }
        let refused = if NOT_CARRIED.contains(&&*event.name) {
            let reason = format!("Unknown message type: {}", event.name);
            Some((ErrorCode::UnknownType, reason))
        } else {
            let is_object = |text: &&str| text.starts_with('{');
            let wrong = arguments.len() > 1 || arguments.first().is_some_and(|text| !is_object(text));
            let reason = "Invalid message format: an event here carries one object";
            wrong.then(|| (ErrorCode::InvalidMessage, reason.to_owned()))
        };
        if let Some((code, reason)) = refused {
            self.core.answer_current(Answer::Refuse(code, reason.into()));
            return self.core.settle_current();
        }
        let text = arguments.first().copied().unwrap_or("{}");
        let request = Request { kind: event.name, id: None, seq: None, text };
        self.request(member, door, request, reply);
    }

    fn too_deep(&mut self, carrier: SocketId, namespace: &str, id: Option<u64>) {
        let Some(member) = self.core.member_of(carrier, namespace) else {
            return self.core.end_engine(carrier, Gone::OutOfPlace, true);
        };
        let reason = format!("Invalid message format: nested deeper than {JSON_DEPTH_MAX} levels");
        let id = id.map(|id| id.to_string());
        let answer = Answer::Refuse(ErrorCode::InvalidMessage, reason.into());
        self.core.answer_member(member, id.as_deref(), answer);
    }

    fn acknowledged(&mut self, member: SocketId, packet: Packet<'_>) {
        let Some(door) = self.core.get(member).map(|connection| usize::from(connection.door.0)) else {
            return;
        };
        let (Some(id), Ok(arguments)) = (packet.id, socketio::ack_args(&packet.data)) else { return };
        if self.core.rules[door].dialect == Dialect::Events {
            self.core.set_current(member, None);
            let attachments = packet.attachments;
            let message = Message::Acknowledged { id, arguments, attachments };
            self.kits[door].received(&mut self.core, member, message);
        }
    }

    fn probed(&mut self, prober: SocketId, step: ProbeStep) {
        match step {
            ProbeStep::Answer => self.core.answer_probe(prober),
            ProbeStep::Upgraded => self.core.upgrade(prober),
            ProbeStep::Ignored => {}
            ProbeStep::Close => self.core.close(prober, CloseCode::NORMAL, ""),
        }
    }
}

impl Core {
    /// What a newcomer is.
    pub(super) fn role(&self, dialect: Dialect, engine: &EngineArrival) -> Role {
        match engine {
            EngineArrival::Open { secret, polling, handshake } => Role::Carrier(Carrier {
                engine: Engine::new(self.now.ms, dialect.parser().unwrap_or(Parser::None)),
                secret: *secret,
                polling: polling.then(|| Polling::new(self.now.ms)),
                post: None,
                members: Default::default(),
                prober: None,
                handshake: handshake.clone(),
                parked_bytes: 0,
            }),
            EngineArrival::Probe(id) => {
                let nobody = SocketId { shard: self.shard, slot: u32::MAX, generation: 0 };
                let carrier = self.engine(id).unwrap_or(nobody);
                Role::Prober(Prober { carrier, probe: Probe::new(self.now.ms) })
            }
        }
    }

    /// A WebSocket has come for a session which polls; one at a time may.
    pub(super) fn begin_probe(&mut self, prober: SocketId, id: &EngineId) {
        self.schedule_check(prober.slot, self.now.ms + PROBE_TIMEOUT_MS);
        let carrier = self.engine(id).filter(|carrier| {
            self.get(*carrier).is_some_and(|there| {
                there.gone.is_none()
                    && there.carrier().is_some_and(|it| it.polling.is_some() && it.prober.is_none())
            })
        });
        let Some(carrier) = carrier else { return self.close(prober, CloseCode::NORMAL, "") };
        if let Some(carrier) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            carrier.prober = Some(prober);
        }
    }

    fn prober_of(&self, prober: SocketId) -> Option<SocketId> {
        match self.get(prober)?.role.as_deref()? {
            Role::Prober(prober) => Some(prober.carrier),
            Role::Carrier(_) | Role::Member(_) => None,
        }
    }

    fn answer_probe(&mut self, prober: SocketId) {
        let Some(carrier) = self.prober_of(prober) else { return };
        self.push_packet(prober.slot, b"3probe");
        self.noop(carrier);
    }

    /// The session goes on over the WebSocket that has come for it: what waits for a poll follows over it.
    fn upgrade(&mut self, prober: SocketId) {
        let Some(carrier) = self.prober_of(prober).filter(|carrier| self.get(*carrier).is_some()) else {
            return self.close(prober, CloseCode::NORMAL, "");
        };
        if self
            .get(carrier)
            .and_then(Connection::carrier)
            .is_some_and(|it| it.polling.is_some_and(|polling| polling.waits))
        {
            // A client that follows the protocol has none.
            self.push_packet(carrier.slot, NOOP);
            self.answer_poll(carrier);
        }
        let Some(link) = self.slots[prober.slot as usize].connection.take() else { return };
        let place = &mut self.slots[prober.slot as usize];
        place.generation = place.generation.wrapping_add(1);
        self.vacant.push(prober.slot);
        self.held_bytes -= link.held_bytes;
        self.holders -= usize::from(link.held_bytes > 0);
        let Some(connection) = connection_in(&mut self.slots, carrier.slot) else { return };
        let waited = take_body(&mut connection.outbox, &mut self.log);
        connection.session = link.session;
        connection.outbox = link.outbox;
        connection.blocked = link.blocked;
        connection.leftover = link.leftover;
        connection.dirty = false;
        let variant = Variant {
            deflate_window_bits: link.variant.deflate_window_bits,
            polling: false,
            ..connection.variant
        };
        connection.variant = variant;
        let mut members = Default::default();
        let (is_gone, now_ms) = (connection.gone.is_some(), self.now.ms);
        connection.session.progressed(now_ms);
        if let Some(it) = connection.carrier_mut() {
            it.polling = None;
            it.prober = None;
            // A ping that a poll had does not have its answer here.
            it.engine.upgraded(now_ms);
            members = it.members.clone();
        }
        for member in members {
            if let Some(member) = self.at_mut(member) {
                member.variant = Variant { wants_binary: member.variant.wants_binary, ..variant };
            }
        }
        self.send_what_waited(carrier, &waited, variant);
        if is_gone {
            // It was sent away while it was about to upgrade.
            self.with_session(carrier.slot, |session, transmit| session.close_without_code(now_ms, transmit));
        }
        self.mark_dirty(carrier.slot);
        self.account(carrier.slot);
        self.answers.push_back((carrier, EngineAnswer::Upgraded));
        self.moved = Some((prober, carrier));
    }

    /// Packets in the form of a polling body, as the WebSocket messages that they are.
    fn send_what_waited(&mut self, carrier: SocketId, body: &[u8], variant: Variant) {
        if body.is_empty() {
            return;
        }
        let body = String::from_utf8_lossy(body);
        for text in body.split(char::from(SEPARATOR)) {
            match engineio::read_payload(text).next() {
                Some(Ok(engineio::Packet::Binary(bytes))) => {
                    let variant = Variant { wire: Wire::Engine, ..variant };
                    let span =
                        self.encoder.message(&mut self.log, Wire::Engine, Opcode::Binary, &bytes, variant);
                    self.push_span(carrier.slot, span);
                }
                // For a poll alone.
                Some(Ok(engineio::Packet::Noop | engineio::Packet::Close)) => {}
                _ => self.push_packet(carrier.slot, text.as_bytes()),
            }
        }
    }
}
