//! What a client may use, each with its name and its default (`docs/protocol.md`, "Limits and close codes").

use std::sync::Arc;

use fanfare_session::{Heartbeat, Parser};

/// Members past which a room no longer says who comes, goes or types.
pub const CROWDED_MEMBERS: usize = 500;

/// Users that a `presence` answer lists.
pub const PRESENCE_USERS_MAX: usize = 200;

/// The longest message of any door, whatever its rules say: positions in the log are 32 bits.
pub const MESSAGE_BYTES_MAX: usize = 2 << 30;

/// Bytes of the name of a Socket.IO namespace that a client may ask for: it is kept as long as its client is there.
pub const NAMESPACE_NAME_BYTES_MAX: usize = 1_024;

/// Bytes of the auth payload that a client may send to a namespace: it is kept, too.
pub const AUTH_BYTES_MAX: usize = 64 << 10;

/// Bytes that may wait in the mailboxes to other shards; at half of it the connections that cause them are not read.
pub const MAILBOX_BYTES_MAX: usize = 16 << 20;

/// Bytes that a connection is sent in one turn: whoever has megabytes to come gets them over several, and others are read between.
pub(crate) const SEND_BYTES_MAX: usize = 256 << 10;

/// Messages that may wait in one outbox, whatever their size: a message of one byte costs its place in the list too.
pub const OUTBOX_MESSAGES_MAX: usize = 65_536;

/// Bytes that may wait to be offered to their sockets, with all connections together: whoever tells several others more than
/// that is not read until they have been offered it. As much as one turn sends.
pub(crate) const UNOFFERED_BYTES_MAX: usize = 8 << 20;

/// How long connections may be kept waiting for memory before the largest is closed for them.
pub const MEMORY_STALL_MS: u64 = 10_000;

/// The longest interval that a client may ask `batch` messages for.
pub const BATCH_INTERVAL_MS_MAX: u64 = 1_000;

/// What one connection's part in one room counts for in the memory budget, on its own shard and at the room's place.
pub(crate) const MEMBERSHIP_BYTES: usize = 160;

/// What a room counts for beside its members. Measured: a million rooms of one member each are 1,027 bytes of resident memory
/// a room (`docs/trials.md`, `million-rooms`).
pub(crate) const ROOM_BYTES: usize = 896;

/// What a span in an outbox counts for beside its bytes.
pub(crate) const SPAN_BYTES: usize = 16;

/// The limits that hold for all doors of a server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// When silence is asked about, and when it is the end.
    pub heartbeat: Heartbeat,
    /// Rooms that one connection may be in.
    pub rooms_per_connection: usize,
    /// Bytes that may wait behind the message that is being sent to a slow client.
    pub outbox_bytes: usize,
    /// Bytes that unfinished messages, inflaters, outboxes and rooms of this shard may have together; rooms at most half of it.
    pub memory_budget_bytes: usize,
    /// Messages from this length on are compressed for those who negotiated it.
    pub compression_threshold_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat: Heartbeat::default(),
            rooms_per_connection: 128,
            outbox_bytes: 1 << 20,
            memory_budget_bytes: 1 << 30,
            compression_threshold_bytes: fanfare_session::websocket::COMPRESSION_THRESHOLD_BYTES,
        }
    }
}

/// What happens to messages for a client whose outbox is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// Close with 1013: for conversations, where a gap would be a lie.
    #[default]
    Disconnect,
    /// Drop what has waited longest: for streams of moments.
    DropOldest,
    /// Drop everything that waits: for states, of which only the newest counts.
    KeepNewest,
}

/// Namespaces that one Socket.IO client may be in at once.
pub const NAMESPACES_PER_CONNECTION_MAX: usize = 64;

/// How the text and binary messages of a door are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// JSON objects with a `type`; for Socket.IO clients, events with one object as their argument.
    Native,
    /// Whatever the application makes of them.
    Plain,
    /// Messages of Engine.IO, whatever the application makes of them.
    Engine,
    /// Packets of Socket.IO, which are for the doors that are namespaces.
    SocketIo(Parser),
    /// Events of Socket.IO as they are, with any arguments.
    Events,
}

impl Dialect {
    /// The parser of its Engine.IO sessions, where it has such.
    pub(crate) fn parser(self) -> Option<Parser> {
        match self {
            Self::Native | Self::Plain | Self::Events => None,
            Self::Engine => Some(Parser::None),
            Self::SocketIo(parser) => Some(parser),
        }
    }
}

/// The namespaces of Socket.IO that lead to a door.
#[derive(Clone)]
pub enum Namespace {
    /// The one of this name, which begins with `/`.
    Named(Arc<str>),
    /// All whose name fits; each is one of its own.
    Fitting(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Namespace {
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Self::Named(own) if **own == *name)
    }

    pub(crate) fn fits(&self, name: &str) -> bool {
        matches!(self, Self::Fitting(fits) if fits(name))
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(name) => f.debug_tuple("Named").field(name).finish(),
            Self::Fitting(_) => f.write_str("Fitting(…)"),
        }
    }
}

/// The rules of one door.
#[derive(Clone, Debug)]
pub struct DoorRules {
    /// How messages are meant.
    pub dialect: Dialect,
    /// The longest text message, after inflating.
    pub text_limit_bytes: usize,
    /// The longest binary message, after inflating.
    pub binary_limit_bytes: usize,
    /// What happens to a slow client.
    pub slow: SlowPolicy,
    /// The namespace that leads here, where there is one.
    pub namespace: Option<Namespace>,
}

impl DoorRules {
    /// The rules with the limits that hold for every door.
    pub(crate) fn within_limits(self) -> Self {
        Self {
            text_limit_bytes: self.text_limit_bytes.min(MESSAGE_BYTES_MAX),
            binary_limit_bytes: self.binary_limit_bytes.min(MESSAGE_BYTES_MAX),
            ..self
        }
    }

    /// Whether neighbouring messages may become one span: where single ones may be dropped their boundaries matter.
    pub(crate) fn merges(&self) -> bool {
        self.slow == SlowPolicy::Disconnect
    }
}

impl Default for DoorRules {
    fn default() -> Self {
        Self {
            dialect: Dialect::Native,
            text_limit_bytes: 1 << 20,
            binary_limit_bytes: 16 << 20,
            slow: SlowPolicy::Disconnect,
            namespace: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_allows_a_message_longer_than_the_log_can_hold() {
        let rules =
            DoorRules { text_limit_bytes: 5 << 30, binary_limit_bytes: 6 << 30, ..DoorRules::default() };
        let within = rules.within_limits();
        assert_eq!((within.text_limit_bytes, within.binary_limit_bytes), (2 << 30, 2 << 30));
        let usual = DoorRules::default().within_limits();
        assert_eq!((usual.text_limit_bytes, usual.binary_limit_bytes), (1 << 20, 16 << 20));
    }
}
