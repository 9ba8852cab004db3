//! The configuration file: TOML, every key known, every value with its line.

use std::path::Path;

use anyhow::{Context, anyhow};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::settings::DEFINITIONS;
use super::source::{Raw, Source};

/// What a file says, and what is wrong with it.
#[derive(Default)]
pub(super) struct Read {
    pub(super) raw: Vec<Raw>,
    pub(super) problems: Vec<String>,
}

/// Reads a file; an error is one that leaves nothing to read.
pub(super) fn read(file: &Path) -> anyhow::Result<Read> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the configuration file {}", file.display()))?;
    parse(&text, &file.display().to_string())
}

fn parse(text: &str, file: &str) -> anyhow::Result<Read> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        anyhow!("{file}:{line}: this is not TOML: {}", error.message())
    })?;
    let mut reader = Reader { text, file, read: Read::default() };
    reader.table("", table.get_ref());
    Ok(reader.read)
}

struct Reader<'a> {
    text: &'a str,
    file: &'a str,
    read: Read,
}

impl Reader<'_> {
    fn table(&mut self, table: &str, entries: &DeTable<'_>) {
        for (name, value) in entries {
            let line = line_of(self.text, name.span().start);
            let name = name.get_ref();
            let key = if table.is_empty() { name.to_string() } else { format!("{table}.{name}") };
            match value.get_ref() {
                DeValue::Table(inner) if table.is_empty() && is_table(name) => self.table(name, inner),
                _ => self.entry(&key, name, value, line),
            }
        }
    }

    fn entry(&mut self, key: &str, name: &str, value: &Spanned<DeValue<'_>>, line: usize) {
        let file = self.file;
        let Some(definition) = DEFINITIONS.iter().find(|definition| definition.key() == key) else {
            self.read.problems.push(format!("{file}:{line}: unknown key `{key}`{}", hint(key, name)));
            return;
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Boolean(on) => on.to_string(),
            _ => self.text.get(value.span()).unwrap_or_default().to_owned(),
        };
        self.read.raw.push(Raw { definition, text, source: Source::File { file: file.to_owned(), line } });
    }
}

fn is_table(name: &str) -> bool {
    DEFINITIONS.iter().any(|definition| definition.group.table == name && !name.is_empty())
}

/// The right name in the wrong table, or the nearest key.
fn hint(key: &str, name: &str) -> String {
    if let Some(definition) = DEFINITIONS.iter().find(|definition| definition.name == name) {
        let place = match definition.group.table {
            "" => "at the top of the file, before the first [table]".to_owned(),
            table => format!("under [{table}]"),
        };
        return format!(": `{name}` belongs {place}");
    }
    let keys: Vec<String> = DEFINITIONS.iter().map(super::definition::Definition::key).collect();
    let names = DEFINITIONS.iter().map(|definition| definition.name);
    let near = nearest(name, names).and_then(|near| {
        DEFINITIONS.iter().find(|definition| definition.name == near).map(super::definition::Definition::key)
    });
    let near = near.or_else(|| nearest(key, keys.iter().map(String::as_str)).map(str::to_owned));
    near.map_or_else(
        || "; `fanfare manual` lists the keys".to_owned(),
        |near| format!("; did you mean `{near}`?"),
    )
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_form_are_read_with_their_lines() {
        let read = parse("port = 9000\ncompression = false\n\n[limits]\nmessage_limit = \"2 MiB\"\noutbox_limit = 65_536\n", "f").unwrap();
        assert_eq!(read.problems, Vec::<String>::new());
        let found: Vec<_> = read
            .raw
            .iter()
            .map(|raw| (raw.definition.name, raw.text.as_str(), raw.source.to_string()))
            .collect();
        assert!(found.contains(&("port", "9000", "f:1".to_owned())), "{found:?}");
        assert!(found.contains(&("compression", "false", "f:2".to_owned())), "{found:?}");
        assert!(found.contains(&("message_limit", "2 MiB", "f:5".to_owned())), "{found:?}");
        assert!(found.contains(&("outbox_limit", "65536", "f:6".to_owned())), "{found:?}");
    }

    #[test]
    fn unknown_keys_are_told_with_what_was_meant() {
        let read = parse(
            "prot = 1\nmessage_limit = 5\ncolour = 1\n[limits]\nmesage_limit = 1\n[limit]\nconnections = 3\n",
            "f",
        )
        .unwrap();
        let all = read.problems.join("\n");
        for part in [
            "f:1: unknown key `prot`; did you mean `port`?",
            "f:2: unknown key `message_limit`: `message_limit` belongs under [limits]",
            "f:3: unknown key `colour`; `fanfare manual` lists the keys",
            "f:5: unknown key `limits.mesage_limit`; did you mean `limits.message_limit`?",
            "f:6: unknown key `limit`",
        ] {
            assert!(all.contains(part), "{part} is not in\n{all}");
        }
    }

    #[test]
    fn what_is_not_toml_is_told_with_its_line() {
        let error = parse("port = 1\nhost = \n", "f").err().unwrap().to_string();
        assert!(error.starts_with("f:2: this is not TOML"), "{error}");
    }
}
