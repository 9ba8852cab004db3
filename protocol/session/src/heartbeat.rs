//! Is anybody still there? Ping frames (RFC 6455 §5.5.2) to a connection that has been silent.

/// When a silent connection is pinged and when it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// Silence after which a ping is sent.
    pub interval_ms: u64,
    /// Silence after a ping that ends the connection.
    pub timeout_ms: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { interval_ms: 25_000, timeout_ms: 20_000 }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// All is well; look again then.
    Again {
        /// On the same clock as `now_ms`.
        at_ms: u64,
    },
    /// The connection is over.
    Expired(Expiry),
}

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// A ping was not answered.
    Heartbeat,
    /// The peer did not answer our close frame.
    Close,
    /// A compressed message was begun and went no further. Nothing is written yet: whoever holds the queue makes room for the
    /// close frame first.
    InflaterStall,
}
