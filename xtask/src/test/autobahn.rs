//! Autobahn|Testsuite on what a user runs: the server's `/echo` door, and the client role of the same core.

use std::io::ErrorKind;
use std::process::Command;

use super::clients::server_binary;
use super::{Context, Outcome};
use crate::autobahn::{self, Peers};

/// Sections 1 to 7, 9, 10 and a tenth of 12 and 13; with `--all` everything.
pub(super) fn judge(context: &Context) -> Result<Outcome, String> {
    let server = server_binary(context)?;
    let client =
        context.build(&["--package", "fanfare-testkit", "--bin", "autobahn-peer"], "autobahn-peer")?;
    let start_server = |port: u16, deflate: bool| {
        let mut command = Command::new(&server);
        command.args(["serve", "--host", "127.0.0.1", "--log", "off", "--port", &port.to_string()]);
        command.args(["--compression", if deflate { "on" } else { "off" }]);
        command
    };
    let start_client = |url: &str, deflate: bool| {
        let mut command = Command::new(&client);
        command.args(["client", "--url", url]).args(deflate.then_some("--deflate"));
        command
    };
    let peers = Peers { server: &start_server, server_path: "/echo", client: Some(&start_client) };
    let reports = match autobahn::run(&context.workspace.root, context.all, &peers) {
        Ok(reports) => reports,
        // The one thing that no package brings: an interpreter that the world has left behind.
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Ok(Outcome { did_not_run: Some(error.to_string()), ..Outcome::default() });
        }
        Err(error) => return Err(error.to_string()),
    };
    let mut outcome = Outcome::default();
    for report in &reports {
        let wrong = u32::try_from(report.wrong.len()).unwrap_or(u32::MAX);
        let cases = u32::try_from(report.cases).unwrap_or(u32::MAX);
        outcome.add(Outcome::of(cases.saturating_sub(wrong), wrong));
    }
    if outcome.failed > 0 || context.all {
        print!("{}", autobahn::summary(&reports));
    }
    Ok(outcome)
}
