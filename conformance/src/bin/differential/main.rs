//! The same random sequences to two servers, which must answer and close alike:
//! `differential [--seeds N] [--seed-from S] [--a URL] [--b URL] [--parallel N] [--show] [--changes]`.
//!
//! Without `--a` the reference is started, without `--b` the server in question (see `FANFARE_SOCKETIO_REFERENCE` and
//! `FANFARE_SOCKETIO_SERVER`). A difference is tried again alone; what stays is printed with its seed and both transcripts.
//! A server that differs from itself is no judge: where A does, each answer that A gives is right, and no other.
//! With `--changes` B is the reference with one deliberate fault after the other, and each must be noticed.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod on_purpose;
mod packets;
mod player;
mod sequence;
mod transcript;

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Outcome, Saying, ensure};
use fanfare_conformance::socketio::{CALM, Target, reference};

use on_purpose::alike;
use player::play;
use sequence::Sequence;
use transcript::Transcript;

/// How often a difference is tried again.
const AGAIN: usize = 3;

/// How often the reference is played against itself, to learn which answers it gives where it gives more than one. It loses
/// the rarest that is known (seed 10293) in one play of three.
const AGAINST_ITSELF: usize = 12;

/// One sequence in so many may differ once and not again, on a machine that does other things too, or be one that the reference
/// answers in more than one way.
const UNSTEADY_ONE_IN: u64 = 500;

/// No sequence takes longer, whatever a server does not say.
const SEQUENCE_LIMIT: Duration = Duration::from_secs(60);

/// So many are printed whole.
const PRINTED: usize = 10;

/// More differences that stay are not looked for: each may take its time.
const ENOUGH: usize = 100;

/// After so many the rest is not compared: where that much differs it is another server.
const ENOUGH_AT_ALL: u64 = 500;

const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

struct Flags {
    seeds: Option<u64>,
    seed_from: u64,
    a: Option<SocketAddr>,
    b: Option<SocketAddr>,
    parallel: usize,
    show: bool,
    changes: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("differential: {why}");
            ExitCode::from(2)
        }
    }
}

impl Flags {
    fn read() -> Outcome<Self> {
        let mut flags =
            Self { seeds: None, seed_from: 1, a: None, b: None, parallel: 32, show: false, changes: false };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--show" => {
                    flags.show = true;
                    continue;
                }
                "--changes" => {
                    flags.changes = true;
                    continue;
                }
                _ => {}
            }
            let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
            let number = || value.parse::<u64>().saying(&value);
            match argument.as_str() {
                "--seeds" => flags.seeds = Some(number()?),
                "--seed-from" => flags.seed_from = number()?,
                "--parallel" => flags.parallel = usize::try_from(number()?).unwrap_or(1).max(1),
                "--a" => flags.a = Some(address(&value)?),
                "--b" => flags.b = Some(address(&value)?),
                other => return Err(format!("unknown flag {other}")),
            }
        }
        Ok(flags)
    }

    /// A fault in a rule that a hundredth of the sequences touches is to be noticed every time.
    fn seeds(&self) -> u64 {
        self.seeds.unwrap_or(if self.changes { 2_000 } else { 400 })
    }
}

fn address(url: &str) -> Outcome<SocketAddr> {
    url.trim_start_matches("http://").trim_end_matches('/').parse().saying(url)
}

