//! Engine.IO sessions: what they are told, the requests of those that poll, their heartbeat, their end.

use fanfare_session::engineio::{NOOP_INTERVAL_MS, Open, RequestError, SEPARATOR, write_open};
use fanfare_session::{Heartbeat, Pulsed};

use super::connection::{Connection, connection_in};
use super::core::{Core, Gone};
use super::role::{Carrier, Post, Role};
use super::timers::Due;
use crate::fanout::Outbox;
use crate::ids::{EngineId, SocketId};

/// Packets of Engine.IO that carry nothing.
pub(crate) const CLOSE: &[u8] = b"1";
const CLOSE_AFTER_OTHERS: &[u8] = b"\x1e1";
const PING: &[u8] = b"2";
pub(crate) const NOOP: &[u8] = b"6";

/// The heartbeat of a WebSocket under a session that has its own.
pub(crate) const RESTING: Heartbeat = Heartbeat { interval_ms: u64::MAX / 4, timeout_ms: u64::MAX / 4 };

/// What a request of an Engine.IO session is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineAnswer {
    /// A poll's: the packets that waited.
    Polled(Vec<u8>),
    /// A post's: its packets are handled, or the session has ended over them.
    Posted,
    /// The session has a WebSocket now; no request of it waits any more.
    Upgraded,
}

impl Core {
    /// The session of this id.
    pub(crate) fn engine(&self, id: &EngineId) -> Option<SocketId> {
        let socket = self.socket_at(id.slot).filter(|_| id.shard == self.shard)?;
        let carrier = self.at(id.slot)?.carrier()?;
        // Nothing but the whole of the secret tells anything, and comparing it tells how much was right only to nanoseconds.
        (carrier.secret == id.secret).then_some(socket)
    }

    /// Tells a newcomer its session's id and terms.
    pub(crate) fn open_engine(&mut self, socket: SocketId) {
        let Some(connection) = self.get(socket) else { return };
        let Some(carrier) = connection.carrier() else { return };
        let id = EngineId { shard: self.shard, slot: socket.slot, secret: carrier.secret }.to_string();
        let open = Open {
            sid: &id,
            upgrades: if carrier.polling.is_some() { &["websocket"] } else { &[] },
            ping_interval_ms: self.limits.heartbeat.interval_ms,
            ping_timeout_ms: self.limits.heartbeat.timeout_ms,
            max_payload_bytes: self.rules[usize::from(connection.door.0)].text_limit_bytes as u64,
        };
        let mut text = Vec::new();
        write_open(&mut text, &open);
        self.push_packet(socket.slot, &text);
    }

    /// Sends one packet of Engine.IO that is text, given with its type; no policy drops it.
    pub(crate) fn push_packet(&mut self, slot: u32, text: &[u8]) {
        let Some(variant) = self.at(slot).map(|connection| connection.variant) else { return };
        let span = self.encoder.packets(&mut self.log, Some(text), &[], variant);
        self.push_span(slot, span);
    }

    /// A poll has come for a session. The answer follows, unless it is refused; where one waits already, the session is over.
    pub(crate) fn poll(&mut self, socket: SocketId) -> Result<(), RequestError> {
        let now_ms = self.now.ms;
        let Some(connection) = connection_in(&mut self.slots, socket.slot) else {
            return Err(RequestError::UnknownSession);
        };
        let is_over = connection.gone.is_some();
        let has_rest = !connection.outbox.is_empty();
        let Some(polling) = connection.carrier_mut().and_then(|carrier| carrier.polling.as_mut()) else {
            return Err(RequestError::BadRequest);
        };
        if is_over && !has_rest {
            return Err(RequestError::UnknownSession);
        }
        if polling.waits {
            self.end_engine(socket, Gone::Misbehaved, true);
            return Err(RequestError::BadRequest);
        }
        polling.waits = true;
        polling.polled_at_ms = now_ms;
        connection.blocked = false;
        connection.session.progressed(now_ms);
        if has_rest {
            self.mark_dirty(socket.slot);
        }
        Ok(())
    }

