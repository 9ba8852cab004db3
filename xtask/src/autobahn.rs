//! Autobahn|Testsuite: its installation, and its verdict on a server and on a client.

mod install;
mod report;
mod suite;

use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub(crate) use report::{Report, summary};
use suite::Suite;

/// What the suite has in all.
pub(crate) const CASES_IN_ALL: usize = 517;

/// Sections 1 to 7 and 10: framing, fragments, control frames, UTF-8, closing. About 20 s.
const BASIC: &[&str] = &["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"];

/// Section 9: large messages and many fragments. About 45 s.
const LARGE: &[&str] = &["9.*"];

/// The parts of section 12 and 13 (compression), each with 18 cases.
const COMPRESSION_PARTS: [&str; 12] =
    ["12.1", "12.2", "12.3", "12.4", "12.5", "13.1", "13.2", "13.3", "13.4", "13.5", "13.6", "13.7"];
const CASES_A_COMPRESSION_PART: usize = 18;

/// The short form takes one in ten of them.
const SHORT_STRIDE: usize = 10;

const AGENT: &str = "fanfare";
const START_WAIT: Duration = Duration::from_secs(20);
const START_LOOK: Duration = Duration::from_millis(20);

type StartServer<'a> = &'a (dyn Fn(u16, bool) -> Command + Sync);
type StartClient<'a> = &'a (dyn Fn(&str, bool) -> Command + Sync);

/// How to start what is judged.
pub(crate) struct Peers<'a> {
    /// A server on a port, with or without permessage-deflate.
    pub(crate) server: StartServer<'a>,
    /// The path of its echo.
    pub(crate) server_path: &'a str,
    /// A client that runs every case of the fuzzing server at a URL, then ends.
    pub(crate) client: Option<StartClient<'a>>,
}

/// Which side is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Our server, by the suite's client.
    Server,
    /// Our client, by the suite's server.
    Client,
}

/// One run of the suite's program.
#[derive(Clone, Debug)]
struct Job {
    judged: Judged,
    deflate: bool,
    cases: Vec<String>,
}

/// `cargo xtask autobahn`: true if nothing was wrong.
pub(crate) fn command(root: &Path, all: bool) -> std::result::Result<bool, String> {
    let reports = run_blocking_peer(root, all).map_err(|error| error.to_string())?;
    print!("{}", summary(&reports));
    Ok(reports.iter().all(|report| report.wrong.is_empty()))
}

