//! What is under way with one client.

use std::collections::VecDeque;

use tokio::task::AbortHandle;

use super::extract::{DisconnectReason, Event};

/// Bytes of events that may still wait for a handler when their client has gone; what it said last is dropped. No memory budget
/// counts them.
pub(super) const LEFT_BEHIND_BYTES_MAX: usize = 1 << 20;

/// Bytes of events that clients of one namespace and shard who have gone may leave behind together, with those that their handlers
/// are at; past it a client's handlers are given up when it goes.
pub(super) const LEFT_BEHIND_TOTAL_BYTES_MAX: usize = 64 << 20;

/// A client one of whose events is being handled. Later ones stay with the hub, which counts them, until the client goes.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) waiting: VecDeque<Work>,
    pub(super) waiting_bytes: usize,
    pub(super) running: Option<AbortHandle>,
    /// Of the event that is being handled.
    pub(super) running_bytes: usize,
    /// What it counts for among those whose client has gone.
    pub(super) left_bytes: usize,
}

/// Something to be handled.
pub(super) enum Work {
    Connect,
    Event(Event),
    Disconnect(DisconnectReason),
}

impl Work {
    pub(super) fn bytes(&self) -> usize {
        let Self::Event(event) = self else { return 0 };
        let attachments = event.args.attachments.iter().map(Vec::len).sum::<usize>();
        size_of::<Self>() + event.args.json.len() + attachments
    }
}
