//! What is written from the definitions: the manual and the commented file.

use std::fmt::Write as _;

use super::definition::{Default, Definition};
use super::settings::DEFINITIONS;

const INTRODUCTION: &str = "\
# fanfare

One call, every listener: a real-time server.

    fanfare [serve]              serve
    fanfare config               print the value of every setting, and where it comes from
    fanfare config check FILE    say everything that is wrong in a file; code 2 if anything is
    fanfare config write [FILE]  write a file to begin with: every setting explained, and commented out
    fanfare manual               this text

A setting can be given as a flag, as an environment variable, or in a file (`--config FILE`, or FANFARE_CONFIG).
A flag wins over the environment, the environment over the file, the file over the default.
Sizes are in bytes, with or without a unit (B, KiB, MiB, GiB).

SIGTERM and SIGINT end the server in order: it takes no new connections, tells everyone to come back,
delivers what it has accepted, and ends with code 0. Code 2 is a mistake in the configuration.
";

/// The manual, as Markdown.
pub(crate) fn manual() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut heading = "";
    for definition in DEFINITIONS {
        if definition.group.heading != heading {
            heading = definition.group.heading;
            let _ = write!(text, "\n## {heading}\n");
        }
        let _ = write!(
            text,
            "\n### --{flag} {placeholder}\n\n{help}\n\n- default: {default}\n- may be: {expected}\n- environment: `{environment}`\n- file: `{key}`\n",
            flag = definition.flag(),
            placeholder = definition.kind.placeholder(),
            help = definition.help,
            default = definition.default.words(),
            expected = definition.kind.expected(),
            environment = definition.environment(),
            key = definition.key(),
        );
    }
    text
}

/// A file with every setting as a comment: what is not changed follows the defaults of later versions.
pub(crate) fn commented_file() -> String {
    let mut text =
        "# Configuration of fanfare. Each line shows the default, or an example where the default depends on the machine:\n\
         # take the # away from those that you change.\n".to_owned();
    let mut heading = "";
    let mut table = "";
    for definition in DEFINITIONS {
        if definition.group.heading != heading {
            heading = definition.group.heading;
            let _ = write!(text, "\n# ---- {heading} ----\n");
        }
        if definition.group.table != table {
            table = definition.group.table;
            let _ = writeln!(text, "[{table}]");
        }
        let _ = write!(text, "\n{}#{} = {}\n", comment(definition), definition.name, in_file(definition));
    }
    text
}

fn comment(definition: &Definition) -> String {
    let help = definition.help.replace(". ", ".\n# ");
    let example = if matches!(definition.default, Default::Computed { .. }) { " An example:" } else { "" };
    format!("# {help}\n# Default: {}.{example}\n", definition.default.words())
}

fn in_file(definition: &Definition) -> String {
    definition.kind.read(definition.default.written()).map(|value| value.in_file()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_setting_in_each_of_its_forms() {
        let text = manual();
        for definition in DEFINITIONS {
            for form in [definition.flag(), definition.environment(), definition.key()] {
                assert!(text.contains(&form), "{form}");
            }
        }
    }

    #[test]
    fn the_commented_file_is_right_with_and_without_its_comment_signs() {
        let text = commented_file();
        assert!(text.parse::<toml::Table>().is_ok());
        let open: String = text
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        let table: toml::Table = open.parse().unwrap();
        let count = table.values().map(|value| value.as_table().map_or(1, toml::Table::len)).sum::<usize>();
        assert_eq!(count, DEFINITIONS.len());
    }
}
