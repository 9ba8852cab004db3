//! Drives a fuzz target: `cargo run --release -p fanfare-fuzz -- messages --seconds 10 --seed 1`.
#![allow(clippy::print_stdout)]

use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fanfare_fuzz::{Failure, Mutator, TARGETS, Target, corpus, run_one};

const USAGE: &str =
    "usage: fuzz <target | all> [--seconds N] [--seed N] [--corpus FOLDER] | fuzz <target> --input FILE";

/// The clock is looked at once for so many runs.
const RUNS_A_LOOK: u64 = 64;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let wanted = arguments.first().map_or("", String::as_str);
    let targets: Vec<Target> =
        TARGETS.iter().filter(|target| wanted == "all" || target.0 == wanted).copied().collect();
    if targets.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.0).collect();
        return Err(Error::new(ErrorKind::InvalidInput, format!("{USAGE}\ntargets: {}", names.join(", "))));
    }
    let number = |name: &str, default: u64| match value(name) {
        Some(text) => text.parse().map_err(|_| Error::new(ErrorKind::InvalidInput, USAGE)),
        None => Ok(default),
    };
    let (seconds, seed) = (number("--seconds", 10)?, number("--seed", 1)?);
    let mut failed = false;
    for target in targets {
        if let Some(file) = value("--input") {
            failed |= report(target, seed, 0, run_one(target, &std::fs::read(file)?))?;
            continue;
        }
        let folder = value("--corpus").map_or_else(|| Path::new("fuzz/corpus").join(target.0), PathBuf::from);
        let mut mutator = Mutator::new(corpus(&folder)?, seed);
        let end = Instant::now() + Duration::from_secs(seconds);
        let (mut runs, mut result) = (0_u64, Ok(()));
        while result.is_ok() && (!runs.is_multiple_of(RUNS_A_LOOK) || Instant::now() < end) {
            result = run_one(target, &mutator.next_input());
            runs += 1;
        }
        failed |= report(target, seed, runs, result)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Says how it went and keeps a failing input; true if there is one.
fn report(target: Target, seed: u64, runs: u64, result: Result<(), Failure>) -> io::Result<bool> {
    let Err(failure) = result else {
        println!("{}: {runs} runs, seed {seed}, nothing found", target.0);
        return Ok(false);
    };
    let folder = Path::new("target/fuzz");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{}-{seed}-{runs}", target.0));
    std::fs::write(&file, &failure.input)?;
    println!("{}: failed at run {runs} of seed {seed}: {}", target.0, failure.message);
    println!("the input is in {}; run it alone with --input", file.display());
    Ok(true)
}
