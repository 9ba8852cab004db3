//! What shards tell each other.

use std::any::Any;
use std::sync::Arc;

use fanfare_session::Reply;
use fanfare_session::native::ErrorCode;

use crate::fanout::OwnedOutgoing;
use crate::ids::{SocketId, User};

/// A door, counted in the order of its registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DoorId(pub u8);

/// One message from a shard to another. The relay keeps the order between each two of them.
#[derive(Debug)]
pub struct Envelope(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    /// To the members of a room that live here.
    Room { door: DoorId, room: Arc<str>, except: Option<SocketId>, message: Arc<OwnedOutgoing> },
    /// To everyone at a door.
    Everyone { door: DoorId, except: Option<SocketId>, message: Arc<OwnedOutgoing> },
    /// To one socket.
    Socket { to: SocketId, message: Arc<OwnedOutgoing> },
    /// To one socket of a door, on behalf of another that wants to know whether it is there.
    Private {
        to: SocketId,
        name: Box<str>,
        door: DoorId,
        asker: SocketId,
        reply: Option<Reply>,
        message: Arc<OwnedOutgoing>,
    },
    /// The answer to a message of this socket.
    Answer { to: SocketId, reply: Option<Reply>, answer: Answer },
    /// The room's place has taken the socket in.
    Admit { socket: SocketId, room: Arc<str> },
    /// The room's place has let the socket go, or has not taken it.
    Dismiss { socket: SocketId, room: Arc<str> },
    /// Somebody wants in or out of a room, or is gone.
    Passage { door: DoorId, room: Arc<str>, from: Sender, reply: Option<Reply>, passage: Passage },
    /// To the place of a room.
    Letter {
        door: DoorId,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        letter: Box<dyn AnyLetter>,
        cost_bytes: usize,
    },
}

/// How a connection passes a room's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Join,
    Leave,
    /// The connection is gone: as `Leave`, with nobody to answer.
    Gone,
}

/// A kit's letter, on its way to a place on another shard.
pub(crate) trait AnyLetter: Send {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Send + 'static> AnyLetter for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl std::fmt::Debug for dyn AnyLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnyLetter")
    }
}

/// Who sent a letter, as of the moment of sending.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The connection.
    pub socket: SocketId,
    /// Who it is to the others.
    pub user: Arc<User>,
}

/// How a message with an `id` ends, and one without that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done; the members of the acknowledgement as a JSON object.
    Ack(Box<[u8]>),
    /// Not done: a `nack`, or an `error` where there was no `id`.
    Refuse(ErrorCode, Box<str>),
}

impl Envelope {
    /// Roughly the memory that it holds on its way.
    #[must_use]
    pub fn cost_bytes(&self) -> usize {
        const OVERHEAD_BYTES: usize = 128;
        OVERHEAD_BYTES
            + match &self.0 {
                Kind::Room { message, .. }
                | Kind::Everyone { message, .. }
                | Kind::Socket { message, .. }
                | Kind::Private { message, .. } => message.as_outgoing().cost_bytes(),
                Kind::Answer { answer: Answer::Ack(body), .. } => body.len(),
                Kind::Answer { answer: Answer::Refuse(_, text), .. } => text.len(),
                Kind::Letter { cost_bytes, .. } => *cost_bytes,
                Kind::Passage { .. } | Kind::Admit { .. } | Kind::Dismiss { .. } => 0,
            }
    }
}
