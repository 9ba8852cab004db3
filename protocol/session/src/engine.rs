//! An Engine.IO session, whatever carries it: packets in, messages or Socket.IO packets out (Engine.IO v4, Socket.IO v5).
//!
//! What it says itself is little (a ping), so whoever drives it writes that in the form that the link has.

use std::borrow::Cow;

use fanfare_engineio::{self as engineio, Beat, Pulse};
use fanfare_socketio::{self as socketio, Assembly, Kind, msgpack};
use fanfare_websocket::Payload;

use crate::heartbeat::Heartbeat;

/// How long a client may take to join its first namespace.
pub const CONNECT_TIMEOUT_MS: u64 = 45_000;

/// What the messages of a session are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// Whatever the application makes of them: bare Engine.IO.
    None,
    /// Packets of Socket.IO: text, and binary attachments.
    #[default]
    Json,
    /// Packets of Socket.IO in msgpack (`socket.io-msgpack-parser`).
    MsgPack,
}

/// One session. It lives on when its link changes.
#[derive(Debug)]
pub struct Engine {
    pulse: Pulse,
    /// A packet whose attachments are still to come.
    assembly: Option<Box<Assembly>>,
    opened_ms: u64,
    parser: Parser,
    joined: bool,
}

/// One packet of Socket.IO, whole.
#[derive(Debug)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// The namespace, `/` where none is named.
    pub namespace: Cow<'a, str>,
    /// The number of the acknowledgement that is asked for or given.
    pub id: Option<u64>,
    /// The JSON text of what it carries, with placeholders for the attachments; empty where it carries nothing.
    pub data: Cow<'a, str>,
    /// The attachments.
    pub attachments: Vec<Vec<u8>>,
}

impl Packet<'_> {
    /// The same, of its own.
    #[must_use]
    pub fn into_owned(self) -> Packet<'static> {
        Packet {
            kind: self.kind,
            namespace: Cow::Owned(self.namespace.into_owned()),
            id: self.id,
            data: Cow::Owned(self.data.into_owned()),
            attachments: self.attachments,
        }
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let attachments = self.attachments.iter().map(|bytes| size_of_val(bytes) + bytes.len());
        size_of_val(self) + self.namespace.len() + self.data.len() + attachments.sum::<usize>()
    }
}