    /// A body has been posted. It is handled within the session's share of each turn, and answered when that is done.
    pub(crate) fn post(&mut self, socket: SocketId, body: String) -> Result<(), RequestError> {
        let Some(connection) = self.get_mut(socket).filter(|connection| connection.gone.is_none()) else {
            return Err(RequestError::UnknownSession);
        };
        let Some(carrier) = connection.carrier_mut().filter(|carrier| carrier.polling.is_some()) else {
            return Err(RequestError::BadRequest);
        };
        if carrier.post.is_some() {
            self.end_engine(socket, Gone::Misbehaved, false);
            return Err(RequestError::BadRequest);
        }
        carrier.post = Some(Box::new(Post { body, at: 0 }));
        self.account(socket.slot);
        self.posts.push_back(socket);
        Ok(())
    }

    /// The outbox of a session that polls, as the answer to the poll that waits. Gives its length.
    pub(crate) fn answer_poll(&mut self, socket: SocketId) -> usize {
        let now_ms = self.now.ms;
        let Some(connection) = connection_in(&mut self.slots, socket.slot) else { return 0 };
        let Some(polling) = connection.carrier_mut().and_then(|carrier| carrier.polling.as_mut()) else {
            return 0;
        };
        polling.waits = false;
        polling.polled_at_ms = now_ms;
        connection.blocked = true;
        let mut body = take_body(&mut connection.outbox, &mut self.log);
        let bytes = body.len();
        let is_gone = connection.gone.is_some();
        if is_gone && body.len() > CLOSE_AFTER_OTHERS.len() && body.ends_with(CLOSE_AFTER_OTHERS) {
            // Clients hear of the end at once and of the packets before it a moment later: the end waits for the next poll.
            body.truncate(body.len() - CLOSE_AFTER_OTHERS.len());
            self.push_packet(socket.slot, CLOSE);
        }
        self.answers.push_back((socket, EngineAnswer::Polled(body)));
        if is_gone {
            self.finish_if_done(socket.slot);
        }
        bytes
    }

    /// The 100 ms between two noops of a session whose WebSocket is being tried are over: its poll must not wait longer.
    pub(crate) fn noop_due(&mut self, socket: SocketId) {
        let carrier = self.get_mut(socket).and_then(Connection::carrier_mut);
        if let Some(polling) = carrier.and_then(|carrier| carrier.polling.as_mut()) {
            polling.noop_is_set = false;
        }
        self.noop(socket);
    }

    /// Answers the poll of a session whose WebSocket is being tried, now and every 100 ms.
    pub(crate) fn noop(&mut self, socket: SocketId) {
        let Some(connection) = self.get_mut(socket).filter(|connection| connection.gone.is_none()) else {
            return;
        };
        let is_empty = connection.outbox.is_empty();
        let Some(Carrier { polling: Some(polling), prober: Some(_), .. }) = connection.carrier_mut() else {
            return;
        };
        let waits = polling.waits;
        let is_set = std::mem::replace(&mut polling.noop_is_set, true);
        if waits && is_empty {
            self.push_packet(socket.slot, NOOP);
        }
        if !is_set {
            self.timers.set(self.now.ms + NOOP_INTERVAL_MS, Due::Noop(socket));
        }
    }

