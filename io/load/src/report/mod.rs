//! What came of a run: for people, for programs, and as a picture.

mod axis;
mod plot;
mod recorder;
mod table;

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

pub(crate) use self::recorder::Recorder;
#[cfg(test)]
pub(crate) use self::recorder::new_histogram;
pub(crate) use self::table::{milliseconds, thousands};
use crate::plan::{Pace, Plan, Scenario};
use crate::url::Protocol;

/// The form of the JSON text, to be counted up when a member changes its meaning.
const VERSION: u32 = 1;

/// A load that is busier than this share of a core is likely what held the messages up.
const BUSY_MAX: f64 = 0.9;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As it was meant to.
    Finished,
    /// Somebody ended it early.
    Interrupted,
    /// This went wrong.
    Failed(String),
}

/// What came of a run. Times are milliseconds unless their name says otherwise.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The form of this text.
    pub version: u32,
    /// What was run.
    pub scenario: Scenario,
    /// With whom.
    pub url: String,
    /// How.
    pub protocol: Protocol,
    /// What was asked for.
    pub settings: Settings,
    /// `finished`, `interrupted` or `failed`.
    #[serde(serialize_with = "ended_word")]
    pub ended: Ended,
    /// What went wrong.
    pub failure: Option<String>,
    /// What puts the figures in doubt.
    pub warnings: Vec<String>,
    /// The length of the measured window.
    pub seconds: f64,
    /// Messages (deliveries, connections) that were meant to go out in the window; those that never came are among them.
    pub messages: u64,
    /// Messages (deliveries, connections) that arrived in the window, a second.
    pub per_second: f64,
    /// Those that had not arrived when the run gave up; their age is among the latencies.
    pub late: u64,
    /// Deliveries that never came, though later ones did.
    pub skipped: u64,
    /// Latencies; `null` where nothing was measured.
    pub latency_ms: Option<Latency>,
    /// The same in full: ten steps for each nine.
    pub percentiles: Vec<Percentile>,
    /// Piece by piece, in the order of time.
    pub timeline: Vec<Point>,
    /// Bytes sent in the window, with frames and without TCP.
    pub sent_bytes: u64,
    /// Bytes received in the window, likewise.
    pub received_bytes: u64,
    /// Connections that were open at the end.
    pub connections_open: usize,
    /// Connections that were refused or lost.
    pub errors: u64,
    /// The load's own share of one core in the window.
    pub load_busy: f64,
}

/// What a run was asked for.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Settings {
    /// Connections.
    pub connections: usize,
    /// The payload of a message.
    pub bytes: usize,
    /// Messages a second, of an open loop.
    pub rate: Option<f64>,
    /// Messages under way, of a closed loop.
    pub in_flight: Option<u32>,
    /// How long is measured.
    pub duration_seconds: f64,
    /// What goes before that.
    pub warm_up_seconds: f64,
    /// The longest silence.
    pub stall_seconds: f64,
    /// The room.
    pub room: Option<String>,
}

/// Latencies of a run.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named after itself")]
pub struct Latency {
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

/// A step of the latencies.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Percentile {
    /// This share of the messages, in percent, had …
    pub percent: f64,
    /// … at most this latency.
    pub ms: f64,
}

/// A piece of a run's time.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Point {
    /// Where it ends, from the window's beginning.
    pub seconds: f64,
    /// What arrived in it.
    pub messages: u64,
    /// The same, a second.
    pub per_second: f64,
    /// The median of what arrived; `null` where nothing did.
    pub p50_ms: Option<f64>,
    /// The latency that 99 of 100 did not exceed.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
}

