//! Where values come from, and which of them counts.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Arg, ArgMatches};

use super::definition::Definition;
use super::file;
use super::nearest::nearest;
use super::settings::{DEFINITIONS, Settings};
use super::value::Value;

/// The flag that names the file, without its dashes.
pub(crate) const CONFIG_FLAG: &str = "config";
/// The variable that names the file.
pub(crate) const CONFIG_ENVIRONMENT: &str = "FANFARE_CONFIG";
const PREFIX: &str = "FANFARE_";

/// Kubernetes sets these for a service named `fanfare`; they are not meant for us.
const OF_KUBERNETES: &[&str] = &["FANFARE_SERVICE_", "FANFARE_PORT_"];

/// Where a value came from. A later one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Default,
    File { file: String, line: usize },
    Environment(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// A value as it was given, not yet checked.
pub(super) struct Raw {
    pub(super) definition: &'static Definition,
    pub(super) text: String,
    pub(super) source: Source,
}

/// What the environment says.
#[derive(Default)]
pub(crate) struct Environment {
    /// The configuration file.
    pub(crate) file: Option<PathBuf>,
    raw: Vec<Raw>,
    problems: Vec<String>,
}

/// Everything of the environment that begins with `FANFARE_`.
pub(crate) fn from_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Environment {
    let mut environment = Environment::default();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if name == CONFIG_ENVIRONMENT && value.is_empty() {
            environment.problems.push(format!(
                "environment {name}: its value is empty: expected the path of a configuration file; leave it out to do without"
            ));
        } else if name == CONFIG_ENVIRONMENT {
            environment.file = Some(value.into());
        } else if let Some(definition) = DEFINITIONS.iter().find(|one| one.environment() == name) {
            let text = value.to_string_lossy().into_owned();
            environment.raw.push(Raw { definition, text, source: Source::Environment(name.to_owned()) });
        } else if !OF_KUBERNETES.iter().any(|prefix| name.starts_with(prefix)) {
            let names: Vec<String> = DEFINITIONS.iter().map(Definition::environment).collect();
            let known = names.iter().map(String::as_str).chain([CONFIG_ENVIRONMENT]);
            let hint = nearest(name, known).map_or_else(
                || "; `fanfare manual` lists the names".to_owned(),
                |near| format!("; did you mean {near}?"),
            );
            environment.problems.push(format!("unknown environment variable {name}{hint}"));
        }
    }
    environment
}

/// A flag for each setting. They take text: our own check says more than a parser can.
pub(crate) fn flags() -> impl Iterator<Item = Arg> {
    DEFINITIONS.iter().map(|definition| {
        Arg::new(definition.name)
            .long(definition.flag())
            .value_name(definition.kind.placeholder())
            .help(format!("{} [default: {}]", definition.short_help(), definition.default.words()))
            .help_heading(definition.group.heading)
            .allow_hyphen_values(true)
    })
}

/// What was given, by whom, in the order in which it counts.
#[derive(Default)]
pub(crate) struct Given {
    raw: Vec<Raw>,
    problems: Vec<String>,
}

impl Given {
    pub(crate) fn add_file(&mut self, path: &Path) -> anyhow::Result<()> {
        let read = file::read(path)?;
        self.raw.extend(read.raw);
        self.problems.extend(read.problems);
        Ok(())
    }

    pub(crate) fn add_environment(&mut self, environment: Environment) {
        self.raw.extend(environment.raw);
        self.problems.extend(environment.problems);
    }

    /// The flags of a command and of those around it, innermost last: it wins.
    pub(crate) fn add_flags(&mut self, levels: &[&ArgMatches]) {
        for definition in DEFINITIONS {
            for text in levels.iter().filter_map(|level| level.get_one::<String>(definition.name)) {
                let source = Source::Flag(definition.flag());
                self.raw.push(Raw { definition, text: text.clone(), source });
            }
        }
    }

    /// The effective values; an error tells everything that is wrong, not only the first.
    pub(crate) fn resolve(mut self) -> anyhow::Result<Effective> {
        let mut effective: Vec<Entry> = DEFINITIONS
            .iter()
            .map(|definition| Entry {
                definition,
                value: definition.kind.read(&definition.default.value()).unwrap_or(Value::Number(0)),
                source: Source::Default,
            })
            .collect();
        for raw in self.raw {
            match raw.definition.kind.read(&raw.text) {
                None => self.problems.push(wrong(&raw)),
                Some(value) => {
                    if let Some(entry) =
                        effective.iter_mut().find(|entry| entry.definition.name == raw.definition.name)
                    {
                        entry.value = value;
                        entry.source = raw.source;
                    }
                }
            }
        }
        match self.problems.as_slice() {
            [] => Ok(Effective(effective)),
            [one] => bail!("{one}"),
            many => bail!("the configuration has {} mistakes:\n  {}", many.len(), many.join("\n  ")),
        }
    }
}