/// Builds the blocking peer of the testkit, which is nothing but the pure core over `TcpStream`, and has it judged.
pub(crate) fn run_blocking_peer(root: &Path, all: bool) -> Result<Vec<Report>> {
    let built = Command::new("cargo")
        .args(["build", "--release", "--package", "fanfare-testkit", "--bin", "autobahn-peer"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        return Err(Error::other("autobahn-peer does not build"));
    }
    let program = target_folder(root).join("release/autobahn-peer");
    let peer = |arguments: &[&str], deflate: bool| {
        let mut command = Command::new(&program);
        command.args(arguments);
        if deflate {
            command.arg("--deflate");
        }
        command
    };
    let server = |port: u16, deflate| peer(&["server", "--port", &port.to_string()], deflate);
    let client = |url: &str, deflate| peer(&["client", "--url", url], deflate);
    run(root, all, &Peers { server: &server, server_path: "/", client: Some(&client) })
}

/// Installs the suite if need be and has the peers judged: in the short form sections 1 to 7, 9, 10 and a tenth of 12 and
/// 13; with `all` everything. Without compression, sections 12 and 13 have nothing to judge and are left out.
pub(crate) fn run(root: &Path, all: bool, peers: &Peers<'_>) -> Result<Vec<Report>> {
    let cache = target_folder(root).join("autobahn");
    let suite = Suite::find(&cache)?;
    let jobs = jobs(all, peers.client.is_some());
    let queue = Mutex::new(jobs.into_iter().enumerate().collect::<Vec<_>>());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().ok().and_then(|mut queue| queue.pop());
                    let Some((number, job)) = next else { return };
                    let report = run_job(&suite, &cache.join(format!("run-{number}")), &job, peers);
                    if let Ok(mut done) = done.lock() {
                        done.push((number, report));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().map_err(|_| Error::other("a worker failed"))?;
    done.sort_by_key(|(number, _)| *number);
    let reports = done.into_iter().map(|(_, report)| report).collect::<Result<Vec<Report>>>()?;
    let reports = report::merge(reports);
    for report in reports.iter().filter(|report| all && report.deflate) {
        if report.cases != CASES_IN_ALL {
            return Err(Error::other(format!("{} of {CASES_IN_ALL} cases were judged", report.cases)));
        }
    }
    Ok(reports)
}

/// The runs, the longest last: they are taken from the end.
fn jobs(all: bool, client: bool) -> Vec<Job> {
    let owned = |cases: &[&str]| cases.iter().map(|case| (*case).to_owned()).collect::<Vec<_>>();
    let mut jobs = Vec::new();
    for judged in [Judged::Server, Judged::Client] {
        if judged == Judged::Client && !client {
            continue;
        }
        jobs.push(Job { judged, deflate: false, cases: owned(BASIC) });
        jobs.push(Job { judged, deflate: true, cases: owned(BASIC) });
        if all {
            jobs.push(Job { judged, deflate: false, cases: owned(LARGE) });
        }
        jobs.push(Job { judged, deflate: true, cases: owned(LARGE) });
        if all {
            for part in COMPRESSION_PARTS {
                jobs.push(Job { judged, deflate: true, cases: vec![format!("{part}.*")] });
            }
        } else {
            let every = COMPRESSION_PARTS
                .iter()
                .flat_map(|part| (1..=CASES_A_COMPRESSION_PART).map(move |case| format!("{part}.{case}")));
            jobs.push(Job { judged, deflate: true, cases: every.step_by(SHORT_STRIDE).collect() });
        }
    }
    jobs
}

fn run_job(suite: &Suite, folder: &Path, job: &Job, peers: &Peers<'_>) -> Result<Report> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    let port = free_port()?;
    let name = format!("fanfare-autobahn-{}-{port}", std::process::id());
    let mut wstest = suite.command(folder, &name)?;
    match job.judged {
        Judged::Server => {
            let url = format!("ws://127.0.0.1:{port}{}", peers.server_path);
            write_spec(
                folder,
                &format!("\"servers\": [{{\"agent\": \"{AGENT}\", \"url\": \"{url}\"}}]"),
                job,
            )?;
            let mut server = (peers.server)(port, job.deflate);
            server.stdout(Stdio::null());
            let _server = Running::start(server, None, port)?;
            finish(wstest.arg("fuzzingclient"))?;
        }
        Judged::Client => {
            let url = format!("ws://127.0.0.1:{port}");
            write_spec(folder, &format!("\"url\": \"{url}\""), job)?;
            // Without this every fuzzing server wants port 8080 for its pages.
            wstest.args(["fuzzingserver", "--webport", "0"]);
            let _suite = Running::start(wstest, suite.end(&name), port)?;
            let client = peers.client.ok_or_else(|| Error::other("there is no client to judge"))?;
            finish(client(&url, job.deflate).stdout(Stdio::null()))?;
        }
    }
    report::read(&folder.join("reports/index.json"), AGENT, job.judged, job.deflate)
}

fn write_spec(folder: &Path, peer: &str, job: &Job) -> Result<()> {
    let cases = job.cases.iter().map(|case| format!("\"{case}\"")).collect::<Vec<_>>().join(", ");
    let spec = format!(
        "{{\"outdir\": \"./reports\", {peer}, \"cases\": [{cases}], \"exclude-cases\": [], \"exclude-agent-cases\": {{}}}}\n"
    );
    std::fs::write(folder.join("spec.json"), spec)
}

fn finish(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?} ended with {status}"))) }
}

/// A child that listens; it ends with this value.
struct Running {
    child: Child,
    /// Ends what the child has started and leaves behind.
    end: Option<Command>,
}

impl Running {
    fn start(mut command: Command, end: Option<Command>, port: u16) -> Result<Self> {
        let mut running = Self { child: command.stdin(Stdio::null()).spawn()?, end };
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + START_WAIT;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = running.child.try_wait()? {
                return Err(Error::other(format!("{command:?} ended with {status} before it listened")));
            }
            if Instant::now() > deadline {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("{command:?} does not listen on {port}"),
                ));
            }
            std::thread::park_timeout(START_LOOK);
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        if let Some(end) = &mut self.end {
            let _ = end.status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn target_folder(root: &Path) -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // What a container is given of it is named by its whole path.
    std::path::absolute(&folder).unwrap_or(folder)
}
