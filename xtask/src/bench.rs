//! `cargo xtask bench`: the servers of others beside ours in one run, interleaved, and what a message costs each of them.
//!
//! Servers are pinned to core 0, the load to core 1. Results go to `bench/results.json` and, as tables with plots, between the
//! markers of `bench/README.md`; those of the short runs to `target/xtask/bench`.

mod breakdown;
mod budget;
mod costs;
mod goals;
mod growth;
mod machine;
mod mixed;
mod peers;
mod plot;
mod run;
mod scenarios;
mod spread;
mod stages;
mod table;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process;
use crate::tools;
use crate::workspace::Workspace;
use peers::Peer;
use run::{Bench, Measured, PORTS, Plan};
use scenarios::{SECTIONS, Section};
use table::Pages;

const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Where the page, its plots and the results are.
const FOLDER: &str = "bench";

const UWEBSOCKETS_NEEDS: &str = "g++ make libclang-dev libuv1-dev libssl-dev zlib1g-dev";

const QUICK: Plan =
    Plan { name: "quick", rounds: 1, seconds: "0.8", short: true, verifies: false, publishes: false };
const SMOKE: Plan =
    Plan { name: "smoke", rounds: 1, seconds: "0.3", short: false, verifies: true, publishes: false };
const FULL: Plan =
    Plan { name: "full", rounds: 5, seconds: "2", short: false, verifies: true, publishes: true };

/// Runs the comparison, or some of its sections, and writes its tables; true unless a server failed in it.
pub(crate) fn command(workspace: &Workspace, arguments: &[&str]) -> Result<bool, String> {
    match arguments {
        ["budget"] => return write_budget(workspace),
        ["costs"] => return write_costs(workspace, None),
        ["costs", "before", servers] => return write_costs(workspace, Some(Path::new(servers))),
        _ => {}
    }
    let (plan, named) = match arguments {
        ["tables"] => return publish(&workspace.root.join(FOLDER), None).map(|()| true),
        ["quick", named @ ..] => (QUICK, named),
        ["smoke", named @ ..] => (SMOKE, named),
        ["full", named @ ..] | named => (FULL, named),
    };
    let (sections, more) = chosen(named)?;
    let log = workspace.target.join("xtask").join("bench.log");
    let tools = [&tools::TASKSET, &tools::STRACE, &tools::VALGRIND];
    for tool in if plan.publishes { &tools[..] } else { &tools[..1] } {
        tools::need(tool, &log)?;
    }
    // What is built now is measured, whatever is changed meanwhile.
    let commit = match machine::commit(workspace) {
        (commit, true) if plan.publishes => {
            return Err(format!("there are changes since {commit}: what is published has to be of a commit"));
        }
        (commit, true) => commit + " with changes",
        (commit, false) => commit,
    };
    let bench = build(workspace, log)?;
    let folder = if plan.publishes {
        workspace.root.join(FOLDER)
    } else {
        workspace.target.join("xtask").join(FOLDER)
    };
    let mut failed = Vec::new();
    let mut tell = |name: &str, peers: Vec<&Peer>, measured: Measured, costs: Value| {
        failed.extend_from_slice(&measured.failed);
        let rounds = json!({
            "command": format!("cargo xtask bench {} {name}", plan.name),
            "rounds": measured.rounds,
            "seconds": measured.seconds,
            "machine": machine::describe(workspace, &commit, &peers),
            "results": measured.into_results(),
            "costs": costs,
        });
        publish(&folder, Some((name, rounds)))
    };
    for section in sections.into_iter().filter(|section| section.has_any(&plan)) {
        let costs = if plan.publishes { costs::of_ours(&bench, section.name)? } else { json!([]) };
        tell(section.name, section.peers.iter().collect(), run::all(&bench, section, &plan), costs)?;
    }
    if more.contains(&goals::NAME) {
        let counts = if plan.publishes { goals::counts(&bench)? } else { json!([]) };
        tell(goals::NAME, goals::peers().collect(), goals::measure(&bench, &plan), counts)?;
    }
    if more.contains(&mixed::NAME) {
        tell(mixed::NAME, mixed::peers().iter().collect(), mixed::measure(&bench, &plan), json!([]))?;
    }
    if more.contains(&growth::NAME) {
        tell(growth::NAME, growth::peers().iter().collect(), growth::measure(&bench, &plan), json!([]))?;
    }
    println!("written: {}", folder.display());
    failed.iter().for_each(|failed| println!("not measured: {failed}"));
    Ok(failed.is_empty())
}

/// Makes what the hot paths take now their budget; true where it could be counted.
fn write_budget(workspace: &Workspace) -> Result<bool, String> {
    let bench = for_counting(workspace, workspace.target.join("xtask").join("bench.log"))?;
    budget::write(workspace, &bench)?;
    Ok(true)
}

/// Counts the hot paths by stages; with `before` those of the servers in that folder, for what it was.
fn write_costs(workspace: &Workspace, before: Option<&Path>) -> Result<bool, String> {
    let mut bench = for_counting(workspace, workspace.target.join("xtask").join("bench.log"))?;
    tools::need(&tools::STRACE, &bench.log)?;
    if let Some(servers) = before {
        servers.clone_into(&mut bench.servers);
    }
    breakdown::write(&bench, before.is_some())?;
    Ok(true)
}

