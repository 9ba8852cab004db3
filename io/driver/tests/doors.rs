//! Which door a request comes to, over real sockets.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use fanfare_driver::{DoorSpec, EngineOptions, Options, Server, StartError};
use fanfare_hub::{Door, DoorRules, Limits, Silent};

fn serve(paths: &[&str]) -> Result<Server, StartError> {
    let door = |path: &&str| DoorSpec {
        path: Some((*path).to_owned()),
        engine: None,
        make: Arc::new(|_| Door::new(DoorRules::default(), Silent)),
    };
    Server::start(Options {
        address: Some(([127, 0, 0, 1], 0).into()),
        shards: 1,
        limits: Limits::default(),
        doors: paths.iter().map(door).collect(),
        pages: Arc::new(|_| None),
        compression: false,
        handshake_timeout: Duration::from_secs(5),
        engine: EngineOptions::default(),
        connections: 0,
        connections_per_address: 0,
    })
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// The status of the answer to a GET.
fn status(server: &Server, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(server.address().expect("it listens")).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").expect("sent");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_slash_at_the_end_makes_no_other_door() {
    let server = serve(&["/chat", "/talk/"]).expect("a free port");
    for (path, expected) in [
        ("/chat", "101"),
        ("/chat/", "101"),
        ("/chat/?binary=1", "101"),
        ("/talk", "101"),
        ("/talk/", "101"),
        ("/chat//", "404"),
        ("/chat/app.js", "404"),
        ("/", "404"),
    ] {
        assert_eq!(status(&server, path, UPGRADE), expected, "{path}");
    }
    let server = serve(&["/"]).expect("a free port");
    assert_eq!(status(&server, "/", UPGRADE), "101");
    assert_eq!(status(&server, "/chat", UPGRADE), "404");
}

#[test]
fn health_is_told_with_and_without_a_slash() {
    let server = serve(&["/chat"]).expect("a free port");
    for (path, expected) in [("/health/live", "200"), ("/health/ready/", "200"), ("/chat/", "404")] {
        assert_eq!(status(&server, path, ""), expected, "{path}");
    }
}

#[test]
fn two_doors_of_one_path_are_refused() {
    let error = serve(&["/chat", "/chat/"]).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("the door \"/chat/\": there are two of this path"));
}
