//! One run: rounds of A B C A B C, each measurement with a server of its own.

use std::cell::Cell;
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::peers::Peer;
use super::scenarios::{Scenario, Section};
use crate::process::{self, Server};
use crate::workspace::Workspace;

const LOAD_LIMIT: Duration = Duration::from_secs(120);

pub(super) const SERVER_CORE: &str = "0";

/// Where the load runs: on a core of its own.
pub(super) const BESIDE: &[&str] = &["-c", "1"];

/// Where it runs for counting: on the server's core, and only while the server waits, so that it always waits as often.
pub(super) const BEHIND: &[&str] = &["-c", SERVER_CORE, "chrt", "--idle", "0"];

/// How much of it is done.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) rounds: usize,
    pub(crate) seconds: &'static str,
    /// Only the scenarios that say most.
    pub(crate) short: bool,
    /// Whether every byte is looked at first.
    pub(crate) verifies: bool,
    /// Whether it becomes what `bench/` says: tables, plots and results, with instructions and system calls.
    pub(crate) publishes: bool,
}

/// What the measurements work with.
pub(crate) struct Bench<'a> {
    pub(crate) workspace: &'a Workspace,
    /// Where our servers are, in a folder `release`: the target folder, unless older ones are counted.
    pub(crate) servers: PathBuf,
    pub(crate) log: PathBuf,
    /// A server that could not be built here.
    pub(crate) without: Option<&'static str>,
    /// Where the next server may listen.
    pub(crate) next_port: Cell<u16>,
}

/// Servers listen below what the system gives to clients (from 32,768 on): one that listens on every address could otherwise not have
/// the port of any connection of the load before, for a minute.
pub(crate) const PORTS: Range<u16> = 20_000..32_000;

impl Bench<'_> {
    /// A port that no server before had.
    fn port(&self) -> Result<u16, String> {
        for port in self.next_port.get()..PORTS.end {
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                self.next_port.set(port + 1);
                return Ok(port);
            }
        }
        Err(format!("no port up to {} is free", PORTS.end))
    }
}

/// What was seen, and what did not go well: such a measurement is left out, and the run goes on.
pub(crate) struct Measured {
    /// How many rounds there were, and of how many seconds each measurement was.
    pub(crate) rounds: usize,
    pub(crate) seconds: &'static str,
    results: Map<String, Value>,
    pub(crate) failed: Vec<String>,
}

impl Measured {
    pub(crate) fn new(rounds: usize, seconds: &'static str) -> Self {
        Self { rounds, seconds, results: Map::new(), failed: Vec::new() }
    }

    /// Adds a round, and says what it was or why there is none.
    pub(crate) fn keep(&mut self, of: &str, server: &str, place: Option<u64>, seen: Result<Value, String>) {
        // Where there is none its place in the round stays empty: ratios are of one round.
        let seen = self.look(of, server, seen).unwrap_or(Value::Null);
        let of = self.results.entry(of).or_insert_with(|| json!({}));
        let rounds = match place {
            Some(place) => &mut of[server][place.to_string()],
            None => &mut of[server],
        };
        match rounds.as_array_mut() {
            Some(rounds) => rounds.push(seen),
            None => *rounds = json!([seen]),
        }
    }

    /// The same for what is not kept.
    pub(crate) fn look(&mut self, of: &str, server: &str, seen: Result<Value, String>) -> Option<Value> {
        match seen {
            Ok(seen) => {
                println!("{of} {server}: {seen}");
                Some(seen)
            }
            Err(why) => {
                println!("not so: {of} {server}: {why}");
                self.failed.push(format!("{of} {server}"));
                None
            }
        }
    }

    pub(crate) fn into_results(self) -> Value {
        Value::Object(self.results)
    }
}

/// Every scenario of a section with every server; the values of all rounds.
pub(crate) fn all(bench: &Bench<'_>, section: &'static Section, plan: &Plan) -> Measured {
    let mut measured = Measured::new(plan.rounds, plan.seconds);
    let pairs = |scenarios: &'static [Scenario]| pairs(bench, section, plan, scenarios);
    // Once for each server and load, every byte is looked at; times are taken without that.
    for (scenario, peer) in pairs(section.scenarios).filter(|_| plan.verifies) {
        let seen = measure(bench, scenario, peer, &["--verify"]);
        measured.look(scenario.key, peer.name, seen);
    }
    for round in 1..=plan.rounds {
        println!("round {round} of {}", plan.rounds);
        for (scenario, peer) in pairs(section.scenarios) {
            let seen = measure(bench, scenario, peer, &["--seconds", plan.seconds]);
            measured.keep(scenario.key, peer.name, None, seen);
        }
    }
    for (scenario, peer) in pairs(section.idle) {
        measured.keep(scenario.key, peer.name, None, measure(bench, scenario, peer, &[]));
    }
    measured
}

fn pairs(
    bench: &Bench<'_>,
    section: &'static Section,
    plan: &Plan,
    scenarios: &'static [Scenario],
) -> impl Iterator<Item = (&'static Scenario, &'static Peer)> {
    let without = bench.without;
    let peers = move |scenario: &'static Scenario| {
        let peers =
            section.peers.iter().filter(move |peer| scenario.takes(peer) && Some(peer.name) != without);
        peers.map(move |peer| (scenario, peer))
    };
    scenarios.iter().filter(|scenario| scenario.is_in(plan)).flat_map(peers)
}

fn measure(bench: &Bench<'_>, scenario: &Scenario, peer: &Peer, more: &[&str]) -> Result<Value, String> {
    let (root, target) = (&bench.workspace.root, &bench.workspace.target);
    let (server, port) =
        start(bench, |port| peer.command(root, target, port, scenario.mode, scenario.deflates))?;
    let load: Vec<&str> = scenario.load.iter().chain(more).copied().collect();
    load_against(bench, port, server.id(), peer.wire, &load)
}

/// A server on its core and its port.
pub(crate) fn start(bench: &Bench<'_>, words: impl Fn(u16) -> Vec<String>) -> Result<(Server, u16), String> {
    let port = bench.port()?;
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).args(words(port));
    Ok((Server::start_command(&mut command, port, &bench.log)?, port))
}

/// Runs the load against a server that is there, and reads the line that it prints.
pub(crate) fn load_against(
    bench: &Bench<'_>,
    port: u16,
    process: u32,
    wire: &[&str],
    load: &[&str],
) -> Result<Value, String> {
    load_on(BESIDE, bench, port, process, wire, load)
}

/// The same on a place of its own.
pub(crate) fn load_on(
    place: &[&str],
    bench: &Bench<'_>,
    port: u16,
    process: u32,
    wire: &[&str],
    load: &[&str],
) -> Result<Value, String> {
    let mut command = Command::new("taskset");
    command.args(place).arg(bench.workspace.target.join("release").join("fanfare-bench"));
    command.arg("load").args(load);
    command.args(["--port", &port.to_string(), "--pid", &process.to_string()]).args(wire);
    let done = process::run(&mut command, &bench.log, LOAD_LIMIT)?;
    let line = done.output.lines().rev().find(|line| line.starts_with('{'));
    match line.filter(|_| done.success) {
        Some(line) => serde_json::from_str(line).map_err(|error| format!("{line}: {error}")),
        None => Err(format!("the load failed: {}", done.output.trim())),
    }
}
