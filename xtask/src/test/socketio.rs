//! Socket.IO: the raw cases, the differential test in its short form, and the clients that others wrote; against ours or, to
//! see that the tests themselves are right, against the reference.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::clients::{NODE_FOLDER, PYTHON_REQUIREMENTS};
use super::{Context, Outcome, cargo, count};
use crate::tools;

/// The longest case waits for a limit of 45 s; the rest is building.
const CASES_LIMIT: Duration = cargo::BUILD_LIMIT;
const DIFFERENTIAL_LIMIT: Duration = Duration::from_secs(600);
const CLIENT_LIMIT: Duration = Duration::from_secs(600);

const SHORT_SEQUENCES: &str = "400";
const FULL_SEQUENCES: &str = "20000";

/// Everything is held with a single shard, and with requests that land on other shards than their session's.
const SHARDS: &[&str] = &["1", "4"];

/// Which server is in question.
#[derive(Clone)]
enum Server {
    Reference,
    /// The example `echo`, and the clients' application, with so many shards.
    Ours {
        echo: PathBuf,
        application: PathBuf,
        shards: &'static str,
    },
}

impl Server {
    fn ours(context: &Context, shards: &'static str) -> Result<Self, String> {
        let echo = context.build(&["--package", "fanfare", "--example", "echo"], "examples/echo")?;
        let build = &["--package", "fanfare-conformance", "--bin", "application"];
        let application = context.build(build, "application")?;
        Ok(Self::Ours { echo, application, shards })
    }

    fn name(&self) -> String {
        match self {
            Self::Reference => "the reference".to_owned(),
            Self::Ours { shards, .. } => format!("ours, {shards} shards"),
        }
    }

    /// Tells the cases and the differential test which one it is.
    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self {
            Self::Reference => command.env("FANFARE_SOCKETIO_REFERENCE", "1"),
            Self::Ours { echo, shards, .. } => command
                .env_remove("FANFARE_SOCKETIO_REFERENCE")
                .env("FANFARE_SOCKETIO_SERVER", echo)
                .env("FANFARE_SOCKETIO_SHARDS", shards),
        }
    }

    /// The clients' application as a command line.
    fn application(&self) -> Vec<PathBuf> {
        match self {
            Self::Reference => vec!["node".into(), "conformance/reference/app.mjs".into()],
            Self::Ours { application, shards, .. } => {
                vec![application.clone(), "--shards".into(), shards.into()]
            }
        }
    }
}

/// The suite: all of it with 1 and with 4 shards.
pub(super) fn suite(context: &Context) -> Result<Outcome, String> {
    let mut outcome = Outcome::default();
    for shards in SHARDS {
        outcome.add(everything(context, &Server::ours(context, shards)?)?);
    }
    Ok(outcome)
}

/// A client through nginx and haproxy, with the configurations that the documentation gives.
pub(super) fn proxies(context: &Context) -> Result<Outcome, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    for tool in [&tools::NGINX, &tools::HAPROXY] {
        tools::need(tool, &context.log)?;
    }
    let mut client = Command::new("node");
    client.arg("conformance/clients/socketio_proxies.mjs").arg("--");
    client.args(Server::ours(context, SHARDS[1])?.application());
    Ok(count::last_line(&context.step(&mut client, CLIENT_LIMIT)?))
}

/// The same against the reference, and that the differential test notices deliberate faults.
pub(super) fn on_the_reference(context: &Context) -> Result<Outcome, String> {
    let mut outcome = everything(context, &Server::Reference)?;
    let mut changes = differential(context, &Server::Reference)?;
    let done = context.step(changes.arg("--changes"), DIFFERENTIAL_LIMIT)?;
    outcome.add(told("the reference: deliberate faults", count::last_line(&done)));
    Ok(outcome)
}

/// The differential test in its full form, with its progress; `more` are its own flags.
pub(super) fn full_differential(context: &Context, more: &[&str]) -> Result<Command, String> {
    let mut command = differential(context, &Server::ours(context, SHARDS[0])?)?;
    if !more.contains(&"--seeds") {
        command.args(["--seeds", FULL_SEQUENCES]);
    }
    command.args(more);
    Ok(command)
}

fn everything(context: &Context, server: &Server) -> Result<Outcome, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    let python = tools::python(context.workspace, PYTHON_REQUIREMENTS, &context.log)?;
    let name = server.name();
    let mut cases =
        cargo::cargo(&["test", "-p", "fanfare-conformance", "--test", "socketio_*", "--no-fail-fast"]);
    let done = context.step(server.tell(&mut cases).args(["--", "--include-ignored"]), CASES_LIMIT)?;
    let mut outcome = told(&format!("{name}: cases"), count::cargo_tests(&done));
    let mut compare = differential(context, server)?;
    let done = context.step(compare.args(["--seeds", SHORT_SEQUENCES]), DIFFERENTIAL_LIMIT)?;
    outcome.add(told(&format!("{name}: differential"), count::last_line(&done)));
    let scripts = [
        (PathBuf::from("node"), "conformance/clients/socketio_client.mjs"),
        (python, "conformance/clients/socketio_client.py"),
    ];
    for (program, script) in scripts {
        let mut client = Command::new(program);
        client.arg(script).arg("--").args(server.application());
        let counted = count::last_line(&context.step(&mut client, CLIENT_LIMIT)?);
        outcome.add(told(&format!("{name}: {script}"), counted));
    }
    Ok(outcome)
}

fn differential(context: &Context, server: &Server) -> Result<Command, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    let build = &["--package", "fanfare-conformance", "--bin", "differential"];
    let mut command = Command::new(context.build(build, "differential")?);
    server.tell(&mut command);
    Ok(command)
}

fn told(what: &str, counted: Outcome) -> Outcome {
    println!("  {what}: {} passed, {} failed", counted.passed, counted.failed);
    counted
}
