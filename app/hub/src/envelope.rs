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
    /// The room's place wants the socket out, whatever it asked for.
    Expel { socket: SocketId, room: Arc<str> },
    /// Somebody wants in or out of a room, or is gone.
    Passage { door: DoorId, room: Arc<str>, from: Sender, reply: Option<Reply>, passage: Passage },
    /// To the place of a room.
    Letter {
        door: DoorId,
        room: Arc<str>,
        from: Sender,
        reply: Option<Reply>,
        letter: Box<dyn Any + Send>,
        cost_bytes: usize,
    },
    /// To the other shard's half of a kit.
    Kit { door: DoorId, letter: Box<dyn Any + Send>, cost_bytes: usize },
}

/// How a connection passes a room's door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Join,
    Leave,
    /// The connection is gone: as `Leave`, with nobody to answer.
    Gone,
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
                Kind::Letter { cost_bytes, .. } | Kind::Kit { cost_bytes, .. } => *cost_bytes,
                Kind::Passage { .. } | Kind::Admit { .. } | Kind::Dismiss { .. } | Kind::Expel { .. } => 0,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fanout::{Event, Outgoing};
    use crate::ids::ShardId;

    #[test]
    fn what_waits_between_shards_counts_its_bytes_and_128_for_the_envelope() {
        let door = DoorId(0);
        let socket = SocketId { shard: ShardId(1), slot: 0, generation: 0 };
        let room: Arc<str> = "room".into();
        let user = User::new("c", 1, "i", "n");
        let from = Sender { socket, user: Arc::new(user) };
        let event = Event { name: "file", body: &[b' '; 500] };
        let binary = &[0; 1_000];
        for (message, cost_bytes) in [
            (Outgoing::Event(event), 628),
            (Outgoing::Binary(binary), 1_128),
            (Outgoing::Either { binary, event: Some(event) }, 1_628),
            (Outgoing::Either { binary, event: None }, 1_128),
            (Outgoing::Text("seven b"), 135),
        ] {
            let message = Arc::new(message.to_owned());
            assert_eq!(Envelope(Kind::Socket { to: socket, message }).cost_bytes(), cost_bytes);
        }
        let answer = |answer| Kind::Answer { to: socket, reply: None, answer };
        let letter = Box::new(());
        for (kind, cost_bytes) in [
            (answer(Answer::Ack([b' '; 10].into())), 138),
            (answer(Answer::Refuse(ErrorCode::Forbidden, "because".into())), 135),
            (Kind::Admit { socket, room: Arc::clone(&room) }, 128),
            (Kind::Letter { door, room, from, reply: None, letter, cost_bytes: 4_000 }, 4_128),
        ] {
            assert_eq!(Envelope(kind).cost_bytes(), cost_bytes);
        }
    }
}