    /// Looks at the clock of a session; says when to look again.
    pub(crate) fn check_engine(&mut self, slot: u32) -> Option<u64> {
        let (now_ms, heartbeat) = (self.now.ms, self.limits.heartbeat);
        let socket = self.socket_at(slot)?;
        let connection = connection_in(&mut self.slots, slot)?;
        if connection.paused {
            let Some(polling) = connection.carrier().and_then(|carrier| carrier.polling) else {
                // As the heartbeat of a WebSocket of its own does.
                self.push_packet(slot, PING);
                return Some(now_ms + heartbeat.interval_ms);
            };
            // Its pongs are not read, so that its polls are what shows that it is there.
            let silent_ms = now_ms.saturating_sub(polling.polled_at_ms);
            if !polling.waits && silent_ms >= heartbeat.interval_ms + heartbeat.timeout_ms {
                self.counters.heartbeat_timeouts += 1;
                self.expire(slot, Gone::HeartbeatTimeout);
                return None;
            }
            return Some(now_ms + heartbeat.interval_ms);
        }
        match connection.role.as_deref_mut()? {
            Role::Member(_) => None,
            Role::Prober(prober) => {
                let expires_at_ms = prober.probe.expires_at_ms();
                if now_ms < expires_at_ms {
                    return Some(expires_at_ms);
                }
                self.close(socket, fanfare_session::websocket::CloseCode::NORMAL, "Not upgraded in time");
                None
            }
            Role::Carrier(carrier) => match carrier.engine.check(now_ms, &heartbeat) {
                Pulsed::Again { at_ms } => Some(at_ms),
                Pulsed::Ping { check_at_ms } => {
                    self.push_packet(slot, PING);
                    Some(check_at_ms)
                }
                Pulsed::Expired => {
                    self.counters.heartbeat_timeouts += 1;
                    self.expire(slot, Gone::HeartbeatTimeout);
                    None
                }
                Pulsed::NotJoined => {
                    self.end_engine(socket, Gone::Misbehaved, true);
                    None
                }
            },
        }
    }

    /// Ends a session: at once, or with word to its client.
    pub(crate) fn end_engine(&mut self, socket: SocketId, gone: Gone, tell: bool) {
        if matches!(gone, Gone::Misbehaved | Gone::Undecodable | Gone::OutOfPlace) {
            self.counters.misbehaved += 1;
        }
        let now_ms = self.now.ms;
        let Some(connection) = self.get(socket).filter(|connection| connection.gone.is_none()) else {
            return;
        };
        if connection.polls() {
            if tell {
                self.push_packet(socket.slot, CLOSE);
            } else if let Some(connection) = connection_in(&mut self.slots, socket.slot) {
                connection.outbox.clear(&mut self.log);
            }
        } else {
            self.with_session(socket.slot, |session, transmit| session.close_without_code(now_ms, transmit));
        }
        self.depart(socket.slot, gone);
    }

    /// Whoever was in namespaces of this session is so no more.
    pub(super) fn depart_members(&mut self, slot: u32, gone: Gone) {
        let Some(connection) = connection_in(&mut self.slots, slot) else { return };
        let polls = connection.polls();
        match connection.role.as_deref_mut() {
            None => {}
            Some(Role::Carrier(carrier)) => {
                carrier.post = None;
                carrier.engine.abandon();
                let members = std::mem::take(&mut carrier.members);
                // A client that is about to upgrade polls no more: it gets the rest over its WebSocket.
                let prober = if connection.outbox.is_empty() { carrier.prober.take() } else { None };
                if polls {
                    // There is no closing handshake to wait for.
                    connection.session.abandon(&mut self.inflaters);
                }
                for member in members {
                    self.depart(member, gone);
                }
                if let Some(prober) = prober {
                    self.close(prober, fanfare_session::websocket::CloseCode::NORMAL, "");
                }
                self.account(slot);
            }
            Some(Role::Member(_)) => connection.ended = true,
            Some(Role::Prober(prober)) => {
                let carrier = prober.carrier;
                if let Some(carrier) = self.get_mut(carrier).and_then(|there| there.carrier_mut()) {
                    carrier.prober = None;
                }
            }
        }
    }
}

/// What waits for a session that polls, as the body of an answer: without the separator before the first packet.
pub(crate) fn take_body(outbox: &mut Outbox, log: &mut crate::fanout::Log) -> Vec<u8> {
    let mut body = outbox.bytes(log);
    outbox.clear(log);
    if body.first() == Some(&SEPARATOR) {
        body.remove(0);
    }
    body
}
