//! The peer that Autobahn|Testsuite judges.
//!
//! ```text
//! autobahn-peer server --port N [--deflate]      prints the port; 0 chooses one
//! autobahn-peer client --url ws://HOST:PORT [--deflate]
//! ```
#![allow(clippy::print_stdout)]

use std::io::{self, Error, ErrorKind, Write as _};
use std::net::TcpListener;

use fanfare_testkit::blocking::{Connection, serve_echo};
use fanfare_websocket::DeflateOptions;

const AGENT: &str = "fanfare";

/// Both contexts and every window that a case asks for, so that the cases reach all of the code.
const DEFLATE: DeflateOptions = DeflateOptions {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let deflate = arguments.iter().any(|argument| argument == "--deflate").then_some(DEFLATE);
    match (arguments.first().map(String::as_str), value("--port"), value("--url")) {
        (Some("server"), Some(port), _) => serve(port, deflate),
        (Some("client"), _, Some(url)) => run_cases(url, deflate),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "usage: server --port N [--deflate] | client --url URL [--deflate]",
        )),
    }
}

fn serve(port: &str, deflate: Option<DeflateOptions>) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    serve_echo(&listener, deflate, 0)
}

/// Runs every case that the fuzzing server offers, then has it write its report.
fn run_cases(url: &str, deflate: Option<DeflateOptions>) -> io::Result<()> {
    let address = url.trim_start_matches("ws://").trim_end_matches('/');
    let count = Connection::connect(address, "/getCaseCount", None)?.one_text()?;
    let count: u32 = count.parse().map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    for case in 1..=count {
        let path = format!("/runCase?case={case}&agent={AGENT}");
        // A case may well end in an error; the report says whether it should.
        let _ = Connection::connect(address, &path, deflate)
            .and_then(|connection| connection.compress_from(0).echo());
    }
    Connection::connect(address, &format!("/updateReports?agent={AGENT}"), None)?.echo()?;
    println!("{count} cases");
    Ok(())
}
