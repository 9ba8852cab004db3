//! What a message costs the server: a server that does nothing with its bytes, and the load that measures it and others.
//!
//! `cargo xtask bench` runs it; see `bench/README.md`.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod arguments;
mod library;
mod load;
mod measure;
mod raw;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
fanfare-bench serve raw --port N [--mode echo|broadcast]
    The limit of the machine: an edge-triggered epoll loop (mio) over TCP without a protocol.
fanfare-bench serve library --port N [--mode echo|broadcast|hall|room] [--shards 1] [--inside axum|tls]
    An app on the library: Socket.IO at `/`, an echo at `/echo`; by itself, or as a service under axum::serve or axum-server.

fanfare-bench load echo      --port N --pid P [--wire raw|websocket|socketio] [--tls]
                             [--path /echo] [--connections 100] [--in-flight 1] [--bytes 20]
                             [--seconds 2 | --messages N] [--verify]
fanfare-bench load broadcast --port N --pid P [--wire …] [--path /binary] [--room NAME] [--receivers 1000]
                             [--in-flight 1] [--bytes 64] [--json] [--deflate] [--seconds 2 | --messages N] [--verify]
fanfare-bench load idle      --port N --pid P [--wire …] [--path /echo] [--connections 10000] [--join] [--deflate]
                             [--burst BYTES]
fanfare-bench load rooms     --port N --pid P [--connections 1000] [--rooms 10] [--members 10] [--in-flight 10] [--bytes 64]
                             [--seconds 2 | --messages N] [--verify]
fanfare-bench load mixed     --port N --pid P [--connections 1000] [--rooms 3] [--socketio] [--polling] [--deflate]
                             [--in-flight 1] [--bytes 1024] [--seconds 2 | --messages N] [--verify]
fanfare-bench load connect   --port N --pid P [--wire …] [--path /echo] [--seconds 2 | --messages N] [--verify]
fanfare-bench load membership|polling|compressed --port N --pid P [--bytes 1024] [--seconds 2 | --messages N] [--verify]
    One step after another: into a chat room and out of it; an event posted and its echo polled; a text compressed both ways.
    Prints one line of JSON. P is the server's process, whose CPU time and memory are read from /proc.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["serve", "raw", rest @ ..] => Arguments::read(rest).and_then(|arguments| raw::serve(&arguments)),
        ["serve", "library", rest @ ..] => {
            Arguments::read(rest).and_then(|arguments| library::serve(&arguments))
        }
        ["load", kind, rest @ ..] => Arguments::read(rest).and_then(|arguments| load::run(kind, &arguments)),
        _ => {
            print!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
