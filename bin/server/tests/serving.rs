//! What a running server prints, and where.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

fn serve(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    command.args(["--host", "127.0.0.1", "--port", "0", "--shards", "1"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The line on standard output, then the end that SIGTERM brings; what was logged by then.
fn line_and_log(mut server: Child) -> (String, String) {
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(told.success());
    let mut log = String::new();
    server.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(server.wait().unwrap().success(), "{log}");
    (line, log)
}

#[test]
fn a_port_that_was_chosen_for_us_is_printed_whatever_is_logged() {
    let (line, log) = line_and_log(serve(&["--log", "off"]));
    let port = line.trim().strip_prefix("listening on http://127.0.0.1:").expect("where it listens");
    assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{line}");
    assert_eq!(log, "");
}

#[test]
fn logs_are_json_where_nobody_looks_and_lines_for_people_where_asked() {
    let (_, log) = line_and_log(serve(&[]));
    assert!(log.lines().count() >= 3, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string());
    }
    let (_, log) = line_and_log(serve(&["--log-format", "human"]));
    assert!(log.contains("INFO listening address=127.0.0.1:"), "{log}");
}
