//! Runs the simulation over a range of seeds: `simulate [--from N] [--seeds N] [--shards 1,2,4] [--failures N]`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use fanfare_testkit::simulation;

struct Options {
    from: u64,
    seeds: u64,
    shards: Vec<u16>,
    /// How many are enough.
    failures: u64,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("simulate: {wrong}");
            return ExitCode::from(2);
        }
    };
    let (start, terminal) = (Instant::now(), std::io::stderr().is_terminal());
    let (mut failed, mut messages, mut clients, mut runs) = (0u64, 0, 0, 0u64);
    for seed in options.from..options.from + options.seeds {
        for shards in &options.shards {
            runs += 1;
            match simulation::run(seed, *shards) {
                Ok(report) => {
                    messages += report.messages;
                    clients += report.clients;
                }
                Err(wrong) => {
                    failed += 1;
                    eprintln!("{wrong}");
                    if failed == options.failures {
                        eprintln!("{failed} failures are enough");
                        return finish(runs, failed, messages, clients, start);
                    }
                }
            }
        }
        if terminal && (seed - options.from).is_multiple_of(64) {
            eprint!("\r{} of {} seeds", seed - options.from, options.seeds);
            // Progress is a courtesy.
            let _ = std::io::stderr().flush();
        }
    }
    finish(runs, failed, messages, clients, start)
}

#[expect(clippy::print_stdout, reason = "what it found is its output")]
fn finish(runs: u64, failed: u64, messages: u64, clients: u64, start: Instant) -> ExitCode {
    let seconds = start.elapsed().as_secs_f64();
    println!("{runs} runs in {seconds:.1} s: {clients} connections, {messages} messages sent or seen");
    println!("{} passed, {failed} failed", runs - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { from: 0, seeds: 1_000, shards: vec![1, 2, 4], failures: 10 };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value"));
        let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
        match argument.as_str() {
            "--from" => options.from = number(&value()?)?,
            "--failures" => options.failures = number(&value()?)?,
            "--seeds" => options.seeds = number(&value()?)?,
            "--shards" => {
                let shards = value()?;
                let parsed = shards
                    .split(',')
                    .map(|shards| shards.parse().map_err(|error| format!("{shards}: {error}")));
                options.shards = parsed.collect::<Result<_, _>>()?;
            }
            other => {
                return Err(format!(
                    "unknown argument {other}; there are --from, --seeds, --shards and --failures"
                ));
            }
        }
    }
    Ok(options)
}
