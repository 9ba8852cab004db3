//! `cargo xtask test`: every suite that CI runs, one line each, and the total.

mod autobahn;
mod cargo;
mod clients;
mod count;
mod socketio;
mod trials;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::{Done, run as run_process};
use crate::tidy;
use crate::workspace::Workspace;

/// A suite. Adding one is adding its line to [`SUITES`].
struct Suite {
    name: &'static str,
    about: &'static str,
    /// What it tests: it is a suite once all of these paths exist.
    of: &'static [&'static str],
    run: fn(&Context) -> Result<Outcome, String>,
}

const fn suite(
    name: &'static str,
    about: &'static str,
    of: &'static [&'static str],
    run: fn(&Context) -> Result<Outcome, String>,
) -> Suite {
    Suite { name, about, of, run }
}

/// In the order in which they run: what fails soonest comes first.
const SUITES: &[Suite] = &[
    suite("format", "rustfmt finds nothing to change", &[], cargo::format),
    suite("tidy", "the rules of the house", &[], rules),
    suite("pages", "types of the pages and of the client", &["web"], clients::pages),
    suite("clippy", "clippy finds nothing, tests included", &[], cargo::clippy),
    suite("docs", "documentation builds, its examples run", &[], cargo::docs),
    suite("unit", "cargo test, all packages", &[], cargo::unit),
    suite("fuzz", "each fuzz target for ten seconds", &["fuzz"], cargo::fuzz),
    suite(
        "autobahn",
        "Autobahn|Testsuite, both roles; short, or with --all every case",
        AUTOBAHN,
        autobahn::judge,
    ),
    suite("clients", "clients that others wrote", SERVER, clients::clients),
    suite(
        "socketio",
        "Socket.IO: cases, differential test, clients that others wrote; 1 and 4 shards",
        SOCKETIO,
        socketio::suite,
    ),
    suite("proxies", "Socket.IO through nginx and haproxy", SOCKETIO, socketio::proxies),
    suite("browser", "two pages in a real browser", SERVER, clients::browser),
    suite("budget", "instructions of the hot paths (callgrind)", &["bench/budget.json"], budget),
    suite("simulation", "300 seeds with 1, 2 and 4 shards", &["testkit"], trials::simulation),
    suite("bad-input", "what a server must survive, short form", SERVER, trials::bad_input),
    suite(
        "load",
        "hundreds in rooms while some are cut, natively and over Socket.IO, short form",
        SERVER,
        trials::load,
    ),
    suite(
        "mixed-room",
        "a native client, Socket.IO over WebSocket and by polling in one room",
        SERVER,
        trials::mixed_room,
    ),
    suite(
        "fairness",
        "a thousand ordinary clients beside one that floods and one that never reads, short form",
        SERVER,
        trials::fairness,
    ),
];

/// What the suites against the real server need.
const SERVER: &[&str] = &["io/driver", "app/kits", "bin/server"];

/// The second is the application that the clients talk to.
const SOCKETIO: &[&str] = &["protocol/socketio", "conformance/src/bin/application"];

const AUTOBAHN: &[&str] = &["io/driver", "app/kits", "bin/server", "testkit"];

/// What a suite works with.
struct Context<'a> {
    workspace: &'a Workspace,
    log: PathBuf,
    /// Everything is asked for, where a suite has a short form.
    all: bool,
}

impl Context<'_> {
    /// Runs one command of the suite from the root of the workspace.
    fn step(&self, command: &mut Command, limit: Duration) -> Result<Done, String> {
        run_process(command.current_dir(&self.workspace.root), &self.log, limit)
    }

    /// Builds a program as a user does, and says where it is.
    fn build(&self, what: &[&str], program: &str) -> Result<PathBuf, String> {
        let mut build = cargo::cargo(&["build", "--release"]);
        if self.step(build.args(what), cargo::BUILD_LIMIT)?.success {
            Ok(self.workspace.target.join("release").join(program))
        } else {
            Err(format!("{program} does not build"))
        }
    }
}

/// What a suite found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    passed: u32,
    failed: u32,
    /// Why a part did not run; only a suite that needs what no package brings may say so.
    did_not_run: Option<String>,
}

