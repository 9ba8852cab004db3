//! The relay between the shards of one process: a mailbox a shard, in memory.
//!
//! Sending never blocks and never fails. What each shard has under way is counted, and when any of them has half of
//! [`fanfare_hub::MAILBOX_BYTES_MAX`], no shard reads the connections whose messages go to others: a room's place may live on
//! one shard, its speakers on a second and its members on a third, and it is the speakers who have to wait for the third.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fanfare_hub::{CloseCode, DoorId, Envelope, MAILBOX_BYTES_MAX, OwnedOutgoing, ShardId, SocketId};
use mio::Waker;

use crate::polls::Errand;
use crate::transport::Newcomer;

/// Something for a shard from outside its thread.
#[derive(Debug)]
pub(crate) enum Mail {
    /// From another shard, with their cost in bytes.
    Envelopes(ShardId, Vec<Envelope>, usize),
    /// From outside the shards: a message for one of its connections.
    Send(SocketId, Box<OwnedOutgoing>),
    /// From outside the shards: close one of its connections.
    Close(SocketId, CloseCode, String),
    /// What a kit waited for on behalf of this connection has come.
    Woken(SocketId),
    /// Something for the kit of a door.
    Kit(DoorId, Box<dyn Any + Send>),
    /// A request of an Engine.IO session.
    Errand(Box<Errand>),
    /// A socket that belongs to a session of this shard.
    Newcomer(Box<Newcomer>),
    /// Send everybody away within this time.
    Drain { within_ms: u64 },
    /// Stop now.
    Stop,
}

#[derive(Debug)]
struct Mailbox {
    mail: Mutex<Vec<Mail>>,
    waker: Waker,
}

/// A way to the connections of a server from outside its shards' turns: from tasks and from other threads.
#[derive(Clone, Debug)]
pub struct Remote(pub(crate) Arc<Mailboxes>);

impl Remote {
    /// Sends to a connection. What is sent to one that has gone goes nowhere.
    pub fn send(&self, to: SocketId, message: OwnedOutgoing) {
        self.0.put(to.shard(), Mail::Send(to, Box::new(message)));
    }

    /// Begins to close a connection.
    pub fn close(&self, socket: SocketId, code: CloseCode, reason: &str) {
        self.0.put(socket.shard(), Mail::Close(socket, code, reason.to_owned()));
    }

    /// Gives the kit of a door on one shard something, in order with everything else from this thread.
    pub fn tell_kit(&self, shard: ShardId, door: DoorId, letter: Box<dyn Any + Send>) {
        self.0.put(shard, Mail::Kit(door, letter));
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> u16 {
        u16::try_from(self.0.shards().count()).unwrap_or(u16::MAX)
    }

    /// Tells the kit of a connection that what it waited for has come.
    pub fn wake(&self, socket: SocketId) {
        self.0.put(socket.shard(), Mail::Woken(socket));
    }
}

/// All mailboxes of a server.
#[derive(Debug)]
pub(crate) struct Mailboxes {
    mailboxes: Vec<Mailbox>,
    /// Bytes under way from each shard.
    under_way: Vec<AtomicUsize>,
}

impl Mailboxes {
    pub(crate) fn new(wakers: Vec<Waker>) -> Self {
        let under_way = wakers.iter().map(|_| AtomicUsize::new(0)).collect();
        let mailboxes = wakers.into_iter().map(|waker| Mailbox { mail: Mutex::default(), waker }).collect();
        Self { mailboxes, under_way }
    }

    pub(crate) fn send(&self, from: ShardId, to: ShardId, envelopes: Vec<Envelope>, bytes: usize) {
        if let Some(under_way) = self.under_way.get(usize::from(from.0)) {
            under_way.fetch_add(bytes, Ordering::Relaxed);
        }
        self.put(to, Mail::Envelopes(from, envelopes, bytes));
    }

    /// Puts something into a shard's mailbox; says whether there is such a shard.
    pub(crate) fn put(&self, to: ShardId, mail: Mail) -> bool {
        let Some(mailbox) = self.mailboxes.get(usize::from(to.0)) else { return false };
        let mut waiting = mailbox.mail.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        waiting.push(mail);
        drop(waiting);
        if first {
            self.wake(to);
        }
        true
    }

    pub(crate) fn put_all(&self, mail: impl Fn() -> Mail) {
        for shard in 0..u16::try_from(self.mailboxes.len()).unwrap_or(u16::MAX) {
            self.put(ShardId(shard), mail());
        }
    }

    pub(crate) fn wake(&self, shard: ShardId) {
        let Some(mailbox) = self.mailboxes.get(usize::from(shard.0)) else { return };
        if let Err(error) = mailbox.waker.wake() {
            tracing::error!(%error, shard = shard.0, "a shard could not be woken");
        }
    }

    pub(crate) fn take(&self, shard: ShardId) -> Vec<Mail> {
        let mailbox = self.mailboxes.get(usize::from(shard.0));
        let mail = mailbox.map(|mailbox| mailbox.mail.lock().unwrap_or_else(PoisonError::into_inner));
        mail.map(|mut mail| std::mem::take(&mut *mail)).unwrap_or_default()
    }

    /// Envelopes of `from` have been handled. Wakes everybody where they may be waiting for that.
    pub(crate) fn handled(&self, from: ShardId, bytes: usize) {
        let Some(under_way) = self.under_way.get(usize::from(from.0)) else { return };
        let before = under_way.fetch_sub(bytes, Ordering::Relaxed);
        let resume_below = MAILBOX_BYTES_MAX / 4;
        if before >= resume_below && before - bytes < resume_below {
            for shard in self.shards() {
                self.wake(shard);
            }
        }
    }

    /// The most that any shard has under way.
    pub(crate) fn most_under_way(&self) -> usize {
        self.under_way.iter().map(|bytes| bytes.load(Ordering::Relaxed)).max().unwrap_or_default()
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..u16::try_from(self.mailboxes.len()).unwrap_or(u16::MAX)).map(ShardId)
    }
}
