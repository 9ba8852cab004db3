//! CPU time, memory and latencies.

use std::fs;
use std::time::Duration;

/// The CPU time of all threads of a process so far. `None` is this process.
pub(crate) fn cpu_time(process: Option<u32>) -> Result<Duration, String> {
    let folder = process.map_or("/proc/self/task".to_owned(), |id| format!("/proc/{id}/task"));
    let tasks = fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?;
    // The first number is the time on the CPU in nanoseconds. A thread may end while it is looked at.
    let times = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    let nanos = times.filter_map(|times| times.split_whitespace().next()?.parse::<u64>().ok()).sum();
    Ok(Duration::from_nanos(nanos))
}

/// The resident memory of a process.
pub(crate) fn resident_bytes(process: u32) -> Result<u64, String> {
    let file = format!("/proc/{process}/status");
    let status = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| format!("{file} has no VmRSS"))
}

/// Latencies in buckets of at most 1.6 %.
#[derive(Default)]
pub(crate) struct Latencies {
    buckets: Vec<u64>,
    count: u64,
}

/// Buckets for each doubling.
const STEPS: u64 = 64;

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration, times: u64) {
        let index = index(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        self.buckets[index] += times;
        self.count += times;
    }

    /// The latency that this share of the messages did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        Duration::from_nanos(found.map_or(0, lowest))
    }
}

fn index(nanos: u64) -> usize {
    let doublings = u64::from((nanos / STEPS).checked_ilog2().map_or(0, |log| log + 1));
    let shift = doublings.saturating_sub(1);
    let step = (nanos >> shift) - if doublings == 0 { 0 } else { STEPS };
    usize::try_from(doublings * STEPS + step).unwrap_or(usize::MAX)
}

fn lowest(index: usize) -> u64 {
    let (doublings, step) = (index as u64 / STEPS, index as u64 % STEPS);
    if doublings == 0 { step } else { (STEPS + step) << (doublings - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_near_what_it_holds() {
        for nanos in (0..2_000).chain([12_345, 999_999, 123_456_789, 5_000_000_000]) {
            let low = lowest(index(nanos));
            assert!(low <= nanos && nanos - low <= nanos / 64, "{nanos}: {low}");
        }
    }

    #[test]
    fn quantiles_count_messages() {
        let mut latencies = Latencies::default();
        latencies.record(Duration::from_nanos(10), 99);
        latencies.record(Duration::from_nanos(50), 1);
        assert_eq!(latencies.quantile(0.5), Duration::from_nanos(10));
        assert_eq!(latencies.quantile(0.99), Duration::from_nanos(10));
        assert_eq!(latencies.quantile(1.0), Duration::from_nanos(50));
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 0);
        cpu_time(None).unwrap();
    }
}