/// What came of one packet of Engine.IO.
#[derive(Debug)]
pub enum Came<'a> {
    /// It is dealt with, or there is more to come.
    Nothing,
    /// A text message of a session without a parser.
    Text(&'a str),
    /// A binary message of a session without a parser.
    Binary(Payload<'a>),
    /// A packet of Socket.IO.
    Packet(Packet<'a>),
    /// A packet of Socket.IO whose payload nests too deep to be read. It is addressed, so its sender can be told.
    TooDeep {
        /// The namespace.
        namespace: &'a str,
        /// The number of the acknowledgement that is asked for.
        id: Option<u64>,
    },
    /// The client ends the session.
    Close,
    /// The client broke Engine.IO, and how; the session is over.
    Misbehaved(String),
    /// It sent what is no packet of Socket.IO; the session ends once what waits for it is sent.
    Undecodable(String),
}

/// What a look at the clock found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulsed {
    /// All is well; look again then.
    Again {
        /// On the clock of `now_ms`.
        at_ms: u64,
    },
    /// Send a ping, and look again then.
    Ping {
        /// On the clock of `now_ms`.
        check_at_ms: u64,
    },
    /// A ping was not answered.
    Expired,
    /// No namespace was joined in time.
    NotJoined,
}

impl Engine {
    /// A session that has just been opened.
    #[must_use]
    pub fn new(now_ms: u64, parser: Parser) -> Self {
        Self { pulse: Pulse::new(now_ms), assembly: None, opened_ms: now_ms, parser, joined: false }
    }

    /// What its messages are.
    #[must_use]
    pub fn parser(&self) -> Parser {
        self.parser
    }

    /// A namespace has been joined: whoever leaves it stays.
    pub fn join(&mut self) {
        self.joined = true;
    }

    /// Handles one packet that came as the text of a WebSocket message.
    pub fn text<'a>(&mut self, text: &'a str, now_ms: u64) -> Came<'a> {
        match engineio::read(text) {
            Ok(packet) => self.packet(packet, now_ms),
            Err(malformed) => Came::Misbehaved(malformed.to_string()),
        }
    }

    /// Handles one packet.
    pub fn packet<'a>(&mut self, packet: engineio::Packet<'a>, now_ms: u64) -> Came<'a> {
        self.pulse.heard(now_ms);
        match packet {
            engineio::Packet::Text(text) => self.message(text),
            engineio::Packet::Binary(Cow::Borrowed(bytes)) => self.binary(Payload::Borrowed(bytes)),
            engineio::Packet::Binary(Cow::Owned(bytes)) => self.binary(Payload::Owned(bytes)),
            engineio::Packet::Pong(_) => {
                self.pulse.pong(now_ms);
                Came::Nothing
            }
            engineio::Packet::Close => Came::Close,
            engineio::Packet::Ping(_) => Came::Misbehaved("a ping is the server's to send".to_owned()),
            // Out of place, and without harm: the reference takes them too.
            engineio::Packet::Open(_) | engineio::Packet::Upgrade | engineio::Packet::Noop => Came::Nothing,
        }
    }

    fn message<'a>(&mut self, text: &'a str) -> Came<'a> {
        match self.parser {
            Parser::None => return Came::Text(text),
            Parser::MsgPack => return Came::Undecodable("text where packets are msgpack".to_owned()),
            Parser::Json => {}
        }
        if self.assembly.is_some() {
            return Came::Undecodable("text while attachments are owed".to_owned());
        }
        let head = match socketio::read(text) {
            Ok(head) => head,
            Err(socketio::Malformed::TooDeep) => return too_deep(text),
            Err(malformed) => return Came::Undecodable(malformed.to_string()),
        };
        if head.attachments > 0 {
            self.assembly = Some(Box::new(Assembly::new(text.to_owned(), head.attachments)));
            return Came::Nothing;
        }
        Came::Packet(Packet {
            kind: head.kind,
            namespace: Cow::Borrowed(head.namespace),
            id: head.id,
            data: Cow::Borrowed(head.data),
            attachments: Vec::new(),
        })
    }

    /// Handles one binary message.
    pub fn binary<'a>(&mut self, payload: Payload<'a>) -> Came<'a> {
        match self.parser {
            Parser::None => return Came::Binary(payload),
            Parser::MsgPack => {
                return match msgpack::read(&payload) {
                    Ok(packet) => Came::Packet(Packet {
                        kind: packet.kind,
                        namespace: Cow::Owned(packet.namespace),
                        id: packet.id,
                        data: Cow::Owned(packet.data),
                        attachments: packet.attachments,
                    }),
                    Err(malformed) => Came::Undecodable(malformed.to_string()),
                };
            }
            Parser::Json => {}
        }
        let Some(assembly) = &mut self.assembly else {
            return Came::Undecodable("binary data that no packet announced".to_owned());
        };
        if !assembly.push(payload.into_owned()) {
            return Came::Nothing;
        }
        let Some(assembly) = self.assembly.take() else { return Came::Nothing };
        let (text, attachments) = assembly.finish();
        whole(&text, attachments).unwrap_or_else(|malformed| Came::Undecodable(malformed.to_string()))
    }

    /// Lets go of a packet whose attachments have not all come: its session has ended.
    pub fn abandon(&mut self) {
        self.assembly = None;
    }

    /// Whether there is nothing that [`Engine::held_bytes`] could count.
    #[inline]
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.assembly.is_none()
    }

    /// Bytes held for a packet that is not whole.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.assembly.as_ref().map_or(0, |assembly| assembly.held_bytes())
    }

    /// The session goes on over another link: what it was asked over the one before counts as answered.
    pub fn upgraded(&mut self, now_ms: u64) {
        self.pulse.pong(now_ms);
    }

    /// The link was not read for a while, which was ours: the time for an answer begins anew.
    pub fn rest(&mut self, now_ms: u64) {
        self.pulse.rest(now_ms);
    }

    /// Looks whether a ping is due, or a time has run out.
    pub fn check(&mut self, now_ms: u64, heartbeat: &Heartbeat) -> Pulsed {
        let join_by_ms = self.opened_ms + CONNECT_TIMEOUT_MS;
        let joins = self.joined || self.parser == Parser::None;
        if !joins && now_ms >= join_by_ms {
            return Pulsed::NotJoined;
        }
        let before = |at_ms: u64| if joins { at_ms } else { at_ms.min(join_by_ms) };
        match self.pulse.check(now_ms, heartbeat.interval_ms, heartbeat.timeout_ms) {
            Beat::Again { at_ms } => Pulsed::Again { at_ms: before(at_ms) },
            Beat::Ping { check_at_ms } => Pulsed::Ping { check_at_ms: before(check_at_ms) },
            Beat::Expired => Pulsed::Expired,
        }
    }
}

