//! Everything that a server must survive, against the real one: `bad-input [--short] [--server PATH] [case…]`.
//!
//! Each case has a server of its own and, on it, an ordinary client that measures what the others keep it waiting.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod chat;
mod drain;
mod frames;
mod handshakes;
mod memory;
mod packets;
mod posts;
mod sessions;
mod trial;

use std::io::Write;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Flags, Outcome};

type Running<'a> = Pin<Box<dyn Future<Output = Outcome<String>> + 'a>>;

struct Case {
    name: &'static str,
    about: &'static str,
    run: fn(&Flags) -> Running<'_>,
}

/// No case takes longer.
const CASE_LIMIT: Duration = Duration::from_secs(240);

macro_rules! cases {
    ($($name:literal, $run:path, $about:literal;)+) => {
        const CASES: &[Case] = &[$(Case { name: $name, about: $about, run: |flags| Box::pin($run(flags)) }),+];
    };
}

cases! {
    "handshakes", handshakes::broken, "20 kinds of broken handshake";
    "slow-handshake", handshakes::slow, "a handshake that takes longer than its limit";
    "only-tcp", handshakes::only_tcp, "connections that never say a word";
    "slow-drip", handshakes::slow_drip, "messages that come byte by byte";
    "second-server", handshakes::second_server, "a second server on the same port";
    "length-2gb", frames::enormous_length, "a header that announces 2 GiB";
    "deflate-bomb", frames::deflate_bomb, "1 MB on the wire, 1 GB inflated";
    "endless-fragments", frames::endless_fragments, "fragments without an end, and empty ones";
    "pings", frames::pings, "10,000 pings a second";
    "invalid-json", chat::invalid_json, "text that is no JSON, or no message";
    "deep-json", chat::deep_json, "JSON deeper than 64 levels";
    "batch-in-batch", chat::batch_in_batch, "a batch in a batch";
    "never-reads", chat::never_reads, "a member that never reads where others talk";
    "million-rooms", chat::million_rooms, "a million rooms asked for";
    "half-close", memory::half_close, "send and half-close in one segment";
    "stalled-messages", memory::stalled_messages, "15.9 MB of a 16 MB message, then nothing";
    "stalled-inflaters", memory::stalled_inflaters, "half-sent compressed messages";
    "crowd-never-reads", memory::crowd_never_reads, "members that never read, 1 MB messages";
    "close-list", packets::close_list, "everything that Socket.IO closes a session for";
    "attachments-owed", packets::attachments_owed, "9 of 10 announced attachments of 1 MiB, then nothing";
    "deep-events", packets::deep_events, "events, acknowledgements and payloads nested 10,000 deep";
    "namespaces", packets::namespaces, "10,000 namespaces asked for by one, and by many";
    "crowded-body", packets::crowded_body, "100,000 packets in one body";
    "post-100mb", posts::too_large, "a body of 100 MB, announced and in chunks";
    "stalled-posts", posts::stalled, "15.9 MB of a body of 16 MB, then nothing";
    "half-open", sessions::half_open, "polling sessions that are never polled again";
    "session-flood", sessions::flood, "50,000 sessions opened and dropped";
    "waiting-polls", sessions::waiting_polls, "10,000 polls that wait";
    "unread-polls", sessions::unread_polls, "polls whose answer is never read";
    "probes", sessions::probes, "WebSockets that try a session and never take it over";
    "drain", drain::drain, "SIGTERM while 500 clients chat";
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bad-input: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Outcome<bool> {
    let flags = Flags::read()?;
    if let Some(name) = flags.names.iter().find(|name| CASES.iter().all(|case| case.name != **name)) {
        return Err(format!("there is no case {name}"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let (mut passed, mut failed) = (0, 0);
    for case in
        CASES.iter().filter(|case| flags.names.is_empty() || flags.names.iter().any(|n| n == case.name))
    {
        println!("… {}: {}", case.name, case.about);
        // Progress is for whoever waits now; where nobody can read it, the verdicts still say everything.
        let _ = std::io::stdout().flush();
        let started = Instant::now();
        let outcome = runtime.block_on(async {
            let late = || Err(format!("not done within {} s", CASE_LIMIT.as_secs()));
            tokio::time::timeout(CASE_LIMIT, (case.run)(&flags)).await.unwrap_or_else(|_| late())
        });
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(note) => {
                passed += 1;
                println!("ok {}: {note} ({seconds:.1} s)", case.name);
            }
            Err(why) => {
                failed += 1;
                println!("not ok {}: {why} ({seconds:.1} s)", case.name);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}
