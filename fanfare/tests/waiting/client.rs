//! Socket.IO clients over blocking sockets.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fanfare_testkit::blocking::{Connection, Heard};

const SEPARATOR: char = '\u{1e}';

/// How long one waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A client, whatever carries what it says.
pub(crate) enum Client {
    WebSocket(Box<Connection>),
    Polling { address: SocketAddr, sid: String, inbox: VecDeque<String> },
}

/// The transports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    WebSocket,
    Polling,
}

fn request(address: SocketAddr, method: &str, sid: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200") {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(head.to_owned()))
    }
}

impl Client {
    /// Opens a session and joins these namespaces: `""` for `/`, otherwise such as `/other,`.
    pub(crate) fn join(address: SocketAddr, transport: Transport, namespaces: &[&str]) -> Self {
        let mut client = match transport {
            Transport::WebSocket => {
                let path = "/socket.io/?EIO=4&transport=websocket";
                let mut connection =
                    Connection::connect(&address.to_string(), path, None).expect("a connection");
                assert!(matches!(connection.hear(), Ok(Heard::Text(text)) if text.starts_with('0')));
                Self::WebSocket(Box::new(connection))
            }
            Transport::Polling => {
                let open = request(address, "GET", "", "").expect("an open packet");
                let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
                let sid = format!("&sid={}", sid.expect("a sid"));
                Self::Polling { address, sid, inbox: VecDeque::new() }
            }
        };
        for namespace in namespaces {
            client.say(&format!("40{namespace}")).expect("sent");
            client.hear_start(&format!("40{namespace}"));
        }
        client
    }

    pub(crate) fn say(&mut self, packet: &str) -> io::Result<()> {
        self.say_all(&[packet.to_owned()])
    }

    pub(crate) fn say_all(&mut self, packets: &[String]) -> io::Result<()> {
        match self {
            Self::WebSocket(connection) => packets.iter().try_for_each(|packet| connection.say(packet)),
            Self::Polling { .. } if packets.is_empty() => Ok(()),
            Self::Polling { address, sid, .. } => {
                request(*address, "POST", sid, &packets.join(&SEPARATOR.to_string())).map(drop)
            }
        }
    }

    /// A packet with one attachment.
    pub(crate) fn say_with_bytes(&mut self, packet: &str, bytes: &[u8], base64: &str) {
        match self {
            Self::WebSocket(connection) => {
                connection.say(packet).expect("sent");
                connection.say_bytes(bytes).expect("sent");
            }
            Self::Polling { .. } => {
                self.say_all(&[packet.to_owned(), format!("b{base64}")]).expect("sent");
            }
        }
    }

    /// The next packet but pings, which are answered.
    pub(crate) fn hear(&mut self) -> io::Result<String> {
        loop {
            let packet = match self {
                Self::WebSocket(connection) => match connection.hear()? {
                    Heard::Text(text) => text,
                    other => return Err(io::Error::other(format!("{other:?}"))),
                },
                Self::Polling { address, sid, inbox } => {
                    while inbox.is_empty() {
                        let body = request(*address, "GET", sid, "")?;
                        inbox.extend(body.split(SEPARATOR).map(str::to_owned));
                    }
                    inbox.pop_front().unwrap_or_default()
                }
            };
            match &*packet {
                "2" => self.say("3")?,
                "6" => {}
                _ => return Ok(packet),
            }
        }
    }

    /// The next packet begins so; gives the rest.
    pub(crate) fn hear_start(&mut self, start: &str) -> String {
        let packet = self.hear().expect("a packet");
        packet.strip_prefix(start).unwrap_or_else(|| panic!("{packet} and not {start}…")).to_owned()
    }
}

/// Waits until something is so.
pub(crate) fn until(limit: Duration, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} within {limit:?}");
        pause(20);
    }
}

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a deadline says what is waited for, or time itself is the matter"
)]
pub(crate) fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
