//! One run: rounds of A B C A B C, each measurement with a server of its own.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::peers::Peer;
use super::scenarios::{Scenario, Section};
use crate::process::{self, Server, free_port};
use crate::workspace::Workspace;

const LOAD_LIMIT: Duration = Duration::from_secs(120);

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

/// What the measurements work with.
pub(crate) struct Bench<'a> {
    pub(crate) workspace: &'a Workspace,
    /// Where our servers are, in a folder `release`: the target folder, unless older ones are counted.
    pub(crate) servers: PathBuf,
    pub(crate) log: PathBuf,
}

/// Every scenario of a section with every server; the values of all rounds.
pub(crate) fn all(
    bench: &Bench<'_>,
    section: &'static Section,
    rounds: usize,
    seconds: &str,
) -> Result<Value, String> {
    let mut results: Map<String, Value> = Map::new();
    let total =
        (rounds + 1) * pairs(section, section.scenarios).count() + pairs(section, section.idle).count();
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
    for (scenario, peer) in pairs(section, section.scenarios) {
        let value = measure(bench, scenario, peer, &["--verify"])?;
        tell(scenario, peer, &value);
    }
    for _ in 0..rounds {
        for (scenario, peer) in pairs(section, section.scenarios) {
            let value = measure(bench, scenario, peer, &["--seconds", seconds])?;
            tell(scenario, peer, &value);
            keep(scenario, peer, value);
        }
    }
    for (scenario, peer) in pairs(section, section.idle) {
        let value = measure(bench, scenario, peer, &[])?;
        tell(scenario, peer, &value);
        keep(scenario, peer, value);
    }
    Ok(Value::Object(results))
}

fn pairs(
    section: &'static Section,
    scenarios: &'static [Scenario],
) -> impl Iterator<Item = (&'static Scenario, &'static Peer)> {
    let peers = move |scenario: &'static Scenario| {
        let peers = section.peers.iter().filter(|peer| peer.is_ours() || !scenario.only_ours);
        peers.map(move |peer| (scenario, peer))
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
    load_against(bench, port, server.id(), peer.wire, &load)
        .map_err(|why| format!("{}, {}: {why}", scenario.key, peer.name))
}

/// Runs the load against a server that is there, and reads the line that it prints.
pub(crate) fn load_against(
    bench: &Bench<'_>,
    port: u16,
    process: u32,
    wire: &[&str],
    load: &[&str],
) -> Result<Value, String> {
    let mut command = Command::new("taskset");
    command.args(["-c", LOAD_CORE]).arg(bench.workspace.target.join("release").join("fanfare-bench"));
    command.arg("load").args(load);
    command.args(["--port", &port.to_string(), "--pid", &process.to_string()]).args(wire);
    let done = process::run(&mut command, &bench.log, LOAD_LIMIT)?;
    let line = done.output.lines().rev().find(|line| line.starts_with('{'));
    match line.filter(|_| done.success) {
        Some(line) => serde_json::from_str(line).map_err(|error| format!("{line}: {error}")),
        None => Err(format!("the load failed: {}", done.output.trim())),
    }
}
