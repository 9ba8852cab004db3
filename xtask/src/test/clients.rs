//! The suites in other languages: pages, clients that others wrote, a real browser.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Context, Outcome, count};
use crate::process::{Server, free_port};
use crate::tools;

/// The folder whose package-lock.json pins every Node package that the tests use.
pub(super) const NODE_FOLDER: &str = "conformance";
pub(super) const PYTHON_REQUIREMENTS: &str = "conformance/clients/requirements.txt";

const SCRIPT_LIMIT: Duration = Duration::from_secs(300);

/// Each of these connects to a server that is there: `node SCRIPT http://…`.
const NODE_CLIENTS: &[&str] = &[
    "conformance/clients/ws_client.mjs",
    "conformance/clients/undici_client.mjs",
    "conformance/clients/wscat_client.mjs",
    "conformance/clients/fanfare_client.mjs",
    "conformance/clients/behaviours.mjs",
];
const PYTHON_CLIENTS: &[&str] = &[
    "conformance/clients/websockets_client.py",
    "conformance/clients/aiohttp_client.py",
    "conformance/clients/websocket_client_client.py",
];

/// Types of the pages and of the JavaScript client, from their JSDoc.
pub(super) fn pages(context: &Context) -> Result<Outcome, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    let compiler = context.workspace.root.join(NODE_FOLDER).join("node_modules/.bin/tsc");
    let done = context.step(Command::new(compiler).args(["--project", "web/jsconfig.json"]), SCRIPT_LIMIT)?;
    Ok(count::whole(&done))
}

pub(super) fn server_binary(context: &Context) -> Result<PathBuf, String> {
    context.build(&["--package", "fanfare-server"], "fanfare")
}

/// Clients from the package registries, and clients that behave as those out there do.
pub(super) fn clients(context: &Context) -> Result<Outcome, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    let python = tools::python(context.workspace, PYTHON_REQUIREMENTS, &context.log)?;
    let server = Server::start(&server_binary(context)?, &context.log.with_extension("server.log"))?;
    let mut outcome = Outcome::default();
    let scripts = NODE_CLIENTS
        .iter()
        .map(|script| (PathBuf::from("node"), script))
        .chain(PYTHON_CLIENTS.iter().map(|script| (python.clone(), script)));
    for (program, script) in scripts {
        let done = context.step(Command::new(program).arg(script).arg(&server.base), SCRIPT_LIMIT)?;
        let counted = count::last_line(&done);
        println!("  {script}: {} passed, {} failed", counted.passed, counted.failed);
        outcome.add(counted);
    }
    Ok(outcome)
}

/// Two pages in Chromium; the script starts and kills the server itself, since losing it is part of the test.
pub(super) fn browser(context: &Context) -> Result<Outcome, String> {
    tools::node_modules(context.workspace, NODE_FOLDER, &context.log)?;
    let chromium = tools::need(&tools::CHROMIUM, &context.log)?;
    let binary = server_binary(context)?;
    let port = free_port()?.to_string();
    let mut command = Command::new("node");
    command.arg("conformance/browser/chat.mjs");
    command.args(["--base", &format!("http://127.0.0.1:{port}"), "--chromium"]).arg(chromium);
    command.arg("--screens").arg(context.workspace.target.join("xtask").join("screens"));
    command.arg("--").arg(binary).args(["serve", "--host", "127.0.0.1", "--port", &port]);
    Ok(count::last_line(&context.step(&mut command, SCRIPT_LIMIT)?))
}