fn too_deep(text: &str) -> Came<'_> {
    match socketio::read_address(text) {
        Ok(head) if head.kind == Kind::Event => Came::TooDeep { namespace: head.namespace, id: head.id },
        _ => Came::Undecodable(socketio::Malformed::TooDeep.to_string()),
    }
}

/// A packet whose attachments have all come. Its text was read before, and is now the packet's own.
fn whole<'a>(text: &str, attachments: Vec<Vec<u8>>) -> Result<Came<'a>, socketio::Malformed> {
    let head = socketio::read(text)?;
    socketio::check_placeholders(head.data, attachments.len())?;
    Ok(Came::Packet(Packet {
        kind: head.kind,
        namespace: Cow::Owned(head.namespace.to_owned()),
        id: head.id,
        data: Cow::Owned(head.data.to_owned()),
        attachments,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_attachments_is_whole_with_the_last_of_them() {
        let mut engine = Engine::new(0, Parser::Json);
        let text = r#"452-/a,7["x",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
        assert!(matches!(engine.text(text, 0), Came::Nothing));
        assert!(engine.held_bytes() > 0);
        assert!(matches!(engine.binary(Payload::Borrowed(b"one")), Came::Nothing));
        let Came::Packet(packet) = engine.binary(Payload::Borrowed(b"two")) else { panic!("not whole") };
        assert_eq!((packet.kind, &*packet.namespace, packet.id), (Kind::BinaryEvent, "/a", Some(7)));
        assert_eq!(packet.attachments, [b"one", b"two"]);
        assert_eq!(engine.held_bytes(), 0);
    }

    #[test]
    fn what_is_out_of_place_ends_the_session() {
        let says = |texts: &[&str]| {
            let mut engine = Engine::new(0, Parser::Json);
            let is_wrong = |came| matches!(came, Came::Misbehaved(_) | Came::Undecodable(_));
            let last = texts.iter().map(|text| is_wrong(engine.text(text, 0))).last();
            last == Some(true)
        };
        assert!(says(&["2"]) && says(&[""]) && says(&["9"]) && says(&["4abc"]));
        assert!(says(&[r#"451-["x",{"_placeholder":true,"num":0}]"#, r#"42["x"]"#]));
        assert!(!says(&["3"]) && !says(&["5"]) && !says(&["6"]) && !says(&["0"]));
        let mut engine = Engine::new(0, Parser::Json);
        assert!(matches!(engine.binary(Payload::Borrowed(b"x")), Came::Undecodable(_)));
    }

    #[test]
    fn whoever_joins_no_namespace_is_not_waited_for() {
        let heartbeat = Heartbeat { interval_ms: 25_000, timeout_ms: 20_000 };
        let mut engine = Engine::new(0, Parser::Json);
        assert_eq!(engine.check(25_000, &heartbeat), Pulsed::Ping { check_at_ms: 45_000 });
        engine.packet(engineio::Packet::Pong(""), 25_100);
        assert_eq!(engine.check(45_000, &heartbeat), Pulsed::NotJoined);
        let mut engine = Engine::new(0, Parser::Json);
        engine.join();
        assert_eq!(engine.check(25_000, &heartbeat), Pulsed::Ping { check_at_ms: 45_000 });
        assert_eq!(engine.check(45_000, &heartbeat), Pulsed::Expired);
    }
}
