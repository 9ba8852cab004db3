//! Runs in which nothing is said: many connections that stay open, and one after another that does not.

use std::time::{Duration, Instant};

use super::{End, LOOK_INTERVAL, Run};
use crate::report::Recorder;

/// Opens all connections and holds them. The latencies are those of the handshakes.
pub(super) fn idle(run: &mut Run<'_>) -> End {
    let start = Instant::now();
    run.recorder = Recorder::open_ended(start);
    run.meter(start, false);
    let opened = run.open_all(|run, _, begun, now| {
        run.recorder.cut(now);
        run.recorder.arrived(begun, now, 1);
    });
    let now = Instant::now();
    run.meter(now, true);
    run.recorder.finish(now);
    if let Err(end) = opened {
        return end;
    }
    let end = Instant::now() + run.plan.duration;
    loop {
        let now = Instant::now();
        if now >= end {
            return End::Finished;
        }
        if run.is_told_to_end() {
            return End::Interrupted;
        }
        if run.fleet.open() == 0 {
            return End::Failed(run.nobody_left());
        }
        if let Err(failure) = run.turn(LOOK_INTERVAL.min(end - now), None, &mut |_, _, _, _| true) {
            return failure.into();
        }
        run.tell(Instant::now(), "");
    }
}

/// Opens and closes one connection after another. The latency is that of the handshake and the close.
pub(super) fn connect(run: &mut Run<'_>) -> End {
    let (_, end, mut schedule) = run.begin();
    loop {
        let now = Instant::now();
        run.meter(now, false);
        run.recorder.cut(now);
        run.tell(now, "");
        if run.is_told_to_end() {
            return End::Interrupted;
        }
        if now >= end {
            for intended in schedule.iter().flat_map(|schedule| schedule.overdue(now)) {
                run.late += u64::from(run.recorder.never_arrived(intended, now));
            }
            return End::Finished;
        }
        let intended = match &mut schedule {
            None => now,
            Some(schedule) => match schedule.take_due(now) {
                Some(intended) => intended,
                None => {
                    let at = schedule.next().unwrap_or(end).min(end);
                    if let Err(failure) = wait_until(run, at) {
                        return failure;
                    }
                    continue;
                }
            },
        };
        match run.fleet.open_and_close() {
            Some(true) => run.recorder.arrived(intended, Instant::now(), 1),
            Some(false) => {}
            None if run.is_told_to_end() => return End::Interrupted,
            None => return End::Failed(run.nobody_left()),
        }
    }
}

fn wait_until(run: &mut Run<'_>, at: Instant) -> Result<(), End> {
    let wait: Duration = at.saturating_duration_since(Instant::now()).min(LOOK_INTERVAL);
    run.turn(wait, Some(at), &mut |_, _, _, _| false).map(drop).map_err(End::from)
}
