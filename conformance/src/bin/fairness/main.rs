//! What one client that floods and one that never reads do to a thousand ordinary ones: `fairness [--short] [--server PATH]`.
//!
//! The ordinary ones are `fanfare bench echo`, at a rate that the server meets with ease; their latencies count from the time that
//! each message was meant to go out. They are measured alone and beside the two, in turns. The server has one shard, on the first
//! core; everybody else is on the second, the ordinary ones first.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use fanfare_conformance::real::{Flags, Outcome, Saying, Server, client_frame, ensure};
use fanfare_websocket::Opcode;
use serde_json::Value;

const CONNECTIONS: &str = "1000";
/// Messages a second of all of them.
const RATE: &str = "5000";

/// What the one that floods sends before it waits for all of it to come back.
const BURST_BYTES: usize = 16 << 20;

/// Bytes of one write: the kernel would not take the core from a thread that writes all of a burst at once, and the ordinary ones
/// would wait for that and not for the server.
const PIECE_BYTES: usize = 64 << 10;

/// Bytes of its small messages, and of the messages that are never read.
const SMALL_BYTES: usize = 64;
const UNREAD_BYTES: usize = 64 << 10;

/// How often the one that never reads looks whether it is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What the ordinary ones may wait, as a multiple of what they wait alone.
const P99_MAX: f64 = 2.0;

