//! Time: one wheel for the connections, and a list for what is rare and exact.
//!
//! Each connection has one entry in the wheel, which says when to look at it again. An entry that a later one replaced is
//! known by its tick and dropped when it comes up.

use std::collections::BTreeSet;
use std::sync::Arc;

use fanfare_session::websocket::CloseCode;
use fanfare_session::{Check, Expiry};

use super::connection::connection_in;
use super::core::{Core, Gone};
use super::engine::RESTING;
use crate::envelope::DoorId;
use crate::ids::SocketId;

/// The wheel's step: heartbeats and time limits are that exact.
const TICK_MS: u64 = 64;
/// Steps of the wheel: about half a minute. What is further away comes up early and is put back.
const WHEEL_TICKS: usize = 512;

/// Something rare that is due at an exact time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A place asked for its tick.
    Place(u8, Arc<str>),
    /// A batch has been collected long enough.
    Batch(SocketId),
    /// A connection is to be sent away while the server drains.
    Farewell(SocketId),
    /// A turn is to be held, whatever comes of it.
    Turn,
    /// A session whose WebSocket is being tried may have a poll that waits.
    Noop(SocketId),
    /// The peer of a connection that its kit keeps waiting hung up a while ago.
    HungUp(SocketId),
}

#[derive(Debug)]
pub(crate) struct Timers {
    wheel: Vec<Vec<(u32, u32)>>,
    /// One bit a bucket that is not empty.
    occupied: [u64; WHEEL_TICKS / 64],
    /// The last tick whose bucket was emptied.
    tick: u64,
    /// In the order of time. Whoever sets one takes it back when it no longer counts, so it never grows past who is there.
    exact: BTreeSet<(u64, Due)>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            wheel: vec![Vec::new(); WHEEL_TICKS],
            occupied: [0; WHEEL_TICKS / 64],
            tick: 0,
            exact: BTreeSet::new(),
        }
    }

    pub(crate) fn start(&mut self, now_ms: u64) {
        self.tick = now_ms / TICK_MS;
    }

    pub(crate) fn set(&mut self, at_ms: u64, due: Due) {
        self.exact.insert((at_ms, due));
    }

    /// Takes back what was set.
    pub(crate) fn cancel(&mut self, at_ms: u64, due: Due) {
        self.exact.remove(&(at_ms, due));
    }

    fn pop(&mut self, now_ms: u64) -> Option<Due> {
        if self.exact.first()?.0 > now_ms {
            return None;
        }
        self.exact.pop_first().map(|(_, due)| due)
    }

    /// Enters a slot for `at_ms`; returns the tick that it was entered under.
    fn enter(&mut self, at_ms: u64, slot: u32, generation: u32) -> u64 {
        let furthest = self.tick + WHEEL_TICKS as u64 - 1;
        let tick = at_ms.div_ceil(TICK_MS).clamp(self.tick + 1, furthest);
        let bucket = bucket_of(tick);
        self.wheel[bucket].push((slot, generation));
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
        tick
    }

    /// The entries of the next tick up to now that has any.
    fn next_bucket(&mut self, now_ms: u64) -> Option<(u64, Vec<(u32, u32)>)> {
        let now_tick = now_ms / TICK_MS;
        let tick = self.next_occupied().filter(|tick| *tick <= now_tick);
        self.tick = tick.unwrap_or(self.tick.max(now_tick));
        let tick = tick?;
        let bucket = bucket_of(tick);
        self.occupied[bucket / 64] &= !(1 << (bucket % 64));
        Some((tick, std::mem::take(&mut self.wheel[bucket])))
    }

    fn next_occupied(&self) -> Option<u64> {
        let mut ahead = 1;
        while ahead < WHEEL_TICKS as u64 {
            let tick = self.tick + ahead;
            let bucket = bucket_of(tick);
            let word = self.occupied[bucket / 64] >> (bucket % 64);
            if word != 0 {
                let found = ahead + u64::from(word.trailing_zeros());
                return (found < WHEEL_TICKS as u64).then_some(self.tick + found);
            }
            ahead += 64 - (bucket % 64) as u64;
        }
        None
    }

    /// How many are set beside those of connections.
    pub(crate) fn exact(&self) -> usize {
        self.exact.len()
    }

    /// When something is next due.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let wheel = self.next_occupied().map(|tick| tick * TICK_MS);
        let exact = self.exact.first().map(|(at_ms, _)| *at_ms);
        wheel.into_iter().chain(exact).min()
    }
}

