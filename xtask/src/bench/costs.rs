//! What noise cannot touch: instructions and system calls of our server for each message.
//!
//! Each figure is the difference of two runs of different length divided by the difference of their messages, so that the
//! start, the handshakes and the end cancel out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::budget;
use super::peers::{Mode, library, ours};
use super::run::{BEHIND, BESIDE, Bench, SERVER_CORE, load_on};
use super::stages::{self, Counted};
use crate::process::{Server, children, free_port};

/// Something that is counted.
pub(crate) struct Cost {
    /// The section whose table it is in.
    pub(crate) section: &'static str,
    /// What the app on the library does, which speaks Socket.IO; `None` where it is the binary.
    pub(crate) library: Option<Mode>,
    pub(crate) key: &'static str,
    pub(crate) about: &'static str,
    pub(crate) load: &'static [&'static str],
    /// Messages of the two runs.
    pub(crate) messages: [u64; 2],
}

const COSTS: &[Cost] = &[
    Cost {
        section: "websocket",
        library: None,
        key: "echo-1",
        about: "echo, 1 in flight, a message",
        load: &["echo", "--in-flight", "1"],
        messages: [20_000, 120_000],
    },
    Cost {
        section: "websocket",
        library: None,
        key: "echo-16",
        about: "echo, 16 in flight, a message",
        load: &["echo", "--in-flight", "16"],
        messages: [80_000, 880_000],
    },
    Cost {
        section: "websocket",
        library: None,
        key: "broadcast-1",
        about: "broadcast to 1,000 through `/binary`, a delivery",
        load: &["broadcast", "--in-flight", "1"],
        messages: [20_000, 220_000],
    },
    Cost {
        section: "websocket",
        library: None,
        key: "broadcast-16",
        about: "the same, 16 in flight",
        load: &["broadcast", "--in-flight", "16"],
        messages: [160_000, 1_760_000],
    },
    Cost {
        section: "websocket",
        library: None,
        key: "room-1",
        about: "broadcast to 1,000 in a `/chat` room, a delivery",
        load: &["broadcast", "--room", "hall", "--in-flight", "1"],
        messages: [20_000, 220_000],
    },
    Cost {
        section: "socketio",
        library: Some(Mode::Echo),
        key: "echo-1",
        about: "echo of an event, 1 in flight, a message",
        load: &["echo", "--in-flight", "1"],
        messages: [20_000, 120_000],
    },
    Cost {
        section: "socketio",
        library: Some(Mode::Echo),
        key: "echo-16",
        about: "echo of an event, 16 in flight, a message",
        load: &["echo", "--in-flight", "16"],
        messages: [80_000, 480_000],
    },
    Cost {
        section: "socketio",
        library: Some(Mode::Broadcast),
        key: "broadcast-1",
        about: "event to 1,000 others, a delivery",
        load: &["broadcast", "--in-flight", "1"],
        messages: [20_000, 220_000],
    },
    Cost {
        section: "socketio",
        library: Some(Mode::Broadcast),
        key: "broadcast-16",
        about: "the same, 16 in flight",
        load: &["broadcast", "--in-flight", "16"],
        messages: [160_000, 1_760_000],
    },
    Cost {
        section: "socketio",
        library: Some(Mode::Echo),
        key: "connect",
        about: "handshake and close, a connection",
        load: &["connect"],
        messages: [200, 1_200],
    },
];

const CALLGRIND_OUT: &str = "callgrind.out";

/// Files of the tools stand beside the log.
fn scratch(bench: &Bench<'_>, name: &str) -> PathBuf {
    bench.log.with_file_name(name)
}

/// What is counted for a section.
pub(crate) fn of_ours(bench: &Bench<'_>, section: &str) -> Result<Value, String> {
    let costs = COSTS.iter().filter(|cost| cost.section == section);
    costs.map(|cost| count(bench, cost)).collect::<Result<Vec<_>, _>>().map(Value::from)
}

/// One of them.
pub(crate) fn of_one(bench: &Bench<'_>, section: &str, key: &str) -> Result<Value, String> {
    let cost = COSTS.iter().find(|cost| cost.section == section && cost.key == key);
    count(bench, cost.ok_or_else(|| format!("nothing is counted as {key} for {section}"))?)
}

fn count(bench: &Bench<'_>, cost: &Cost) -> Result<Value, String> {
    println!("{}: instructions (callgrind) and system calls (strace) …", cost.key);
    let instructions = instructions_each(bench, cost)?;
    let each = calls_each(bench, cost)?;
    println!("{}: {instructions:.0} instructions, {each:?}", cost.key);
    let instructions = (instructions * 10.0).round() / 10.0;
    Ok(json!({ "key": cost.key, "about": cost.about, "instructions": instructions, "calls": each }))
}

