//! `fanfare bench` against `fanfare serve`: what is measured, and what is said when the server is not as it should be.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn fanfare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that ends with its test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut command =
            fanfare(&["serve", "--host", "127.0.0.1", "--port", "0", "--shards", "1", "--log", "off"]);
        let mut child = command.args(arguments).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect("where it listens").to_owned();
        Self { child, address }
    }

    fn websocket(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    fn socketio(&self, namespace: &str) -> String {
        format!("http://{}{namespace}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Long enough to measure something, and no longer.
const SHORT: &[&str] = &["--duration", "200ms"];

fn bench(scenario: &str, url: &str, arguments: &[&str]) -> Output {
    fanfare(&["bench", scenario, url, "--json", "-"]).args(SHORT).args(arguments).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The results of a run that went well.
fn results(scenario: &str, url: &str, arguments: &[&str]) -> Value {
    let output = bench(scenario, url, arguments);
    assert_eq!(output.status.code(), Some(0), "{scenario} {url}: {}", error(&output));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&results["ended"], &results["errors"]), (&"finished".into(), &0.into()));
    assert_eq!(results["scenario"], scenario);
    assert!(results["messages"].as_u64().unwrap() > 0 && results["failure"].is_null(), "{results}");
    let latency = &results["latency_ms"];
    let figures = ["min", "p50", "p90", "p99", "p99_9", "max"].map(|name| latency[name].as_f64().unwrap());
    assert!(figures[0] > 0.0 && figures.is_sorted(), "{latency}");
    assert_eq!(results["percentiles"].as_array().unwrap().last().unwrap()["percent"], 100.0);
    results
}

#[test]
fn each_scenario_runs_with_both_protocols() {
    let server = Server::start(&[]);
    let warm = ["--warm-up", "50ms"];
    for url in [server.websocket("/echo"), server.socketio("/echo")] {
        let arguments = [&warm[..], &["--connections", "5", "--in-flight", "3"]].concat();
        let echo = results("echo", &url, &arguments);
        assert_eq!((&echo["connections_open"], &echo["settings"]["in_flight"]), (&5.into(), &3.into()));
        assert!(echo["sent_bytes"].as_u64() > Some(0) && echo["received_bytes"].as_u64() > Some(0));
        let echo = results("echo", &url, &[&warm[..], &["--connections", "5", "--rate", "100"]].concat());
        assert_eq!((&echo["messages"], &echo["settings"]["rate"]), (&20.into(), &100.0.into()));
        results("connect", &url, &warm);
        let idle = results("idle", &url, &["--connections", "20"]);
        assert_eq!((&idle["messages"], &idle["connections_open"]), (&20.into(), &20.into()));
    }
    for url in [server.websocket("/chat"), server.socketio("/chat")] {
        let room = ["--room", "a \"room\"", "--connections", "4"];
        let fan_out = results("fan-out", &url, &[&warm[..], &room].concat());
        assert_eq!(fan_out["messages"].as_u64().unwrap() % 3, 0, "each message goes to three");
        let fan_out = results("fan-out", &url, &[&warm[..], &room, &["--rate", "50"]].concat());
        assert_eq!(fan_out["messages"], 30);
    }
    results("fan-out", &server.websocket("/binary"), &[&warm[..], &["--connections", "3"]].concat());
    let protocol = [&warm[..], &["--protocol", "socketio", "--connections", "2"]].concat();
    assert_eq!(results("echo", &server.websocket("/echo"), &protocol)["protocol"], "socketio");
}

#[test]
fn a_message_may_be_shorter_than_its_number_and_longer_than_a_frame_of_16_bits() {
    let server = Server::start(&[]);
    for bytes in ["1", "125", "126", "65536", "1000000"] {
        let arguments = ["--warm-up", "0", "--connections", "2", "--bytes", bytes];
        results("echo", &server.websocket("/echo"), &arguments);
        results("echo", &server.socketio("/echo"), &arguments);
    }
}

/// More than this build of the server and its load can do: what is behind goes out later, and answers are still read.
#[test]
fn a_rate_out_of_reach_is_measured_as_late_and_not_as_silence() {
    let server = Server::start(&[]);
    let arguments = ["--warm-up", "0", "--rate", "1000000", "--stall", "1s"];
    let results = results("echo", &server.websocket("/echo"), &arguments);
    assert!(results["per_second"].as_f64() > Some(0.0) && results["messages"] == 200_000, "{results}");
}

#[test]
fn the_table_the_progress_and_the_picture_are_for_people() {
    let server = Server::start(&[]);
    let picture = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench.svg");
    let json = picture.with_extension("json");
    let files = ["--plot", picture.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let run = ["bench", "echo", &server.websocket("/echo"), "--warm-up", "0", "--duration", "1200ms"];
    let output = fanfare(&run).args(["--connections", "3"]).args(files).output().unwrap();
    let table = String::from_utf8(output.stdout.clone()).unwrap();
    for word in ["3 connections, 20 bytes", "messages", "p50", "p99.9", "max", "of a core", "0 errors"] {
        assert!(table.contains(word), "{word} is not in\n{table}");
    }
    let progress = error(&output);
    let line = progress.lines().next().unwrap_or_default();
    assert!(line.starts_with("   1 s") && line.ends_with("3 open  0 errors"), "{progress}");
    assert!(!progress.contains('\u{1b}'), "no terminal, no escape sequences");
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let results: Value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(results["version"], 1);
}

/// What is said last of a run that went wrong, with its results.
fn failed(output: &Output) -> (String, Value) {
    assert_eq!(output.status.code(), Some(1), "{}", error(output));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(results["ended"], "failed");
    let sentence = error(output).lines().last().unwrap_or_default().to_owned();
    assert_eq!(sentence.strip_prefix("fanfare: "), results["failure"].as_str());
    (sentence, results)
}

#[test]
fn nobody_there_and_no_such_door_are_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start(&[]);
    for (url, words) in [
        (format!("ws://{free}/echo"), &["connection 1", &*free.to_string(), "Connection refused"][..]),
        (server.websocket("/nowhere"), &["HTTP 404 Not Found", "There is no door at /nowhere"]),
        (server.socketio("/nowhere"), &["refused the namespace", "Invalid namespace"]),
    ] {
        for scenario in ["echo", "fan-out", "idle", "connect"] {
            let (sentence, results) = failed(&bench(scenario, &url, &[]));
            assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
            assert!(sentence.contains(&url) && results["latency_ms"].is_null());
        }
    }
}

#[test]
fn a_server_that_lets_some_in_is_measured_with_those_and_the_rest_is_told() {
    let server = Server::start(&["--connections", "4"]);
    let url = server.websocket("/echo");
    let (sentence, results) = failed(&bench("echo", &url, &["--connections", "7", "--warm-up", "0"]));
    assert!(sentence.contains("3 of 7 connections were refused"), "{sentence}");
    assert!(sentence.contains("connection 5") && sentence.contains("HTTP 503"), "{sentence}");
    assert!(results["messages"].as_u64() > Some(0) && results["errors"] == 3, "{results}");
}

/// Starts a long run, and returns it once it has said that it measures something.
fn running(scenario: &str, url: &str, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut command = fanfare(&["bench", scenario, url, "--json", "-", "--duration", "1m"]);
    if scenario != "idle" {
        command.args(["--warm-up", "0"]);
    }
    let mut child = command.args(arguments).spawn().unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("p50") {
        line.clear();
        assert!(progress.read_line(&mut line).unwrap() > 0, "it ended before");
    }
    (child, progress)
}

fn ended(child: Child, mut progress: BufReader<std::process::ChildStderr>) -> Output {
    let mut output = Output { stderr: Vec::new(), ..child.wait_with_output().unwrap() };
    progress.read_to_end(&mut output.stderr).unwrap();
    output
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_server_that_dies_ends_the_run_and_what_was_measured_is_told() {
    for (scenario, path) in [("echo", "/echo"), ("fan-out", "/binary"), ("idle", "/echo")] {
        let mut server = Server::start(&[]);
        let (child, progress) = running(scenario, &server.websocket(path), &["--connections", "5"]);
        server.child.kill().unwrap();
        let (sentence, results) = failed(&ended(child, progress));
        assert!(sentence.contains("lost") && sentence.contains("connection "), "{sentence}");
        let words = ["ended it without a close frame", "Connection reset", "Broken pipe"];
        assert!(words.iter().any(|word| sentence.contains(word)), "{sentence}");
        assert!(results["messages"].as_u64() > Some(0), "{results}");
    }
    let mut server = Server::start(&[]);
    let (child, progress) = running("connect", &server.websocket("/echo"), &[]);
    server.child.kill().unwrap();
    let (sentence, _) = failed(&ended(child, progress));
    assert!(sentence.contains("10 of ") && sentence.contains("were refused; the first"), "{sentence}");
}

#[test]
fn a_server_that_goes_down_in_order_tells_its_code_and_reason() {
    let server = Server::start(&["--drain-seconds", "1"]);
    let (child, progress) = running("echo", &server.websocket("/echo"), &["--connections", "3"]);
    signal(&server.child, "-TERM");
    let (sentence, _) = failed(&ended(child, progress));
    assert!(sentence.contains("code 1012: Service restart"), "{sentence}");
}

#[test]
fn a_server_that_stands_still_is_told_after_the_stall_limit() {
    let server = Server::start(&[]);
    let arguments = ["--connections", "3", "--stall", "500ms"];
    let (child, progress) = running("echo", &server.websocket("/echo"), &arguments);
    signal(&server.child, "-STOP");
    let (sentence, results) = failed(&ended(child, progress));
    assert!(sentence.contains("went silent: nothing came for 0.5 s (--stall)"), "{sentence}");
    assert!(sentence.contains("messages waited for: 3"), "{sentence}");
    assert!(results["messages"].as_u64() > Some(3) && results["late"] == 3, "{results}");
    assert!(results["latency_ms"]["max"].as_f64() >= Some(500.0), "{results}");
}

#[test]
fn a_server_that_stands_still_has_the_latencies_of_those_who_wait_for_it() {
    let server = Server::start(&[]);
    let arguments = ["--connections", "3", "--stall", "1s", "--rate", "200"];
    let (child, progress) = running("echo", &server.websocket("/echo"), &arguments);
    signal(&server.child, "-STOP");
    let (_, results) = failed(&ended(child, progress));
    // 200 a second for a second, none of them answered.
    let late = results["late"].as_u64().unwrap();
    assert!((150..1_000).contains(&late) && Some(late) < results["messages"].as_u64(), "{results}");
    assert!(results["latency_ms"]["max"].as_f64() >= Some(900.0), "{results}");
    assert!(results["warnings"][0].as_str().unwrap().contains("had not been answered"), "{results}");
}

#[test]
fn more_connections_a_second_than_there_can_be_are_late() {
    let server = Server::start(&[]);
    let arguments = ["--warm-up", "0", "--rate", "1000000"];
    let results = results("connect", &server.websocket("/echo"), &arguments);
    let (late, all) = (results["late"].as_u64().unwrap(), results["messages"].as_u64().unwrap());
    assert!(all == 200_000 && late > 100_000 && late < all, "{results}");
}

#[test]
fn a_run_that_measures_nothing_says_so() {
    let server = Server::start(&[]);
    let output = bench("echo", &server.websocket("/echo"), &["--warm-up", "200ms", "--rate", "0.1"]);
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(results["messages"] == 0 && results["latency_ms"].is_null(), "{results}");
    assert!(results["warnings"][0].as_str().unwrap().contains("nothing was measured"), "{results}");
}

#[test]
fn a_door_that_does_not_echo_is_told_with_what_it_says_instead() {
    let server = Server::start(&[]);
    let arguments = ["--connections", "2", "--stall", "300ms"];
    let (sentence, _) = failed(&bench("echo", &server.websocket("/chat"), &arguments));
    assert!(sentence.contains("invalid_json") || sentence.contains("Invalid message"), "{sentence}");
    let (sentence, _) = failed(&bench("fan-out", &server.websocket("/echo"), &arguments));
    assert!(sentence.contains("hear nothing of what the first one says: 1 of 1"), "{sentence}");
    let room = [&arguments[..], &["--room", "r"]].concat();
    let (sentence, _) = failed(&bench("fan-out", &server.websocket("/binary"), &room));
    assert!(sentence.contains("silent") || sentence.contains("refused the room"), "{sentence}");
}

#[test]
fn ctrl_c_ends_a_run_early_and_its_results_are_told() {
    let server = Server::start(&[]);
    for scenario in ["echo", "connect", "idle"] {
        let (child, progress) = running(scenario, &server.websocket("/echo"), &[]);
        let told = Instant::now();
        signal(&child, "-INT");
        let output = ended(child, progress);
        assert!(told.elapsed() < Duration::from_secs(30), "it did not run on for its minute");
        assert_eq!(output.status.code(), Some(130), "{}", error(&output));
        let results: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(results["ended"], "interrupted");
        assert!(results["messages"].as_u64() > Some(0) && results["failure"].is_null(), "{results}");
    }
}

#[test]
fn a_server_that_never_answers_a_handshake_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/echo", listener.local_addr().unwrap());
    let (sentence, _) = failed(&bench("echo", &url, &["--stall", "300ms"]));
    assert!(sentence.contains("no answer within 0.3 s"), "{sentence}");
}

/// Answers the handshake of the load, whose key is always that of RFC 6455 §1.3, and hands out the connection.
fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all((head.to_owned() + accept).as_bytes()).unwrap();
    stream
}

/// Echoes frames of 20 bytes with a mask, with `damage` done to the payload.
fn echo(mut stream: TcpStream, damage: impl Fn(&mut [u8])) {
    // Head, mask, 20 bytes; back they go without the mask.
    let mut frame = [0; 26];
    while stream.read_exact(&mut frame).is_ok() {
        let mut payload: Vec<u8> = (0..20).map(|index| frame[6 + index] ^ frame[2 + index % 4]).collect();
        damage(&mut payload);
        if stream.write_all(&[&[0x81, 20][..], &payload].concat()).is_err() {
            break;
        }
    }
}

#[test]
fn an_echo_that_is_damaged_anywhere_is_none() {
    for at in [0, 11, 12, 19] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || echo(accept(&listener), |payload| payload[at] ^= 1));
        let (sentence, _) = failed(&bench("echo", &url, &["--connections", "1", "--stall", "300ms"]));
        assert!(sentence.contains("the last message that nobody waited for was"), "{sentence}");
        server.join().unwrap();
    }
}

