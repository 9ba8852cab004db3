//! `cargo xtask bench`: the servers of others beside ours in one run, interleaved, and what a message costs each of them.
//!
//! Servers are pinned to core 0, the load to core 1. Results go to `bench/results.json` and, as tables, between the markers
//! of `bench/README.md`.

mod breakdown;
mod budget;
mod costs;
mod machine;
mod peers;
mod run;
mod scenarios;
mod stages;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process;
use crate::tools;
use crate::workspace::Workspace;
use run::Bench;
use scenarios::{SECTIONS, Section};

const BUILD_LIMIT: Duration = Duration::from_secs(1800);

const README: &str = "bench/README.md";
const RESULTS: &str = "bench/results.json";

/// How much of it is done.
struct Plan {
    name: &'static str,
    rounds: usize,
    seconds: &'static str,
}

const QUICK: Plan = Plan { name: "quick", rounds: 3, seconds: "1.5" };
const FULL: Plan = Plan { name: "full", rounds: 5, seconds: "2" };

/// Runs the comparison, or some of its sections, and writes its tables; true unless a server failed in it.
pub(crate) fn command(workspace: &Workspace, arguments: &[&str]) -> Result<bool, String> {
    match arguments {
        ["budget"] => return write_budget(workspace),
        ["costs"] => return write_costs(workspace, None),
        ["costs", "before", servers] => return write_costs(workspace, Some(Path::new(servers))),
        _ => {}
    }
    let (plan, named) = match arguments {
        ["quick", named @ ..] => (QUICK, named),
        ["full", named @ ..] | named => (FULL, named),
    };
    let sections = chosen(named)?;
    let log = workspace.target.join("xtask").join("bench.log");
    for tool in [&tools::TASKSET, &tools::STRACE, &tools::VALGRIND] {
        tools::need(tool, &log)?;
    }
    let bench = build(workspace, log)?;
    for section in sections {
        let costs = costs::of_ours(&bench, section.name)?;
        let results = run::all(&bench, section, plan.rounds, plan.seconds)?;
        let of_section = json!({
            "command": format!("cargo xtask bench {} {}", plan.name, section.name),
            "rounds": plan.rounds,
            "seconds": plan.seconds,
            "machine": machine::describe(workspace, section),
            "results": results,
            "costs": costs,
        });
        write(workspace, section, of_section)?;
    }
    println!("written: {RESULTS}, {README}");
    Ok(true)
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
    Ok(Bench { workspace, servers: workspace.target.clone(), log })
}

/// The sections of these names; all of them where none is named.
fn chosen(named: &[&str]) -> Result<Vec<&'static Section>, String> {
    let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
    if let Some(unknown) = named.iter().find(|name| !names.contains(name)) {
        return Err(format!("cargo xtask bench [quick|full] [{}…], not `{unknown}`", names.join("|")));
    }
    Ok(SECTIONS.iter().filter(|section| named.is_empty() || named.contains(&section.name)).collect())
}

/// Puts a section's results in the place of what was known of it; those of the other sections stay.
fn write(workspace: &Workspace, section: &Section, results: Value) -> Result<(), String> {
    let known = workspace.read(RESULTS).unwrap_or_else(|| "{}".to_owned());
    let mut all: Value = serde_json::from_str(&known).map_err(|error| format!("{RESULTS}: {error}"))?;
    all[section.name] = results;
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n";
    fs::write(workspace.root.join(RESULTS), text).map_err(|error| format!("{RESULTS}: {error}"))?;
    let readme = workspace.read(README).ok_or_else(|| format!("{README} is not there"))?;
    let tables = table::between_markers(&readme, &table::tables(&all))?;
    fs::write(workspace.root.join(README), tables).map_err(|error| format!("{README}: {error}"))
}

/// Builds the servers and the load as they are used: release, with nothing measured in the way.
fn build(workspace: &Workspace, log: PathBuf) -> Result<Bench<'_>, String> {
    build_step(workspace, &log, OURS)?;
    build_step(workspace, &log, THEIRS)?;
    tools::node_modules(workspace, "bench/peers/node", &log)?;
    Ok(Bench { workspace, servers: workspace.target.clone(), log })
}

const OURS: &[&str] = &["build", "--release", "-p", "fanfare-server", "-p", "fanfare-bench"];
const THEIRS: &[&str] = &["build", "--release", "--locked", "--manifest-path", "bench/peers/Cargo.toml"];

fn build_step(workspace: &Workspace, log: &Path, step: &[&str]) -> Result<(), String> {
    println!("cargo {} …", step.join(" "));
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(&cargo);
    command.args(step).current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target);
    if process::run(&mut command, log, BUILD_LIMIT)?.success {
        Ok(())
    } else {
        Err(format!("cargo {} failed; see {}", step.join(" "), log.display()))
    }
}
