//! The trials: the simulation over many seeds, and the real server under load and against bad input.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::clients::server_binary;
use super::{Context, Outcome, cargo, count, socketio};
use crate::workspace::Workspace;

const SHORT_LIMIT: Duration = Duration::from_secs(300);
const SHORT_SEEDS: &str = "300";
const FULL_SEEDS: &str = "100000";
/// Where the full forms leave their plots, from the root of the workspace.
const PLOTS: &str = "docs/trials";

pub(super) fn simulation(context: &Context) -> Result<Outcome, String> {
    let simulate = context.build(SIMULATE, "simulate")?;
    let done = context.step(Command::new(simulate).args(["--seeds", SHORT_SEEDS]), SHORT_LIMIT)?;
    Ok(count::last_line(&done))
}

const SIMULATE: &[&str] = &["--package", "fanfare-testkit", "--bin", "simulate"];

pub(super) fn bad_input(context: &Context) -> Result<Outcome, String> {
    short(context, "bad-input")
}

pub(super) fn load(context: &Context) -> Result<Outcome, String> {
    let mut outcome = short(context, "load")?;
    let mut socketio = real(context, "load")?;
    outcome.add(count::last_line(&context.step(socketio.args(["--short", "socketio"]), SHORT_LIMIT)?));
    Ok(outcome)
}

pub(super) fn mixed_room(context: &Context) -> Result<Outcome, String> {
    short(context, "mixed-room")
}

pub(super) fn fairness(context: &Context) -> Result<Outcome, String> {
    short(context, "fairness")
}

fn short(context: &Context, name: &str) -> Result<Outcome, String> {
    let mut trial = real(context, name)?;
    Ok(count::last_line(&context.step(trial.arg("--short"), SHORT_LIMIT)?))
}

/// A trial against the server as a user builds it.
fn real(context: &Context, name: &str) -> Result<Command, String> {
    let server = server_binary(context)?;
    let program = context.build(&["--package", "fanfare-conformance", "--bin", name], name)?;
    let mut trial = Command::new(program);
    trial.arg("--server").arg(server);
    Ok(trial)
}

const TRIALS: &str = "a trial is one of: load, load socketio, mixed-room, idle, fairness, waiting, service-echoes, bad-input [case…], simulation [--seeds N], differential [--seeds N] \
                      [--seed-from S], reference";

/// A trial in its full form. Its output is for whoever waits for it.
pub(super) fn full(workspace: &Workspace, arguments: &[&str]) -> Result<bool, String> {
    let log = workspace.target.join("xtask").join("trial.log");
    let context = Context { workspace, log, all: true };
    let mut trial = match arguments {
        ["load", kind @ ..] if matches!(kind, [] | ["socketio"]) => {
            let mut trial = real(&context, "load")?;
            trial.arg("--out").arg(Path::new(PLOTS)).args(kind);
            trial
        }
        [name @ ("mixed-room" | "idle" | "fairness")] => real(&context, name)?,
        ["service-echoes"] => {
            let test = ["test", "--release", "-p", "fanfare", "--test", "service_echoes", "--", "--ignored"];
            cargo::cargo(&test)
        }
        ["waiting"] => {
            // With what takes half a minute.
            cargo::cargo(&["test", "-p", "fanfare", "--test", "waiting", "--", "--include-ignored"])
        }
        ["bad-input", cases @ ..] => {
            let mut trial = real(&context, "bad-input")?;
            trial.args(cases);
            trial
        }
        ["simulation"] => simulate(&context, FULL_SEEDS)?,
        ["simulation", "--seeds", seeds] => simulate(&context, seeds)?,
        ["differential", more @ ..] => socketio::full_differential(&context, more)?,
        ["reference"] => {
            let outcome = socketio::on_the_reference(&context)?;
            println!(
                "{} passed, {} failed; what was said: {}",
                outcome.passed,
                outcome.failed,
                context.log.display()
            );
            return Ok(outcome.failed == 0);
        }
        _ => return Err(TRIALS.to_owned()),
    };
    let status = trial.current_dir(&workspace.root).status();
    status.map(|status| status.success()).map_err(|error| format!("{:?}: {error}", trial.get_program()))
}

fn simulate(context: &Context, seeds: &str) -> Result<Command, String> {
    let mut trial = Command::new(context.build(SIMULATE, "simulate")?);
    trial.args(["--seeds", seeds]);
    Ok(trial)
}
