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

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL_MS: u64 = 300;
    const TIMEOUT_MS: u64 = 200;

    fn check(pulse: &mut Pulse, now_ms: u64) -> Beat {
        pulse.check(now_ms, INTERVAL_MS, TIMEOUT_MS)
    }

    #[test]
    fn a_ping_comes_an_interval_after_the_opening_and_after_each_answer() {
        let mut pulse = Pulse::new(1_000);
        assert_eq!(check(&mut pulse, 1_000), Beat::Again { at_ms: 1_300 });
        assert_eq!(check(&mut pulse, 1_299), Beat::Again { at_ms: 1_300 });
        assert_eq!(check(&mut pulse, 1_300), Beat::Ping { check_at_ms: 1_500 });
        assert_eq!(check(&mut pulse, 1_300), Beat::Again { at_ms: 1_500 });
        pulse.pong(1_450);
        assert_eq!(check(&mut pulse, 1_500), Beat::Again { at_ms: 1_750 });
        assert_eq!(check(&mut pulse, 1_760), Beat::Ping { check_at_ms: 1_960 });
    }

    #[test]
    fn who_does_not_answer_expires() {
        let mut pulse = Pulse::new(0);
        check(&mut pulse, 300);
        assert_eq!(check(&mut pulse, 499), Beat::Again { at_ms: 500 });
        assert_eq!(check(&mut pulse, 500), Beat::Expired);
        assert_eq!(check(&mut pulse, 501), Beat::Expired);
    }

    #[test]
    fn an_answer_that_nobody_asked_for_puts_the_ping_off() {
        let mut pulse = Pulse::new(0);
        pulse.pong(250);
        assert_eq!(check(&mut pulse, 300), Beat::Again { at_ms: 550 });
    }

    #[test]
    fn another_packet_renews_the_timeout_once_a_ping() {
        let mut pulse = Pulse::new(0);
        pulse.heard(100);
        assert_eq!(check(&mut pulse, 300), Beat::Ping { check_at_ms: 500 });
        pulse.heard(400);
        assert_eq!(check(&mut pulse, 500), Beat::Again { at_ms: 600 });
        pulse.heard(550);
        assert_eq!(check(&mut pulse, 600), Beat::Expired);
        pulse.pong(600);
        assert_eq!(check(&mut pulse, 900), Beat::Ping { check_at_ms: 1_100 });
        pulse.heard(1_000);
        assert_eq!(check(&mut pulse, 1_100), Beat::Again { at_ms: 1_200 });
    }

    #[test]
    fn who_is_not_read_cannot_be_late() {
        let mut pulse = Pulse::new(0);
        pulse.rest(200);
        assert_eq!(check(&mut pulse, 300), Beat::Ping { check_at_ms: 500 });
        pulse.rest(700);
        assert_eq!(check(&mut pulse, 899), Beat::Again { at_ms: 900 });
        pulse.heard(899);
        assert_eq!(check(&mut pulse, 900), Beat::Again { at_ms: 1_099 });
        pulse.rest(1_000);
        assert_eq!(check(&mut pulse, 1_200), Beat::Expired);
    }

    #[test]
    fn times_past_counting_do_no_harm() {
        let mut pulse = Pulse::new(u64::MAX - 1);
        assert_eq!(pulse.check(u64::MAX - 1, 10, 10), Beat::Again { at_ms: u64::MAX });
        assert_eq!(pulse.check(u64::MAX, 10, 10), Beat::Ping { check_at_ms: u64::MAX });
    }
}
