//! What a kit's edge can ask for.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_session::native::ErrorCode;
use fanfare_session::websocket::{CloseCode, Payload, Text};
use serde::Serialize;

use super::host::{Letter, Posted};
use super::traits::{Kit, Place};
use crate::envelope::{Answer, DoorId, Kind, Passage, Sender};
use crate::fanout::{Outgoing, body};
use crate::ids::{Instance, ShardId, SocketId, User};
use crate::state::{Core, Handshake, Now};

type Posts<K> = VecDeque<Posted<<<K as Kit>::Place as Place>::Letter>>;

/// What an edge sees of its shard while it handles one event.
pub struct Edge<'c, K: Kit + ?Sized> {
    pub(super) core: &'c mut Core,
    pub(super) door: DoorId,
    pub(super) posts: &'c mut Posts<K>,
}

impl<K: Kit + ?Sized> Edge<'_, K> {
    /// The time that holds for this turn.
    #[must_use]
    pub fn now(&self) -> Now {
        self.core.now
    }

    /// Who a connection of this shard is.
    #[must_use]
    pub fn user(&mut self, socket: SocketId) -> Option<Arc<User>> {
        self.core.user(socket)
    }

    /// The room that the connection asked for last and has not left.
    #[must_use]
    pub fn last_joined(&self, socket: SocketId) -> Option<Arc<str>> {
        self.core.last_joined(socket)
    }

    /// The connection wants binary messages from now on.
    pub fn wants_binary(&mut self, socket: SocketId) {
        self.core.wants_binary(socket);
    }

    /// Sends to one connection, wherever it lives.
    pub fn send(&mut self, to: SocketId, message: &Outgoing<'_>) {
        self.core.send(to, message);
    }

    /// Sends text to one connection of a door without a dialect.
    pub fn send_text(&mut self, to: SocketId, text: Text<'_>) {
        self.core.send_text(to, text);
    }

    /// Sends bytes to one connection; a large payload that is owned is not copied.
    pub fn send_binary(&mut self, to: SocketId, payload: Payload<'_>) {
        self.core.send_binary(to, payload);
    }

    /// Sends to everyone at this door, on every shard.
    pub fn everyone(&mut self, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.core.everyone(self.door, except, message);
    }

    /// Sends a letter to a room's place, which then owes the answer.
    pub fn post(&mut self, room: &str, from: SocketId, letter: <K::Place as Place>::Letter) {
        let Some(user) = self.core.user(from) else { return };
        let reply = self.core.take_current_reply();
        let room = self.core.room_name(self.door, room);
        let from = Sender { socket: from, user };
        self.posts.push_back(Posted { room, from, reply, letter: Letter::Kit(letter) });
    }

    /// Asks for a connection to be in a room, as its own `join` would, but leaves the answer to what is posted next.
    ///
    /// # Errors
    /// A code, and a sentence that names the limit.
    pub fn join(&mut self, socket: SocketId, room: &str) -> Result<(), (ErrorCode, String)> {
        self.core.claim_room(socket, room)?;
        self.pass(socket, room, Passage::Join);
        Ok(())
    }

    /// Asks for it to be out again; nothing happens where it is not in.
    pub fn leave(&mut self, socket: SocketId, room: &str) {
        if self.core.unclaim_room(socket, room).is_ok() {
            self.pass(socket, room, Passage::Leave);
        }
    }

    fn pass(&mut self, socket: SocketId, room: &str, passage: Passage) {
        let Some(user) = self.core.user(socket) else { return };
        let room = self.core.room_name(self.door, room);
        let from = Sender { socket, user };
        self.posts.push_back(Posted { room, from, reply: None, letter: Letter::Passage(passage) });
    }

    /// An id that no other message of this server has.
    pub fn fresh_id(&mut self) -> String {
        let number = self.core.fresh_number();
        format!("{}-{number}", self.core.shard.0)
    }

    /// Acknowledges the message at hand with the members of `members`; nothing where it has no `id`.
    pub fn ack(&mut self, members: &impl Serialize) {
        self.core.answer_current(Answer::Ack(body(members).into()));
    }

    /// Refuses the message at hand: a `nack`, or an `error` where it has no `id`.
    pub fn refuse(&mut self, code: ErrorCode, reason: &str) {
        self.core.answer_current(Answer::Refuse(code, reason.into()));
    }

    /// Refuses the message at hand where it has an `id`; the sender has been told otherwise already.
    pub fn refuse_if_asked(&mut self, code: ErrorCode, reason: &str) {
        if self.core.is_reply_owed() {
            self.refuse(code, reason);
        }
    }

    /// Takes no more messages of a connection of this shard until [`Edge::release`]: it is not read, or, where it is a client's
    /// part in a namespace, its events are kept by the hub while all else goes on.
    pub fn hold(&mut self, socket: SocketId) {
        self.core.hold(socket);
    }

    /// Takes messages of a connection again that was held.
    pub fn release(&mut self, socket: SocketId) {
        self.core.release(socket);
    }

    /// Says whether the kit is still at work on something that the connection said: until it is not, the peer's end and a
    /// drain wait for it.
    pub fn busy(&mut self, socket: SocketId, busy: bool) {
        self.core.set_busy(socket, busy);
    }

    /// Whether the kit has had its time for a connection that has gone: its peer hung up long before that was found.
    #[must_use]
    pub fn was_waited_for(&self, socket: SocketId) -> bool {
        let Some(connection) = self.core.get(socket) else { return false };
        let carrier = connection.member().and_then(|member| self.core.get(member.carrier));
        carrier.unwrap_or(connection).hung_up
    }

    /// Begins to close a connection of this shard.
    pub fn close(&mut self, socket: SocketId, code: CloseCode, reason: &str) {
        self.core.close(socket, code, reason);
    }

    /// Takes a Socket.IO client in that wants into this namespace.
    pub fn admit(&mut self, socket: SocketId) {
        self.core.admit_member(socket);
    }

    /// Does not take it in. The client is told `message`, and `data`, which is JSON.
    pub fn refuse_entry(&mut self, socket: SocketId, message: &str, data: Option<&str>) {
        self.core.refuse_member(socket, message, data);
    }

    /// The namespace that a Socket.IO client is in by this socket; `None` where it has gone.
    #[must_use]
    pub fn namespace(&self, socket: SocketId) -> Option<Arc<str>> {
        self.core.get(socket)?.member().map(|member| Arc::clone(&member.namespace))
    }

    /// What the client said when its connection was opened.
    #[must_use]
    pub fn handshake(&self, socket: SocketId) -> Option<Arc<Handshake>> {
        let carrier = self.core.get(socket)?.member()?.carrier;
        self.core.get(carrier)?.carrier()?.handshake.clone()
    }

    /// Ends a Socket.IO client's whole connection, of which `socket` is one namespace.
    pub fn close_connection(&mut self, socket: SocketId) {
        let Some(member) = self.core.get(socket).and_then(|connection| connection.member()) else { return };
        let carrier = member.carrier;
        self.core.send_all_away(carrier);
    }

    /// Whether something sent now would go out at once, as far as is known.
    #[must_use]
    pub fn is_writable(&self, socket: SocketId) -> bool {
        let Some(connection) = self.core.get(socket) else { return false };
        let outlet = connection.member().map_or(Some(connection), |member| self.core.get(member.carrier));
        outlet.is_some_and(|outlet| !outlet.blocked)
    }

    /// Whether a connection of this shard takes part.
    #[must_use]
    pub fn is_connected(&self, socket: SocketId) -> bool {
        self.core.get(socket).is_some_and(|connection| {
            connection.gone.is_none() && connection.member().is_none_or(|member| member.admitted)
        })
    }

    /// Puts a connection into a room that has no place: it is in at once.
    ///
    /// # Errors
    /// A code, and a sentence that names the limit.
    pub fn join_here(&mut self, socket: SocketId, room: &str) -> Result<(), (ErrorCode, String)> {
        self.core.join_here(socket, room)
    }

    /// Takes it out again.
    pub fn leave_here(&mut self, socket: SocketId, room: &str) {
        self.core.leave_here(socket, room);
    }

    /// The rooms that a connection is in.
    #[must_use]
    pub fn rooms_of(&self, socket: SocketId) -> Vec<Arc<str>> {
        self.core.rooms_of(socket)
    }

    /// The members of a room that live on this shard.
    #[must_use]
    pub fn members_here(&self, room: &str) -> Vec<SocketId> {
        self.core.members_here(self.door, room)
    }

    /// Everyone at this door who lives on this shard.
    #[must_use]
    pub fn everyone_here(&self) -> Vec<SocketId> {
        self.core.at_door_here(self.door)
    }

    /// The rooms of this door that somebody on this shard is in.
    #[must_use]
    pub fn rooms_here(&self) -> Vec<Arc<str>> {
        self.core.rooms.names(self.door)
    }

    /// Sends to the members of a room that live on this shard.
    pub fn emit_here(&mut self, room: &str, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.core.broadcast_here(self.door, room, except, message);
    }

    /// Sends to everyone at this door who lives on this shard.
    pub fn emit_all_here(&mut self, except: Option<SocketId>, message: &Outgoing<'_>) {
        self.core.everyone_here(self.door, except, message);
    }

    /// Sends one message to these connections of this shard, which are all in one namespace.
    pub fn emit_to(&mut self, sockets: &[SocketId], message: &Outgoing<'_>) {
        self.core.push_to_sockets(sockets, message);
    }

    /// The door that this is.
    #[must_use]
    pub fn door(&self) -> DoorId {
        self.door
    }

    /// The run of the server that this is.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.core.instance
    }

    /// Whether a socket is one of this door and shard.
    #[must_use]
    pub fn is_at_door(&self, socket: SocketId) -> bool {
        self.core.get(socket).is_some_and(|connection| connection.door == self.door)
    }

    /// Whether a Socket.IO client, which may be going, was taken into the namespace before.
    #[must_use]
    pub fn was_admitted(&self, socket: SocketId) -> bool {
        let member = self.core.get(socket).and_then(|connection| connection.member());
        member.is_none_or(|member| member.admitted)
    }

    /// Sends a Socket.IO client out of the namespace.
    pub fn send_away(&mut self, socket: SocketId) {
        self.core.send_away(socket);
    }

    /// The shard that this is.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.core.shard
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.core.shards
    }

    /// Sends something to this kit's half on another shard, where [`Kit::told`] gets it, in order with everything that is sent
    /// from here to there. `cost_bytes` is roughly the memory that it holds on its way.
    pub fn tell_shard(&mut self, shard: ShardId, letter: Box<dyn Any + Send>, cost_bytes: usize) {
        let door = self.door;
        self.core.tell(shard, Kind::Kit { door, letter, cost_bytes });
    }

    /// A number that no other socket of this server gets from it, for acknowledgements that are to come back.
    pub fn fresh_acknowledgement(&mut self) -> u64 {
        self.core.fresh_acknowledgement()
    }
}
