//! The line that says how a run goes, once a second.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::report::{milliseconds, thousands};

const INTERVAL: Duration = Duration::from_secs(1);

/// Takes the cursor to the line's beginning and wipes the line.
const REWRITE: &str = "\r\x1b[2K";

/// Where the line goes.
pub struct Progress {
    out: Box<dyn Write>,
    terminal: bool,
    start: Instant,
    ticks: u32,
    total: u64,
    told: Instant,
    shown: bool,
}

/// What the line says.
pub(crate) struct Standing<'a> {
    /// What is counted.
    pub(crate) units: &'a str,
    pub(crate) total: u64,
    pub(crate) latencies: &'a hdrhistogram::Histogram<u64>,
    pub(crate) open: usize,
    pub(crate) errors: u64,
    /// What goes on, where it is not the measurement.
    pub(crate) phase: &'a str,
}

impl Progress {
    /// On a terminal the line is rewritten in place; elsewhere each is a line of its own.
    pub fn new(out: Box<dyn Write>, terminal: bool) -> Self {
        let now = Instant::now();
        Self { out, terminal, start: now, ticks: 0, total: 0, told: now, shown: false }
    }

    /// When the next line is due.
    pub(crate) fn next(&self) -> Instant {
        self.start + INTERVAL * (self.ticks + 1)
    }

    /// Writes the line if its time has come.
    pub(crate) fn tick(&mut self, now: Instant, standing: &Standing<'_>) {
        if now < self.next() {
            return;
        }
        let since = now - self.told;
        let rate = standing.total.saturating_sub(self.total) as f64 / since.as_secs_f64();
        self.ticks = u32::try_from((now - self.start).as_secs()).unwrap_or(u32::MAX - 1);
        self.told = now;
        self.total = standing.total;
        let line = line(self.ticks, rate, standing);
        // Whoever does not read how it goes still wants the result.
        let _ =
            if self.terminal { write!(self.out, "{REWRITE}{line}") } else { writeln!(self.out, "{line}") };
        let _ = self.out.flush();
        self.shown = true;
    }

    /// The line has told what it had to.
    pub(crate) fn end(&mut self) {
        if self.terminal && self.shown {
            let _ = write!(self.out, "{REWRITE}");
            let _ = self.out.flush();
        }
    }
}

fn line(seconds: u32, rate: f64, standing: &Standing<'_>) -> String {
    let latency = if standing.latencies.is_empty() {
        String::new()
    } else {
        let quantile = |share| milliseconds(standing.latencies.value_at_quantile(share));
        let max = milliseconds(standing.latencies.max());
        format!("  p50 {}  p99 {}  max {max} ms", quantile(0.5), quantile(0.99))
    };
    let errors = if standing.errors == 1 { "error" } else { "errors" };
    format!(
        "{seconds:>4} s  {:>10} {}/s{latency}  {} open  {} {errors}{}",
        thousands(rate.round() as u64),
        standing.units,
        thousands(standing.open as u64),
        thousands(standing.errors),
        standing.phase
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::report::new_histogram;

    struct Out(Sender<u8>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            bytes.iter().for_each(|byte| self.0.send(*byte).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_a_second_that_is_rewritten_on_a_terminal_only() {
        let mut latencies = new_histogram();
        latencies.record_n(1_000_000, 99).unwrap();
        latencies.record(20_000_000).unwrap();
        for (terminal, expected) in [
            (false, "   1 s      12,000 messages/s  p50 1.00  p99 1.00  max 20.0 ms  100 open  1 error\n"),
            (
                true,
                "\r\x1b[2K   1 s      12,000 messages/s  p50 1.00  p99 1.00  max 20.0 ms  100 open  1 error",
            ),
        ] {
            let (sender, written) = channel();
            let mut progress = Progress::new(Box::new(Out(sender)), terminal);
            let standing = Standing {
                units: "messages",
                total: 12_000,
                latencies: &latencies,
                open: 100,
                errors: 1,
                phase: "",
            };
            progress.tick(progress.start + Duration::from_millis(999), &standing);
            progress.tick(progress.start + Duration::from_secs(1), &standing);
            progress.tick(progress.start + Duration::from_millis(1_500), &standing);
            let written: Vec<u8> = written.try_iter().collect();
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }
}
