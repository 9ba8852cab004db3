//! The project's own commands: `cargo xtask test`, `cargo xtask tidy`.
#![allow(clippy::print_stdout)]

mod autobahn;

use std::io::{Error, Result};
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    match arguments.first().map(String::as_str) {
        Some("autobahn") => {
            let reports =
                autobahn::run_blocking_peer(root, arguments.iter().any(|argument| argument == "--all"))?;
            print!("{}", autobahn::summary(&reports));
            let wrong = reports.iter().any(|report| !report.wrong.is_empty());
            if wrong { Err(Error::other("Autobahn found something wrong")) } else { Ok(()) }
        }
        _ => Err(Error::other("usage: cargo xtask autobahn [--all]")),
    }
}
