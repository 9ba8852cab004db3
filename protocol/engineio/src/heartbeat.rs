//! The server's heartbeat: a ping a while after the last answer, and an end where none comes (Engine.IO protocol,
//! "Heartbeat").

/// When the server pings a session next, or gives it up.
#[derive(Debug, Clone)]
pub struct Pulse {
    since_ms: u64,
    waits: Waits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// For the time of the next ping.
    Ping,
    /// For an answer.
    Pong,
    /// For an answer, and something else came in its place.
    PongStill,
}

/// What a heartbeat wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// To be asked again then.
    Again {
        /// The time.
        at_ms: u64,
    },
    /// The packet `2` sent now, and to be asked again when the answer is due.
    Ping {
        /// When it is due.
        check_at_ms: u64,
    },
    /// The session closed: no answer came.
    Expired,
}

impl Pulse {
    /// The heartbeat of a session that opens now.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, waits: Waits::Ping }
    }

    /// An answer came, asked for or not: the next ping is an interval away.
    pub fn pong(&mut self, now_ms: u64) {
        *self = Self::new(now_ms);
    }

    /// Another packet came. While an answer is due it has, once, the whole timeout again: the client lives and the answer
    /// may stand behind much else.
    pub fn heard(&mut self, now_ms: u64) {
        if self.waits == Waits::Pong {
            *self = Self { since_ms: now_ms, waits: Waits::PongStill };
        }
    }

    /// The session was not read for a while, so what it said was not heard: an answer that is due has the whole timeout again.
    pub fn rest(&mut self, now_ms: u64) {
        if self.waits != Waits::Ping {
            self.since_ms = now_ms;
        }
    }

    /// What there is to do now. Asking early or often does no harm.
    pub fn check(&mut self, now_ms: u64, interval_ms: u64, timeout_ms: u64) -> Beat {
        let wait_ms = if self.waits == Waits::Ping { interval_ms } else { timeout_ms };
        let at_ms = self.since_ms.saturating_add(wait_ms);
        if now_ms < at_ms {
            return Beat::Again { at_ms };
        }
        if self.waits != Waits::Ping {
            return Beat::Expired;
        }
        *self = Self { since_ms: now_ms, waits: Waits::Pong };
        Beat::Ping { check_at_ms: now_ms.saturating_add(timeout_ms) }
    }
}
