//! The server in question: the reference on Node, or ours.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::real::{Outcome, Saying, ensure};

/// How often a server asks whether its client is there, and how long it waits for the answer, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// From one question to the next.
    pub interval_ms: u64,
    /// From the question to the end.
    pub timeout_ms: u64,
}

/// What a server has unless it is told otherwise: nothing of it is seen while a case runs.
pub const CALM: Heartbeat = Heartbeat { interval_ms: 25_000, timeout_ms: 20_000 };

/// What the well-known suites use.
pub const HASTY: Heartbeat = Heartbeat { interval_ms: 300, timeout_ms: 200 };

/// A running server; it ends with this value.
#[derive(Debug)]
pub struct Target {
    child: Child,
    // A server whose output nobody can take any more might mind.
    _output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Target {
    /// Starts the server that the environment names, on a free port, with messages of at most 1,000,000 bytes.
    ///
    /// `FANFARE_SOCKETIO_REFERENCE=1` is the reference; `FANFARE_SOCKETIO_SERVER` a program of ours, with
    /// `FANFARE_SOCKETIO_SHARDS` shards; without them it is the example `echo`, built as this program is.
    ///
    /// # Errors
    /// Where it does not listen.
    pub fn start(heartbeat: Heartbeat) -> Outcome<Self> {
        let mut command = if is_reference() { reference("echo.mjs") } else { ours()? };
        let (interval, timeout) = (heartbeat.interval_ms.to_string(), heartbeat.timeout_ms.to_string());
        command.args(["--port", "0", "--ping-interval-ms", &interval, "--ping-timeout-ms", &timeout]);
        command.args(["--max-payload", "1000000"]);
        Self::start_command(&mut command)
    }

    /// Starts any server that says `listening on …:PORT`.
    ///
    /// # Errors
    /// Where it does not.
    pub fn start_command(command: &mut Command) -> Outcome<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().saying(&name)?;
        let mut output = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut line = String::new();
        let port = loop {
            line.clear();
            if output.read_line(&mut line).saying(&name)? == 0 {
                let status = child.wait().saying(&name)?;
                return Err(format!("{name} ended ({status}) before it said where it listens"));
            }
            if let Some(port) = port_in(&line) {
                break port;
            }
        };
        Ok(Self { child, _output: output, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cases are run against the reference.
#[must_use]
pub fn is_reference() -> bool {
    std::env::var_os("FANFARE_SOCKETIO_REFERENCE").is_some_and(|value| value == "1")
}

/// An application on the reference server.
#[must_use]
pub fn reference(application: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("reference").join(application));
    command
}

fn ours() -> Outcome<Command> {
    let program = match std::env::var_os("FANFARE_SOCKETIO_SERVER") {
        Some(program) => PathBuf::from(program),
        None => {
            static BUILT: OnceLock<Outcome<PathBuf>> = OnceLock::new();
            BUILT.get_or_init(build_echo).clone()?
        }
    };
    let mut command = Command::new(program);
    if let Some(shards) = std::env::var_os("FANFARE_SOCKETIO_SHARDS") {
        command.arg("--shards").arg(shards);
    }
    Ok(command)
}

/// Builds the example `echo` beside this program.
fn build_echo() -> Outcome<PathBuf> {
    let this = std::env::current_exe().saying("this program")?;
    let folder = this.ancestors().nth(2).ok_or("this program is in no target folder")?;
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--package", "fanfare", "--example", "echo"]);
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().saying("cargo build")?;
    ensure(status.success(), || "the example echo does not build".to_owned())?;
    Ok(folder.join("examples").join("echo"))
}

fn port_in(line: &str) -> Option<u16> {
    let (_, address) = line.split_once("listening on ")?;
    address.trim().rsplit(':').next()?.parse().ok()
}
