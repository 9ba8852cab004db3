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

/// The arguments of a Socket.IO event or acknowledgement, as they stand in the packet: never parsed on their way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arguments<'a> {
    /// JSON texts joined by commas; where bytes belong, `{"_placeholder":true,"num":n}` stands for attachment `n`.
    pub json: &'a str,
    /// The bytes.
    pub attachments: &'a [Vec<u8>],
}

/// One message to one or many.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// An event.
    Event(Event<'a>),
    /// Bytes, on a door where every client takes them; the event `binary` for Socket.IO clients.
    Binary(&'a [u8]),
    /// Bytes that Socket.IO clients know as the event of this name.
    NamedBinary(&'a str, &'a [u8]),
    /// Bytes for those who asked for binary messages, an event for the others (none: they get nothing).
    Either {
        /// For those who asked.
        binary: &'a [u8],
        /// For the others.
        event: Option<Event<'a>>,
    },
    /// Text on a door without a dialect.
    Text(&'a str),
    /// An event with any arguments, in Socket.IO's manner.
    Emit {
        /// Its name.
        name: &'a str,
        /// What follows the name.
        arguments: Arguments<'a>,
        /// The number under which an acknowledgement is to come back.
        id: Option<u64>,
    },
    /// The acknowledgement of a Socket.IO client's event.
    Acknowledge {
        /// The client's number.
        id: u64,
        /// What its callback gets.
        arguments: Arguments<'a>,
    },
}

/// An [`Outgoing`] that travels between shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedOutgoing(Owned);

type OwnedEvent = (Box<str>, Box<[u8]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owned {
    Event(OwnedEvent),
    Binary(Box<[u8]>),
    NamedBinary(Box<str>, Box<[u8]>),
    Either { binary: Box<[u8]>, event: Option<OwnedEvent> },
    Text(Box<str>),
    Emit { name: Box<str>, json: Box<str>, attachments: Vec<Vec<u8>>, id: Option<u64> },
    Acknowledge { id: u64, json: Box<str>, attachments: Vec<Vec<u8>> },
}

impl Arguments<'_> {
    fn cost_bytes(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }
}

impl Outgoing<'_> {
    /// A copy of its own.
    #[must_use]
    pub fn to_owned(&self) -> OwnedOutgoing {
        let own = |event: &Event<'_>| (event.name.into(), event.body.into());
        OwnedOutgoing(match *self {
            Self::Event(event) => Owned::Event(own(&event)),
            Self::Binary(binary) => Owned::Binary(binary.into()),
            Self::NamedBinary(name, binary) => Owned::NamedBinary(name.into(), binary.into()),
            Self::Either { binary, event } => {
                Owned::Either { binary: binary.into(), event: event.as_ref().map(own) }
            }
            Self::Text(text) => Owned::Text(text.into()),
            Self::Emit { name, arguments: Arguments { json, attachments }, id } => {
                Owned::Emit { name: name.into(), json: json.into(), attachments: attachments.to_vec(), id }
            }
            Self::Acknowledge { id, arguments: Arguments { json, attachments } } => {
                Owned::Acknowledge { id, json: json.into(), attachments: attachments.to_vec() }
            }
        })
    }

    pub(crate) fn cost_bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.body.len(),
            Self::Binary(binary) | Self::NamedBinary(_, binary) => binary.len(),
            Self::Either { binary, event } => binary.len() + event.map_or(0, |event| event.body.len()),
            Self::Text(text) => text.len(),
            Self::Emit { arguments, .. } | Self::Acknowledge { arguments, .. } => arguments.cost_bytes(),
        }
    }
}

impl OwnedOutgoing {
    /// The message, lent.
    #[must_use]
    pub fn as_outgoing(&self) -> Outgoing<'_> {
        fn lend(event: &OwnedEvent) -> Event<'_> {
            Event { name: &event.0, body: &event.1 }
        }
        match &self.0 {
            Owned::Event(event) => Outgoing::Event(lend(event)),
            Owned::Binary(binary) => Outgoing::Binary(binary),
            Owned::NamedBinary(name, binary) => Outgoing::NamedBinary(name, binary),
            Owned::Either { binary, event } => Outgoing::Either { binary, event: event.as_ref().map(lend) },
            Owned::Text(text) => Outgoing::Text(text),
            Owned::Emit { name, json, attachments, id } => {
                Outgoing::Emit { name, arguments: Arguments { json, attachments }, id: *id }
            }
            Owned::Acknowledge { id, json, attachments } => {
                Outgoing::Acknowledge { id: *id, arguments: Arguments { json, attachments } }
            }
        }
    }
}

/// The body of an event from a value that serialises to a JSON object.
#[must_use]
pub fn body(value: &impl Serialize) -> Vec<u8> {
    // Only a map with keys that are no strings could fail, and no message has one.
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}
