//! The suites that are cargo commands.

use std::process::Command;
use std::time::Duration;

use super::{Context, Outcome, count};

const FORMAT_LIMIT: Duration = Duration::from_secs(120);
/// A cold build of everything on two cores, twice over.
pub(super) const BUILD_LIMIT: Duration = Duration::from_secs(1800);

pub(super) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(arguments);
    command
}

pub(super) fn format(context: &Context) -> Result<Outcome, String> {
    let done = context.step(&mut cargo(&["fmt", "--all", "--check"]), FORMAT_LIMIT)?;
    Ok(count::whole(&done))
}

pub(super) fn clippy(context: &Context) -> Result<Outcome, String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    Ok(count::whole(&context.step(&mut cargo(&arguments), BUILD_LIMIT)?))
}

pub(super) fn docs(context: &Context) -> Result<Outcome, String> {
    let mut build = cargo(&["doc", "--workspace", "--no-deps"]);
    let mut outcome = count::whole(&context.step(build.env("RUSTDOCFLAGS", "-D warnings"), BUILD_LIMIT)?);
    outcome
        .add(count::cargo_tests(&context.step(&mut cargo(&["test", "--workspace", "--doc"]), BUILD_LIMIT)?));
    Ok(outcome)
}

/// A line a target; what it prints beside "nothing found" is a finding.
pub(super) fn fuzz(context: &Context) -> Result<Outcome, String> {
    let arguments = ["run", "--release", "-p", "fanfare-fuzz", "--", "all", "--seconds", "10"];
    let done = context.step(&mut cargo(&arguments), BUILD_LIMIT)?;
    Ok(count::marked(&done, "nothing found"))
}

pub(super) fn unit(context: &Context) -> Result<Outcome, String> {
    let arguments = ["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"];
    Ok(count::cargo_tests(&context.step(&mut cargo(&arguments), BUILD_LIMIT)?))
}
