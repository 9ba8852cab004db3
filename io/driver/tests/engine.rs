//! Engine.IO over HTTP, as a door serves it: headers, limits, requests that reach another shard than the session's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use fanfare_driver::{DoorSpec, EngineCookie, EngineOptions, Options, Server};
use fanfare_hub::{Dialect, Door, DoorRules, Edge, Kit, Limits, Message, Outgoing, PlainPlace, SocketId};

/// The longest body that the door takes.
const PAYLOAD_BYTES: usize = 10_000;

/// Sends every text back.
#[derive(Clone)]
struct Back;

impl Kit for Back {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        if let Message::Text(text) = message {
            cx.send(from, &Outgoing::Text(&text));
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

fn serve(shards: u16, engine: EngineOptions) -> (Server, SocketAddr) {
    let rules = DoorRules {
        dialect: Dialect::Engine,
        text_limit_bytes: PAYLOAD_BYTES,
        binary_limit_bytes: PAYLOAD_BYTES,
        ..DoorRules::default()
    };
    let server = Server::start(Options {
        address: Some(([127, 0, 0, 1], 0).into()),
        shards,
        limits: Limits::default(),
        doors: vec![DoorSpec {
            path: Some("/engine.io/".to_owned()),
            engine: Some(PAYLOAD_BYTES),
            make: Arc::new(move |_| Door::new(rules.clone(), Back)),
        }],
        pages: Arc::new(|_| None),
        compression: false,
        handshake_timeout: Duration::from_secs(5),
        engine,
        connections: 0,
        connections_per_address: 0,
    });
    let server = server.expect("a free port");
    let address = server.address().expect("it listens");
    (server, address)
}

/// An answer: its head, and its body.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }
}

/// One request over a connection of its own, which any shard may accept.
fn ask(address: SocketAddr, method: &str, query: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let length = body.len();
    write!(
        stream,
        "{method} /engine.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
    .expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let body = answer.split_off(at + 4);
    Answer { head: String::from_utf8(answer).expect("a head is text"), body }
}

/// Time for something to be under way.
#[expect(
    clippy::disallowed_methods,
    reason = "a poll that waits says nothing until it is answered or given up"
)]
fn moment() {
    std::thread::sleep(Duration::from_millis(30));
}

fn open(address: SocketAddr) -> String {
    let answer = ask(address, "GET", "", "", "");
    let sid = answer.text().split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    sid.expect("the open packet has an id").to_owned()
}

#[test]
fn a_request_finds_its_session_whatever_shard_it_reaches() {
    let (_server, address) = serve(4, EngineOptions::default());
    for _ in 0..20 {
        let query = format!("&sid={}", open(address));
        for number in 0..5 {
            let said = format!("4number {number}");
            let posted = ask(address, "POST", &query, "", &said);
            assert_eq!((posted.status(), posted.text()), ("200", "ok"));
            assert_eq!(ask(address, "GET", &query, "", "").text(), said);
        }
    }
}

#[test]
fn a_handshake_sets_the_cookie_that_was_asked_for() {
    let cookie =
        EngineCookie { name: "io".to_owned(), attributes: "; Path=/; HttpOnly; SameSite=Lax".to_owned() };
    let (_server, address) = serve(1, EngineOptions { cookie: Some(cookie), ..EngineOptions::default() });
    let answer = ask(address, "GET", "", "", "");
    let set = answer.header("set-cookie").expect("a cookie");
    let (value, attributes) = set.split_once(';').expect("attributes");
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
    let sid = value.strip_prefix("io=").expect("its name");
    assert!(answer.text().contains(sid), "{set}");
    let later = ask(address, "POST", &format!("&sid={sid}"), "", "4x");
    assert_eq!(later.header("set-cookie"), None, "a handshake alone sets it");
    let (_server, address) = serve(1, EngineOptions::default());
    assert_eq!(ask(address, "GET", "", "", "").header("set-cookie"), None, "none by default");
}