/// Holds the hot paths to their budget; how many keep it and how many do not.
pub(crate) fn judge_budget(workspace: &Workspace, log: &Path) -> Result<(u32, u32), String> {
    budget::judge(workspace, &for_counting(workspace, log.to_owned())?)
}

/// Our server and the load, without those of others.
fn for_counting(workspace: &Workspace, log: PathBuf) -> Result<Bench<'_>, String> {
    for tool in [&tools::TASKSET, &tools::VALGRIND] {
        tools::need(tool, &log)?;
    }
    build_step(workspace, &log, OURS)?;
    Ok(Bench { workspace, servers: workspace.target.clone(), log, without: None, next_port: first_port() })
}

/// The parts that have a form of their own.
const OF_OURS: [&str; 3] = [goals::NAME, mixed::NAME, growth::NAME];

/// The sections of these names, and which of the others; all of them where none is named.
fn chosen(named: &[&str]) -> Result<(Vec<&'static Section>, Vec<&'static str>), String> {
    let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).chain(OF_OURS).collect();
    if let Some(unknown) = named.iter().find(|name| !names.contains(name)) {
        let names = names.join("|");
        return Err(format!("cargo xtask bench [quick|smoke|full] [{names}…], not `{unknown}`; or `tables`"));
    }
    let is_chosen = |name: &&str| named.is_empty() || named.contains(name);
    let sections = SECTIONS.iter().filter(|section| is_chosen(&section.name)).collect();
    Ok((sections, OF_OURS.into_iter().filter(is_chosen).collect()))
}

/// Puts a section's results in the place of what was known of it, and writes tables and plots of everything that is known.
fn publish(folder: &Path, section: Option<(&str, Value)>) -> Result<(), String> {
    let (page, known, plots) =
        (folder.join("README.md"), folder.join("results.json"), folder.join(table::PLOTS));
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    fs::create_dir_all(&plots).map_err(|error| failed(&plots, &error))?;
    let mut all: Value = match fs::read_to_string(&known) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| failed(&known, &error))?,
        Err(_) => json!({}),
    };
    if let Some((name, results)) = section {
        all[name] = results;
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n";
        fs::write(&known, text).map_err(|error| failed(&known, &error))?;
    }
    let pages = Pages::of(&all);
    let before = fs::read_to_string(&page).unwrap_or_else(|_| table::empty_page());
    let after = table::between_markers(&before, &pages.tables)?;
    fs::write(&page, after).map_err(|error| failed(&page, &error))?;
    for (name, svg) in pages.plots {
        let plot = plots.join(name);
        fs::write(&plot, svg).map_err(|error| failed(&plot, &error))?;
    }
    Ok(())
}

/// Builds the servers and the load as they are used: release, with nothing measured in the way.
fn build(workspace: &Workspace, log: PathBuf) -> Result<Bench<'_>, String> {
    build_step(workspace, &log, OURS)?;
    build_step(workspace, &log, THEIRS)?;
    tools::node_modules(workspace, "bench/peers/node", &log)?;
    let without = (!built_uwebsockets(workspace, &log)?).then_some(peers::UWEBSOCKETS);
    Ok(Bench { workspace, servers: workspace.target.clone(), log, without, next_port: first_port() })
}

/// Several may run beside each other.
fn first_port() -> Cell<u16> {
    let own = std::process::id() % u32::from(PORTS.end - PORTS.start) / 2;
    Cell::new(PORTS.start + u16::try_from(own).unwrap_or(0))
}

/// uWebSockets is C++ and needs more than the others; where it does not build the comparison goes on without it.
fn built_uwebsockets(workspace: &Workspace, log: &Path) -> Result<bool, String> {
    let folder = workspace.root.join("bench/peers/uwebsockets");
    println!("cargo build --release --locked in {} …", folder.display());
    let mut command = Command::new(cargo());
    command.args(["build", "--release", "--locked"]).current_dir(folder);
    command.env("CARGO_TARGET_DIR", peers::uwebsockets(&workspace.target));
    let built = process::run(&mut command, log, BUILD_LIMIT)?.success;
    if !built {
        println!(
            "  uWebSockets does not build here and is left out, see {}; it needs: apt-get install -y {UWEBSOCKETS_NEEDS}",
            log.display()
        );
    }
    Ok(built)
}

const OURS: &[&str] = &["build", "--release", "-p", "fanfare-server", "-p", "fanfare-bench"];
const THEIRS: &[&str] = &["build", "--release", "--locked", "--manifest-path", "bench/peers/Cargo.toml"];

fn build_step(workspace: &Workspace, log: &Path, step: &[&str]) -> Result<(), String> {
    println!("cargo {} …", step.join(" "));
    let mut command = Command::new(cargo());
    command.args(step).current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
    if process::run(&mut command, log, BUILD_LIMIT)?.success {
        Ok(())
    } else {
        Err(format!("cargo {} failed; see {}", step.join(" "), log.display()))
    }
}

fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
