//! Runs: what a plan says is done, and what came of it is told.

mod fleet;
mod message;
mod openings;
mod progress;
mod schedule;
mod talk;
mod talking;
mod timer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use self::fleet::{Fleet, Ready};
pub use self::progress::Progress;
use self::progress::Standing;
use self::schedule::Schedule;
use crate::failure::Failure;
use crate::plan::{Pace, Plan, Scenario};
use crate::report::{Ended, Recorder, Report};

/// How often a run looks whether it is to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a plan that [`Plan::check`] has nothing against. It ends early once `stop` is true; what was measured until then, or until
/// something went wrong, is told in any case.
pub fn run(plan: &Plan, stop: &Arc<AtomicBool>, progress: Progress) -> Report {
    let start = Instant::now();
    let fleet = match Fleet::new(plan, stop) {
        Ok(fleet) => fleet,
        Err(failure) => {
            let recorder = Recorder::new(start, start, start);
            return Report::new(plan, &recorder, Ended::Failed(failure.to_string()));
        }
    };
    let mut run = Run {
        plan,
        stop,
        progress,
        fleet,
        ready: Vec::new(),
        recorder: Recorder::new(start, start, start + plan.duration),
        meters: None,
        stranger: None,
        late: 0,
        skipped: 0,
    };
    let ended = match plan.scenario {
        Scenario::Echo | Scenario::FanOut => talking::run(&mut run),
        Scenario::Idle => openings::idle(&mut run),
        Scenario::Connect => openings::connect(&mut run),
    };
    run.report(ended)
}

/// Why a run is over.
enum End {
    /// It has come to its end.
    Finished,
    /// It was told to end.
    Interrupted,
    /// Something ended it.
    Failed(String),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Interrupted => Self::Interrupted,
            failure => Self::Failed(failure.to_string()),
        }
    }
}

/// What a run has used.
#[derive(Clone, Copy)]
struct Meters {
    at: Instant,
    cpu: Duration,
    sent_bytes: u64,
    received_bytes: u64,
}

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    progress: Progress,
    fleet: Fleet,
    /// What the last wait brought.
    ready: Vec<Ready>,
    recorder: Recorder,
    /// When the measured window began, and when it was over.
    meters: Option<(Meters, Option<Meters>)>,
    /// The last message that belonged to no one.
    stranger: Option<Vec<u8>>,
    /// Arrivals that had not come when the run gave up, of those that count.
    late: u64,
    /// Arrivals that never came, though later ones did.
    skipped: u64,
}

/// As much of a stranger as is shown.
const STRANGER_BYTES_MAX: usize = 300;

