//! What a run has measured so far.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Point;

/// The longest latency that is told apart from longer ones.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Digits of a latency that are kept: 0.1 %.
const DIGITS: u8 = 3;

/// Points in time that a run is cut into, where it is long enough.
const POINTS: u32 = 100;

/// Shorter pieces of time hold too few messages to say something.
const POINT_MIN: Duration = Duration::from_millis(100);

/// Longer than any run.
const OPEN_END: Duration = Duration::from_secs(30 * 24 * 3_600);

/// An empty histogram of nanoseconds.
pub(crate) fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("these bounds are right")
}

/// Latencies of the measured window, whole and piece by piece.
pub(crate) struct Recorder {
    begin: Instant,
    end: Instant,
    latencies: Histogram<u64>,
    /// Messages that arrived in the window, whenever they were sent.
    arrivals: u64,
    /// Messages that arrived since the run began.
    total: u64,
    piece: Histogram<u64>,
    piece_length: Duration,
    pieces: u32,
    points: Vec<Point>,
}

impl Recorder {
    /// Of the messages of a run that began at `start`, those count that are meant to go out between `begin` and `end`.
    pub(crate) fn new(start: Instant, begin: Instant, end: Instant) -> Self {
        debug_assert!(start <= begin && begin <= end);
        Self {
            begin,
            end,
            latencies: new_histogram(),
            arrivals: 0,
            total: 0,
            piece: new_histogram(),
            piece_length: ((end - begin) / POINTS).max(POINT_MIN),
            pieces: 0,
            points: Vec::new(),
        }
    }

    /// Everything counts from `start` on, until [`Recorder::finish`].
    pub(crate) fn open_ended(start: Instant) -> Self {
        Self { piece_length: POINT_MIN, ..Self::new(start, start, start + OPEN_END) }
    }

    /// So many messages that were meant to go out at `intended` have arrived.
    pub(crate) fn arrived(&mut self, intended: Instant, now: Instant, messages: u64) {
        let latency = u64::try_from((now - intended).as_nanos()).unwrap_or(u64::MAX).max(1);
        self.total += messages;
        if now >= self.begin && now < self.end {
            self.cut(now);
            self.arrivals += messages;
            self.piece.saturating_record_n(latency, messages);
        }
        if intended >= self.begin {
            self.latencies.saturating_record_n(latency, messages);
        }
    }

    /// A message has not arrived by the end. It counts with the age that it had: leaving it out would flatter the server. False
    /// where it belongs to the warm-up.
    pub(crate) fn never_arrived(&mut self, intended: Instant, now: Instant) -> bool {
        let counts = intended >= self.begin;
        if counts {
            let age = u64::try_from((now - intended).as_nanos()).unwrap_or(u64::MAX).max(1);
            self.latencies.saturating_record(age);
        }
        counts
    }

    /// Ends the pieces that lie before `now`.
    pub(crate) fn cut(&mut self, now: Instant) {
        while self.begin + self.piece_length * (self.pieces + 1) <= now.min(self.end) {
            self.pieces += 1;
            self.end_piece(self.piece_length);
        }
    }

    fn end_piece(&mut self, length: Duration) {
        let at = (self.piece_length * self.pieces).min(self.window());
        self.points.push(Point::new(at, length, &self.piece));
        self.piece.reset();
    }

    /// Ends the last piece, which may be a short one.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.end = self.end.min(now.max(self.begin));
        self.cut(self.end);
        let rest = (self.end - self.begin).saturating_sub(self.piece_length * self.pieces);
        if rest >= POINT_MIN {
            self.pieces += 1;
            self.end_piece(rest);
        }
    }

    /// Whether the measured window has begun.
    pub(crate) fn has_begun(&self, now: Instant) -> bool {
        now >= self.begin
    }

    pub(crate) fn window(&self) -> Duration {
        self.end - self.begin
    }

    pub(crate) fn latencies(&self) -> &Histogram<u64> {
        &self.latencies
    }

    pub(crate) fn arrivals(&self) -> u64 {
        self.arrivals
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_warm_up_does_not_count_and_pieces_follow_each_other() {
        let start = Instant::now();
        let begin = start + 1_000 * MS;
        let mut recorder = Recorder::new(start, begin, begin + 1_000 * MS);
        recorder.arrived(start, start + 5 * MS, 1);
        assert!(!recorder.never_arrived(start, begin + 5 * MS));
        recorder.arrived(start + 990 * MS, begin + 10 * MS, 1);
        recorder.arrived(begin + 10 * MS, begin + 30 * MS, 2);
        recorder.arrived(begin + 300 * MS, begin + 350 * MS, 1);
        // Sent within, back behind the end: its latency counts, and the rate does not.
        recorder.arrived(begin + 999 * MS, begin + 1_500 * MS, 1);
        recorder.finish(begin + 1_500 * MS);
        assert_eq!((recorder.latencies().len(), recorder.arrivals(), recorder.total()), (4, 4, 6));
        let points = recorder.points();
        assert_eq!(points.len(), 10);
        assert_eq!(
            points.iter().map(|point| point.messages).collect::<Vec<_>>(),
            [3, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!((points[3].seconds, points[3].per_second), (0.4, 10.0));
    }

    #[test]
    fn who_ends_early_has_a_shorter_window() {
        let start = Instant::now();
        let mut recorder = Recorder::new(start, start, start + 10_000 * MS);
        recorder.arrived(start, start + MS, 1);
        assert!(recorder.never_arrived(start + 50 * MS, start + 250 * MS));
        recorder.finish(start + 250 * MS);
        assert_eq!((recorder.window(), recorder.points().len()), (250 * MS, 2));
        assert!(recorder.latencies().max() >= 200_000_000);
    }
}
