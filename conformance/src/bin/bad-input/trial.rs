//! A server with an ordinary client beside whatever is done to it.

use std::time::{Duration, Instant};

use fanfare_conformance::real::{Flags, Outcome, Probe, Server, ensure, mebibytes};

/// What a server in trial may use, and its resident memory may not pass.
const MEMORY_BUDGET_BYTES: usize = 512 << 20;

/// An end of the server where nobody is connected takes no longer.
const END_LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Trial {
    pub(crate) server: Server,
    probe: Probe,
    budget_bytes: usize,
}

impl Trial {
    /// Sees each second, until shortly before `until`, that everybody else is served, new connections too; says how often.
    pub(crate) async fn serves_until(&self, until: Instant) -> Outcome<usize> {
        let mut served = 0;
        while Instant::now() + Duration::from_secs(2) < until {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.server.serves().await.map_err(|why| format!("meanwhile: {why}"))?;
            served += 1;
        }
        Ok(served)
    }

    pub(crate) async fn start(flags: &Flags, server_flags: &[&str]) -> Outcome<Self> {
        Self::start_with(flags, server_flags, MEMORY_BUDGET_BYTES).await
    }

    pub(crate) async fn start_with(
        flags: &Flags,
        server_flags: &[&str],
        budget_bytes: usize,
    ) -> Outcome<Self> {
        let budget = budget_bytes.to_string();
        let server_flags = [&["--memory-budget", &budget], server_flags].concat();
        let server = Server::start(&flags.server, &server_flags).await?;
        let probe = Probe::start(server.address());
        Ok(Self { server, probe, budget_bytes })
    }

    /// Everything that was tried is over: nobody else is harmed, the server serves on and ends well.
    pub(crate) async fn end(self, note: &str) -> Outcome<String> {
        let delays = self.probe.finish()?;
        let peak = self.server.rss_peak();
        let within = |why: String| format!("{why}; {note}");
        ensure(peak <= self.budget_bytes, || within(format!("RSS rose to {}", mebibytes(peak))))?;
        self.server.finish(END_LIMIT).await?;
        Ok(format!("{note}; RSS at most {}; {delays}", mebibytes(peak)))
    }

    /// The descriptors of all connections but the ordinary client's are closed.
    pub(crate) async fn all_closed(&self, limit: Duration) -> Outcome<()> {
        let closed = self.server.until_descriptors_are(1, limit).await;
        self.probe.lives()?;
        closed
    }
}

/// Runs `make(0)`, `make(1)` … all at once, and gives their results in order.
pub(crate) async fn all<T, F>(count: usize, make: impl Fn(usize) -> F) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Outcome<T>> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(make(number))).collect();
    let mut results = Vec::with_capacity(count);
    for (number, task) in tasks.into_iter().enumerate() {
        let result = task.await.map_err(|error| error.to_string())?;
        results.push(result.map_err(|why| format!("client {number} of {count}: {why}"))?);
    }
    Ok(results)
}
