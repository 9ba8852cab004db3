//! A connection of the load: opened while nothing else happens, then one of many with a poller.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::deflate;
use super::socketio;
use super::tls::{Channel, trusting};
use super::wire::{Counter, Kind, Wire};
use crate::arguments::Arguments;

/// RFC 6455 §1.3's own example, with the answer that it calls for.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections from one source address; an address has some 28,000 ports.
const CONNECTIONS_PER_ADDRESS: usize = 2_000;

/// Bytes that one read may take.
pub(crate) const READ_BUFFER_BYTES: usize = 256 << 10;

/// Where the server is and how one speaks to it.
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) wire: Wire,
    path: String,
    /// Whether permessage-deflate is offered, and has to be agreed to.
    deflates: bool,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// A connection that has just been opened, and blocks.
pub(crate) struct Opened {
    channel: Channel<std::net::TcpStream>,
    /// What came with the handshake's last bytes.
    early: Vec<u8>,
}

impl Target {
    /// A raw record is as long as the frame that the client would send.
    pub(crate) fn of(arguments: &Arguments, path: &str, payload_bytes: usize) -> Result<Self, String> {
        let wire = match arguments.text("wire", "websocket") {
            "websocket" => Wire::WebSocket,
            "socketio" => Wire::SocketIo,
            "raw" => {
                let mut frame = Vec::new();
                Wire::WebSocket.write(&mut frame, Kind::Binary, &vec![0; payload_bytes]);
                Wire::Raw { record_bytes: frame.len() }
            }
            other => return Err(format!("--wire {other}: there are raw, websocket and socketio")),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], arguments.needed::<u16>("port")?));
        let path = if wire == Wire::SocketIo { socketio::PATH } else { path };
        let tls = arguments.has("tls").then(trusting).transpose()?;
        let deflates = arguments.has("deflate");
        Ok(Self { address, wire, path: arguments.text("path", path).to_owned(), deflates, tls })
    }

    pub(crate) fn deflates(&self) -> bool {
        self.deflates
    }

    /// Opens connection number `index` and registers it under this number.
    pub(crate) fn open(&self, index: usize, poll: &Poll) -> Result<Connection, String> {
        let failed = |error: std::io::Error| format!("connection {index}: {error}");
        let Opened { mut channel, early } = self.handshake(index)?;
        channel.stream().set_nonblocking(true).map_err(failed)?;
        let mut channel = channel.map(TcpStream::from_std);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(channel.stream(), Token(index), both).map_err(failed)?;
        let counter = Counter::new(self.wire);
        let (unsent, deflates) = (VecDeque::new(), self.deflates);
        Ok(Connection { channel, counter, unsent, received: early, deflates, inflated: 0 })
    }

    /// Opens connection number `index`, as far as the wire goes.
    pub(crate) fn handshake(&self, index: usize) -> Result<Opened, String> {
        let failed = |error: std::io::Error| format!("connection {index}: {error}");
        let source = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(index / CONNECTIONS_PER_ADDRESS).unwrap_or(0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
        socket.bind(&SocketAddr::from((source, 0)).into()).map_err(failed)?;
        socket.connect(&self.address.into()).map_err(failed)?;
        socket.set_tcp_nodelay(true).map_err(failed)?;
        socket.set_read_timeout(Some(OPEN_TIMEOUT)).map_err(failed)?;
        let mut channel = Channel::new(std::net::TcpStream::from(socket), self.tls.as_ref())?;
        let opened = match self.wire {
            Wire::Raw { .. } => Ok(Vec::new()),
            Wire::WebSocket => self.upgrade(&mut channel),
            Wire::SocketIo => self.upgrade(&mut channel).and_then(|mut early| {
                socketio::join(&mut channel, &mut early)?;
                Ok(early)
            }),
        };
        let early = opened.map_err(|why| format!("connection {index}: {why}"))?;
        Ok(Opened { channel, early })
    }

    /// The opening handshake; returns what came behind the answer.
    fn upgrade(&self, channel: &mut Channel<std::net::TcpStream>) -> Result<Vec<u8>, String> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
            self.path,
            self.address,
            if self.deflates { deflate::OFFER } else { "" },
        );
        let sent = channel.write(request.as_bytes()).and_then(|_| channel.flush());
        sent.map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            let bytes = channel.read_some(&mut piece).map_err(|error| format!("no answer: {error}"))?;
            answer.extend_from_slice(&piece[..bytes]);
            let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = String::from_utf8_lossy(&answer[..end]).into_owned();
                if !head.starts_with("HTTP/1.1 101") || !head.contains(ACCEPT) {
                    return Err(format!("no upgrade: {head}"));
                }
                if self.deflates && !deflate::is_agreed(&head) {
                    return Err(format!("no permessage-deflate: {head}"));
                }
                return Ok(answer.split_off(end + 4));
            }
            if bytes == 0 {
                return Err("closed in the handshake".to_owned());
            }
        }
    }
}

