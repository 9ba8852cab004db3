//! The commands: `serve`, `bench`, `config`, `manual`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Arg, ArgMatches, Command};

use crate::config::{self, CONFIG_ENVIRONMENT, Effective, Given};
use crate::{bench, log, serve};

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
            Some(("check", check)) => {
                without_settings("config check", &[&matches, of])?;
                check_file(&path(check), out)?;
            }
            Some(("write", write)) => {
                without_settings("config write", &[&matches, of])?;
                write_file(write.get_one::<PathBuf>("FILE"), out)?;
            }
            _ => write!(out, "{}", effective(&[&matches, of], environment)?)?,
        },
        Some(("bench", of)) => {
            without_settings("bench", &[&matches])?;
            return bench::run(of, out);
        }
        Some(("manual", _)) => {
            without_settings("manual", &[&matches])?;
            write!(out, "{}", config::manual())?;
        }
        Some((_, of)) => start(&[&matches, of], environment)?,
        None => start(&[&matches], environment)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn command() -> Command {
    let file = |help: &'static str| Arg::new("FILE").value_parser(clap::value_parser!(PathBuf)).help(help);
    Command::new("fanfare")
        .version(env!("CARGO_PKG_VERSION"))
        .about("One call, every listener: a real-time server.")
        .after_help("Every setting is also an environment variable (--port is FANFARE_PORT) and a key of the file.\nfanfare manual tells all of them.")
        .args(settings())
        .subcommand(Command::new("serve").about("Serve (what `fanfare` alone does, too)").args(settings()))
        .subcommand(bench::command())
        .subcommand(
            Command::new("config")
                .about("Print the value of every setting, and where it comes from; or check or write a file")
                .args(settings())
                .subcommand(
                    Command::new("check")
                        .about("Say everything that is wrong in a configuration file; nothing is served")
                        .arg(file("The file; the exit code is 2 if anything is wrong in it").required(true)),
                )
                .subcommand(
                    Command::new("write")
                        .about("Write a configuration file to begin with: every setting explained, and commented out")
                        .arg(file("Where to write it, never over a file that is there [default: standard output]")),
                ),
        )
        .subcommand(Command::new("manual").about("Print the manual, as Markdown"))
}

/// What a command that makes use of the settings takes.
fn settings() -> impl Iterator<Item = Arg> {
    let file = Arg::new(config::CONFIG_FLAG)
        .long(config::CONFIG_FLAG)
        .value_name("FILE")
        .value_parser(clap::value_parser!(OsString))
        .help(format!("Read settings from this file [environment: {CONFIG_ENVIRONMENT}]"));
    std::iter::once(file).chain(config::flags())
}

/// What would be ignored is refused.
fn without_settings(command: &str, levels: &[&ArgMatches]) -> anyhow::Result<()> {
    if levels.iter().any(|level| level.args_present()) {
        bail!("`fanfare {command}` takes no settings: leave out the flags before it");
    }
    Ok(())
}

fn path(matches: &ArgMatches) -> PathBuf {
    matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default()
}

/// What counts in the end; `levels` are a command and those around it, outermost first.
fn effective(levels: &[&ArgMatches], environment: config::Environment) -> anyhow::Result<Effective> {
    let flag = levels.iter().rev().find_map(|level| level.get_one::<OsString>(config::CONFIG_FLAG));
    if flag.is_some_and(|file| file.is_empty()) {
        bail!(
            "flag --{}: its value is empty: expected the path of a configuration file",
            config::CONFIG_FLAG
        );
    }
    let mut given = Given::default();
    if let Some(file) = flag.map(PathBuf::from).or_else(|| environment.file.clone()) {
        given.add_file(&file)?;
    }
    given.add_environment(environment);
    given.add_flags(levels);
    given.resolve()
}

fn start(levels: &[&ArgMatches], environment: config::Environment) -> anyhow::Result<()> {
    let settings = effective(levels, environment)?.settings();
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
