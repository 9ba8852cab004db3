//! An ordinary client that measures what others do to it: an echo of 20 bytes, one in flight, on a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, net::SocketAddr};

use super::client::{Client, Seen};
use super::{Outcome, Saying};

/// Between an echo and the next message.
const REST: Duration = Duration::from_millis(2);

/// An echo that takes longer has been lost.
const ECHO_LIMIT: Duration = Duration::from_secs(30);

/// A running measurement.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    failed: Arc<OnceLock<String>>,
    thread: JoinHandle<Outcome<Vec<Duration>>>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Delays {
    sorted: Vec<Duration>,
}

impl Probe {
    /// Begins to measure.
    #[must_use]
    pub fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let failed = Arc::new(OnceLock::new());
        let fails = Arc::clone(&failed);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let measured = runtime.saying("a runtime")?.block_on(measure(address, &stopped));
            if let Err(why) = &measured {
                let _ = fails.set(why.clone());
            }
            measured
        });
        Self { stop, failed, thread }
    }

    /// It goes on as it should.
    ///
    /// # Errors
    /// Where a message did not come back, or the connection ended.
    pub fn lives(&self) -> Outcome<()> {
        match self.failed.get() {
            Some(why) => Err(format!("an ordinary client beside it: {why}")),
            None if self.thread.is_finished() => Err("an ordinary client beside it has ended".to_owned()),
            None => Ok(()),
        }
    }

    /// Ends it. Every message must have come back.
    ///
    /// # Errors
    /// Where one did not, or the connection ended.
    pub fn finish(self) -> Outcome<Delays> {
        self.stop.store(true, Ordering::Relaxed);
        let delays = self.thread.join().map_err(|_| "the measuring client panicked".to_owned())?;
        let mut sorted = delays.map_err(|why| format!("an ordinary client beside it: {why}"))?;
        sorted.sort_unstable();
        Ok(Delays { sorted })
    }
}

async fn measure(address: SocketAddr, stop: &AtomicBool) -> Outcome<Vec<Duration>> {
    let mut client = Client::connect(address, "/echo").await?;
    let mut delays = Vec::new();
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let message = format!("{number:020}").into_bytes();
        let sent = Instant::now();
        client.send_binary(&message).await?;
        match client.next_within(ECHO_LIMIT).await? {
            Seen::Binary(echo) if echo == message => delays.push(sent.elapsed()),
            other => return Err(format!("instead of echo {number} came {other:?}")),
        }
        tokio::time::sleep(REST).await;
    }
    Ok(delays)
}

impl Delays {
    /// The delay that this part of the echoes did not exceed.
    #[must_use]
    pub fn at(&self, part: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = (last as f64 * part) as usize;
        self.sorted.get(index).copied().unwrap_or_default()
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |part| self.at(part).as_secs_f64() * 1_000.0;
        write!(
            f,
            "others' echo p50 {:.1} / p99 {:.1} / worst {:.1} ms of {}",
            millis(0.5),
            millis(0.99),
            millis(1.0),
            self.sorted.len()
        )
    }
}