impl Run<'_> {
    fn is_told_to_end(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Opens the connections of the plan; each is given to `opened`, with the time that its handshake took.
    fn open_all(&mut self, mut opened: impl FnMut(&mut Self, usize, Instant, Instant)) -> Result<(), End> {
        /// Handshakes between two looks at what came meanwhile.
        const LOOK_EVERY: usize = 64;
        let mut looked = Instant::now();
        for index in 0..self.plan.connections {
            if self.is_told_to_end() {
                return Err(End::Interrupted);
            }
            let begun = Instant::now();
            let go_on = self.fleet.open_next();
            let now = Instant::now();
            if self.fleet.is_open(index) {
                opened(self, index, begun, now);
            } else if !go_on {
                break;
            }
            if index % LOOK_EVERY == 0 || now - looked >= LOOK_INTERVAL {
                looked = now;
                self.turn(Duration::ZERO, None, &mut |_, _, _, _| false)?;
                self.tell(now, "  (opening)");
            }
        }
        if self.is_told_to_end() {
            return Err(End::Interrupted);
        }
        if self.fleet.open() == 0 {
            return Err(End::Failed(self.nobody_left()));
        }
        Ok(())
    }

    /// Waits, and gives each message that comes to `take`, which says whether it was one of the run's.
    fn turn(
        &mut self,
        wait: Duration,
        at: Option<Instant>,
        take: &mut impl FnMut(usize, &[u8], Instant, &mut Recorder) -> bool,
    ) -> Result<(), Failure> {
        let mut ready = std::mem::take(&mut self.ready);
        self.fleet.wait(wait, at, &mut ready)?;
        for one in &ready {
            self.serve(*one, take);
        }
        self.ready = ready;
        Ok(())
    }

    /// Begins what is measured: the start of its warm-up, its end, and where it is at a rate its schedule.
    fn begin(&mut self) -> (Instant, Instant, Option<Schedule>) {
        let start = Instant::now();
        let begin = start + self.plan.warm_up;
        let end = begin + self.plan.duration;
        self.recorder = Recorder::new(start, begin, end);
        let schedule = match self.plan.pace {
            Pace::PerSecond(rate) => Some(Schedule::new(start, end, rate)),
            Pace::InFlight(_) => None,
        };
        (start, end, schedule)
    }

    fn serve(&mut self, ready: Ready, take: &mut impl FnMut(usize, &[u8], Instant, &mut Recorder) -> bool) {
        let (recorder, stranger) = (&mut self.recorder, &mut self.stranger);
        let mut now = None;
        self.fleet.serve(ready, |message| {
            // The clock is read once for all that one read has brought.
            let now = *now.get_or_insert_with(Instant::now);
            if !take(ready.index, message, now, recorder) {
                *stranger = Some(message[..message.len().min(STRANGER_BYTES_MAX)].to_vec());
            }
        });
    }

    /// Says how it goes, if it is time to.
    fn tell(&mut self, now: Instant, phase: &str) {
        let standing = Standing {
            units: self.plan.scenario.units(),
            total: self.recorder.total(),
            latencies: self.recorder.latencies(),
            open: self.fleet.open(),
            errors: self.fleet.errors(),
            phase,
        };
        self.progress.tick(now, &standing);
    }

    /// Notes what was used until the measured window begins, and until it is over.
    fn meter(&mut self, now: Instant, is_over: bool) {
        let meters = Meters {
            at: now,
            cpu: cpu_time(),
            sent_bytes: self.fleet.sent_bytes,
            received_bytes: self.fleet.received_bytes,
        };
        match &mut self.meters {
            None if self.recorder.has_begun(now) => self.meters = Some((meters, None)),
            Some((_, end @ None)) if is_over => *end = Some(meters),
            _ => {}
        }
    }

    /// What to say when nothing can go on: the last connection is gone, or none could be opened.
    fn nobody_left(&self) -> String {
        let (fleet, url) = (&self.fleet, self.plan.url.text());
        match (&fleet.lost.first, &fleet.refused.first) {
            (Some(trouble), _) => {
                let (lost, all) = (fleet.lost.count, fleet.tried());
                let rest = if fleet.open() > 0 { ", and the rest has nobody to talk to" } else { "" };
                format!("{lost} of {all} connections to {url} were lost{rest}; the first: {trouble}")
            }
            (None, Some(trouble)) if fleet.tried() > 1 && fleet.refused.count < fleet.tried() as u64 => {
                let (refused, all) = (fleet.refused.count, fleet.tried());
                format!("{refused} of {all} connections to {url} were refused; the first: {trouble}")
            }
            (None, Some(trouble)) => format!("no connection to {url} could be opened: {trouble}"),
            (None, None) => format!("there is no connection to {url}"),
        }
    }

    /// What some connections have met, where the run could go on without them.
    fn some_lost(&self) -> Option<String> {
        let of = |what: &str, troubles: &fleet::Troubles| {
            let trouble = troubles.first.as_ref()?;
            let of = self.fleet.tried();
            Some(format!("{} of {of} connections {what}; the first: {trouble}", troubles.count))
        };
        let url = self.plan.url.text();
        let all = [of("were refused", &self.fleet.refused), of("were lost", &self.fleet.lost)];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (!all.is_empty()).then(|| format!("{url}: {}", all.join("; ")))
    }

    fn report(mut self, end: End) -> Report {
        let now = Instant::now();
        self.progress.end();
        self.meter(now, true);
        self.recorder.finish(now);
        let ended = match (end, self.some_lost()) {
            (End::Failed(why), _) | (End::Finished, Some(why)) => Ended::Failed(why),
            (End::Finished, None) => Ended::Finished,
            (End::Interrupted, _) => Ended::Interrupted,
        };
        let mut report = Report::new(self.plan, &self.recorder, ended);
        report.connections_open = self.fleet.open();
        report.errors = self.fleet.errors();
        report.set_late(self.late);
        report.skipped = self.skipped;
        if let Some((begin, Some(end))) = self.meters {
            report.sent_bytes = end.sent_bytes - begin.sent_bytes;
            report.received_bytes = end.received_bytes - begin.received_bytes;
            let wall = (end.at - begin.at).as_secs_f64().max(f64::EPSILON);
            report.set_busy((end.cpu - begin.cpu).as_secs_f64() / wall);
        }
        report
    }
}

/// The time that this process has been on a CPU.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}
