//! What a connection is, beside a WebSocket of its own: an Engine.IO session, somebody in a namespace of one, or the second
//! link of one that upgrades.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_session::engineio::Probe;
use fanfare_session::{Engine, Packet};

use super::handshake::Handshake;
use crate::ids::SocketId;

#[derive(Debug)]
pub(crate) enum Role {
    Carrier(Carrier),
    Member(Member),
    Prober(Prober),
}

/// An Engine.IO session, whatever carries it.
#[derive(Debug)]
pub(crate) struct Carrier {
    pub(crate) engine: Engine,
    /// What only its client knows of its id.
    pub(crate) secret: [u8; 9],
    /// Its requests, while it has no WebSocket.
    pub(crate) polling: Option<Polling>,
    /// A body that has been posted and is not handled to its end.
    pub(crate) post: Option<Box<Post>>,
    /// The slots of its client's parts in namespaces.
    pub(crate) members: Vec<u32>,
    /// The WebSocket that is about to take over.
    pub(crate) prober: Option<SocketId>,
    pub(crate) handshake: Option<Arc<Handshake>>,
    /// What is parked with its members.
    pub(crate) parked_bytes: usize,
}

/// The requests of a session without a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polling {
    /// A poll waits to be answered.
    pub(crate) waits: bool,
    /// When the last poll came or was answered.
    pub(crate) polled_at_ms: u64,
    /// The timer of its next noop is set.
    pub(crate) noop_is_set: bool,
}

/// A body, and how far it is handled.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) body: String,
    pub(crate) at: usize,
}

/// A client's part in one namespace. What it is sent goes into its carrier's outbox.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) namespace: Arc<str>,
    pub(crate) carrier: SocketId,
    /// The namespace has taken it in.
    pub(crate) admitted: bool,
    /// Events that have come while the namespace takes no more of them, in their order.
    pub(crate) parked: VecDeque<Packet<'static>>,
}

/// A WebSocket that has come for a session which polls.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(crate) carrier: SocketId,
    pub(crate) probe: Probe,
}

impl Polling {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { waits: false, polled_at_ms: now_ms, noop_is_set: false }
    }
}

impl Carrier {
    /// Whether it holds no byte of what came for it.
    #[inline]
    pub(crate) fn holds_nothing(&self) -> bool {
        self.engine.holds_nothing() && self.post.is_none() && self.parked_bytes == 0
    }

    /// Whether a request waits that only the end would answer.
    pub(crate) fn has_waiting_poll(&self) -> bool {
        self.polling.is_some_and(|polling| polling.waits)
    }
}

impl Role {
    pub(crate) fn carrier(&self) -> Option<&Carrier> {
        if let Self::Carrier(carrier) = self { Some(carrier) } else { None }
    }

    pub(crate) fn carrier_mut(&mut self) -> Option<&mut Carrier> {
        if let Self::Carrier(carrier) = self { Some(carrier) } else { None }
    }

    pub(crate) fn member(&self) -> Option<&Member> {
        if let Self::Member(member) = self { Some(member) } else { None }
    }

    pub(crate) fn member_mut(&mut self) -> Option<&mut Member> {
        if let Self::Member(member) = self { Some(member) } else { None }
    }
}
