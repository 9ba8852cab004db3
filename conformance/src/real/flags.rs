//! What the trials are called with.

use std::path::PathBuf;

/// `[--short] [--server PATH] [--out FOLDER] [name…]`; `FANFARE_SERVER` names the server too.
#[derive(Clone, Debug)]
pub struct Flags {
    /// Smaller numbers, for every day.
    pub short: bool,
    /// The server's binary.
    pub server: PathBuf,
    /// Where plots go; nowhere if `None`.
    pub out: Option<PathBuf>,
    /// What is chosen; everything if empty.
    pub names: Vec<String>,
}

impl Flags {
    /// Reads the process's arguments.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn read() -> Result<Self, String> {
        let server = std::env::var_os("FANFARE_SERVER").map(PathBuf::from);
        let mut flags = Self { short: false, server: default_server(), out: None, names: Vec::new() };
        flags.server = server.unwrap_or(flags.server);
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut path = || arguments.next().map(PathBuf::from).ok_or(format!("{argument} needs a path"));
            match argument.as_str() {
                "--short" => flags.short = true,
                "--server" => flags.server = path()?,
                "--out" => flags.out = Some(path()?),
                name if !name.starts_with('-') => flags.names.push(name.to_owned()),
                other => return Err(format!("unknown flag {other}")),
            }
        }
        Ok(flags)
    }

    /// The number of the short or of the full form.
    #[must_use]
    pub fn pick<T>(&self, short: T, full: T) -> T {
        if self.short { short } else { full }
    }
}

fn default_server() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    target.join("release/fanfare")
}