impl Point {
    pub(crate) fn new(at: Duration, length: Duration, latencies: &Histogram<u64>) -> Self {
        let quantile = |share| (!latencies.is_empty()).then(|| ms(latencies.value_at_quantile(share)));
        Self {
            seconds: at.as_secs_f64(),
            messages: latencies.len(),
            per_second: latencies.len() as f64 / length.as_secs_f64(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            max_ms: quantile(1.0),
        }
    }
}

impl Report {
    pub(crate) fn new(plan: &Plan, recorder: &Recorder, ended: Ended) -> Self {
        let latencies = recorder.latencies();
        let seconds = recorder.window().as_secs_f64();
        let (rate, in_flight) = match plan.pace {
            Pace::PerSecond(rate) => (Some(rate), None),
            Pace::InFlight(count) => (None, Some(count)),
        };
        let talks = matches!(plan.scenario, Scenario::Echo | Scenario::FanOut);
        Self {
            version: VERSION,
            scenario: plan.scenario,
            url: plan.url.text().to_owned(),
            protocol: plan.url.protocol(),
            settings: Settings {
                connections: plan.connections,
                bytes: plan.bytes,
                rate,
                in_flight: in_flight.filter(|_| talks),
                duration_seconds: plan.duration.as_secs_f64(),
                warm_up_seconds: plan.warm_up.as_secs_f64(),
                stall_seconds: plan.stall.as_secs_f64(),
                room: plan.room.clone(),
            },
            failure: if let Ended::Failed(why) = &ended { Some(why.clone()) } else { None },
            ended,
            warnings: Vec::new(),
            seconds,
            messages: latencies.len(),
            per_second: if seconds > 0.0 { recorder.arrivals() as f64 / seconds } else { 0.0 },
            late: 0,
            skipped: 0,
            latency_ms: latency(latencies),
            percentiles: percentiles(latencies),
            timeline: recorder.points().to_vec(),
            sent_bytes: 0,
            received_bytes: 0,
            connections_open: 0,
            errors: 0,
            load_busy: 0.0,
        }
    }

    pub(crate) fn set_busy(&mut self, share: f64) {
        self.load_busy = share;
        if share > BUSY_MAX {
            self.warnings.push(format!(
                "the load itself was busy for {:.0} % of the time, so these figures are its limit and not the server's: ask for \
                 less, or run it on another machine",
                share * 100.0
            ));
        }
    }

