//! Cases of RFC 6455 and RFC 7692: bytes on the wire, and the events or the close code that must follow.

use fanfare_websocket::{
    DeflateParameters, INFLATER_BYTES, InflaterPool, Misbehaved, Opcode, Read, ReadContext, Reader, Role,
    write_frame,
};

const MASK: [u8; 4] = [0xA1, 0x5B, 0xFF, 0x02];
const MESSAGE_LIMIT_BYTES: usize = 16 << 20;

/// How many random ways to cut an input, beside whole and byte by byte.
const RANDOM_CUTS: u64 = 16;

/// What an unfinished message costs beside its bytes.
const HELD_FIXED_BYTES: usize = 512;

/// Beyond it, byte by byte takes too long and finds nothing new.
const BYTEWISE_MAX_BYTES: usize = 256 * 1024;

/// What a reader finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer closes: its code and reason. What follows on the wire must not count.
    Close(Option<(u16, String)>),
    /// The connection fails with this close code.
    Fails(u16),
}

/// One rule: what arrives and what must be found.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    role: Role,
    deflate: Option<DeflateParameters>,
    message_limit_bytes: usize,
    wire: Vec<u8>,
    expected: Vec<Event>,
    /// The verdict must be there once this much of the input has arrived.
    decided_after_bytes: Option<usize>,
}

/// A case for a server: [`Case::frame`] masks. The name starts with the section of the standard.
#[must_use]
pub fn server(name: impl Into<String>) -> Case {
    Case::new(name.into(), Role::Server)
}

/// A case for a client: [`Case::frame`] does not mask.
#[must_use]
pub fn client(name: impl Into<String>) -> Case {
    Case::new(name.into(), Role::Client)
}

/// One frame's bytes as a client sends it.
#[must_use]
pub fn frame(opcode: Opcode, fin: bool, rsv1: bool, payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    write_frame(&mut wire, opcode, fin, rsv1, payload, Some(MASK));
    wire
}

impl Case {
    fn new(name: String, role: Role) -> Self {
        let (deflate, decided_after_bytes) = (None, None);
        let message_limit_bytes = MESSAGE_LIMIT_BYTES;
        Self {
            name,
            role,
            deflate,
            message_limit_bytes,
            wire: Vec::new(),
            expected: Vec::new(),
            decided_after_bytes,
        }
    }

    /// With permessage-deflate negotiated.
    #[must_use]
    pub fn deflate(mut self, deflate: DeflateParameters) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// With another limit on a message.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.message_limit_bytes = bytes;
        self
    }

    /// Bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.wire.extend_from_slice(bytes);
        self
    }

    /// A frame, masked where the peer is a client.
    #[must_use]
    pub fn frame(mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Self {
        let mask = self.mask();
        write_frame(&mut self.wire, opcode, fin, false, payload, mask);
        self
    }

    /// A frame with RSV1 set.
    #[must_use]
    pub fn compressed_frame(mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Self {
        let mask = self.mask();
        write_frame(&mut self.wire, opcode, fin, true, payload, mask);
        self
    }

    /// A Close frame with this payload.
    #[must_use]
    pub fn close(self, code: u16, reason: &[u8]) -> Self {
        let payload = [&code.to_be_bytes(), reason].concat();
        self.frame(Opcode::Close, true, &payload)
    }

    /// What must be found next.
    #[must_use]
    pub fn finds(mut self, event: Event) -> Self {
        self.expected.push(event);
        self
    }

    /// The connection must fail with `code`, and no later than with the last byte so far.
    #[must_use]
    pub fn fails_here(mut self, code: u16) -> Self {
        self.decided_after_bytes = Some(self.wire.len());
        self.finds(Event::Fails(code))
    }

    /// Delivers the input whole, byte by byte and in random pieces.
    ///
    /// # Panics
    /// If anything but what is expected was found.
    pub fn run(&self) {
        let name = &self.name;
        assert_eq!(self.read(|rest| rest).0, self.expected, "{name}: whole");
        if self.wire.len() <= BYTEWISE_MAX_BYTES {
            let (found, consumed) = self.read(|_| 1);
            assert_eq!(found, self.expected, "{name}: byte by byte");
            if let Some(decided) = self.decided_after_bytes {
                assert!(consumed <= decided, "{name}: decided after {consumed} bytes, not after {decided}");
            }
        }
        for seed in 1..=RANDOM_CUTS {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let found = self.read(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Small pieces and, at times, large ones.
                (state >> 8) as usize % if state & 7 == 0 { 100_000 } else { 100 }
            });
            assert_eq!(found.0, self.expected, "{name}: in random pieces of seed {seed}");
        }
    }

    /// What is found, and after how many bytes the end of it was known.
    fn read(&self, mut size: impl FnMut(usize) -> usize) -> (Vec<Event>, usize) {
        let mut pool = InflaterPool::new(1, usize::MAX);
        let takeover = self.deflate.is_some_and(|deflate| deflate.peer_context_takeover(self.role));
        assert!(!takeover || pool.reserve_context());
        let mut reader = Reader::new(self.role, self.deflate.as_ref());
        let (mut events, mut delivered) = (Vec::new(), 0);
        while delivered < self.wire.len() {
            let rest = &self.wire[delivered..];
            let mut piece = rest[..size(rest.len()).clamp(1, rest.len())].to_vec();
            delivered += piece.len();
            let (mut at, mut again) = (0, false);
            while at < piece.len() || again {
                let mut cx = ReadContext {
                    message_limit_bytes: self.message_limit_bytes,
                    inflaters: &mut pool,
                    inflate_budget_bytes: 64 * 1024,
                };
                let result = reader.read(&mut piece[at..], &mut cx);
                again = matches!(result, Ok((_, Read::Yield)));
                // One reader and one inflater: it can only be missing where it was lost.
                assert!(
                    !matches!(result, Ok((_, Read::NoInflater { .. }))),
                    "{}: an inflater is lost",
                    self.name
                );
                let taken = result.as_ref().map_or(0, |found| found.0);
                let event = Event::of(result.map(|found| found.1));
                at += taken;
                let ended = matches!(event, Some(Event::Close(_) | Event::Fails(_)));
                events.extend(event);
                if ended {
                    reader.release(&mut pool);
                    assert_eq!(pool.borrowed(), 0, "{}: an inflater is lost", self.name);
                    return (events, delivered);
                }
            }
            let held = reader.held_bytes();
            let held_max = match self.deflate {
                None => 2 * delivered + HELD_FIXED_BYTES,
                Some(_) => 2 * self.message_limit_bytes + INFLATER_BYTES + HELD_FIXED_BYTES,
            };
            assert!(held <= held_max, "{}: {held} bytes are held after {delivered}", self.name);
        }
        (events, delivered)
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.role == Role::Server).then_some(MASK)
    }
}

impl Event {
    fn of(result: Result<Read<'_>, Misbehaved>) -> Option<Self> {
        Some(match result {
            Ok(Read::Text(text)) => Self::Text(text.into_owned()),
            Ok(Read::Binary(bytes)) => Self::Binary(bytes.into_owned()),
            Ok(Read::Ping(bytes)) => Self::Ping(bytes.into_owned()),
            Ok(Read::Pong(bytes)) => Self::Pong(bytes.into_owned()),
            Ok(Read::Close(why)) => Self::Close(why.map(|(code, reason)| (code.get(), reason.into_owned()))),
            Err(misbehaved) => Self::Fails(misbehaved.close_code().get()),
            Ok(Read::NeedMore | Read::Yield | Read::NoInflater { .. }) => return None,
        })
    }
}
