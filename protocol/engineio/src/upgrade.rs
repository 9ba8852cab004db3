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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::read;

    /// What each packet on the new link asks for.
    fn steps(packets: &[&str]) -> Vec<ProbeStep> {
        let mut probe = Probe::new(0);
        packets.iter().map(|text| probe.packet(&read(text).expect("a packet"))).collect()
    }

    #[test]
    fn a_probe_is_answered_and_then_the_session_moves() {
        assert_eq!(steps(&["2probe", "5"]), [ProbeStep::Answer, ProbeStep::Upgraded]);
        assert_eq!(steps(&["2probe", "2probe", "5"])[..2], [ProbeStep::Answer; 2]);
        assert_eq!(steps(&["5"]), [ProbeStep::Upgraded]);
    }

    #[test]
    fn whatever_else_comes_closes_the_new_link() {
        for text in ["2", "2prob", "3probe", "4hello", "bAQ==", "0", "1", "6"] {
            assert_eq!(steps(&[text]), [ProbeStep::Close], "{text}");
            assert_eq!(steps(&["2probe", text])[1], ProbeStep::Close, "{text}");
        }
    }

    #[test]
    fn after_its_end_a_probe_asks_for_nothing() {
        assert_eq!(steps(&["5", "2probe", "5"])[1..], [ProbeStep::Ignored; 2]);
        assert_eq!(steps(&["4early", "2probe", "5"])[1..], [ProbeStep::Ignored; 2]);
    }

    #[test]
    fn a_probe_has_ten_seconds() {
        assert_eq!(Probe::new(5).expires_at_ms(), 10_005);
        assert_eq!(Probe::new(u64::MAX).expires_at_ms(), u64::MAX);
    }
}
