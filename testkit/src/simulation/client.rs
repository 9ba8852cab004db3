//! A simulated client: it talks the native dialect over frames of its own, and writes down all it sends and sees.

use std::cell::RefCell;
use std::rc::Rc;

use fanfare_websocket::{
    CloseCode, DeflateParameters, Deflater, InflaterPool, Opcode, Read, ReadContext, Reader, Role,
    write_close, write_frame,
};
use serde_json::Value;

use super::network::Wire;
use super::random::Random;

/// One line of a client's log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Virtual time.
    pub at_ms: u64,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// The client sent a JSON message (each inner one of a batch by itself).
    Sent(Value),
    /// The client sent a binary message.
    SentBinary(Vec<u8>),
    /// The client sent plain text (echo).
    SentText(String),
    /// The client got a JSON message.
    Got(Value),
    /// The client got a binary message.
    GotBinary(Vec<u8>),
    /// The client got plain text (echo).
    GotText(String),
}

/// How a connection ended, as the client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The network cut it.
    Cut,
    /// The client closed it, or ended its direction.
    Left,
    /// The server closed it, with this code.
    ByServer(u16),
    /// The transport ended without a close frame that the client was waiting for.
    Ended,
}

/// One connection's client.
#[derive(Debug)]
pub struct Client {
    /// Its place in the world's list.
    pub number: usize,
    /// The door: 0 echo, 1 chat, 2 binary.
    pub door: u8,
    /// It speaks Socket.IO, and came to its door as a namespace.
    pub socketio: bool,
    /// All it sent and saw.
    pub log: Vec<Entry>,
    /// How it ended, and when it stopped sending.
    pub exit: Option<(u64, Exit)>,
    /// Its `clientId`, once welcomed.
    pub id: Option<String>,
    /// It was slow at some time, so that it may have been closed for it.
    pub was_slow: bool,
    /// It broke the protocol on purpose.
    pub misbehaved: bool,
    /// It has sent a close frame, or ended its direction.
    pub leaving: bool,
    /// When it chose to go.
    pub left_at_ms: Option<u64>,
    pub(super) shard: usize,
    pub(super) token: Option<usize>,
    pub(super) wire: Rc<RefCell<Wire>>,
    pub(super) stalled_until_ms: u64,
    pub(super) rooms_wanted: Vec<String>,
    pub(super) next_id: u64,
    pub(super) next_text: u64,
    pub(super) next_seq: Option<u64>,
    pub(super) held_back: Option<Value>,
    pub(super) deflate: Option<DeflateParameters>,
    deflater: Option<Deflater>,
    reader: Reader,
    inflaters: InflaterPool,
    outgoing: Vec<u8>,
}

