//! A WebSocket over a blocking `TcpStream`, either role, built on nothing but `fanfare-websocket`: it echoes, so that
//! Autobahn|Testsuite can judge the pure core without the server's loop around it.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Error, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use fanfare_websocket::{
    COMPRESSION_THRESHOLD_BYTES, ClientHandshake, CloseCode, DeflateOptions, DeflateParameters, Deflater,
    HandshakeOptions, HttpVersion, InflaterPool, Opcode, Read, ReadContext, Reader, Request, Role, accept,
    write_close, write_frame,
};

const MESSAGE_LIMIT_BYTES: usize = 64 << 20;
const READ_BYTES: usize = 64 * 1024;
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;

/// How long a peer may take to close after we have.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// One open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    role: Role,
    reader: Reader,
    inflaters: InflaterPool,
    deflater: Option<Deflater>,
    /// Compress whatever its size, so that small cases test it too.
    compression_threshold_bytes: usize,
    /// What arrived with the handshake's last bytes.
    early: Vec<u8>,
    out: Vec<u8>,
    masks: u64,
    heard: VecDeque<Heard>,
}

/// Something that a peer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A close frame with this code; it has been answered.
    Closed(Option<u16>),
}

/// How long a peer may stay silent before [`Connection::hear`] gives up.
const HEAR_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether to go on reading.
enum Turn {
    Open,
    Closed,
}

impl Connection {
    /// Reads a handshake as a server and answers it. An error is sent before it is returned.
    pub fn accept(mut stream: TcpStream, deflate: Option<DeflateOptions>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (head, early) = read_head(&mut stream)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        parsed.parse(&head).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        let version = if parsed.version == Some(1) { HttpVersion::Http11 } else { HttpVersion::Http10 };
        let headers: Vec<(&str, &[u8])> =
            parsed.headers.iter().map(|header| (header.name, header.value)).collect();
        let request = Request {
            method: parsed.method.unwrap_or_default(),
            version,
            target: parsed.path.unwrap_or_default(),
            headers: &headers,
        };
        let mut out = Vec::new();
        match accept(&request, &HandshakeOptions { subprotocols: &[], deflate }) {
            Ok(accepted) => {
                accepted.write_response(&mut out);
                stream.write_all(&out)?;
                Ok(Self::new(stream, Role::Server, accepted.deflate.as_ref(), early))
            }
            Err(refused) => {
                refused.write_response(&mut out);
                stream.write_all(&out)?;
                Err(Error::new(ErrorKind::InvalidData, refused))
            }
        }
    }

