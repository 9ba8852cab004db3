//! What was measured, second by second.

/// One second.
pub(crate) struct Second {
    pub(crate) at: u64,
    pub(crate) rss: usize,
    pub(crate) deliveries: usize,
    /// Microseconds.
    pub(crate) p50: u32,
    pub(crate) p99: u32,
    pub(crate) worst: u32,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Timeline {
    pub(crate) seconds: Vec<Second>,
    all: Vec<u32>,
}

impl Timeline {
    /// Notes a second; gives it in words.
    pub(crate) fn note(&mut self, at: u64, rss: usize, mut latencies: Vec<u32>) -> String {
        latencies.sort_unstable();
        let second = Second {
            at,
            rss,
            deliveries: latencies.len(),
            p50: part(&latencies, 50),
            p99: part(&latencies, 99),
            worst: part(&latencies, 100),
        };
        self.all.append(&mut latencies);
        let words = format!(
            "{} deliveries a second, {}, RSS {} MiB",
            second.deliveries,
            millis(&[second.p50, second.p99, second.worst]),
            second.rss >> 20
        );
        self.seconds.push(second);
        words
    }

    /// Percentiles of everything.
    pub(crate) fn whole(&mut self) -> String {
        self.all.sort_unstable();
        millis(&[50, 99, 100].map(|percent| part(&self.all, percent)))
    }
}

fn part(sorted: &[u32], percent: usize) -> u32 {
    sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0)
}

fn millis(values: &[u32]) -> String {
    let words: Vec<String> = values.iter().map(|us| format!("{:.1}", f64::from(*us) / 1_000.0)).collect();
    format!("{} ms", words.join(" / "))
}