fn run() -> Outcome<bool> {
    let flags = Flags::read()?;
    // They live until the end of this function.
    let mut targets = Vec::new();
    let a = match flags.a {
        Some(address) => address,
        None => {
            targets.push(Target::start_command(reference("echo.mjs").args(["--port", "0"]))?);
            targets[0].address
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().saying("a runtime")?;
    if flags.changes {
        return runtime.block_on(notices_changes(a, &flags));
    }
    let b = match flags.b {
        Some(address) => address,
        None => {
            let target = Target::start(CALM)?;
            let address = target.address;
            targets.push(target);
            address
        }
    };
    runtime.block_on(judge(a, b, &flags))
}

/// Compares all, tries what differs again, and tells.
async fn judge(a: SocketAddr, b: SocketAddr, flags: &Flags) -> Outcome<bool> {
    let began = Instant::now();
    let differing = compare_all(a, b, flags).await?;
    if differing.len() as u64 > ENOUGH_AT_ALL {
        println!("… {} differ: the rest was not compared", differing.len());
    }
    let (mut steady, mut ambiguous) = (Vec::new(), Vec::new());
    for seed in &differing {
        let sequence = Sequence::of(*seed);
        match again(a, b, &sequence).await? {
            Verdict::Alike => {}
            Verdict::Ambiguous => ambiguous.push(*seed),
            Verdict::Different(one, other) => {
                if steady.len() < PRINTED {
                    print_difference(&sequence, &one, &other);
                }
                steady.push(*seed);
            }
        }
        if steady.len() > ENOUGH {
            println!("… and so on: the rest was not tried again");
            break;
        }
    }
    let unsteady = if steady.len() > ENOUGH { 0 } else { differing.len() - steady.len() };
    println!(
        "{} sequences in {:.0} s; {} differ, {} of them once and not again, {} as the reference from itself",
        flags.seeds(),
        began.elapsed().as_secs_f64(),
        differing.len(),
        unsteady.saturating_sub(ambiguous.len()),
        ambiguous.len(),
    );
    if !steady.is_empty() {
        println!("seeds: {steady:?}");
    }
    if !ambiguous.is_empty() {
        println!("the reference differs from itself: {ambiguous:?}");
    }
    let too_unsteady = unsteady as u64 > 2 + flags.seeds() / UNSTEADY_ONE_IN;
    let failed = usize::from(!steady.is_empty()) + usize::from(too_unsteady);
    println!("{} passed, {failed} failed", 2 - failed);
    Ok(failed == 0)
}

/// Each deliberate fault of the reference makes a difference.
async fn notices_changes(a: SocketAddr, flags: &Flags) -> Outcome<bool> {
    let list = reference("changed.mjs").args(["--change", "list"]).output().saying("the list of changes")?;
    ensure(list.status.success(), || "the list of changes can not be had".to_owned())?;
    let (mut passed, mut failed) = (0, 0);
    for change in String::from_utf8_lossy(&list.stdout).lines() {
        let changed =
            Target::start_command(reference("changed.mjs").args(["--change", change, "--port", "0"]))?;
        let differing = compare_all(a, changed.address, flags).await?;
        if stays_noticed(a, changed.address, &differing).await? {
            passed += 1;
            println!("ok {change}: noticed in {} of {} sequences", differing.len(), flags.seeds());
        } else {
            failed += 1;
            println!("not ok {change}: not noticed in {} sequences", flags.seeds());
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(passed > 0 && failed == 0)
}

/// Whether one of these differences is judged to be one.
async fn stays_noticed(a: SocketAddr, b: SocketAddr, differing: &[u64]) -> Outcome<bool> {
    for seed in differing {
        if let Verdict::Different(..) = again(a, b, &Sequence::of(*seed)).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The seeds whose sequences were not answered alike.
async fn compare_all(a: SocketAddr, b: SocketAddr, flags: &Flags) -> Outcome<Vec<u64>> {
    let next = Arc::new(AtomicU64::new(flags.seed_from));
    let found = Arc::new(AtomicU64::new(0));
    let end = flags.seed_from + flags.seeds();
    let show = flags.show;
    let workers: Vec<_> = (0..flags.parallel)
        .map(|_| {
            let (next, found) = (Arc::clone(&next), Arc::clone(&found));
            tokio::spawn(async move {
                let mut differing = Vec::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || found.load(Ordering::Relaxed) > ENOUGH_AT_ALL {
                        return differing;
                    }
                    let sequence = Sequence::of(seed);
                    match compare(a, b, &sequence).await {
                        Ok((one, other)) => {
                            if show {
                                print_difference(&sequence, &one, &other);
                            }
                            if alike(&one, &other) {
                                continue;
                            }
                        }
                        // It is tried again alone.
                        Err(why) => println!("… seed {seed}: {why}"),
                    }
                    differing.push(seed);
                    found.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let progress = tokio::spawn(async move {
        loop {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            let done = next.load(Ordering::Relaxed).min(end);
            println!("… seed {done} of {}", end - 1);
            let _ = std::io::stdout().flush();
        }
    });
    let mut differing = Vec::new();
    for worker in workers {
        differing.extend(worker.await.saying("a sequence")?);
    }
    progress.abort();
    differing.sort_unstable();
    Ok(differing)
}

async fn compare(a: SocketAddr, b: SocketAddr, sequence: &Sequence) -> Outcome<(Transcript, Transcript)> {
    let both = async { tokio::join!(play(a, sequence), play(b, sequence)) };
    let late = |_| format!("it does not end within {} s", SEQUENCE_LIMIT.as_secs());
    tokio::time::timeout(SEQUENCE_LIMIT, both).await.map_err(late)
}

/// What a difference comes to when it is tried again alone.
enum Verdict {
    /// Once they did the same.
    Alike,
    /// The reference differs from itself, and each time B did what the reference does too.
    Ambiguous,
    Different(Transcript, Transcript),
}

async fn again(a: SocketAddr, b: SocketAddr, sequence: &Sequence) -> Outcome<Verdict> {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..AGAIN {
        let (one, other) = compare(a, b, sequence).await?;
        if alike(&one, &other) {
            return Ok(Verdict::Alike);
        }
        ones.push(one);
        others.push(other);
    }
    for _ in 0..AGAINST_ITSELF {
        let (one, same) = compare(a, a, sequence).await?;
        ones.extend([one, same]);
        if others.iter().all(|other| ones.iter().any(|one| alike(one, other))) {
            return Ok(Verdict::Ambiguous);
        }
    }
    Ok(Verdict::Different(ones.swap_remove(AGAIN - 1), others.swap_remove(AGAIN - 1)))
}

fn print_difference(sequence: &Sequence, one: &Transcript, other: &Transcript) {
    println!("seed {}: {:?}", sequence.seed, sequence.way);
    for step in &sequence.steps {
        let step = format!("{step:?}");
        println!("    {}", step.chars().take(400).collect::<String>());
    }
    println!("  a\n{one}\n  b\n{other}");
}
