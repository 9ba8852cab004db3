//! One run: rounds of A B C A B C, each measurement with a server of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::peers::{Mode, PEERS, Peer};
use crate::process::{self, Server, free_port};
use crate::workspace::Workspace;

const LOAD_LIMIT: Duration = Duration::from_secs(120);

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// What the measurements work with.
pub(crate) struct Bench<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) log: PathBuf,
}

/// One table.
pub(crate) struct Scenario {
    pub(crate) key: &'static str,
    pub(crate) about: &'static str,
    pub(crate) mode: Mode,
    pub(crate) load: &'static [&'static str],
    /// Only our server has it.
    pub(crate) only_ours: bool,
}

const fn scenario(
    key: &'static str,
    about: &'static str,
    mode: Mode,
    load: &'static [&'static str],
) -> Scenario {
    Scenario { key, about, mode, load, only_ours: false }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario(
        "echo-1",
        "Echo, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    ),
    scenario("echo-16", "Echo, the same, 16 in flight", Mode::Echo, &["echo", "--in-flight", "16"]),
    scenario("echo-128", "Echo, the same, 128 in flight", Mode::Echo, &["echo", "--in-flight", "128"]),
    scenario(
        "broadcast-1",
        "Broadcast of 64 bytes to 1,000, one at a time",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "1"],
    ),
    scenario(
        "broadcast-16",
        "Broadcast, the same, 16 in flight",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "16"],
    ),
    Scenario {
        key: "room-1",
        about: "",
        mode: Mode::Broadcast,
        load: &["broadcast", "--room", "hall", "--in-flight", "1"],
        only_ours: true,
    },
    Scenario {
        key: "room-16",
        about: "",
        mode: Mode::Broadcast,
        load: &["broadcast", "--room", "hall", "--in-flight", "16"],
        only_ours: true,
    },
];

pub(crate) const IDLE: &[Scenario] = &[
    scenario("idle", "Idle connections, 10,000 open", Mode::Echo, &["idle"]),
    Scenario { key: "idle-room", about: "", mode: Mode::Echo, load: &["idle", "--join"], only_ours: true },
];

/// Every scenario with every server; the values of all rounds.
pub(crate) fn all(bench: &Bench<'_>, rounds: usize, seconds: &str) -> Result<Value, String> {
    let mut results: Map<String, Value> = Map::new();
    let total = (rounds + 1) * pairs(SCENARIOS).count() + pairs(IDLE).count();
    let mut done = 0;
    let mut keep = |scenario: &Scenario, peer: &Peer, value: Value| {
        let of_scenario = results.entry(scenario.key).or_insert_with(|| json!({}));
        if let Some(rounds) = of_scenario[peer.name].as_array_mut() {
            rounds.push(value);
        } else {
            of_scenario[peer.name] = json!([value]);
        }
    };
    let mut tell = |scenario: &Scenario, peer: &Peer, value: &Value| {
        done += 1;
        println!("{done}/{total} {} {}: {value}", scenario.key, peer.name);
    };
    // Once for each server and load, every byte is looked at; times are taken without that.
    for (scenario, peer) in pairs(SCENARIOS) {
        let value = measure(bench, scenario, peer, &["--verify"])?;
        tell(scenario, peer, &value);
    }
    for _ in 0..rounds {
        for (scenario, peer) in pairs(SCENARIOS) {
            let value = measure(bench, scenario, peer, &["--seconds", seconds])?;
            tell(scenario, peer, &value);
            keep(scenario, peer, value);
        }
    }
    for (scenario, peer) in pairs(IDLE) {
        let value = measure(bench, scenario, peer, &[])?;
        tell(scenario, peer, &value);
        keep(scenario, peer, value);
    }
    Ok(Value::Object(results))
}

fn pairs(scenarios: &'static [Scenario]) -> impl Iterator<Item = (&'static Scenario, &'static Peer)> {
    let peers = |scenario: &'static Scenario| {
        PEERS.iter().filter(|peer| peer.is_ours() || !scenario.only_ours).map(move |peer| (scenario, peer))
    };
    scenarios.iter().flat_map(peers)
}

fn measure(bench: &Bench<'_>, scenario: &Scenario, peer: &Peer, more: &[&str]) -> Result<Value, String> {
    let (root, target) = (&bench.workspace.root, &bench.workspace.target);
    let port = free_port()?;
    let words = peer.command(root, target, port, scenario.mode);
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE]).args(words);
    let server = Server::start_command(&mut command, port, &bench.log)?;
    let load: Vec<&str> = scenario.load.iter().chain(more).copied().collect();
    load_against(bench, port, server.id(), peer.wire(), &load)
        .map_err(|why| format!("{}, {}: {why}", scenario.key, peer.name))
}

/// Runs the load against a server that is there, and reads the line that it prints.
pub(crate) fn load_against(
    bench: &Bench<'_>,
    port: u16,
    process: u32,
    wire: &str,
    load: &[&str],
) -> Result<Value, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE]).arg(bench.workspace.target.join("release").join("fanfare-bench"));
    command.arg("load").args(load);
    command.args(["--port", &port.to_string(), "--pid", &process.to_string(), "--wire", wire]);
    let done = process::run(&mut command, &bench.log, LOAD_LIMIT)?;
    let line = done.output.lines().rev().find(|line| line.starts_with('{'));
    match line.filter(|_| done.success) {
        Some(line) => serde_json::from_str(line).map_err(|error| format!("{line}: {error}")),
        None => Err(format!("the load failed: {}", done.output.trim())),
    }
}