    pub(crate) fn set_late(&mut self, late: u64) {
        self.late = late;
        let units = self.scenario.units();
        if late > 0 {
            self.warnings.push(format!(
                "{} of the {} {units} that were meant had not been answered when the run gave up: they count with the age that they \
                 had then",
                thousands(late),
                thousands(self.messages),
            ));
        }
        if self.messages == 0 && matches!(self.ended, Ended::Finished) {
            self.warnings.push(format!(
                "no {units} belong to the measured window, so nothing was measured: make it longer, or ask for more a second"
            ));
        }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        // Its members are numbers and texts: nothing that could fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The latencies as a picture (SVG): by percentile, and over time with what arrived.
    pub fn to_svg(&self) -> String {
        plot::draw(self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table::write(self, f)
    }
}

fn ended_word<S: serde::Serializer>(ended: &Ended, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match ended {
        Ended::Finished => "finished",
        Ended::Interrupted => "interrupted",
        Ended::Failed(_) => "failed",
    })
}

fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

fn latency(latencies: &Histogram<u64>) -> Option<Latency> {
    let quantile = |share| ms(latencies.value_at_quantile(share));
    (!latencies.is_empty()).then(|| Latency {
        min: ms(latencies.min()),
        mean: latencies.mean() / 1e6,
        p50: quantile(0.5),
        p90: quantile(0.9),
        p99: quantile(0.99),
        p99_9: quantile(0.999),
        max: ms(latencies.max()),
    })
}

/// Ten steps for each nine, as far as there are messages that they tell apart.
fn percentiles(latencies: &Histogram<u64>) -> Vec<Percentile> {
    const STEPS: i32 = 10;
    let rests = (0..).map(|step| 10_f64.powf(f64::from(-step) / f64::from(STEPS)));
    let told_apart = rests.take_while(|rest| rest * latencies.len() as f64 >= 1.0);
    let mut steps: Vec<Percentile> = told_apart
        .map(|rest| Percentile {
            percent: (1.0 - rest) * 100.0,
            ms: ms(latencies.value_at_quantile(1.0 - rest)),
        })
        .collect();
    if !latencies.is_empty() {
        steps.push(Percentile { percent: 100.0, ms: ms(latencies.max()) });
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::url::Url;

    pub(super) fn plan() -> Plan {
        Plan {
            scenario: Scenario::Echo,
            url: Url::read("ws://127.0.0.1:80/echo", None).unwrap(),
            connections: 100,
            bytes: 20,
            pace: Pace::PerSecond(1_000.0),
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(1),
            room: None,
            stall: Duration::from_secs(10),
        }
    }

    /// Ten seconds of 1,000 a second: 1 to 1,000 µs in each second, and twenty times as long in the sixth.
    pub(super) fn report() -> Report {
        let start = Instant::now();
        let mut recorder = Recorder::new(start, start, start + Duration::from_secs(10));
        for number in 0..10_000_u32 {
            let sent = start + Duration::from_millis(number.into());
            let slow = if number / 1_000 == 5 { 20 } else { 1 };
            recorder.arrived(sent, sent + Duration::from_micros(u64::from(number % 1_000 + 1)) * slow, 1);
        }
        recorder.finish(start + Duration::from_secs(10));
        let mut report = Report::new(&plan(), &recorder, Ended::Finished);
        (report.sent_bytes, report.received_bytes) = (260_000, 220_000);
        report.set_busy(0.25);
        report
    }

    #[test]
    fn figures_are_those_of_the_messages() {
        let report = report();
        let latency = report.latency_ms.unwrap();
        assert_eq!((report.messages, report.seconds), (10_000, 10.0));
        assert!((latency.p50 - 0.555).abs() < 0.005, "{latency:?}");
        assert!((latency.max - 20.0).abs() < 0.02 && (latency.min - 0.001).abs() < 0.000_1);
        let last_two = &report.percentiles[report.percentiles.len() - 2..];
        assert!((last_two[0].percent - 99.99).abs() < 1e-9 && last_two[1].percent == 100.0);
        assert_eq!(report.timeline.len(), 100);
        assert_eq!(report.timeline[1].messages, 100);
    }

    #[test]
    fn the_json_has_what_a_program_looks_for() {
        let json: serde_json::Value = serde_json::from_str(&report().to_json()).unwrap();
        assert_eq!(json["scenario"], "echo");
        assert_eq!(json["protocol"], "websocket");
        assert_eq!(json["ended"], "finished");
        assert_eq!(json["settings"]["rate"], 1_000.0);
        assert!(json["settings"]["in_flight"].is_null() && json["failure"].is_null());
        for member in ["min", "mean", "p50", "p90", "p99", "p99_9", "max"] {
            assert!(json["latency_ms"][member].is_f64(), "{member}");
        }
    }

    #[test]
    fn a_load_that_was_the_limit_says_so() {
        let mut report = report();
        assert!(report.warnings.is_empty());
        report.set_busy(0.95);
        assert!(report.warnings[0].contains("95 %"), "{:?}", report.warnings);
        report.messages = 5_000;
        report.set_late(1_200);
        assert!(
            report.to_string().contains("1,200 of the 5,000 messages that were meant had not been answered")
        );
    }

    #[test]
    fn a_run_that_measured_nothing_says_so() {
        let now = Instant::now();
        let mut report = Report::new(&plan(), &Recorder::new(now, now, now), Ended::Finished);
        report.set_late(0);
        assert!(report.to_string().contains("nothing was measured"));
    }

    #[test]
    fn nothing_measured_is_no_latency() {
        let now = Instant::now();
        let report =
            Report::new(&plan(), &Recorder::new(now, now, now), Ended::Failed("no one there".to_owned()));
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!((&json["ended"], &json["failure"]), (&"failed".into(), &"no one there".into()));
        assert!(json["latency_ms"].is_null() && json["per_second"] == 0.0);
        assert!(report.to_svg().contains("nothing was measured"));
    }
}