impl Cost {
    /// The server that the load is for.
    fn server(&self, bench: &Bench<'_>, port: u16) -> Vec<String> {
        let target = &bench.servers;
        match self.library {
            None => ours(target, port),
            Some(mode) => library(target, port, mode, ""),
        }
    }

    /// So many messages. What the budget holds goes step by step, so that the server always waits as often; elsewhere what comes
    /// meanwhile shares a turn, as it does where times are taken.
    fn run_load(&self, bench: &Bench<'_>, port: u16, process: u32, messages: u64) -> Result<Value, String> {
        let count = messages.to_string();
        let load = [self.load, &["--messages", &count]].concat();
        let place = if self.section == budget::SECTION { BEHIND } else { BESIDE };
        load_on(place, bench, port, process, self.wire(), &load)
    }

    fn wire(&self) -> &'static [&'static str] {
        if self.library.is_some() { &["--wire", "socketio"] } else { &["--wire", "websocket"] }
    }
}

/// Instructions that each message takes.
pub(crate) fn instructions_each(bench: &Bench<'_>, cost: &Cost) -> Result<f64, String> {
    let [short, long] = cost.messages;
    Ok((instructions(bench, cost, long)? - instructions(bench, cost, short)?) / (long - short) as f64)
}

/// Instructions of one whole run in user space.
fn instructions(bench: &Bench<'_>, cost: &Cost, messages: u64) -> Result<f64, String> {
    let log = profile(bench, cost, messages)?;
    let text = std::fs::read_to_string(&log).map_err(|error| error.to_string())?;
    let line = text.lines().rev().find_map(|line| line.split_once("Collected :"));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| format!("callgrind did not say how many; see {}", log.display()))
}

/// What each function and line took in one whole run.
pub(crate) fn counted(bench: &Bench<'_>, cost: &Cost, messages: u64) -> Result<Counted, String> {
    profile(bench, cost, messages)?;
    let out = scratch(bench, CALLGRIND_OUT);
    let text = std::fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(stages::read(&text, &bench.workspace.root.display().to_string()))
}

/// Runs a server under callgrind; gives its log.
fn profile(bench: &Bench<'_>, cost: &Cost, messages: u64) -> Result<PathBuf, String> {
    let port = free_port()?;
    let log = scratch(bench, "callgrind.log");
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE, "valgrind", "--tool=callgrind"]);
    command.arg(format!("--callgrind-out-file={}", scratch(bench, CALLGRIND_OUT).display()));
    command.args(cost.server(bench, port));
    let server = Server::start_command(&mut command, port, &log)?;
    let process = server.id();
    cost.run_load(bench, port, process, messages)?;
    server.end(process)?;
    Ok(log)
}

/// System calls that each message takes, by name; those of which there is less than one in two thousand are left out.
pub(crate) fn calls_each(bench: &Bench<'_>, cost: &Cost) -> Result<BTreeMap<String, f64>, String> {
    let [short, long] = cost.messages;
    let messages = (long - short) as f64;
    let (few, many) = (calls(bench, cost, short)?, calls(bench, cost, long)?);
    let each = |(name, count): (String, f64)| {
        let before = few.get(&name).copied().unwrap_or(0.0);
        (name, ((count - before) / messages * 1e4).round() / 1e4)
    };
    Ok(many.into_iter().map(each).filter(|(_, each)| *each >= 0.0005).collect())
}

/// System calls of one whole run, by name.
fn calls(bench: &Bench<'_>, cost: &Cost, messages: u64) -> Result<BTreeMap<String, f64>, String> {
    let port = free_port()?;
    let counts = scratch(bench, "strace.txt");
    let mut command = Command::new("taskset");
    command.args(["-c", SERVER_CORE, "strace", "-f", "-c", "-U", "calls,name", "-o"]).arg(&counts);
    command.args(cost.server(bench, port));
    let server = Server::start_command(&mut command, port, &bench.log)?;
    let process = children(server.id()).first().copied().ok_or("strace has no child")?;
    cost.run_load(bench, port, process, messages)?;
    server.end(process)?;
    let text = std::fs::read_to_string(&counts).map_err(|error| error.to_string())?;
    let rows = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let count = words.next()?.parse().ok()?;
        Some((words.next()?.to_owned(), count))
    });
    Ok(rows.filter(|(name, _)| name != "total").collect())
}
