//! What a kit's place can ask for.

use std::sync::Arc;

use fanfare_session::native::ErrorCode;
use serde::Serialize;

use crate::envelope::{Answer, DoorId, Kind, Sender};
use crate::fanout::{Event, Outgoing, body};
use crate::ids::SocketId;
use crate::limits::{CROWDED_MEMBERS, PRESENCE_USERS_MAX};
use crate::room::Roster;
use crate::state::{Core, Now};

/// What a place sees while it handles one event.
pub struct PlaceContext<'c> {
    pub(super) core: &'c mut Core,
    pub(super) door: DoorId,
    pub(super) room: &'c Arc<str>,
    pub(super) roster: &'c mut Roster,
    pub(super) wake_at_ms: &'c mut Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Passage<'a> {
    room: &'a str,
    user: &'a str,
    user_id: &'a str,
    user_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Present<'a> {
    user_id: &'a str,
    user_name: &'a str,
    since: u64,
}

#[derive(Serialize)]
struct Presence<'a> {
    room: &'a str,
    count: usize,
    users: Vec<Present<'a>>,
}

impl PlaceContext<'_> {
    /// The time that holds for this turn.
    #[must_use]
    pub fn now(&self) -> Now {
        self.core.now
    }

    /// The room's name.
    #[must_use]
    pub fn room(&self) -> &str {
        self.room
    }

    /// The next of the numbers that order what is said here. No two messages of a room have the same, even where the room
    /// was empty between them.
    pub fn next_number(&mut self) -> u64 {
        self.core.fresh_number()
    }

    /// Whether the connection is a member.
    #[must_use]
    pub fn is_member(&self, socket: SocketId) -> bool {
        self.roster.contains(socket)
    }

    /// Whether the room is too large for telling everybody about everybody.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.roster.len() > CROWDED_MEMBERS
    }

    /// Sends to every member, on every shard.
    pub fn broadcast(&mut self, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.core.room_broadcast(self.door, self.room, self.roster, except, message);
    }

    /// Sends to one connection, wherever it lives.
    pub fn send(&mut self, to: SocketId, message: &Outgoing<'_>) {
        self.core.send(to, message);
    }

    /// Acknowledges the message at hand with the members of `members`; nothing where it has no `id`.
    pub fn ack(&mut self, members: &impl Serialize) {
        self.core.answer_current(Answer::Ack(body(members).into()));
    }

    /// Refuses the message at hand: a `nack`, or an `error` where it has no `id`.
    pub fn refuse(&mut self, code: ErrorCode, reason: &str) {
        self.core.answer_current(Answer::Refuse(code, reason.into()));
    }

    /// Asks for a [`Place::tick`](super::Place::tick) at `at_ms` of the forward clock; the earliest of several counts.
    pub fn wake_at(&mut self, at_ms: u64) {
        *self.wake_at_ms = Some(self.wake_at_ms.map_or(at_ms, |earlier| earlier.min(at_ms)));
    }

    /// Tells the others that somebody has come, unless the room is crowded.
    pub fn announce_joined(&mut self, member: &Sender) {
        self.announce("userJoined", member);
    }

    /// Tells the others that somebody has gone, unless the room is crowded.
    pub fn announce_left(&mut self, member: &Sender) {
        self.announce("userLeft", member);
    }

    fn announce(&mut self, name: &str, member: &Sender) {
        if self.is_crowded() {
            return;
        }
        let user = &member.user;
        let passage =
            Passage { room: self.room, user: user.client_id(), user_id: user.id(), user_name: user.name() };
        let body = body(&passage);
        self.broadcast(Some(member.socket), &Outgoing::Event(Event { name, body: &body }));
    }

    /// Answers a `presence` message: who is here, the first 200 of them by time of coming.
    pub fn send_presence(&mut self, to: SocketId) {
        let users = self.roster.members().take(PRESENCE_USERS_MAX);
        let users = users.map(|member| Present {
            user_id: member.user.id(),
            user_name: member.user.name(),
            since: member.since_unix_ms,
        });
        let presence = Presence { room: self.room, count: self.roster.len(), users: users.collect() };
        let body = body(&presence);
        self.core.send(to, &Outgoing::Event(Event { name: "presence", body: &body }));
    }

    /// Puts somebody out of the room, without word to the others.
    pub fn expel(&mut self, socket: SocketId) {
        self.roster.remove(socket);
        let room = Arc::clone(self.room);
        self.core.tell(socket.shard, Kind::Expel { socket, room });
    }

    pub(super) fn membership(&mut self, socket: SocketId, admitted: bool) {
        let room = Arc::clone(self.room);
        let kind = if admitted { Kind::Admit { socket, room } } else { Kind::Dismiss { socket, room } };
        self.core.tell(socket.shard, kind);
    }
}