    /// Connects as a client to `address` (host and port) and asks for `path`.
    pub fn connect(address: &str, path: &str, deflate: Option<DeflateOptions>) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut key = [0; 16];
        key[..8].copy_from_slice(&random().to_ne_bytes());
        key[8..].copy_from_slice(&random().to_ne_bytes());
        let invalid = |error: &dyn std::error::Error| Error::new(ErrorKind::InvalidData, error.to_string());
        let handshake =
            ClientHandshake::new(address, path, key, &[], deflate, &[]).map_err(|error| invalid(&error))?;
        let mut out = Vec::new();
        handshake.write_request(&mut out);
        stream.write_all(&out)?;
        let (head, early) = read_head(&mut stream)?;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&head).map_err(|error| invalid(&error))?;
        let headers: Vec<(&str, &[u8])> =
            parsed.headers.iter().map(|header| (header.name, header.value)).collect();
        let agreed =
            handshake.verify(parsed.code.unwrap_or_default(), &headers).map_err(|error| invalid(&error))?;
        Ok(Self::new(stream, Role::Client, agreed.deflate.as_ref(), early))
    }

    /// Compresses messages from this size on, where compression was agreed on.
    #[must_use]
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.compression_threshold_bytes = bytes;
        self
    }

    /// Sends a text message.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        self.send(Message::Text(text))?;
        self.flush()
    }

    /// Sends a binary message.
    pub fn say_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.send(Message::Binary(bytes))?;
        self.flush()
    }

    /// Waits for the next thing that the peer says.
    pub fn hear(&mut self) -> io::Result<Heard> {
        self.stream.set_read_timeout(Some(HEAR_TIMEOUT))?;
        let mut buffer = std::mem::take(&mut self.early);
        loop {
            let turn = self.read(&mut buffer, &mut |connection: &mut Self, message| {
                connection.heard.push_back(match message {
                    Message::Text(text) => Heard::Text(text.to_owned()),
                    Message::Binary(bytes) => Heard::Binary(bytes.to_vec()),
                });
                Ok(())
            })?;
            self.flush()?;
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            if let Turn::Closed = turn {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the connection is closed"));
            }
            buffer.resize(READ_BYTES, 0);
            let length = self.stream.read(&mut buffer)?;
            if length == 0 {
                return Err(Error::new(ErrorKind::UnexpectedEof, "the peer ended without a close frame"));
            }
            buffer.truncate(length);
        }
    }

    /// Sends every message back and answers pings, until the peer closes or misbehaves.
    pub fn echo(mut self) -> io::Result<()> {
        self.run(|connection, message| connection.send(message))
    }

    /// Waits for one message, then closes: how Autobahn's fuzzing server tells its number of cases.
    pub fn one_text(mut self) -> io::Result<String> {
        let mut found = String::new();
        self.run(|connection, message| {
            if let Message::Text(text) = message {
                text.clone_into(&mut found);
            }
            let mask = connection.mask();
            write_close(&mut connection.out, CloseCode::NORMAL, "", mask);
            Ok(())
        })?;
        Ok(found)
    }

    fn new(stream: TcpStream, role: Role, deflate: Option<&DeflateParameters>, early: Vec<u8>) -> Self {
        let mut inflaters = InflaterPool::new(1, usize::MAX);
        if deflate.is_some_and(|parameters| parameters.peer_context_takeover(role)) {
            inflaters.reserve_context();
        }
        let deflater = deflate.and_then(|parameters| {
            let bits = parameters.own_window_bits(role)?;
            let takeover = parameters.own_context_takeover(role);
            Some(if takeover { Deflater::with_takeover(bits) } else { Deflater::new(bits) })
        });
        Self {
            stream,
            role,
            reader: Reader::new(role, deflate),
            inflaters,
            deflater,
            compression_threshold_bytes: COMPRESSION_THRESHOLD_BYTES,
            early,
            out: Vec::new(),
            masks: random() | 1,
            heard: VecDeque::new(),
        }
    }

    fn run(&mut self, mut handle: impl FnMut(&mut Self, Message<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut early = std::mem::take(&mut self.early);
        let mut turn = self.read(&mut early, &mut handle)?;
        let mut buffer = vec![0; READ_BYTES];
        while let Turn::Open = turn {
            self.flush()?;
            let length = self.stream.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            turn = self.read(&mut buffer[..length], &mut handle)?;
        }
        self.flush()?;
        self.finish();
        Ok(())
    }

    fn read(
        &mut self,
        input: &mut [u8],
        handle: &mut impl FnMut(&mut Self, Message<'_>) -> io::Result<()>,
    ) -> io::Result<Turn> {
        let mut at = 0;
        while at < input.len() {
            let mut cx = ReadContext {
                message_limit_bytes: MESSAGE_LIMIT_BYTES,
                inflaters: &mut self.inflaters,
                inflate_budget_bytes: usize::MAX,
            };
            let mask = (self.role == Role::Client).then(|| next_mask(&mut self.masks));
            let (taken, read) = match self.reader.read(&mut input[at..], &mut cx) {
                Ok(found) => found,
                Err(misbehaved) => {
                    write_close(&mut self.out, misbehaved.close_code(), &misbehaved.to_string(), mask);
                    return Ok(Turn::Closed);
                }
            };
            at += taken;
            match read {
                Read::NeedMore | Read::Pong(_) => {}
                Read::Text(text) => handle(self, Message::Text(&text))?,
                Read::Binary(bytes) => handle(self, Message::Binary(&bytes))?,
                Read::Ping(payload) => write_frame(&mut self.out, Opcode::Pong, true, false, &payload, mask),
                Read::Close(None) => {
                    self.heard.push_back(Heard::Closed(None));
                    write_frame(&mut self.out, Opcode::Close, true, false, &[], mask);
                    return Ok(Turn::Closed);
                }
                Read::Close(Some((code, _))) => {
                    self.heard.push_back(Heard::Closed(Some(code.get())));
                    write_close(&mut self.out, code, "", mask);
                    return Ok(Turn::Closed);
                }
                Read::Yield | Read::NoInflater { .. } => {
                    return Err(Error::other("a reader without limits on inflating was limited"));
                }
            }
        }
        Ok(Turn::Open)
    }

    fn send(&mut self, message: Message<'_>) -> io::Result<()> {
        let mask = self.mask();
        let (opcode, payload) = match message {
            Message::Text(text) => (Opcode::Text, text.as_bytes()),
            Message::Binary(bytes) => (Opcode::Binary, bytes),
        };
        match &mut self.deflater {
            Some(deflater) if payload.len() >= self.compression_threshold_bytes => {
                let mut compressed = Vec::new();
                deflater.deflate(payload, &mut compressed).map_err(Error::other)?;
                write_frame(&mut self.out, opcode, true, true, &compressed, mask);
            }
            _ => write_frame(&mut self.out, opcode, true, false, payload, mask),
        }
        // Keeps `out` to about one message; what is smaller goes at the end of the turn.
        if self.out.len() > READ_BYTES { self.flush() } else { Ok(()) }
    }

    fn mask(&mut self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(|| next_mask(&mut self.masks))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Ends the TCP connection without a reset: what the peer still sends is read and dropped.
    fn finish(&self) {
        let mut stream = &self.stream;
        if stream.shutdown(Shutdown::Write).is_err() || stream.set_read_timeout(Some(CLOSE_WAIT)).is_err() {
            return;
        }
        let mut buffer = [0; 4096];
        while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
    }
}

/// A message as a handler sees it.
#[derive(Clone, Copy, Debug)]
enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Serves echoes on `listener`, a thread for each connection, until accepting fails.
pub fn serve_echo(
    listener: &TcpListener,
    deflate: Option<DeflateOptions>,
    compress_from_bytes: usize,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        std::thread::spawn(move || {
            // What a peer does to its connection is the peer's affair.
            let _ = Connection::accept(stream, deflate)
                .and_then(|connection| connection.compress_from(compress_from_bytes).echo());
        });
    }
}

/// An HTTP head to its blank line, and what came after it.
fn read_head(stream: &mut TcpStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&buffer[..length]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = head.split_off(end + 4);
            return Ok((head, early));
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "the HTTP head is too long"));
        }
    }
}

/// A seed from the standard library's hasher, which is random for each process.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn next_mask(state: &mut u64) -> [u8; 4] {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    ((*state >> 32) as u32).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_with_and_without_compression() {
        for deflate in [None, Some(DeflateOptions::default())] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            std::thread::spawn(move || serve_echo(&listener, deflate, 0));
            let mut connection = Connection::connect(&address, "/", deflate).unwrap().compress_from(0);
            connection.send(Message::Text("hello")).unwrap();
            assert_eq!(connection.one_text().unwrap(), "hello");
        }
    }
}