impl Outcome {
    fn of(passed: u32, failed: u32) -> Self {
        Self { passed, failed, did_not_run: None }
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.did_not_run = self.did_not_run.take().or(other.did_not_run);
    }
}

/// Runs a trial in its full form, with its progress; true if nothing failed.
pub(crate) fn trial(workspace: &Workspace, arguments: &[&str]) -> Result<bool, String> {
    trials::full(workspace, arguments)
}

/// Runs the named suites, or all; true if nothing failed.
pub(crate) fn run(workspace: &Workspace, names: &[&str]) -> Result<bool, String> {
    let there = |suite: &Suite| suite.of.iter().all(|path| workspace.has(path));
    if names == ["--list"] {
        for suite in SUITES {
            let note = if there(suite) { "" } else { " (what it tests is not there yet)" };
            println!("{:<10} {}{note}", suite.name, suite.about);
        }
        return Ok(true);
    }
    let all = names.contains(&"--all");
    let names: Vec<&str> = names.iter().copied().filter(|name| *name != "--all").collect();
    if all && names != ["autobahn"] {
        return Err(
            "--all is for `cargo xtask test autobahn`; other long forms are `cargo xtask trial`".to_owned()
        );
    }
    let chosen = chosen(&names)?;
    let mut total = Outcome::default();
    for suite in chosen {
        if there(suite) || !names.is_empty() {
            total.add(run_one(workspace, suite, all));
        } else {
            println!("{}: not a suite yet, it tests {}", suite.name, suite.of.join(" and "));
        }
    }
    // Nothing that was asked for may stay untested unseen: in CI what did not run has failed.
    if let Some(why) = &total.did_not_run {
        println!("DID NOT RUN: {why}");
        if std::env::var_os("CI").is_some() {
            total.failed += 1;
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(total.failed == 0)
}

fn chosen(names: &[&str]) -> Result<Vec<&'static Suite>, String> {
    if names.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    let find = |name: &&str| {
        SUITES.iter().find(|suite| suite.name == *name).ok_or_else(|| {
            let known: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
            format!("there is no suite `{name}`; there are: {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

fn run_one(workspace: &Workspace, suite: &Suite, all: bool) -> Outcome {
    println!("{} …", suite.name);
    let log = workspace.target.join("xtask").join(format!("{}.log", suite.name));
    let _ = fs::remove_file(&log);
    let context = Context { workspace, log, all };
    let started = Instant::now();
    let outcome = (suite.run)(&context).unwrap_or_else(|why| {
        println!("  {}: {why}", suite.name);
        Outcome::of(0, 1)
    });
    if outcome.failed > 0 {
        print_tail(&context.log);
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!("{}: {} passed, {} failed, {minutes:.1} min", suite.name, outcome.passed, outcome.failed);
    outcome
}

/// How much of a failed suite's log is shown; the rest is in the file.
const TAIL_LINES: usize = 60;

fn print_tail(log: &std::path::Path) {
    let Ok(text) = fs::read(log) else { return };
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    // The first suite of several may have failed long before the end.
    let tells = |line: &&&str| {
        line.starts_with("not ok") || line.ends_with("... FAILED") || line.contains("panicked at")
    };
    for line in lines.iter().filter(tells) {
        println!("  ! {line}");
    }
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        println!("  | {line}");
    }
    println!("  all of it: {}", log.display());
}

fn budget(context: &Context) -> Result<Outcome, String> {
    let (passed, failed) = crate::bench::judge_budget(context.workspace, &context.log)?;
    Ok(Outcome::of(passed, failed))
}

fn rules(context: &Context) -> Result<Outcome, String> {
    let (passed, failed) = tidy::counts(context.workspace);
    Ok(Outcome::of(passed, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_suite_names_the_known_ones() {
        assert!(chosen(&["formt"]).err().unwrap().contains("format, tidy"));
        assert_eq!(chosen(&["tidy"]).unwrap().len(), 1);
    }

    #[test]
    fn outcomes_add_up_and_a_reason_stays() {
        let mut total = Outcome::of(1, 0);
        total.add(Outcome { passed: 2, failed: 1, did_not_run: Some("no interpreter".to_owned()) });
        total.add(Outcome::of(1, 0));
        assert_eq!(
            (total.passed, total.failed, total.did_not_run.as_deref()),
            (4, 1, Some("no interpreter"))
        );
    }
}