#[test]
fn other_sites_may_poll_where_their_origin_is_allowed() {
    let origins = vec!["https://good.example".to_owned()];
    let (_server, address) = serve(1, EngineOptions { origins, ..EngineOptions::default() });
    let preflight = "Origin: https://good.example\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: x-token\r\n";
    let answer = ask(address, "OPTIONS", "", preflight, "");
    assert_eq!(answer.status(), "204");
    for (name, value) in [
        ("access-control-allow-origin", "https://good.example"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "x-token"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let answer = ask(address, "GET", "", "Origin: https://good.example\r\n", "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://good.example"));
    for headers in ["Origin: https://other.example\r\n", ""] {
        let answer = ask(address, "GET", "", headers, "");
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), ("200", None));
    }
    let (_server, address) =
        serve(1, EngineOptions { origins: vec!["*".to_owned()], ..EngineOptions::default() });
    let answer = ask(address, "GET", "", "Origin: https://any.example\r\n", "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://any.example"));
}

#[test]
fn a_long_answer_is_compressed_where_the_client_accepts_it() {
    let (_server, address) = serve(2, EngineOptions::default());
    let query = format!("&sid={}", open(address));
    let long = format!("4{}", "fanfare ".repeat(500));
    ask(address, "POST", &query, "", &long);
    let answer = ask(address, "GET", &query, "Accept-Encoding: gzip, deflate\r\n", "");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 500, "{} bytes", answer.body.len());
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut plain).expect("gzip");
    assert_eq!(plain, long);
}

#[test]
fn a_body_over_the_limit_is_refused_and_the_session_goes_on() {
    let (_server, address) = serve(2, EngineOptions::default());
    let query = format!("&sid={}", open(address));
    let long = format!("4{}", "x".repeat(PAYLOAD_BYTES));
    assert_eq!(ask(address, "POST", &query, "", &long).status(), "413");
    // Without a length, in two chunks.
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "POST /engine.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        .expect("sent");
    for _ in 0..2 {
        let _ = write!(stream, "{:x}\r\n{}\r\n", 6_000, "x".repeat(6_000));
    }
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 413");
    drop(stream);
    assert_eq!(ask(address, "POST", &query, "", "4still").status(), "200");
    assert_eq!(ask(address, "GET", &query, "", "").text(), "4still");
}

#[test]
fn a_poll_that_its_client_gives_up_ends_the_session() {
    let (_server, address) = serve(4, EngineOptions::default());
    for _ in 0..10 {
        let query = format!("&sid={}", open(address));
        let mut stream = TcpStream::connect(address).expect("a connection");
        write!(stream, "GET /engine.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("sent");
        moment();
        drop(stream);
        let gone = (0..100).any(|_| {
            moment();
            ask(address, "POST", &query, "", "4x").status() == "400"
        });
        assert!(gone, "the session lives on");
    }
}

#[test]
fn a_session_id_that_is_nearly_right_is_nobodys() {
    let (_server, address) = serve(1, EngineOptions::default());
    let sid = open(address);
    for at in 0..sid.len() {
        let mut other = sid.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let query = format!("&sid={}", String::from_utf8(other).expect("text"));
        let answer = ask(address, "POST", &query, "", "4x");
        assert_eq!(answer.text(), r#"{"code":1,"message":"Session ID unknown"}"#, "{query}");
    }
    assert_eq!(ask(address, "POST", &format!("&sid={sid}"), "", "4x").status(), "200");
}

#[test]
fn a_drain_tells_those_who_poll_and_ends() {
    let (server, address) = serve(2, EngineOptions::default());
    let query = format!("&sid={}", open(address));
    let waiting = std::thread::spawn(move || ask(address, "GET", &query, "", "").text().to_owned());
    moment();
    server.drain(Duration::from_secs(1));
    assert_eq!(waiting.join().expect("it is answered"), "1");
    assert_eq!(server.wait(), fanfare_driver::Stopped::Drained);
}