fn bucket_of(tick: u64) -> usize {
    // The remainder is below WHEEL_TICKS.
    usize::try_from(tick % WHEEL_TICKS as u64).unwrap_or_default()
}

impl Core {
    /// Looks at a connection again at `at_ms`, or earlier if that was said before.
    pub(crate) fn schedule_check(&mut self, slot: u32, at_ms: u64) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        let Some(connection) = &mut place.connection else { return };
        let tick = at_ms.div_ceil(TICK_MS);
        let waits_for = u64::from(connection.timer_tick);
        if waits_for > self.timers.tick && waits_for <= tick {
            return;
        }
        let entered = self.timers.enter(at_ms, slot, place.generation);
        connection.timer_tick = u32::try_from(entered).unwrap_or(u32::MAX);
    }

    pub(crate) fn wake_place(&mut self, door: DoorId, room: &Arc<str>, at_ms: u64) {
        self.timers.set(at_ms, Due::Place(door.0, Arc::clone(room)));
    }

    pub(crate) fn cancel_place(&mut self, door: DoorId, room: &Arc<str>, at_ms: u64) {
        self.timers.cancel(at_ms, Due::Place(door.0, Arc::clone(room)));
    }

    /// Looks at every connection whose time has come. Returns what else is due, one at a time, for the shard to deal with.
    pub(crate) fn advance(&mut self) -> Option<Due> {
        while let Some((tick, entries)) = self.timers.next_bucket(self.now.ms) {
            for (slot, generation) in entries {
                let place = self.slots.get(slot as usize);
                let counts = place.is_some_and(|place| {
                    place.generation == generation
                        && place.connection.as_ref().is_some_and(|there| u64::from(there.timer_tick) == tick)
                });
                if counts {
                    self.check(slot);
                }
            }
        }
        self.timers.pop(self.now.ms)
    }

    fn check(&mut self, slot: u32) {
        let now_ms = self.now.ms;
        let heartbeat = self.limits.heartbeat;
        let wanted = self.waiting.wants_inflaters();
        let Some(connection) = self.at(slot) else { return };
        let departed = connection.ended || (connection.gone.is_some() && connection.session.is_over());
        let gives_up_at_ms = connection.gives_up_at_ms();
        let check = if departed && now_ms < gives_up_at_ms {
            Check::Again { at_ms: gives_up_at_ms }
        } else if departed {
            if let Some(connection) = self.at_mut(slot) {
                connection.hung_up |= connection.busy && connection.gone.is_none();
            }
            Check::Expired(Expiry::Close)
        } else if connection.role.is_some() && connection.gone.is_none() {
            let Some(at_ms) = self.check_engine(slot) else { return };
            // Its WebSocket has no heartbeat of its own, but may stand still in the middle of a compressed message.
            let check = self
                .with_session(slot, |session, transmit| session.check(now_ms, &RESTING, wanted, transmit));
            match check {
                Some(Check::Again { at_ms: session_ms }) => Check::Again { at_ms: at_ms.min(session_ms) },
                Some(expired) => expired,
                None => return,
            }
        } else {
            let check = self
                .with_session(slot, |session, transmit| session.check(now_ms, &heartbeat, wanted, transmit));
            let Some(check) = check else { return };
            check
        };
        match check {
            Check::Again { at_ms } => self.schedule_check(slot, at_ms),
            Check::Expired(Expiry::InflaterStall) => {
                self.counters.misbehaved += 1;
                self.cut_off(slot, CloseCode::POLICY_VIOLATION, "Compressed message not finished in time");
            }
            Check::Expired(Expiry::Heartbeat) => {
                self.counters.heartbeat_timeouts += 1;
                self.expire(slot, Gone::HeartbeatTimeout);
            }
            Check::Expired(Expiry::Close) => self.expire(slot, Gone::Lost),
        }
    }

    /// The connection's time is up: what it was still to be sent is dropped.
    pub(super) fn expire(&mut self, slot: u32, gone: Gone) {
        self.withhold(slot);
        if let Some(connection) = connection_in(&mut self.slots, slot) {
            connection.session.abandon(&mut self.inflaters);
            connection.outbox.clear(&mut self.log);
            connection.leftover = None;
            connection.blocked = false;
        }
        self.account(slot);
        self.depart(slot, gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What has come up by now: no more ticks than the wheel has.
    fn up_to(timers: &mut Timers, now_ms: u64) -> Vec<(u64, Vec<(u32, u32)>)> {
        std::iter::from_fn(|| timers.next_bucket(now_ms)).take(WHEEL_TICKS).collect()
    }

    proptest! {
        /// Against a plain list of what was entered: each entry comes up once, in its tick, in order.
        #[test]
        fn the_wheel_does_as_a_list_would(
            start_ms in 0u64..10_000_000,
            steps in proptest::collection::vec((0u64..40_000, 0u64..9_000), 1..100)
        ) {
            let mut timers = Timers::new();
            timers.start(start_ms);
            let mut now_ms = start_ms;
            let mut list: Vec<(u64, u32)> = Vec::new();
            for (slot, (after_ms, pass_ms)) in (0..).zip(steps) {
                let current = now_ms / TICK_MS;
                let tick = timers.enter(now_ms + after_ms, slot, 7);
                // Not before its time, not in a tick that is over, not further away than the wheel goes.
                let wanted = (now_ms + after_ms).div_ceil(TICK_MS).max(current + 1).min(current + 511);
                prop_assert_eq!(tick, wanted);
                list.push((tick, slot));
                let first = list.iter().map(|(tick, _)| *tick).min();
                prop_assert_eq!(timers.next_ms(), first.map(|tick| tick * TICK_MS));
                now_ms += pass_ms;
                list.sort_unstable();
                let due: Vec<(u64, u32)> = list.extract_if(.., |(tick, _)| *tick * TICK_MS <= now_ms).collect();
                let mut seen = Vec::new();
                for (tick, mut entries) in up_to(&mut timers, now_ms) {
                    prop_assert!(!entries.is_empty());
                    entries.sort_unstable();
                    seen.extend(entries.into_iter().map(|(slot, _)| (tick, slot)));
                }
                prop_assert_eq!(seen, due);
            }
        }
    }

    #[test]
    fn what_is_entered_late_comes_up_in_the_next_tick() {
        let mut timers = Timers::new();
        timers.start(64_000);
        assert_eq!(timers.enter(0, 1, 0), 1_001);
        assert_eq!(timers.next_bucket(64_063), None);
        assert_eq!(timers.next_bucket(64_064), Some((1_001, vec![(1, 0)])));
        assert_eq!(timers.next_bucket(64_064), None);
    }

    #[test]
    fn entries_come_up_in_their_tick_and_not_before() {
        let mut timers = Timers::new();
        timers.start(1_000_000);
        for (slot, after) in [(1, 0), (2, 64), (3, 1_000), (4, 25_000), (5, 60_000)] {
            timers.enter(1_000_000 + after, slot, 0);
        }
        let mut seen = Vec::new();
        for step in 0..1_000u64 {
            let now_ms = 1_000_000 + step * 50;
            for (_, entries) in up_to(&mut timers, now_ms) {
                seen.extend(entries.into_iter().map(|(slot, _)| (slot, now_ms - 1_000_000)));
            }
        }
        let slots: Vec<_> = seen.iter().map(|(slot, _)| *slot).collect();
        assert_eq!(slots, [1, 2, 3, 4, 5]);
        for ((_, seen_at), due) in seen.iter().zip([0, 64, 1_000, 25_000, 32_640]) {
            assert!(*seen_at >= due && *seen_at <= due + 2 * TICK_MS + 50, "{seen:?}");
        }
    }

    #[test]
    fn the_next_time_is_known() {
        let mut timers = Timers::new();
        timers.start(64_000);
        assert_eq!(timers.next_ms(), None);
        timers.enter(70_000, 1, 0);
        let next = timers.next_ms().expect("one");
        assert!((70_000..70_000 + TICK_MS).contains(&next), "{next}");
        timers.set(65_000, Due::Batch(SocketId { shard: crate::ids::ShardId(0), slot: 0, generation: 0 }));
        assert_eq!(timers.next_ms(), Some(65_000));
        assert_eq!(timers.pop(64_999), None);
        assert!(timers.pop(65_000).is_some());
    }
}
