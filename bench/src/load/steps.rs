//! What is said step by step, over connections that block: the server does one thing at a time, so that what it costs can be
//! counted. Each answer is looked at.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fanfare_load::{Kind, Wire, payload};
use flate2::{Compress, Compression, FlushCompress};

use super::Window;
use crate::arguments::Arguments;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Steps of the pass that only looks whether they are answered as they should be.
const VERIFIED: u64 = 100;

/// RFC 7692 §7.2.1: what a sender takes off the end of a message.
const DEFLATE_TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The first byte of a compressed text message that is whole (RFC 7692 §6).
const COMPRESSED_TEXT: u8 = 0xC1;

/// One step.
type Step = Box<dyn FnMut() -> Result<(), String>>;

pub(crate) fn run(kind: &str, arguments: &Arguments) -> Result<String, String> {
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.needed("port")?));
    let mut step = match kind {
        "membership" => membership(address)?,
        "polling" => polling(address)?,
        _ => compressed(address, arguments.number("bytes", 1_024)?)?,
    };
    if arguments.has("verify") {
        (0..VERIFIED).try_for_each(|_| step())?;
        return Ok(format!("{{\"verified\":{VERIFIED}}}"));
    }
    let mut window = Window::new(arguments)?;
    loop {
        let begun = Instant::now();
        step()?;
        let now = Instant::now();
        window.arrived(1, now - begun);
        if window.is_over(now)? {
            return window.report(now);
        }
    }
}

/// Into a chat room and out of it, both said in one write.
fn membership(address: SocketAddr) -> Result<Step, String> {
    let mut line = Line::upgraded(address, "/chat", "")?;
    let mut both = Vec::new();
    Wire::WebSocket.write(&mut both, Kind::Text, br#"{"type":"join","room":"hall","id":1}"#);
    Wire::WebSocket.write(&mut both, Kind::Text, br#"{"type":"leave","room":"hall","id":2}"#);
    Ok(Box::new(move || {
        line.write(&both)?;
        for id in [1, 2] {
            let wanted = format!("\"messageId\":{id}");
            line.frame_with(|_, payload| {
                let text = String::from_utf8_lossy(payload);
                if text.contains("\"nack\"") {
                    Err(format!("refused: {text}"))
                } else {
                    Ok(text.contains(&wanted))
                }
            })?;
        }
        Ok(())
    }))
}

/// An event in a POST, its echo in a GET, over one connection that is kept alive.
fn polling(address: SocketAddr) -> Result<Step, String> {
    let (mut line, path) = Line::polling(address, "")?;
    let mut number = 0;
    Ok(Box::new(move || {
        number += 1;
        let text = String::from_utf8_lossy(&payload(0, number, 20)).into_owned();
        let posted = line.ask("POST", &path, &format!("42[\"message\",\"{text}\"]"))?;
        let polled = line.ask("GET", &path, "")?;
        let is_echo = polled == format!("42[\"message-back\",\"{text}\"]");
        if posted == "ok" && is_echo { Ok(()) } else { Err(format!("{text}: `{posted}`, `{polled}`")) }
    }))
}

/// A text that both sides compress, each message by itself.
fn compressed(address: SocketAddr, bytes: usize) -> Result<Step, String> {
    const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                         client_no_context_takeover\r\n";
    let mut line = Line::upgraded(address, "/echo", OFFER)?;
    let text = payload(0, 0, bytes);
    let mut deflated = Vec::with_capacity(bytes + 64);
    let mut deflater = Compress::new(Compression::new(6), false);
    deflater.compress_vec(&text, &mut deflated, FlushCompress::Sync).map_err(|error| error.to_string())?;
    deflated.truncate(deflated.len() - DEFLATE_TAIL.len());
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, &deflated);
    frame[0] = COMPRESSED_TEXT;
    Ok(Box::new(move || {
        line.write(&frame)?;
        line.frame_with(|first, payload| {
            let is_whole = first == COMPRESSED_TEXT && payload.len() < text.len();
            if is_whole { Ok(true) } else { Err(format!("{} bytes came, first {first:#x}", payload.len())) }
        })
    }))
}

/// A connection, and what has been read of it and not looked at.
pub(super) struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Line {
    pub(super) fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(TIMEOUT)));
        set.map_err(|error| error.to_string())?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// A session that polls, in the namespace with this prefix of its packets; with the path of its requests.
    pub(super) fn polling(address: SocketAddr, prefix: &str) -> Result<(Self, String), String> {
        const PATH: &str = "/socket.io/?EIO=4&transport=polling";
        let mut line = Self::open(address)?;
        let opened = line.ask("GET", PATH, "")?;
        let sid = opened.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let path = format!("{PATH}&sid={}", sid.ok_or_else(|| format!("no session: {opened}"))?);
        line.ask("POST", &path, &format!("40{prefix}"))?;
        let joined = line.ask("GET", &path, "")?;
        if !joined.starts_with(&format!("40{prefix}{{")) {
            return Err(format!("not in the namespace: {joined}"));
        }
        Ok((line, path))
    }

    /// For somebody else, between an answer and the next question.
    pub(super) fn into_stream(self) -> Result<TcpStream, String> {
        if self.received.is_empty() {
            Ok(self.stream)
        } else {
            Err("more came than was asked for".to_owned())
        }
    }

    fn upgraded(address: SocketAddr, path: &str, extensions: &str) -> Result<Self, String> {
        let mut line = Self::open(address)?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extensions}\r\n"
        );
        line.write(request.as_bytes())?;
        let head = line.head()?;
        if !head.starts_with("HTTP/1.1 101") || head.contains("permessage-deflate") == extensions.is_empty() {
            return Err(format!("no such upgrade: {head}"));
        }
        Ok(line)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.write_all(bytes).map_err(|error| format!("sending failed: {error}"))
    }

    fn read(&mut self) -> Result<(), String> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece) {
            Ok(0) => Err("the server has closed the connection".to_owned()),
            Ok(bytes) => {
                self.received.extend_from_slice(&piece[..bytes]);
                Ok(())
            }
            Err(error) => Err(format!("reading failed: {error}")),
        }
    }

    /// The head of an HTTP answer.
    fn head(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.received.drain(..end + 4).collect();
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            self.read()?;
        }
    }

    /// Asks over HTTP; gives the body of the answer, which has to be 200.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<String, String> {
        let length = body.len();
        self.write(
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
                .as_bytes(),
        )?;
        let head = self.head()?.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.received.len() < length {
            self.read()?;
        }
        let body: Vec<u8> = self.received.drain(..length).collect();
        let body = String::from_utf8_lossy(&body).into_owned();
        if head.starts_with("http/1.1 200") {
            Ok(body)
        } else {
            Err(format!("{method} {path}: {head}{body}"))
        }
    }

    /// Reads frames until one is the one that is meant, by its first byte and its payload.
    fn frame_with(&mut self, mut is_it: impl FnMut(u8, &[u8]) -> Result<bool, String>) -> Result<(), String> {
        loop {
            while let Some((length, message)) = Wire::WebSocket.read(&self.received) {
                let found = message.map_or(Ok(false), |payload| is_it(self.received[0], payload))?;
                self.received.drain(..length);
                if found {
                    return Ok(());
                }
            }
            self.read()?;
        }
    }
}
