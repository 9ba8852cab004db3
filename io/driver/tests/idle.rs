//! A server that has nothing to do uses no processor, also once its last timer has fired. In a process of its own, whose
//! time is the server's alone.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_driver::{DoorSpec, EngineOptions, Options, Server};
use fanfare_hub::{Dialect, Door, DoorRules, Heartbeat, Limits, Silent};

/// The processor's time that this process has had, in hundredths of a second.
fn processor_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the process's own statistics");
    // After the name, which ends with a parenthesis, user and system time are the twelfth and the thirteenth field.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a server does while nobody asks it for anything shows in time that passes"
)]
fn pass(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn a_server_whose_last_timer_has_fired_uses_no_processor() {
    let limits = Limits { heartbeat: Heartbeat { interval_ms: 50, timeout_ms: 50 }, ..Limits::default() };
    let rules = DoorRules { dialect: Dialect::Engine, ..DoorRules::default() };
    let server = Server::start(Options {
        address: Some(([127, 0, 0, 1], 0).into()),
        shards: 1,
        limits,
        doors: vec![DoorSpec {
            path: Some("/engine.io/".to_owned()),
            engine: Some(10_000),
            make: Arc::new(move |_| Door::new(rules.clone(), Silent)),
        }],
        pages: Arc::new(|_| None),
        compression: false,
        handshake_timeout: Duration::from_secs(5),
        engine: EngineOptions::default(),
        connections: 0,
        connections_per_address: 0,
    });
    let server = server.expect("a free port");
    let address = server.address().expect("it listens");

    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(
        stream,
        "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .expect("sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    drop(stream);

    // Its timers run out; the timer of the WebSocket's close is the last, of the Engine.IO session none is left.
    pass(Duration::from_secs(2));
    let (since, ticks) = (Instant::now(), processor_ticks());
    pass(Duration::from_secs(1));
    let used = processor_ticks() - ticks;
    let passed = u64::try_from(since.elapsed().as_millis() / 10).expect("a short time");
    assert!(used * 10 < passed, "{used} of {passed} hundredths of a second");
    server.stopper().stop();
}
