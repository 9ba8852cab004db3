//! The commands: `serve`, `config`, `manual`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Arg, ArgMatches, Command};

use crate::config::{self, CONFIG_ENVIRONMENT, Effective, Given};
use crate::{log, serve};

/// Runs the command that the arguments name; what it answers goes to `out`.
pub(crate) fn run(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(answer) => {
            answer.print()?;
            return Ok(ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2)));
        }
    };
    let environment = config::from_environment(environment);
    match matches.subcommand() {
        Some(("config", of)) => match of.subcommand() {
            Some(("check", check)) => check_file(&path(check), out)?,
            Some(("write", write)) => write_file(write.get_one::<PathBuf>("FILE"), out)?,
            _ => write!(out, "{}", effective(of, environment)?)?,
        },
        Some(("manual", _)) => write!(out, "{}", config::manual())?,
        Some((_, of)) => start(of, environment)?,
        None => start(&matches, environment)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn command() -> Command {
    let file = |required: bool| {
        Arg::new("FILE")
            .required(required)
            .value_parser(clap::value_parser!(PathBuf))
            .help("A configuration file")
    };
    Command::new("fanfare")
        .version(env!("CARGO_PKG_VERSION"))
        .about("One call, every listener: a real-time server.")
        .after_help("Every setting is also an environment variable (--port is FANFARE_PORT) and a key of the file.\nfanfare manual tells all of them.")
        .arg(
            Arg::new(config::CONFIG_FLAG)
                .long(config::CONFIG_FLAG)
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .global(true)
                .help(format!("Read settings from this file [environment: {CONFIG_ENVIRONMENT}]")),
        )
        .args(config::flags())
        .subcommand(Command::new("serve").about("Serve (what `fanfare` alone does, too)"))
        .subcommand(
            Command::new("config")
                .about("Print the effective configuration, and where each value comes from")
                .subcommand(Command::new("check").about("Say whether a file is right").arg(file(true)))
                .subcommand(
                    Command::new("write")
                        .about("Write a commented file with every default, to FILE or standard output")
                        .arg(file(false)),
                ),
        )
        .subcommand(Command::new("manual").about("Print the manual, as Markdown"))
}

fn path(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default()
}

fn effective(matches: &ArgMatches, environment: config::Environment) -> anyhow::Result<Effective> {
    let file = matches.get_one::<PathBuf>(config::CONFIG_FLAG).cloned().or_else(|| environment.file.clone());
    let mut given = Given::default();
    if let Some(file) = file {
        given.add_file(&file)?;
    }
    given.add_environment(environment);
    given.add_flags(matches);
    given.resolve()
}

fn start(matches: &ArgMatches, environment: config::Environment) -> anyhow::Result<()> {
    let settings = effective(matches, environment)?.settings();
    log::start(&settings)?;
    serve::run(&settings)
}

fn check_file(file: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut given = Given::default();
    given.add_file(file)?;
    given.resolve()?;
    writeln!(out, "{} is right", file.display())?;
    Ok(())
}

fn write_file(file: Option<&PathBuf>, out: &mut impl Write) -> anyhow::Result<()> {
    let text = config::commented_file();
    let Some(file) = file else {
        write!(out, "{text}")?;
        return Ok(());
    };
    if file.exists() {
        bail!("{} is there already: name another file, or move it away first", file.display());
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(out, "wrote {}; start with: fanfare --config {}", file.display(), file.display())?;
    Ok(())
}