#[test]
fn one_silent_connection_among_others_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (speaks, _silent) = (accept(&listener), accept(&listener));
        echo(speaks, |_| {});
    });
    let (sentence, results) = failed(&bench("echo", &url, &["--connections", "2", "--stall", "400ms"]));
    assert!(sentence.contains("went silent") && sentence.contains("messages waited for: 1"), "{sentence}");
    assert!(results["messages"].as_u64() > Some(0) && results["errors"] == 0, "{results}");
    server.join().unwrap();
}

#[test]
fn what_is_no_websocket_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/echo", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"220 mail.example ready\r\n\r\n").unwrap();
    });
    let (sentence, _) = failed(&bench("echo", &url, &[]));
    assert!(sentence.contains("does not speak HTTP"), "{sentence}");
    server.join().unwrap();
}

#[test]
fn the_limit_of_open_files_is_named_with_the_way_to_raise_it() {
    let server = Server::start(&[]);
    let run = [env!("CARGO_BIN_EXE_fanfare"), "bench", "idle", &server.websocket("/echo"), "--json", "-"];
    let shell = "ulimit -n 40 && exec \"$@\"";
    let arguments = ["--connections", "100", "--duration", "100ms"];
    let output = Command::new("sh").args(["-c", shell, "sh"]).args(run).args(arguments).output().unwrap();
    let (sentence, results) = failed(&output);
    assert!(sentence.contains("may have 40 files open") && sentence.contains("ulimit -n"), "{sentence}");
    assert!(results["messages"].as_u64() > Some(0), "{results}");
}

#[test]
fn what_makes_no_sense_runs_nothing() {
    for (arguments, word) in [
        (&["echo", "ws://127.0.0.1:1/", "--plot", "no/such/folder/a.svg"][..], "cannot write"),
        (&["echo", "wss://127.0.0.1:1/"], "no TLS"),
        (&["idle", "ws://127.0.0.1:1/", "--rate", "3"], "--rate says nothing to `idle`"),
    ] {
        let output = fanfare(&["bench"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(error(&output).contains(word), "{}", error(&output));
    }
}