impl Opened {
    /// Closes it as its protocol has it, and waits until the server has too.
    pub(crate) fn close(mut self, wire: Wire) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("closing: {error}");
        if let Wire::Raw { .. } = wire {
            self.channel.stream().shutdown(Shutdown::Write).map_err(failed)?;
        } else {
            let mut close = Vec::new();
            Wire::WebSocket.write(&mut close, Kind::Close, &1000_u16.to_be_bytes());
            self.channel.write(&close).and_then(|_| self.channel.flush()).map_err(failed)?;
        }
        let mut piece = [0; 1024];
        while self.channel.read_some(&mut piece).map_err(failed)? > 0 {}
        Ok(())
    }
}

pub(crate) struct Connection {
    channel: Channel<TcpStream>,
    counter: Counter,
    unsent: VecDeque<u8>,
    /// What came with the handshake's answer, and what [`Connection::look`] has only a part of.
    received: Vec<u8>,
    deflates: bool,
    /// Messages that [`Connection::look`] found compressed.
    inflated: u64,
}

impl Connection {
    pub(crate) fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Writes what fits; the rest waits for [`Connection::flush`].
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        if !self.unsent.is_empty() {
            self.unsent.extend(bytes);
            return Ok(());
        }
        let sent = self.write(bytes)?;
        self.unsent.extend(&bytes[sent..]);
        Ok(())
    }

    /// How much of it the socket takes.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, String> {
        match self.channel.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(format!("sending failed: {error}")),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), String> {
        self.channel.flush().map_err(|error| format!("sending failed: {error}"))?;
        let mut waiting = std::mem::take(&mut self.unsent);
        while !waiting.is_empty() {
            let front = waiting.as_slices().0;
            let (sent, wanted) = (self.write(front)?, front.len());
            waiting.drain(..sent);
            if sent < wanted {
                break;
            }
        }
        self.unsent = waiting;
        Ok(())
    }

    /// Reads what is there and counts the messages that end in it.
    pub(crate) fn count(&mut self, buffer: &mut [u8]) -> Result<u64, String> {
        let mut messages = self.counter.count(&std::mem::take(&mut self.received));
        loop {
            let bytes = self.read(buffer)?;
            messages += self.counter.count(&buffer[..bytes]);
            if bytes < buffer.len() {
                return Ok(messages);
            }
        }
    }

    /// Reads what is there and gives each message to `look`.
    pub(crate) fn look(
        &mut self,
        wire: Wire,
        buffer: &mut [u8],
        mut look: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            let bytes = self.read(buffer)?;
            self.received.extend_from_slice(&buffer[..bytes]);
            let mut taken = 0;
            while let Some((length, payload)) = wire.read(&self.received[taken..]) {
                let compressed = self.deflates && deflate::is_compressed(self.received[taken]);
                taken += length;
                match payload {
                    Some(payload) if compressed => {
                        self.inflated += 1;
                        look(&deflate::inflate(payload)?)?;
                    }
                    payload => payload.map_or(Ok(()), &mut look)?,
                }
            }
            self.received.drain(..taken);
            if bytes < buffer.len() {
                return Ok(());
            }
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, String> {
        match self.channel.read(buffer) {
            Ok(0) => Err("the server has closed a connection".to_owned()),
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(format!("reading failed: {error}")),
        }
    }
}
