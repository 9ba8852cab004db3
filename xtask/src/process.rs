//! Child processes: their output goes to a log, they have a time limit, and they end with us, by id.

use std::fs::{self, File, OpenOptions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How a process ended, and what it said.
pub(crate) struct Done {
    pub(crate) success: bool,
    pub(crate) output: String,
}

/// How often a suite that says nothing tells that it is still at work.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(60);

/// How long a server may take to listen, also under a tool that makes it fifty times slower.
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(30);

/// Runs a command to its end, or to `limit`; both of its outputs go to the end of `log`.
pub(crate) fn run(command: &mut Command, log: &Path, limit: Duration) -> Result<Done, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let told = fs::metadata(log).map_or(0, |data| data.len());
    let child = spawn(command, log)?;
    let id = child.id();
    let (ended, end) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let mut child = child;
        let _ = ended.send(child.wait());
    });
    let started = Instant::now();
    let status = loop {
        let left = limit.saturating_sub(started.elapsed());
        match end.recv_timeout(left.min(PROGRESS_INTERVAL)) {
            Ok(status) => break status.map_err(|error| format!("{program}: {error}"))?,
            Err(RecvTimeoutError::Timeout) if started.elapsed() < limit => {
                println!("  … {program} is at work, {} min", started.elapsed().as_secs() / 60);
            }
            Err(_) => {
                end_tree(id);
                let _ = waiter.join();
                return Err(format!("{program} did not end within {} s and was ended", limit.as_secs()));
            }
        }
    };
    let _ = waiter.join();
    let text = fs::read(log).map_err(|error| format!("{}: {error}", log.display()))?;
    let start = usize::try_from(told).unwrap_or(0).min(text.len());
    Ok(Done { success: status.success(), output: String::from_utf8_lossy(&text[start..]).into_owned() })
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", command.get_program().to_string_lossy());
    let out = append(log).map_err(failed)?;
    let both = out.try_clone().map_err(failed)?;
    command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(both)
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))
}

fn append(log: &Path) -> std::io::Result<File> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(log)
}

/// Ends a process and everything that it started, children first.
fn end_tree(id: u32) {
    for child in children(id) {
        end_tree(child);
    }
    let _ = Command::new("kill").args(["-KILL", &id.to_string()]).stderr(Stdio::null()).status();
}

/// The children of a process, where the system has `/proc`; nothing elsewhere.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|candidate| parent(*candidate) == Some(id))
        .collect()
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold spaces and parentheses; what follows it does not.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Our server, running for a suite; it ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) base: String,
}

impl Server {
    /// Starts the binary on a free port and waits until it takes connections.
    pub(crate) fn start(binary: &Path, log: &Path) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = Command::new(binary);
        command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
        Self::start_command(&mut command, port, log)
    }

    /// Starts any server and waits until it takes connections on this port.
    pub(crate) fn start_command(command: &mut Command, port: u16, log: &Path) -> Result<Self, String> {
        let child = spawn(command, log)?;
        let mut server = Self { child, base: format!("http://127.0.0.1:{port}") };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(server);
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended at once ({status}); see {}", log.display()));
            }
            pause();
        }
        Err(format!(
            "the server took no connection within {} s; see {}",
            START_LIMIT.as_secs(),
            log.display()
        ))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells the server, which may stand behind a tool that we started, to end, and waits until the tool has written what it
    /// saw.
    pub(crate) fn end(mut self, server: u32) -> Result<(), String> {
        let told = Command::new("kill").args(["-TERM", &server.to_string()]).status();
        told.map_err(|error| format!("kill: {error}"))?;
        let deadline = Instant::now() + END_LIMIT;
        while Instant::now() < deadline {
            if let Ok(Some(_)) = self.child.try_wait() {
                return Ok(());
            }
            pause();
        }
        Err(format!("the server did not end within {} s", END_LIMIT.as_secs()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

#[expect(clippy::disallowed_methods, reason = "a port cannot be waited for; the caller has a deadline")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Where a program stands on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Servers are where only root looks.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("fanfare-process-{}-{name}.log", std::process::id()))
    }

    #[test]
    fn output_is_kept_and_read_from_this_run_only() {
        let log = log("output");
        for word in ["one", "two"] {
            let done =
                run(Command::new("sh").args(["-c", &format!("echo {word}")]), &log, Duration::from_secs(10));
            assert_eq!(done.unwrap().output.trim(), word);
        }
        assert_eq!(fs::read_to_string(&log).unwrap(), "one\ntwo\n");
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn what_takes_too_long_ends_with_its_children() {
        let log = log("long");
        let error = run(
            Command::new("sh").args(["-c", "sleep 1000 & echo $!; wait"]),
            &log,
            Duration::from_millis(300),
        );
        assert!(error.err().unwrap().contains("did not end"));
        let child: u32 = fs::read_to_string(&log).unwrap().trim().parse().unwrap();
        // A process that was told to end does so when it is its turn; one that nobody waits for stays, with nothing to run.
        let deadline = Instant::now() + END_LIMIT;
        while fs::read(format!("/proc/{child}/cmdline")).is_ok_and(|line| !line.is_empty()) {
            assert!(Instant::now() < deadline, "the child of what took too long is still there");
            pause();
        }
        fs::remove_file(log).unwrap();
    }
}
