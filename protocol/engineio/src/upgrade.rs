//! The upgrade of a session from polling to WebSocket (Engine.IO protocol, "Upgrade").

use crate::packet::Packet;

/// How long a new link may take from its opening to its `5`.
pub const PROBE_TIMEOUT_MS: u64 = 10_000;

/// How often a waiting poll gets a `6` while a probe is answered, so that the client may stop polling.
pub const NOOP_INTERVAL_MS: u64 = 100;

/// A new link that wants to take a session over.
#[derive(Debug, Clone)]
pub struct Probe {
    opened_ms: u64,
    over: bool,
}

/// What a packet on the new link asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeStep {
    /// `3probe` on the new link; from now on a `6` to the waiting poll each [`NOOP_INTERVAL_MS`].
    Answer,
    /// The session moves to the new link.
    Upgraded,
    /// Nothing: the probe had ended before this packet.
    Ignored,
    /// The new link closed; the session polls on.
    Close,
}

impl Probe {
    /// The probe of a link that opens now.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { opened_ms: now_ms, over: false }
    }

    /// What a packet on the new link asks for. A `5` without a probe before it is taken, as the reference does: the client
    /// says that it no longer polls, whatever it knows of the link.
    pub fn packet(&mut self, packet: &Packet<'_>) -> ProbeStep {
        if self.over {
            return ProbeStep::Ignored;
        }
        let step = match packet {
            Packet::Ping("probe") => ProbeStep::Answer,
            Packet::Upgrade => ProbeStep::Upgraded,
            _ => ProbeStep::Close,
        };
        self.over = step != ProbeStep::Answer;
        step
    }

    /// When the new link is closed if it has not upgraded.
    #[must_use]
    pub fn expires_at_ms(&self) -> u64 {
        self.opened_ms.saturating_add(PROBE_TIMEOUT_MS)
    }
}
