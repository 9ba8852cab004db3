//! What a kit is.

use std::any::Any;
use std::borrow::Cow;

use fanfare_session::native::Request;
use fanfare_session::websocket::{Payload, Text};

use super::context::PlaceContext;
use super::edge::Edge;
use crate::envelope::Sender;
use crate::ids::SocketId;
use crate::limits::DoorRules;
use crate::state::Gone;

/// One message for a kit.
#[derive(Debug)]
pub enum Message<'a> {
    /// A JSON message whose `type` the hub does not handle itself.
    Request(Request<'a>),
    /// Text, on a door without a dialect.
    Text(Text<'a>),
    /// Bytes.
    Binary(Payload<'a>),
    /// An event of a Socket.IO client, on a door that takes them as they are, or with bytes among its arguments.
    Event(SocketEvent<'a>),
    /// The acknowledgement of an event that was sent with this number.
    Acknowledged {
        /// The number.
        id: u64,
        /// JSON texts joined by commas.
        arguments: &'a str,
        /// The bytes that placeholders stand for.
        attachments: Vec<Vec<u8>>,
    },
}

/// An event as a Socket.IO client sent it.
#[derive(Debug)]
pub struct SocketEvent<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// JSON texts joined by commas; `{"_placeholder":true,"num":n}` stands for attachment `n`.
    pub arguments: &'a str,
    /// The bytes.
    pub attachments: Vec<Vec<u8>>,
    /// The number under which the client wants an acknowledgement.
    pub id: Option<u64>,
}

/// A complete application behind a door. This is its edge: one a shard, seeing that shard's connections.
///
/// Everything answers at once and asks for effects through the context. A panic costs the message that caused it an
/// `internal`, and nobody else anything.
///
/// A [`Door`](crate::Door) takes any kit. A server makes one for each of its shards, from a clone: to be mounted in an app
/// a kit is `Clone + Send + Sync` too. What it keeps is then kept for each shard by itself; what all must agree on belongs
/// to a [`Place`].
pub trait Kit: 'static {
    /// The half that lives where its room's name hashes to.
    type Place: Place;

    /// A Socket.IO client wants into the kit's namespace, with this auth payload (a JSON object). It is in once
    /// [`Edge::admit`] says so, here or later, unless [`Edge::refuse_entry`] does not let it.
    fn connecting(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, auth: &str) {
        let _ = auth;
        cx.admit(socket);
    }

    /// Someone has come. `welcome` is on its way already.
    fn connected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        let _ = (cx, socket);
    }

    /// A message. One with an `id` is acknowledged with no members unless the context is told otherwise.
    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>);

    /// Someone has gone; their rooms know already.
    fn disconnected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, gone: Gone) {
        let _ = (cx, socket, gone);
    }

    /// Something that the kit waited for on behalf of a connection has come: [`Shard::woken`](crate::Shard::woken).
    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        let _ = (cx, socket);
    }

    /// Something that another shard's half of this kit sent with [`Edge::tell_shard`].
    fn told(&mut self, cx: &mut Edge<'_, Self>, letter: Box<dyn Any + Send>) {
        let _ = (cx, letter);
    }

    /// The rules of its door, unless whoever mounts it has others.
    fn rules(&self) -> DoorRules {
        DoorRules::default()
    }

    /// A place for a room that has none yet.
    fn place(&mut self, room: &str) -> Self::Place;
}

/// One room's half of a kit: what needs order, presence or a number. It exists while somebody is in the room.
///
/// It never leaves the shard that made it, so it need be neither `Send` nor `Sync`; only its letters travel.
pub trait Place: 'static {
    /// What edges send it. It may cross threads, and one day nodes.
    type Letter: Send + 'static;

    /// Roughly the memory that a letter holds on its way: what waits between shards is limited.
    fn cost_bytes(letter: &Self::Letter) -> usize {
        size_of_val(letter)
    }

    /// A member has come; they see everything that is broadcast from now on.
    fn joined(&mut self, cx: &mut PlaceContext<'_>, member: &Sender) {
        cx.announce_joined(member);
    }

    /// A member has gone.
    fn left(&mut self, cx: &mut PlaceContext<'_>, member: &Sender) {
        cx.announce_left(member);
    }

    /// A letter from an edge, on behalf of a connection that need not be a member.
    fn letter(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, letter: Self::Letter);

    /// The time asked for with [`PlaceContext::wake_at`] has come.
    fn tick(&mut self, cx: &mut PlaceContext<'_>) {
        let _ = cx;
    }
}

/// The kit of a door whose visitors only pass through it into namespaces, and of a namespace where nothing is offered: whoever
/// comes may stay, and nothing that they say is heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Kit for Silent {
    type Place = PlainPlace;

    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {}

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

/// A place with no more to it than its members.
#[derive(Debug, Default)]
pub struct PlainPlace;

impl Place for PlainPlace {
    type Letter = std::convert::Infallible;

    fn letter(&mut self, _: &mut PlaceContext<'_>, _: &Sender, letter: Self::Letter) {
        match letter {}
    }
}
