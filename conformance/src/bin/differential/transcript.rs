//! What a server did in answer to a sequence.

use std::fmt;

use fanfare_conformance::real::Seen;
use fanfare_conformance::socketio::{Answer, Meaning, Packet, is_sid};
use serde_json::Value;

/// Everything that was seen of a server. What arrives by polls and what by WebSocket is one list: it has one order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    /// Answers to requests that belong to no session, and to handshakes.
    pub(crate) asked: Vec<String>,
    /// Answers to what the session posted.
    pub(crate) posts: Vec<String>,
    /// The session's packets.
    pub(crate) heard: Vec<Heard>,
    /// How it ended.
    pub(crate) end: End,
}

/// A packet of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// A whole message.
    Message(Meaning),
    /// Any other packet, as it came.
    Other(Packet),
}

/// How a session stands at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// The last event was answered.
    #[default]
    Lives,
    /// Over long-polling: it is not known any more.
    Gone,
    /// A Close frame, with this code.
    Closed(Option<u16>),
    /// The connection ended without a Close frame.
    Cut,
    /// Neither closed nor answered.
    Silent(String),
}

impl Transcript {
    /// Puts packets together to messages.
    pub(crate) fn hear(&mut self, packets: impl IntoIterator<Item = Packet>) {
        let mut packets = packets.into_iter();
        while let Some(packet) = packets.next() {
            let heard = match packet {
                Packet::Text(text) if text.starts_with('4') => {
                    let mut attachments = Vec::new();
                    let mut other = None;
                    while attachments.len() < Meaning::owed(&text) && other.is_none() {
                        match packets.next() {
                            Some(Packet::Binary(bytes)) => attachments.push(bytes),
                            Some(text) => other = Some(text),
                            None => break,
                        }
                    }
                    self.heard.push(Heard::Message(without_sid(Meaning::of(&text, &attachments))));
                    match other {
                        Some(packet) => Heard::Other(packet),
                        None => continue,
                    }
                }
                other => Heard::Other(other),
            };
            self.heard.push(heard);
        }
    }
}

/// A request's answer: its status, and the body with what is the same on every server.
pub(crate) fn answered(answer: Option<&Answer>) -> String {
    let Some(answer) = answer else { return "cut off".to_owned() };
    if answer.status == 101 {
        return "101".to_owned();
    }
    let text = answer.text().unwrap_or_else(|why| why);
    let open = text.strip_prefix('0').and_then(|json| serde_json::from_str::<Value>(json).ok());
    match open {
        Some(open) => format!("{} 0{}", answer.status, settled_sid(open)),
        None => format!("{} {text}", answer.status),
    }
}

/// The first packet, without what differs from session to session.
pub(crate) fn opened(text: &str) -> String {
    let facts = text.strip_prefix('0').and_then(|json| serde_json::from_str::<Value>(json).ok());
    facts.map_or_else(|| text.to_owned(), |facts| format!("0{}", settled_sid(facts)))
}

pub(crate) fn ended(seen: &Seen) -> End {
    match seen {
        Seen::Close(code) => End::Closed(*code),
        _ => End::Cut,
    }
}

fn without_sid(meaning: Meaning) -> Meaning {
    if meaning.head.starts_with("40") {
        return Meaning { value: settled_sid(meaning.value), ..meaning };
    }
    meaning
}

fn settled_sid(mut value: Value) -> Value {
    if let Some(sid) = value.get_mut("sid")
        && sid.as_str().is_some_and(|sid| is_sid(sid).is_ok())
    {
        *sid = Value::from("(20 characters)");
    }
    value
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for asked in &self.asked {
            writeln!(f, "    asked  {asked}")?;
        }
        for post in &self.posts {
            writeln!(f, "    POST   {post}")?;
        }
        for heard in &self.heard {
            match heard {
                Heard::Message(Meaning { head, value }) => writeln!(f, "    hears  {head} {value}")?,
                Heard::Other(other) => writeln!(f, "    hears  {other:?}")?,
            }
        }
        write!(f, "    end    {:?}", self.end)
    }
}
