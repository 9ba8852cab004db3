//! Going down without a storm: everybody is sent away in their own time, with a hint when to come back.

use fanfare_session::websocket::CloseCode;

use super::connection::Connection;
use super::core::Core;
use super::role::Role;
use super::timers::Due;
use crate::ids::SocketId;
use crate::limits::Dialect;

/// The longest time that a client is asked to wait before it comes back.
const RETURN_AFTER_MS_MAX: u64 = 5_000;

/// Time that each connection adds to the spread: a few come back at once without doing harm.
const SPREAD_MS_PER_CONNECTION: u64 = 100;

/// How much later a farewell is tried again where an answer is still owed.
const OWED_RETRY_MS: u64 = 20;

/// A series of random numbers that a seed decides (xorshift64*).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Core {
    /// Spreads the farewells of everybody over `within_ms`, or less where there are few.
    pub(crate) fn drain(&mut self, within_ms: u64) {
        self.draining = true;
        let connections = (self.slots.len() - self.vacant.len()) as u64;
        let within_ms = within_ms.min(connections * SPREAD_MS_PER_CONNECTION);
        let slots = 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        for slot in slots {
            let Some(socket) = self.socket_at(slot).filter(|socket| self.get(*socket).is_some()) else {
                continue;
            };
            let at_ms = self.now.ms.saturating_add(self.random.next() % within_ms.max(1));
            self.timers.set(at_ms, Due::Farewell(socket));
        }
    }

    pub(crate) fn farewell(&mut self, socket: SocketId) {
        let Some(connection) = self.get(socket).filter(|connection| connection.gone.is_none()) else {
            return;
        };
        let members: &[u32] = match connection.role.as_deref() {
            // They go with the sessions that they belong to.
            Some(Role::Member(_) | Role::Prober(_)) => return,
            Some(Role::Carrier(carrier)) => &carrier.members,
            None => &[],
        };
        let owes = |there: &Connection| there.session.owes_answers() || there.busy;
        let posts = connection.carrier().is_some_and(|carrier| carrier.post.is_some());
        let members_owe = members.iter().any(|slot| self.at(*slot).is_some_and(owes));
        if owes(connection) || members_owe || posts || connection.leftover.is_some() {
            // What was accepted is answered first. A place that never answers is ended by the drain's own time limit.
            self.timers.set(self.now.ms + OWED_RETRY_MS, Due::Farewell(socket));
            return;
        }
        let is_native = self.rules[usize::from(connection.door.0)].dialect == Dialect::Native;
        let told: Vec<u32> = members.iter().copied().chain(Some(socket.slot).filter(|_| is_native)).collect();
        let after_ms = self.random.next() % RETURN_AFTER_MS_MAX;
        for slot in told {
            self.event(slot, "reconnect", format!("{{\"afterMs\":{after_ms}}}").as_bytes());
        }
        self.close(socket, CloseCode::SERVICE_RESTART, "Service restart");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_that_of_xorshift64_star() {
        for seed in [0, 1] {
            let mut random = Random::new(seed);
            let series = [random.next(), random.next(), random.next()];
            assert_eq!(series, [0x47e4_ce4b_896c_dd1d, 0xabcf_a6a8_e079_651d, 0xb9d1_0d8f_eb73_1f57]);
        }
    }
}
