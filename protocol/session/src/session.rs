//! The session: a WebSocket connection from its upgrade to its end.

use fanfare_native::ErrorCode;
use fanfare_websocket::{
    CloseCode, DeflateParameters, InflaterPool, Misbehaved, Opcode, Payload, Read, ReadContext, Reader, Role,
    Short, ShortMessage, Text, write_close, write_frame,
};

use crate::heartbeat::{Check, Expiry, Heartbeat};
use crate::native_state::{self, NativeState, Opened, Place};
use crate::pending::Reply;
use crate::turn::{Share, Turn};

/// How long the peer may take to answer our close frame (RFC 6455 §7.1.1 leaves it to us).
pub const CLOSE_TIMEOUT_MS: u64 = 5_000;

/// How long a compressed message may keep an inflater without a byte arriving.
pub const INFLATER_STALL_MS: u64 = 5_000;

/// How long a compressed message may keep an inflater while others wait for one.
pub const INFLATER_HOLD_MS: u64 = 30_000;

/// One connection. What is rarely needed is boxed: thousands of these sit idle.
#[derive(Debug)]
pub struct Session {
    reader: Reader,
    native: Option<Box<NativeState>>,
    last_seen_ms: u64,
    /// When the ping or the close frame went out that now waits for its answer, or the peer last took some of a backlog.
    asked_ms: u64,
    /// While an inflater is held.
    inflating: Option<Box<InflatingTimes>>,
    state: State,
    awaits_pong: bool,
    /// Set while the socket is not read: silence then is ours, not the peer's.
    suspended: bool,
}

/// Of a compressed message that is under way.
#[derive(Debug)]
struct InflatingTimes {
    since_ms: u64,
    /// When it last went on.
    went_on_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is out.
    Closing,
    /// Both close frames have passed, or the peer broke the protocol.
    Over,
}