fn wrong(raw: &Raw) -> String {
    let Raw { definition, text, source } = raw;
    let expected = definition.kind.expected();
    if text.trim().is_empty() {
        let key = definition.key();
        return format!(
            "{source}: the value of `{key}` is empty: expected {expected}; leave it out for the default"
        );
    }
    let kubernetes = if text.starts_with("tcp://") {
        " (Kubernetes sets this for a service named fanfare: set enableServiceLinks: false in the pod)"
    } else {
        ""
    };
    format!("{source}: `{text}` is no value for `{}`: expected {expected}{kubernetes}", definition.key())
}

/// One effective value.
struct Entry {
    definition: &'static Definition,
    value: Value,
    source: Source,
}

/// Every effective value with its source.
pub(crate) struct Effective(Vec<Entry>);

impl Effective {
    pub(crate) fn settings(&self) -> Settings {
        const NOTHING: &Value = &Value::Number(0);
        Settings::from_values(|name| {
            self.0.iter().find(|entry| entry.definition.name == name).map_or(NOTHING, |entry| &entry.value)
        })
    }
}

/// A file that is right as it stands, with the source of each value beside it.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|entry| format!("{} = {}", entry.definition.name, entry.value.in_file()))
            .collect();
        let width = lines.iter().map(String::len).max().unwrap_or(0);
        let mut table = "";
        for (entry, line) in self.0.iter().zip(lines) {
            if entry.definition.group.table != table {
                table = entry.definition.group.table;
                writeln!(f, "\n[{table}]")?;
            }
            writeln!(f, "{line:<width$}  # {}", entry.source)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        from_environment(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn resolved(variables: &[(&str, &str)], arguments: &[&str]) -> anyhow::Result<Effective> {
        let command = clap::Command::new("fanfare").args(flags());
        let mut given = Given::default();
        given.add_environment(environment(variables));
        given.add_flags(&[&command.try_get_matches_from([&["fanfare"], arguments].concat())?]);
        given.resolve()
    }

    #[test]
    fn every_default_is_a_value_of_its_kind_and_names_are_unique() {
        for definition in DEFINITIONS {
            assert!(definition.kind.read(&definition.default.value()).is_some(), "{}", definition.name);
            assert!(definition.help.ends_with('.'), "{}", definition.name);
            let same = DEFINITIONS.iter().filter(|other| other.name == definition.name);
            assert_eq!(same.count(), 1, "{}", definition.name);
        }
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_default() {
        let effective =
            resolved(&[("FANFARE_PORT", "1"), ("FANFARE_SHARDS", "3"), ("HOME", "x")], &["--port", "2"])
                .unwrap();
        let settings = effective.settings();
        assert_eq!((settings.port, settings.shards, settings.drain_seconds), (2, 3, 30));
        assert_eq!((settings.message_limit, settings.compression), (1 << 20, true));
        let text = effective.to_string();
        for part in ["# flag --port", "# environment FANFARE_SHARDS", "[limits]"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let text = resolved(&[("FANFARE_LOG", "info,fanfare_hub=debug")], &[]).unwrap().to_string();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["log"].as_str(), Some("info,fanfare_hub=debug"));
        assert_eq!(table["limits"]["echo_message_limit"].as_str(), Some("64 MiB"));
    }

    #[test]
    fn every_mistake_is_told() {
        let error = resolved(
            &[("FANFARE_PROT", "1"), ("FANFARE_PORT", "tcp://10.0.0.1:80"), ("FANFARE_SERVICE_HOST", "x")],
            &["--shards", "0"],
        );
        let error = error.err().unwrap().to_string();
        for part in [
            "3 mistakes",
            "unknown environment variable FANFARE_PROT; did you mean FANFARE_PORT?",
            "environment FANFARE_PORT: `tcp://10.0.0.1:80` is no value for `port`: expected a whole number from 0 to 65535",
            "enableServiceLinks",
            "flag --shards: `0` is no value for `shards`: expected a whole number from 1 to 1024",
        ] {
            assert!(error.contains(part), "{part} is not in\n{error}");
        }
    }
}
