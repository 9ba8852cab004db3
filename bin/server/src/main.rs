//! The server `fanfare`: configuration, commands, wiring. The only place for environment variables and `anyhow`.

mod bench;
mod commands;
mod config;
mod log;
mod pages;
mod serve;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(std::env::args_os(), std::env::vars_os(), &mut io::stdout().lock()) {
        Ok(code) => code,
        // Whoever reads our output may stop early (`fanfare manual | head`); that is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "fanfare: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