/// One thing that arrived.
#[derive(Debug)]
pub enum Received<'a> {
    /// All input is taken and nothing is complete.
    Nothing,
    /// A text message.
    Text(Text<'a>),
    /// A binary message.
    Binary(Payload<'a>),
    /// A control frame, dealt with.
    Control,
    /// The connection has had its share of this turn.
    ShareUsed,
    /// A compressed message has begun and no inflater is free.
    InflaterWanted {
        /// It lies whole in the input.
        whole: bool,
    },
    /// The conversation is over: send what is in `transmit`, then close the socket.
    Ended(End),
}

/// How a conversation ended.
#[derive(Debug)]
pub enum End {
    /// The peer closed, with this code and reason (RFC 6455 §5.5.1).
    ByPeer(Option<CloseCode>, String),
    /// We closed, and the peer has answered.
    ByUs,
    /// The peer broke the protocol or a limit; the close frame names the code.
    Misbehaved(Misbehaved),
}

impl Session {
    /// A session whose upgrade has just been answered.
    #[must_use]
    pub fn new(now_ms: u64, deflate: Option<&DeflateParameters>) -> Self {
        Self {
            reader: Reader::new(Role::Server, deflate),
            native: None,
            last_seen_ms: now_ms,
            asked_ms: 0,
            inflating: None,
            state: State::Open,
            awaits_pong: false,
            suspended: false,
        }
    }

    /// The short message at the front of `input`, where there is one, somebody still listens, and the connection has not had its
    /// share of the turn: then [`Session::take_short`] does what [`Session::receive`] does, for a part of the cost.
    #[inline]
    #[must_use]
    pub fn short_message(&self, input: &[u8], limit_bytes: usize, share: &Share) -> Option<ShortMessage> {
        if self.state != State::Open || share.is_used() {
            return None;
        }
        self.reader.short_message(input, limit_bytes)
    }

    /// Takes a short message from the front of the input in which it was found. Where it is text that is not UTF-8 there is none, and
    /// the conversation is over: see [`Session::refuse_short`].
    #[inline(always)]
    pub fn take_short<'a>(
        &mut self,
        short: ShortMessage,
        input: &'a mut [u8],
        now_ms: u64,
        share: &mut Share,
    ) -> Option<Short<'a>> {
        self.last_seen_ms = now_ms;
        self.awaits_pong = false;
        let taken = short.lend(input)?;
        share.frames -= 1;
        Some(taken)
    }

    /// Closes for a short text that is not UTF-8.
    pub fn refuse_short(&mut self, transmit: &mut Vec<u8>) -> End {
        self.end_for(Misbehaved::TextNotUtf8, transmit)
    }

    /// Whether it listens, and nothing that it received waits for anything.
    #[inline]
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.state == State::Open && self.holds_nothing()
    }

    /// Where the rest of a long message is to be read to; see [`Reader::space`](fanfare_websocket::Reader::space).
    pub fn space(&mut self) -> Option<&mut Vec<u8>> {
        if self.state == State::Open { self.reader.space() } else { None }
    }

    /// So many bytes have been appended to [`Session::space`]. Gives those that were too much, which come before whatever is read
    /// next: call [`Session::receive`] with them in any case, since the message may be complete.
    pub fn appended<'a>(&mut self, bytes: usize, turn: &mut Turn<'_>) -> (Vec<u8>, Received<'a>) {
        self.last_seen_ms = turn.now_ms;
        self.awaits_pong = false;
        match self.reader.appended(bytes) {
            Ok(excess) => (excess, Received::Nothing),
            Err(misbehaved) => (Vec::new(), self.misbehaved(misbehaved, turn.transmit)),
        }
    }

    /// Takes bytes from the front of `input`, unmasking them in place, until one thing is complete. Returns how many.
    pub fn receive<'a>(&mut self, input: &'a mut [u8], turn: &mut Turn<'_>) -> (usize, Received<'a>) {
        if self.state == State::Over {
            return (input.len(), Received::Nothing);
        }
        if turn.share.is_used() {
            let waits = !input.is_empty() || self.reader.holds_inflater();
            return (0, if waits { Received::ShareUsed } else { Received::Nothing });
        }
        if !input.is_empty() {
            self.last_seen_ms = turn.now_ms;
            self.awaits_pong = false;
        }
        let mut context = ReadContext {
            message_limit_bytes: turn.binary_limit_bytes.max(turn.text_limit_bytes),
            inflaters: turn.inflaters,
            inflate_budget_bytes: turn.share.inflated_bytes,
        };
        let (held_before, came) = (self.reader.holds_inflater(), !input.is_empty());
        let read = self.reader.read(input, &mut context);
        turn.share.inflated_bytes = context.inflate_budget_bytes;
        let still_inflating = matches!(read, Ok((_, Read::NeedMore | Read::Yield)));
        self.note_inflating(turn.now_ms, held_before, came && still_inflating);
        match read {
            Ok((consumed, Read::NeedMore | Read::Yield))
                if self.over(turn, self.reader.unfinished_text_bytes()) =>
            {
                (consumed, self.too_big(turn, self.reader.unfinished_text_bytes()))
            }
            Ok((consumed, Read::NeedMore)) => (consumed, Received::Nothing),
            Ok((consumed, Read::Yield)) => (consumed, Received::ShareUsed),
            Ok((consumed, Read::Text(text))) if self.over(turn, text.len() as u64) => {
                (consumed, self.too_big(turn, text.len() as u64))
            }
            Ok((consumed, Read::NoInflater { whole })) => (consumed, Received::InflaterWanted { whole }),
            Ok((consumed, read)) => {
                turn.share.frames -= 1;
                (consumed, self.event(read, turn.transmit))
            }
            Err(misbehaved) => (0, self.misbehaved(misbehaved, turn.transmit)),
        }
    }

    /// Control frames between its fragments do not carry a compressed message on: only its own bytes do.
    fn note_inflating(&mut self, now_ms: u64, held_before: bool, went_on: bool) {
        if !self.reader.holds_inflater() {
            self.inflating = None;
        } else if !held_before {
            self.inflating = Some(Box::new(InflatingTimes { since_ms: now_ms, went_on_ms: now_ms }));
        } else if went_on && let Some(times) = &mut self.inflating {
            times.went_on_ms = now_ms;
        }
    }

    /// The reader knows one limit for all messages; text may have a lower one.
    fn over(&self, turn: &Turn<'_>, text_bytes: u64) -> bool {
        text_bytes > turn.text_limit_bytes as u64
    }

    fn too_big<'a>(&mut self, turn: &mut Turn<'_>, size_bytes: u64) -> Received<'a> {
        self.misbehaved(Misbehaved::TooBig { size_bytes, limit_bytes: turn.text_limit_bytes }, turn.transmit)
    }

    fn event<'a>(&mut self, read: Read<'a>, transmit: &mut Vec<u8>) -> Received<'a> {
        match read {
            Read::Close(close) => self.peer_closed(close, transmit),
            // After our close frame the peer may still be in mid-sentence; nobody listens any more.
            _ if self.state == State::Closing => Received::Control,
            Read::Text(text) => Received::Text(text),
            Read::Binary(payload) => Received::Binary(payload),
            Read::Ping(payload) => {
                write_frame(transmit, Opcode::Pong, true, false, &payload, None);
                Received::Control
            }
            Read::Pong(_) | Read::NeedMore | Read::Yield | Read::NoInflater { .. } => Received::Control,
        }
    }

    fn peer_closed<'a>(
        &mut self,
        close: Option<(CloseCode, Text<'_>)>,
        transmit: &mut Vec<u8>,
    ) -> Received<'a> {
        let answered = self.state == State::Closing;
        self.state = State::Over;
        if answered {
            return Received::Ended(End::ByUs);
        }
        match close {
            Some((code, reason)) => {
                write_close(transmit, code, "", None);
                Received::Ended(End::ByPeer(Some(code), reason.into_owned()))
            }
            None => {
                write_frame(transmit, Opcode::Close, true, false, &[], None);
                Received::Ended(End::ByPeer(None, String::new()))
            }
        }
    }

    fn misbehaved<'a>(&mut self, misbehaved: Misbehaved, transmit: &mut Vec<u8>) -> Received<'a> {
        Received::Ended(self.end_for(misbehaved, transmit))
    }

    fn end_for(&mut self, misbehaved: Misbehaved, transmit: &mut Vec<u8>) -> End {
        if self.state == State::Open {
            write_close(transmit, misbehaved.close_code(), &misbehaved.to_string(), None);
        }
        self.state = State::Over;
        End::Misbehaved(misbehaved)
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2). Nothing happens where it has begun already.
    pub fn close(&mut self, now_ms: u64, code: CloseCode, reason: &str, transmit: &mut Vec<u8>) {
        if self.state == State::Open {
            write_close(transmit, code, reason, None);
            self.state = State::Closing;
            self.asked_ms = now_ms;
        }
    }

    /// Begins the closing handshake without a code, as Engine.IO servers do.
    pub fn close_without_code(&mut self, now_ms: u64, transmit: &mut Vec<u8>) {
        if self.state == State::Open {
            write_frame(transmit, Opcode::Close, true, false, &[], None);
            self.state = State::Closing;
            self.asked_ms = now_ms;
        }
    }

    /// Whether nothing that arrived is unfinished: without further bytes there is nothing to receive.
    #[inline]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    /// Opens a text message of the native dialect.
    pub fn open<'a>(&mut self, text: &'a str) -> Opened<'a> {
        native_state::open(&mut self.native, text, Place::Alone)
    }

    /// Opens a message that stood inside a batch.
    pub fn open_in_batch<'a>(&mut self, text: &'a str) -> Opened<'a> {
        native_state::open(&mut self.native, text, Place::InBatch)
    }

    /// Opens a message that [`Session::take_in_order`] gave.
    pub fn open_in_order<'a>(&mut self, text: &'a str) -> Opened<'a> {
        native_state::open(&mut self.native, text, Place::InOrder)
    }

    /// Notes the number of an acknowledgement that a Socket.IO client wants.
    ///
    /// # Errors
    /// A code, and a sentence that names the limit.
    pub fn open_id(&mut self, id: &str) -> Result<Reply, (ErrorCode, String)> {
        let pending = &mut self.native.get_or_insert_default().pending;
        pending.open(id).map_err(|refused| native_state::id_refused(refused, id))
    }

    /// The text that waited for the `seq` just handled, if there is one.
    pub fn take_in_order(&mut self) -> Option<String> {
        self.native.as_mut()?.order.take_ready()
    }

    /// Takes the id (as it stood in the text) that `reply` stands for; `None` where it has been answered.
    pub fn take_id(&mut self, reply: Reply) -> Option<Box<str>> {
        self.native.as_mut()?.pending.take(reply)
    }

    /// Whether an `id` still waits for its answer.
    #[must_use]
    pub fn owes_answers(&self) -> bool {
        self.native.as_ref().is_some_and(|native| !native.pending.is_empty())
    }

    /// Says that the socket is not read for a while: until it is read again nobody is given up for silence.
    pub fn suspend(&mut self, suspended: bool, now_ms: u64) {
        if self.suspended && !suspended {
            self.last_seen_ms = now_ms;
            self.awaits_pong = false;
        }
        self.suspended = suspended;
    }

    /// Says that a socket which was full has taken bytes: somebody is reading, and a ping that stands behind a backlog cannot
    /// be answered before it is read.
    pub fn progressed(&mut self, now_ms: u64) {
        self.asked_ms = now_ms;
    }

    /// When the rest of what a departed peer is owed is given up, unless it takes some of it before.
    #[must_use]
    pub fn gives_up_at_ms(&self) -> u64 {
        self.asked_ms + CLOSE_TIMEOUT_MS
    }

    /// Looks whether a time has run out; pings a silent peer.
    ///
    /// `inflaters_wanted` says that others wait for an inflater.
    pub fn check(
        &mut self,
        now_ms: u64,
        heartbeat: &Heartbeat,
        inflaters_wanted: bool,
        transmit: &mut Vec<u8>,
    ) -> Check {
        match self.state {
            State::Open => self.check_open(now_ms, heartbeat, inflaters_wanted, transmit),
            State::Closing if now_ms < self.asked_ms + CLOSE_TIMEOUT_MS => {
                Check::Again { at_ms: self.asked_ms + CLOSE_TIMEOUT_MS }
            }
            State::Closing | State::Over => Check::Expired(Expiry::Close),
        }
    }

    fn check_open(
        &mut self,
        now_ms: u64,
        heartbeat: &Heartbeat,
        inflaters_wanted: bool,
        transmit: &mut Vec<u8>,
    ) -> Check {
        if self.suspended {
            // No answer is waited for, since nobody would read it. But an end that stands behind what is not read shows itself
            // in no other way: whoever has gone answers with a reset.
            let asks_at = self.last_seen_ms.max(self.asked_ms).saturating_add(heartbeat.interval_ms);
            if now_ms < asks_at {
                return Check::Again { at_ms: asks_at };
            }
            write_frame(transmit, Opcode::Ping, true, false, &[], None);
            self.asked_ms = now_ms;
            return Check::Again { at_ms: now_ms + heartbeat.interval_ms };
        }
        if let Some(times) = &self.inflating {
            let stalls_at = times.went_on_ms + INFLATER_STALL_MS;
            let over_time = inflaters_wanted && now_ms >= times.since_ms + INFLATER_HOLD_MS;
            if now_ms < stalls_at && !over_time {
                return Check::Again { at_ms: stalls_at };
            }
            return Check::Expired(Expiry::InflaterStall);
        }
        if self.awaits_pong {
            let gives_up_at = self.asked_ms + heartbeat.timeout_ms;
            return if now_ms < gives_up_at {
                Check::Again { at_ms: gives_up_at }
            } else {
                Check::Expired(Expiry::Heartbeat)
            };
        }
        let asks_at = self.last_seen_ms + heartbeat.interval_ms;
        if now_ms < asks_at {
            return Check::Again { at_ms: asks_at };
        }
        write_frame(transmit, Opcode::Ping, true, false, &[], None);
        self.awaits_pong = true;
        self.asked_ms = now_ms;
        Check::Again { at_ms: now_ms + heartbeat.timeout_ms }
    }

    /// Whether there is nothing that [`Session::held_bytes`] could count.
    #[inline]
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.native.is_none() && self.reader.holds_nothing()
    }

    /// Bytes held for messages that are not finished or not yet due.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes() + self.native.as_ref().map_or(0, |native| native.order.held_bytes())
    }

    /// Whether a compressed message is under way, which is watched more closely than the heartbeat.
    #[must_use]
    pub fn holds_inflater(&self) -> bool {
        self.reader.holds_inflater()
    }

    /// Listens no more: what is unfinished is dropped, and what was borrowed from the shard goes back.
    pub fn abandon(&mut self, inflaters: &mut InflaterPool) {
        std::mem::replace(&mut self.reader, Reader::new(Role::Server, None)).release(inflaters);
        self.native = None;
        self.inflating = None;
        self.state = State::Over;
    }

    /// Whether our close frame is out, or none is needed any more.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        self.state != State::Open
    }

    /// Whether nothing that arrives matters any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }
}