fn main() -> ExitCode {
    let outcome = Flags::read().and_then(|flags| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.saying("a runtime")?.block_on(fairness(&flags))
    });
    match outcome {
        Ok(()) => {
            println!("1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("not ok fairness: {why}\n0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

async fn fairness(flags: &Flags) -> Outcome<()> {
    pin(std::process::id(), 1)?;
    let (rounds, seconds) = flags.pick((1, "2s"), (7, "10s"));
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let server = Server::start(&flags.server, &["--shards", "1"]).await?;
        pin(server.id(), 0)?;
        let first = ordinary(&flags.server, server.address(), seconds)?;
        let rude = Rude::start(server.address())?;
        let second = ordinary(&flags.server, server.address(), seconds)?;
        let floods = rude.stop()?;
        println!(
            "… {round} of {rounds}: p50 and p99 alone {:.2} and {:.2} ms, beside the two {:.2} and {:.2} ms; {} of {} MiB came back, and the one \
             that never reads was sent away {} times",
            first.p50,
            first.p99,
            second.p50,
            second.p99,
            floods.came_bytes >> 20,
            floods.sent_bytes >> 20,
            floods.cut,
        );
        ensure(floods.sent_bytes > 4 * BURST_BYTES as u64, || "the one that floods hardly did".to_owned())?;
        alone.push(first.p99);
        beside.push(second.p99);
    }
    let (alone, beside) = (median(&mut alone), median(&mut beside));
    println!(
        "p99 of {CONNECTIONS} at {RATE} a second, median of {rounds}: {alone:.2} ms alone, {beside:.2} ms beside the two"
    );
    // Two seconds on a machine that does other things too say nothing of times.
    ensure(flags.short || beside <= alone * P99_MAX, || {
        format!("{beside:.2} ms is more than {P99_MAX} times {alone:.2} ms")
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Binds all threads of a process to a core.
fn pin(process: u32, core: u32) -> Outcome<()> {
    let mut taskset = Command::new("taskset");
    let done = taskset.args(["-a", "-p", "-c", &core.to_string(), &process.to_string()]).output();
    let done = done.saying("taskset")?;
    ensure(done.status.success(), || String::from_utf8_lossy(&done.stderr).into_owned())
}

/// A program that goes before everybody else on the core that it shares with the two: what it waits for there is not the server.
/// Lower niceness is not enough, since a kernel without preemption lets a thread finish what it copies.
fn first_on_its_core(program: &Path) -> Command {
    const CHRT: [&str; 3] = ["chrt", "--fifo", "50"];
    let first = |program: &Path| {
        let mut command = Command::new(CHRT[0]);
        command.args(&CHRT[1..]).arg(program);
        command
    };
    if first(Path::new("true")).output().is_ok_and(|tried| tried.status.success()) {
        return first(program);
    }
    println!("… `chrt` wants root: part of what the ordinary ones wait for is their core and not the server");
    Command::new(program)
}

/// Lets the ordinary clients go first also where they could not be started so.
fn step_back() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    if let Some(thread) = thread.file_name() {
        let _ = Command::new("renice").args(["-n", "19", "-p"]).arg(thread).output();
    }
}

/// In milliseconds.
struct Latencies {
    p50: f64,
    p99: f64,
}

/// A run of ordinary clients; each of their messages comes back.
fn ordinary(binary: &Path, address: SocketAddr, seconds: &str) -> Outcome<Latencies> {
    let url = format!("ws://{address}/echo");
    let mut bench = first_on_its_core(binary);
    bench.args(["bench", "echo", &url, "--connections", CONNECTIONS, "--rate", RATE]);
    let done = bench.args(["--duration", seconds, "--json", "-"]).output().saying("fanfare bench")?;
    ensure(done.status.success(), || String::from_utf8_lossy(&done.stderr).into_owned())?;
    let told: Value = serde_json::from_slice(&done.stdout).saying("its results")?;
    ensure(told["ended"] == "finished" && told["failure"].is_null(), || told["failure"].to_string())?;
    let of = |name: &str| told["latency_ms"][name].as_f64().ok_or_else(|| format!("no {name}"));
    Ok(Latencies { p50: of("p50")?, p99: of("p99")? })
}

/// One client that floods, and one that sends and never reads.
struct Rude {
    stop: Arc<AtomicBool>,
    flood: TcpStream,
    threads: Vec<JoinHandle<Outcome<()>>>,
    sent: Arc<AtomicU64>,
    came: Arc<AtomicU64>,
    cut: Arc<AtomicU64>,
}

struct Floods {
    sent_bytes: u64,
    came_bytes: u64,
    /// How often the one that never reads was sent away, and came again.
    cut: u64,
}

impl Rude {
    fn start(address: SocketAddr) -> Outcome<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let [sent, came, cut] = std::array::from_fn(|_| Arc::new(AtomicU64::new(0)));
        let stream = upgraded(address)?;
        let flood = copy(&stream)?;
        let (back, comes_back) = mpsc::channel();
        let reading = read_all(copy(&stream)?, Arc::clone(&came), back);
        let threads = vec![
            reading,
            bursts(stream, Arc::clone(&stop), Arc::clone(&sent), comes_back),
            unread(address, Arc::clone(&stop), Arc::clone(&cut)),
        ];
        Ok(Self { stop, flood, threads, sent, came, cut })
    }

    fn stop(self) -> Outcome<Floods> {
        self.stop.store(true, Ordering::Relaxed);
        // Whoever is in the middle of something is torn from it.
        let _ = self.flood.shutdown(Shutdown::Both);
        for thread in self.threads {
            thread.join().map_err(|_| "a thread panicked".to_owned())??;
        }
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Ok(Floods { sent_bytes: of(&self.sent), came_bytes: of(&self.came), cut: of(&self.cut) })
    }
}

fn copy(stream: &TcpStream) -> Outcome<TcpStream> {
    stream.try_clone().saying("a socket")
}

fn upgraded(address: SocketAddr) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect(address).saying("a connection")?;
    let request = format!(
        "GET /echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).saying("the request")?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).saying("the answer")?;
        answer.push(byte[0]);
    }
    ensure(answer.starts_with(b"HTTP/1.1 101"), || String::from_utf8_lossy(&answer).into_owned())?;
    Ok(stream)
}

fn read_all(mut stream: TcpStream, came: Arc<AtomicU64>, back: Sender<usize>) -> JoinHandle<Outcome<()>> {
    std::thread::spawn(move || {
        step_back();
        let mut piece = vec![0; 256 << 10];
        while let Ok(bytes @ 1..) = stream.read(&mut piece) {
            came.fetch_add(bytes as u64, Ordering::Relaxed);
            if back.send(bytes).is_err() {
                break;
            }
        }
        Ok(())
    })
}

/// By turns one long message and many short ones, as much of both; the next when all has come back.
fn bursts(
    mut stream: TcpStream,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    comes_back: Receiver<usize>,
) -> JoinHandle<Outcome<()>> {
    std::thread::spawn(move || {
        step_back();
        let count = BURST_BYTES / SMALL_BYTES;
        let long = client_frame(Opcode::Binary, true, false, &vec![7; BURST_BYTES]);
        let short = client_frame(Opcode::Binary, true, false, &[7; SMALL_BYTES]).repeat(count);
        // A server's frame has no mask: ten bytes of header, or two.
        let kinds = [(long, BURST_BYTES + 10), (short, (SMALL_BYTES + 2) * count)];
        for (burst, back_bytes) in kinds.iter().cycle() {
            if let Err(error) = burst.chunks(PIECE_BYTES).try_for_each(|piece| stream.write_all(piece)) {
                let is_over = stop.load(Ordering::Relaxed);
                return if is_over { Ok(()) } else { Err(format!("the one that floods: {error}")) };
            }
            sent.fetch_add(burst.len() as u64, Ordering::Relaxed);
            let mut missing = *back_bytes;
            while missing > 0 {
                let Ok(bytes) = comes_back.recv() else { return Ok(()) };
                missing = missing.saturating_sub(bytes);
            }
        }
        Ok(())
    })
}

/// Sends as long as anybody takes it, and reads nothing. Sent away for being too slow, which is the server's right, it comes again at
/// once.
fn unread(address: SocketAddr, stop: Arc<AtomicBool>, cut: Arc<AtomicU64>) -> JoinHandle<Outcome<()>> {
    std::thread::spawn(move || {
        step_back();
        let frame = client_frame(Opcode::Binary, true, false, &vec![7; UNREAD_BYTES]);
        while !stop.load(Ordering::Relaxed) {
            let mut stream = upgraded(address)?;
            stream.set_write_timeout(Some(LOOK_INTERVAL)).saying("a socket")?;
            let mut at = 0;
            while !stop.load(Ordering::Relaxed) {
                match stream.write(&frame[at..]) {
                    Ok(bytes) => at = (at + bytes) % frame.len(),
                    // Nobody takes any more: it stays.
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(error)
                        if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) =>
                    {
                        cut.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Err(error) => return Err(format!("the one that never reads: {error}")),
                }
            }
        }
        Ok(())
    })
}
