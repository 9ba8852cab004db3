//! What a setting is.

use super::value::Kind;

/// One setting. Its field in `Settings` is its name: `message_limit` is `--message-limit`,
/// `FANFARE_MESSAGE_LIMIT` and, with the table `limits`, `limits.message_limit` in the file.
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) group: &'static Group,
    pub(super) kind: Kind,
    pub(super) default: Default,
    /// Sentences for the manual; the first one is the flag's help.
    pub(super) help: &'static str,
}

/// Settings that belong together.
pub(super) struct Group {
    pub(super) heading: &'static str,
    /// The table of the file; empty for the top.
    pub(super) table: &'static str,
}

/// The value of a setting that nobody gave.
pub(super) enum Default {
    Fixed(&'static str),
    /// What depends on the machine.
    Computed {
        /// What it depends on, in words.
        words: &'static str,
        find: fn() -> String,
        /// What a file may say instead; not this machine's value, since a file travels.
        example: &'static str,
    },
}

impl Default {
    pub(super) fn value(&self) -> String {
        match self {
            Self::Fixed(value) => (*value).to_owned(),
            Self::Computed { find, .. } => find(),
        }
    }

    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Fixed(value) => value,
            Self::Computed { words, .. } => words,
        }
    }

    /// What a line of the commented file says: the same on every machine.
    pub(super) fn written(&self) -> &'static str {
        match self {
            Self::Fixed(value) => value,
            Self::Computed { example, .. } => example,
        }
    }
}

impl Definition {
    /// `message-limit`, without its dashes in front.
    pub(super) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `FANFARE_MESSAGE_LIMIT`.
    pub(super) fn environment(&self) -> String {
        format!("FANFARE_{}", self.name.to_uppercase())
    }

    /// `limits.message_limit`.
    pub(super) fn key(&self) -> String {
        let table = self.group.table;
        if table.is_empty() { self.name.to_owned() } else { format!("{table}.{}", self.name) }
    }

    /// The first sentence of the help.
    pub(super) fn short_help(&self) -> &'static str {
        self.help.split_once(". ").map_or(self.help, |(first, _)| first).trim().trim_end_matches('.')
    }
}
