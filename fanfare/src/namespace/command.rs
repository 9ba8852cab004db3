//! What handlers and others ask of a namespace: done at once in its shard's turn, or sent there.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use fanfare_hub::{DoorId, ShardId, SocketId};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::args::Args;
use super::handle::{AppId, remote_of};
use super::operators::{AckEvent, RemoteSocket};
use super::refusal::Refusal;

/// Which sockets of a namespace are meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) scope: Scope,
    /// Those in any of these; everyone where there is none.
    pub(crate) rooms: Vec<Box<str>>,
    /// But for those in any of these.
    pub(crate) except_rooms: Vec<Box<str>>,
    pub(crate) except: Option<SocketId>,
}

/// The namespace that is meant.
#[derive(Clone, Debug, Default)]
pub(crate) enum Scope {
    /// The only one of its door.
    #[default]
    Only,
    Named(Arc<str>),
    /// That of a socket, on whose shard the errand begins.
    Of(SocketId),
}

/// What travels in an event.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) name: Box<str>,
    pub(crate) args: Args,
    /// Not for those whose connection could not take it now.
    pub(crate) volatile: bool,
}

/// Something to be done with the sockets of a selection, on each shard.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
    Emit(Packet),
    EmitWithAck(Packet, u64, mpsc::UnboundedSender<AckEvent>),
    Join(Vec<Box<str>>),
    Leave(Vec<Box<str>>),
    Disconnect { close: bool },
    Fetch(mpsc::UnboundedSender<Vec<RemoteSocket>>),
}

#[derive(Debug)]
pub(crate) enum Command {
    Emit(SocketId, Packet),
    EmitWithAck(SocketId, Packet, oneshot::Sender<Args>),
    Acknowledge(SocketId, u64, Args),
    Join(SocketId, Vec<Box<str>>),
    Leave(SocketId, Vec<Box<str>>),
    Disconnect(SocketId, bool),
    Rooms(SocketId, oneshot::Sender<Vec<String>>),
    SetData(SocketId, Value),
    Data(SocketId, oneshot::Sender<Option<Value>>),
    /// Something for each shard, begun here.
    Select(Arc<Selection>, Errand),
    /// What another shard began.
    Carried(Arc<Selection>, Errand),
    /// The middlewares have decided.
    Decided(SocketId, Result<(), Refusal>),
    /// A handler that waited has ended.
    Done(SocketId),
    /// Its client went long ago.
    GiveUp(SocketId),
}

/// Commands that the list of a turn keeps space for; a handler asks for one or two.
const COMMANDS_KEPT: usize = 32;

/// The namespace whose turn it is on this thread, and what has been asked of it meanwhile.
struct Turn {
    of: Cell<Option<(AppId, ShardId, DoorId)>>,
    asked: RefCell<Vec<Command>>,
}

thread_local! {
    static TURN: Turn = const { Turn { of: Cell::new(None), asked: RefCell::new(Vec::new()) } };
}

/// Runs part of a handler in a turn of its namespace and returns what it asked for. Once that is done, the list goes back with
/// [`give_back`].
pub(crate) fn in_turn<R>(
    app: AppId,
    shard: ShardId,
    door: DoorId,
    run: impl FnOnce() -> R,
) -> (R, Vec<Command>) {
    /// Ends the turn's part also where the handler panics: then nothing that it asked for is done.
    struct Outside<'a>(&'a Turn);
    impl Drop for Outside<'_> {
        fn drop(&mut self) {
            self.0.of.set(None);
            drop(self.0.asked.take());
        }
    }
    TURN.with(|turn| {
        turn.of.set(Some((app, shard, door)));
        let outside = Outside(turn);
        let result = run();
        let asked = turn.asked.take();
        drop(outside);
        (result, asked)
    })
}

/// Gives the list of a turn back, for the next.
pub(crate) fn give_back(mut asked: Vec<Command>) {
    asked.clear();
    if asked.capacity() > COMMANDS_KEPT {
        asked.shrink_to(COMMANDS_KEPT);
    }
    TURN.with(|turn| turn.asked.replace(asked));
}

/// Asks a namespace on one shard. Without a server that runs, nothing comes of it.
pub(crate) fn ask(app: AppId, shard: ShardId, door: DoorId, command: Command) {
    TURN.with(|turn| {
        if turn.of.get() == Some((app, shard, door)) {
            turn.asked.borrow_mut().push(command);
        } else if let Some(remote) = remote_of(app) {
            let letter: Box<dyn Any + Send> = Box::new(command);
            remote.tell_kit(shard, door, letter);
        }
    });
}

/// Where an errand begins: on the shard of the socket that it is for, on this thread's, or on any.
pub(crate) fn starting_shard(app: AppId, scope: &Scope) -> ShardId {
    if let Scope::Of(socket) = scope {
        return socket.shard();
    }
    let of = TURN.with(|turn| turn.of.get());
    of.filter(|(own, ..)| *own == app).map_or(ShardId(0), |(_, shard, _)| shard)
}
