//! What applications send, before it is anybody's dialect.

use serde::Serialize;

/// A named event with a JSON object as its body.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The `type` of the native dialect, the event name of Socket.IO.
    pub name: &'a str,
    /// The members, as a JSON object; see [`body`].
    pub body: &'a [u8],
}

/// One message to one or many.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// An event.
    Event(Event<'a>),
    /// Bytes, on a door where every client takes them.
    Binary(&'a [u8]),
    /// Bytes for those who asked for binary messages, an event for the others (none: they get nothing).
    Either {
        /// For those who asked.
        binary: &'a [u8],
        /// For the others.
        event: Option<Event<'a>>,
    },
    /// Text on a door without a dialect.
    Text(&'a str),
}

/// An [`Outgoing`] that travels between shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedOutgoing {
    event: Option<(Box<str>, Box<[u8]>)>,
    binary: Option<Box<[u8]>>,
    either: bool,
}

impl Outgoing<'_> {
    /// A copy of its own.
    #[must_use]
    pub fn to_owned(&self) -> OwnedOutgoing {
        let own = |event: &Event<'_>| (event.name.into(), event.body.into());
        match self {
            Self::Event(event) => OwnedOutgoing { event: Some(own(event)), binary: None, either: false },
            Self::Binary(binary) => {
                OwnedOutgoing { event: None, binary: Some((*binary).into()), either: false }
            }
            Self::Either { binary, event } => {
                OwnedOutgoing { event: event.as_ref().map(own), binary: Some((*binary).into()), either: true }
            }
            Self::Text(text) => OwnedOutgoing {
                event: Some(("".into(), text.as_bytes().into())),
                binary: None,
                either: false,
            },
        }
    }

    pub(crate) fn cost_bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.body.len(),
            Self::Binary(binary) => binary.len(),
            Self::Either { binary, event } => binary.len() + event.map_or(0, |event| event.body.len()),
            Self::Text(text) => text.len(),
        }
    }
}

impl OwnedOutgoing {
    /// The message, lent.
    #[must_use]
    pub fn as_outgoing(&self) -> Outgoing<'_> {
        let event = self.event.as_ref().map(|(name, body)| Event { name, body });
        match (&self.binary, event) {
            (Some(binary), event) if self.either => Outgoing::Either { binary, event },
            (Some(binary), _) => Outgoing::Binary(binary),
            (None, Some(event)) if event.name.is_empty() => {
                Outgoing::Text(std::str::from_utf8(event.body).unwrap_or_default())
            }
            (None, Some(event)) => Outgoing::Event(event),
            (None, None) => Outgoing::Text(""),
        }
    }
}

/// The body of an event from a value that serialises to a JSON object.
#[must_use]
pub fn body(value: &impl Serialize) -> Vec<u8> {
    // Only a map with keys that are no strings could fail, and no message has one.
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}