impl Client {
    pub(super) fn new(number: usize, door: u8, shard: usize, wire: Rc<RefCell<Wire>>, deflate: bool) -> Self {
        let deflate = deflate.then_some(DeflateParameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        });
        Self {
            number,
            door,
            socketio: false,
            log: Vec::new(),
            exit: None,
            id: None,
            was_slow: false,
            misbehaved: false,
            leaving: false,
            left_at_ms: None,
            shard,
            token: None,
            wire,
            stalled_until_ms: 0,
            rooms_wanted: Vec::new(),
            next_id: 1,
            next_text: 1,
            next_seq: None,
            held_back: None,
            deflate,
            deflater: None,
            reader: Reader::new(Role::Client, deflate.as_ref()),
            inflaters: InflaterPool::new(4, 1 << 20),
            outgoing: Vec::new(),
        }
    }

    /// Whether it still takes part.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.exit.is_none() && !self.leaving
    }

    pub(super) fn note(&mut self, at_ms: u64, what: What) {
        self.log.push(Entry { at_ms, what });
    }

    /// Puts a message on its way, in one frame or several, compressed or not.
    pub(super) fn frame(&mut self, random: &mut Random, opcode: Opcode, payload: &[u8]) {
        let mask = (random.next() as u32).to_le_bytes();
        let mut compressed = Vec::new();
        let deflates = self.deflate.is_some() && random.once_in(3);
        let payload = if deflates {
            let deflater = self.deflater.get_or_insert_with(|| Deflater::new(15));
            deflater.deflate(payload, &mut compressed).expect("compressing works");
            &compressed
        } else {
            payload
        };
        if payload.len() > 1 && random.once_in(6) {
            let (first, second) = payload.split_at(random.below(payload.len()));
            write_frame(&mut self.outgoing, opcode, false, deflates, first, Some(mask));
            if random.once_in(2) {
                write_frame(&mut self.outgoing, Opcode::Ping, true, false, b"between", Some(mask));
            }
            write_frame(&mut self.outgoing, Opcode::Continuation, true, false, second, Some(mask));
        } else {
            write_frame(&mut self.outgoing, opcode, true, deflates, payload, Some(mask));
        }
    }

    pub(super) fn close_frame(&mut self) {
        write_close(&mut self.outgoing, CloseCode::NORMAL, "bye", Some([1, 2, 3, 4]));
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
    }

    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// Reads what has arrived. Returns whether a close frame was among it that has to be answered.
    pub(super) fn read(&mut self, now_ms: u64, mut bytes: Vec<u8>) -> Result<bool, String> {
        let mut taken = 0;
        let mut answer_close = false;
        loop {
            let mut cx = ReadContext {
                message_limit_bytes: 1 << 26,
                inflaters: &mut self.inflaters,
                inflate_budget_bytes: usize::MAX,
            };
            let (more, read) = self
                .reader
                .read(&mut bytes[taken..], &mut cx)
                .map_err(|error| format!("client {} cannot read the server: {error}", self.number))?;
            taken += more;
            let what = match read {
                Read::NeedMore | Read::Yield | Read::NoInflater { .. } => return Ok(answer_close),
                Read::Ping(payload) => {
                    let payload = payload.into_owned();
                    write_frame(&mut self.outgoing, Opcode::Pong, true, false, &payload, Some([9, 9, 9, 9]));
                    continue;
                }
                Read::Pong(_) => continue,
                Read::Close(close) => {
                    let code = close.map_or(1005, |(code, _)| code.get());
                    if self.exit.is_none() {
                        self.exit =
                            Some((now_ms, if self.leaving { Exit::Left } else { Exit::ByServer(code) }));
                    }
                    answer_close = !self.leaving;
                    continue;
                }
                Read::Text(text) if self.door == 0 => What::GotText(text.into_owned()),
                Read::Text(text) if self.socketio => match self.packet(&text)? {
                    Some(message) => What::Got(message),
                    None => continue,
                },
                Read::Text(text) => What::Got(serde_json::from_str(&text).map_err(|error| {
                    format!("client {} got what is no JSON: {error}: {}", self.number, &*text)
                })?),
                Read::Binary(payload) => What::GotBinary(payload.into_owned()),
            };
            self.got(now_ms, what);
        }
    }

    /// A packet of Socket.IO as the native message that it stands for; `None` where it is the protocol's own.
    fn packet(&mut self, text: &str) -> Result<Option<Value>, String> {
        let fault = |why: &str| format!("client {} got {why}: {text}", self.number);
        if text == "2" {
            write_frame(&mut self.outgoing, Opcode::Text, true, false, b"3", Some([9, 9, 9, 9]));
            return Ok(None);
        }
        if text.starts_with('0') || text.starts_with("40/chat,") {
            return Ok(None);
        }
        if let Some(json) = text.strip_prefix("42/chat,") {
            let event: Value = serde_json::from_str(json).map_err(|_| fault("a bad event"))?;
            let mut message = event[1].clone();
            message["type"] = event[0].clone();
            return Ok(Some(message));
        }
        let ack = text.strip_prefix("43/chat,").ok_or_else(|| fault("a packet that is out of place"))?;
        let at = ack.find('[').ok_or_else(|| fault("a bad acknowledgement"))?;
        let id: u64 = ack[..at].parse().map_err(|_| fault("a bad id"))?;
        let answer: Value = serde_json::from_str(&ack[at..]).map_err(|_| fault("a bad acknowledgement"))?;
        let mut message = answer[0].clone();
        message["type"] = if message["ok"] == true { "ack".into() } else { "nack".into() };
        message["messageId"] = id.into();
        Ok(Some(message))
    }

    fn got(&mut self, now_ms: u64, what: What) {
        if let What::Got(value) = &what {
            if value["type"] == "batch" {
                for inner in value["messages"].as_array().into_iter().flatten() {
                    self.got(now_ms, What::Got(inner.clone()));
                }
                return;
            }
            if value["type"] == "welcome" {
                self.id = value["clientId"].as_str().map(str::to_owned);
            }
        }
        self.note(now_ms, what);
    }
}
