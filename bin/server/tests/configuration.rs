//! The binary as a person meets it: what it prints, and what it says when something is wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

fn fanfare(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of its own for each test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn every_value_tells_its_source() {
    let file = File::new(
        "sources.toml",
        "host = \"127.0.0.1\"\nport = 1\nshards = 1\n\n[limits]\nmessage_limit = \"2 MiB\"\n",
    );
    let output = fanfare(
        &["config", "--config", file.path(), "--port", "3"],
        &[("FANFARE_PORT", "2"), ("FANFARE_SHARDS", "2")],
    );
    let text = said(&output);
    let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("port = 3").ends_with("# flag --port"), "{text}");
    assert!(line("shards = 2").ends_with("# environment FANFARE_SHARDS"), "{text}");
    assert!(line("host = \"127.0.0.1\"").ends_with("sources.toml:1"), "{text}");
    assert!(line("message_limit = \"2 MiB\"").ends_with("sources.toml:6"), "{text}");
    assert!(line("drain_seconds = 30").ends_with("# default"), "{text}");
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let file = File::new("named.toml", "port = 7\n");
    assert!(said(&fanfare(&["config"], &[("FANFARE_CONFIG", file.path())])).contains("port = 7"));
}

#[test]
fn what_is_written_is_right_and_never_over_something() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("written.toml");
    let _ = fs::remove_file(&path);
    let name = path.to_str().unwrap();
    assert!(said(&fanfare(&["config", "write", name], &[])).contains("wrote"));
    assert!(said(&fanfare(&["config", "check", name], &[])).contains("is right"));
    assert!(complained(&fanfare(&["config", "write", name], &[])).contains("is there already"));
    fs::remove_file(path).unwrap();
}

/// A file travels: nothing in it may be this machine's.
#[test]
fn what_is_written_is_the_same_on_every_machine() {
    let text = said(&fanfare(&["config", "write"], &[]));
    for line in [
        "#port = 8080",
        "# Default: one for each core. An example:\n#shards = 4",
        "# Default: a quarter of memory. An example:\n#memory_budget = \"2 GiB\"",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with(['#', '['])), "{text}");
}

#[test]
fn an_empty_value_is_told_with_its_setting_and_what_is_expected() {
    for (name, key, expected) in [
        ("FANFARE_PORT", "`port`", "a whole number from 0 to 65535"),
        ("FANFARE_HOST", "`host`", "an address such as"),
        ("FANFARE_LOG", "`log`", "a level"),
        ("FANFARE_MEMORY_BUDGET", "`limits.memory_budget`", "a number of bytes"),
        ("FANFARE_CONFIG", "", "the path of a configuration file"),
    ] {
        let flag = format!("--{}", name.trim_start_matches("FANFARE_").to_lowercase().replace('_', "-"));
        let by_environment = complained(&fanfare(&["config"], &[(name, "")]));
        let by_flag = complained(&fanfare(&["config", &flag, ""], &[]));
        for (text, source) in
            [(by_environment, format!("environment {name}")), (by_flag, format!("flag {flag}"))]
        {
            for part in [&source, key, "is empty", expected] {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
        }
    }
}

#[test]
fn settings_stand_before_or_after_the_command_and_only_where_they_count() {
    for arguments in [["--port", "3", "config"], ["config", "--port", "3"]] {
        assert!(said(&fanfare(&arguments, &[])).contains("port = 3 "), "{arguments:?}");
    }
    let both = said(&fanfare(&["--port", "3", "config", "--port", "4"], &[]));
    assert!(both.contains("port = 4 "), "{both}");
    let text = complained(&fanfare(&["--port", "3", "config", "write"], &[]));
    assert!(text.contains("`fanfare config write` takes no settings"), "{text}");
    let text = complained(&fanfare(&["manual", "--port", "3"], &[]));
    assert!(text.contains("unexpected argument '--port'"), "{text}");
}

#[test]
fn unknown_names_are_told_with_the_nearest_right_one() {
    let file = File::new("unknown.toml", "\nprot = 1\n[limits]\nmesage_limit = 3\n");
    let text = complained(&fanfare(&["config", "check", file.path()], &[]));
    assert!(text.contains("unknown.toml:2: unknown key `prot`; did you mean `port`?"), "{text}");
    assert!(
        text.contains(
            "unknown.toml:4: unknown key `limits.mesage_limit`; did you mean `limits.message_limit`?"
        ),
        "{text}"
    );
    let text = complained(&fanfare(&["config"], &[("FANFARE_HOTS", "x")]));
    assert!(text.contains("unknown environment variable FANFARE_HOTS; did you mean FANFARE_HOST?"), "{text}");
    let text = complained(&fanfare(&["--prot", "1"], &[]));
    assert!(text.contains("--port"), "{text}");
}

#[test]
fn bad_values_are_told_with_setting_value_expectation_and_place() {
    let file = File::new("bad.toml", "port = 70000\n[limits]\nmemory_budget = \"2 GB\"\n");
    let text = complained(&fanfare(&["config", "check", file.path()], &[]));
    assert!(
        text.contains("bad.toml:1: `70000` is no value for `port`: expected a whole number from 0 to 65535"),
        "{text}"
    );
    assert!(
        text.contains(
            "bad.toml:3: `2 GB` is no value for `limits.memory_budget`: expected a number of bytes"
        ),
        "{text}"
    );
    let text = complained(&fanfare(&["serve", "--port", "http"], &[]));
    assert!(text.contains("flag --port: `http` is no value for `port`"), "{text}");
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_told() {
    let text = complained(&fanfare(&["--config", "gone.toml"], &[]));
    assert!(text.contains("cannot read the configuration file gone.toml"), "{text}");
    let file = File::new("broken.toml", "port = 1\nhost =\n");
    let text = complained(&fanfare(&["config", "check", file.path()], &[]));
    assert!(text.contains("broken.toml:2: this is not TOML"), "{text}");
}

#[test]
fn manual_and_help_tell_the_same_settings() {
    let manual = said(&fanfare(&["manual"], &[]));
    let help = said(&fanfare(&["--help"], &[]));
    for flag in ["--host", "--port", "--shards", "--memory-budget", "--heartbeat-interval-ms", "--log-format"]
    {
        assert!(manual.contains(flag) && help.contains(flag), "{flag}");
    }
    for (command, about) in [
        (&["config", "--help"][..], "Print the value of every setting, and where it comes from"),
        (&["config", "check", "--help"], "Say everything that is wrong in a configuration file"),
        (&["config", "write", "--help"], "Write a configuration file to begin with"),
    ] {
        let help = said(&fanfare(command, &[]));
        assert!(help.starts_with(about), "{help}");
        assert_eq!(help.contains("--port"), command.len() == 2, "only what a command takes is shown: {help}");
    }
    assert!(said(&fanfare(&["--version"], &[])).starts_with("fanfare 0."));
}
