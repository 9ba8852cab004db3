//! When the messages of an open loop are meant to go out.

use std::time::{Duration, Instant};

/// So many messages a second, whatever the server does. A latency that counts from the intended time holds the time that a
/// message had to wait while the server, or the load, was busy with those before it.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Instant,
    end: Instant,
    per_second: f64,
    taken: u64,
}

impl Schedule {
    pub(crate) fn new(start: Instant, end: Instant, per_second: f64) -> Self {
        Self { start, end, per_second, taken: 0 }
    }

    /// When the next message is meant to go out; `None` once all have been taken.
    pub(crate) fn next(&self) -> Option<Instant> {
        let intended = self.start + Duration::from_secs_f64(self.taken as f64 / self.per_second);
        (intended < self.end).then_some(intended)
    }

    /// Takes the next message if its time has come.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next().filter(|intended| *intended <= now)?;
        self.taken += 1;
        Some(due)
    }

    /// Messages whose time has come, which have not been taken.
    pub(crate) fn overdue(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let until = now.min(self.end);
        let mut rest = Self { taken: self.taken, ..*self };
        std::iter::from_fn(move || rest.take_due(until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Recorder, new_histogram};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn messages_are_due_at_their_time_and_none_is_forgotten() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, start + 10 * MS, 1_000.0);
        assert_eq!(schedule.take_due(start), Some(start));
        assert_eq!(schedule.take_due(start), None);
        assert_eq!(schedule.next(), Some(start + MS));
        // Nobody looked for a while: the times stay what they were.
        let late: Vec<_> = std::iter::from_fn(|| schedule.take_due(start + 4 * MS)).collect();
        assert_eq!(late, [1, 2, 3, 4].map(|ms| start + ms * MS));
        assert_eq!(schedule.overdue(start + 6 * MS).count(), 2);
        let rest: Vec<_> = std::iter::from_fn(|| schedule.take_due(start + 60 * MS)).collect();
        assert_eq!((rest.len(), schedule.next()), (5, None));
    }

    #[test]
    fn a_rate_that_no_clock_divides_does_not_drift() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, start + Duration::from_secs(30), 3.0);
        let times: Vec<_> =
            std::iter::from_fn(|| schedule.take_due(start + Duration::from_secs(60))).collect();
        assert_eq!(times.len(), 90);
        assert_eq!(times[30] - start, Duration::from_secs(10));
    }

    /// A server that answers at once, but for one second in which it answers nothing. Who waits for each answer before it asks
    /// again sees one slow answer; the corrected histogram says what everybody else would have seen, and so do we.
    #[test]
    fn a_pause_costs_every_message_that_was_meant_to_go_out_in_it() {
        let start = Instant::now();
        let end = start + 10_000 * MS;
        let (pause, resumes) = (start + 4_000 * MS, start + 5_000 * MS);
        let mut schedule = Schedule::new(start, end, 100.0);
        let mut recorder = Recorder::new(start, start, end);
        let mut corrected = new_histogram();
        let mut naive_now = start;
        while naive_now < end {
            let answered = if naive_now >= pause && naive_now < resumes { resumes } else { naive_now + MS };
            let latency = u64::try_from((answered - naive_now).as_nanos()).unwrap();
            corrected.record_correct(latency, 10_000_000).unwrap();
            naive_now = (naive_now + 10 * MS).max(answered);
        }
        while let Some(intended) = schedule.next() {
            let answered = if intended >= pause && intended < resumes { resumes } else { intended + MS };
            assert_eq!(schedule.take_due(intended), Some(intended));
            recorder.arrived(intended, answered, 1);
        }
        let ours = recorder.latencies();
        assert_eq!(ours.len(), 1_000);
        assert_eq!(ours.max(), corrected.max());
        for quantile in [0.5, 0.89, 0.92, 0.95, 0.99, 0.999] {
            let (ours, theirs) = (ours.value_at_quantile(quantile), corrected.value_at_quantile(quantile));
            assert!(ours.abs_diff(theirs) <= 20_000_000, "{quantile}: {ours} and {theirs}");
        }
        assert!(ours.value_at_quantile(0.95) > 400_000_000);
    }
}
