//! The server as a process: started on a free port, watched, and ended by its id.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::client::{Client, http};
use super::{Outcome, Saying, ensure};

const START_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How often something is looked at that nobody tells us of.
const LOOK: Duration = Duration::from_millis(20);

static STARTED: AtomicUsize = AtomicUsize::new(0);

/// A running server; it is killed with this value, unless it was ended.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    descriptors_at_start: usize,
    rss_at_start: usize,
}

impl Server {
    /// Starts `binary` on a free port.
    ///
    /// # Errors
    /// Where it does not listen.
    pub async fn start(binary: &Path, flags: &[&str]) -> Outcome<Self> {
        let (mut child, log) = spawn(binary, "0", flags)?;
        let deadline = Instant::now() + START_LIMIT;
        let port = loop {
            if let Some(port) = port_in(&fs::read_to_string(&log).unwrap_or_default()) {
                break port;
            }
            if let Some(status) = child.try_wait().saying("the server")? {
                return Err(format!("the server ended at once ({status}); see {}", log.display()));
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                return Err(format!("the server did not say where it listens; see {}", log.display()));
            }
            tokio::time::sleep(LOOK).await;
        };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Self { child, address, log, descriptors_at_start: 0, rss_at_start: 0 };
        // The first connection on each path allocates what stays.
        server.serves().await?;
        server.until_settled().await;
        server.descriptors_at_start = server.descriptors();
        server.rss_at_start = server.rss();
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn status(&self, key: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
        kilobytes.unwrap_or(0) * 1024
    }

    /// Resident memory in bytes.
    #[must_use]
    pub fn rss(&self) -> usize {
        self.status("VmRSS:")
    }

    /// The most resident memory that it has had.
    #[must_use]
    pub fn rss_peak(&self) -> usize {
        self.status("VmHWM:")
    }

    /// Resident memory once it had started and answered a little.
    #[must_use]
    pub fn rss_at_start(&self) -> usize {
        self.rss_at_start
    }

    /// How far the most resident memory was above that at the start.
    #[must_use]
    pub fn rss_rise(&self) -> usize {
        self.rss_peak().saturating_sub(self.rss_at_start)
    }

    /// Open descriptors.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    /// CPU time used, user and system.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = |index| fields.split_whitespace().nth(index).and_then(|ticks| ticks.parse::<u64>().ok());
        // Ticks are hundredths of a second on every Linux that there is.
        Duration::from_millis(10 * (ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)))
    }

    /// Waits until the connections of the first look are closed.
    async fn until_settled(&self) {
        let mut before = usize::MAX;
        while self.descriptors() < before {
            before = self.descriptors();
            tokio::time::sleep(5 * LOOK).await;
        }
    }

    /// Waits until `connections` more descriptors are open than at the start.
    ///
    /// # Errors
    /// Where that does not come.
    pub async fn until_descriptors_are(&self, connections: usize, limit: Duration) -> Outcome<()> {
        let (wanted, deadline) = (self.descriptors_at_start + connections, Instant::now() + limit);
        while self.descriptors() != wanted && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        let open = self.descriptors();
        ensure(open == wanted, || format!("{open} descriptors are open, not {wanted}"))
    }

    /// It answers `/health/live`, and a fresh round trip in a chat room works.
    ///
    /// # Errors
    /// What does not.
    pub async fn serves(&self) -> Outcome<()> {
        ensure(self.health("live").await? == 200, || "/health/live does not say 200".to_owned())?;
        let mut client = Client::connect(self.address, "/chat").await?;
        client.join("a fresh room").await?;
        client.send_text(r#"{"type":"chat","room":"a fresh room","text":"fresh","id":7}"#).await?;
        client.until_text(r#""text":"fresh""#, ANSWER_LIMIT).await?;
        client.until_text(r#""messageId":7"#, ANSWER_LIMIT).await?;
        Ok(())
    }

    /// The status of `/health/live` or `/health/ready`.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn health(&self, which: &str) -> Outcome<u16> {
        let request =
            format!("GET /health/{which} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        let answer = http(self.address, request.as_bytes(), ANSWER_LIMIT).await?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| format!("/health/{which} was answered {answer:?}"))
    }

    /// Tells it to end.
    ///
    /// # Errors
    /// Where there is nobody to tell.
    pub fn terminate(&self) -> Outcome<()> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status().saying("kill")?;
        ensure(status.success(), || format!("kill -TERM {id}: {status}"))
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn until_ended(&mut self, limit: Duration) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().saying("the server")? {
                return Ok(status);
            }
            ensure(Instant::now() < deadline, || format!("it did not end within {} s", limit.as_secs()))?;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// It still serves, ends with 0 when it is told to, and its log has no line that it should not have.
    ///
    /// # Errors
    /// What is not so.
    pub async fn finish(mut self, within: Duration) -> Outcome<()> {
        self.serves().await.map_err(|why| format!("afterwards: {why}"))?;
        self.terminate()?;
        let status = self.until_ended(within).await?;
        ensure(status.code() == Some(0), || format!("it ended with {status}"))?;
        self.log_is_clean()
    }

    /// Nothing but information stands in the log.
    ///
    /// # Errors
    /// The first line that is something else.
    pub fn log_is_clean(&self) -> Outcome<()> {
        let log = fs::read_to_string(&self.log).saying("the log")?;
        match log.lines().find(|line| !line.contains(r#""level":"INFO""#)) {
            Some(line) => Err(format!("its log says {line}")),
            None => {
                // It has been read; a log that found something stays.
                let _ = fs::remove_file(&self.log);
                Ok(())
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server that must not start; gives its exit code and what it said.
///
/// # Errors
/// Where it goes on running.
pub async fn refused_start(binary: &Path, port: u16, flags: &[&str]) -> Outcome<(Option<i32>, String)> {
    let (child, log) = spawn(binary, &port.to_string(), flags)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut server = Server { child, address, log, descriptors_at_start: 0, rss_at_start: 0 };
    let status = server.until_ended(START_LIMIT).await?;
    let said = fs::read_to_string(&server.log).saying("the log")?;
    let _ = fs::remove_file(&server.log);
    Ok((status.code(), said))
}

fn spawn(binary: &Path, port: &str, flags: &[&str]) -> Outcome<(Child, PathBuf)> {
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let log = std::env::temp_dir().join(format!("fanfare-trial-{}-{number}.log", std::process::id()));
    let out = File::create(&log).saying("the log")?;
    let mut command = Command::new(binary);
    command.args(["serve", "--host", "127.0.0.1", "--port", port, "--log-format", "json"]).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(out);
    let child = command.spawn().saying(&binary.display().to_string())?;
    Ok((child, log))
}

fn port_in(log: &str) -> Option<u16> {
    let line = log.lines().find(|line| line.contains(r#""message":"listening""#))?;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line.get("address")?.as_str()?.parse::<SocketAddr>().ok().map(|address| address.port())
}

/// Bytes in words.
#[must_use]
pub fn mebibytes(bytes: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    format!("{mebibytes:.1} MiB")
}
