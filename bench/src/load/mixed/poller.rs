//! A client of Socket.IO that polls: one connection with a GET always under way, one for what it posts.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use super::super::steps::Line;

/// Between the packets of a body (Engine.IO v4).
const SEPARATOR: u8 = 0x1e;

/// What an event's packet begins with: a message, an event.
const EVENT: &[u8] = b"42";

pub(super) struct Poller {
    polls: TcpStream,
    posts: Line,
    path: String,
    request: Vec<u8>,
    /// What has come of an answer that is not whole.
    received: Vec<u8>,
}

impl Poller {
    /// Opens a session, goes into a namespace and begins to poll.
    pub(super) fn open(
        address: SocketAddr,
        namespace: &str,
        index: usize,
        poll: &Poll,
    ) -> Result<Self, String> {
        let (line, path) = Line::polling(address, &format!("{namespace},"))?;
        let stream = line.into_stream()?;
        stream.set_nonblocking(true).map_err(|error| error.to_string())?;
        let mut polls = TcpStream::from_std(stream);
        let registered = poll.registry().register(&mut polls, Token(index), Interest::READABLE);
        registered.map_err(|error| error.to_string())?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes();
        let mut poller = Self { polls, posts: Line::open(address)?, path, request, received: Vec::new() };
        poller.poll()?;
        Ok(poller)
    }

    pub(super) fn post(&mut self, packet: &str) -> Result<(), String> {
        self.posts.ask("POST", &self.path, packet).map(drop)
    }

    /// A socket with nothing in it takes a request whole.
    fn poll(&mut self) -> Result<(), String> {
        self.polls.write_all(&self.request).map_err(|error| format!("polling failed: {error}"))
    }

    /// Reads what is there, gives each event's packet to `take`, and polls again behind each answer.
    pub(super) fn receive(&mut self, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> Result<(), String> {
        loop {
            match self.polls.read(buffer) {
                Ok(0) => return Err("the server has closed a connection that polls".to_owned()),
                Ok(bytes) => self.received.extend_from_slice(&buffer[..bytes]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(format!("polling failed: {error}")),
            }
            while let Some((head, length)) = answer(&self.received)? {
                let body = &self.received[head..length];
                body.split(|byte| *byte == SEPARATOR)
                    .filter(|packet| packet.starts_with(EVENT))
                    .for_each(&mut take);
                self.received.drain(..length);
                self.poll()?;
            }
        }
    }
}

/// The lengths of an answer's head and of the whole, once that is there.
fn answer(received: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    let length = length.filter(|_| head.starts_with("http/1.1 200"));
    let whole = end + 4 + length.ok_or_else(|| format!("a poll was answered with: {head}"))?;
    Ok((received.len() >= whole).then_some((end + 4, whole)))
}
