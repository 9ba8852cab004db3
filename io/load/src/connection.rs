//! A connection of the load: opened while nothing else happens, then one of many with a poller.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use crate::channel::{Channel, Secure};
use crate::wire::{Counter, Kind, Wire};
use crate::{deflate, handshake};

const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections from one source address; an address has some 28,000 ports.
const CONNECTIONS_PER_ADDRESS: usize = 2_000;

/// Bytes that one read may take.
pub const READ_BUFFER_BYTES: usize = 256 << 10;

/// Where the server is and how one speaks to it.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// How one speaks to it.
    pub wire: Wire,
    /// What the upgrade request asks for.
    pub path: String,
    /// Whether permessage-deflate is offered, and has to be agreed to.
    pub deflates: bool,
    /// TLS, where it is spoken.
    pub secure: Option<Secure>,
}

/// A connection that has just been opened, and blocks.
pub struct Opened {
    channel: Channel,
    /// What came with the handshake's last bytes.
    early: Vec<u8>,
}

impl Target {
    /// Opens connection number `index` and registers it under this number.
    pub fn open(&self, index: usize, poll: &Poll) -> Result<Connection, String> {
        let failed = |error: std::io::Error| format!("connection {index}: {error}");
        let Opened { mut channel, early } = self.handshake(index)?;
        SockRef::from(&*channel.socket()).set_nonblocking(true).map_err(failed)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(channel.socket(), Token(index), both).map_err(failed)?;
        let counter = Counter::new(self.wire);
        let (unsent, deflates) = (VecDeque::new(), self.deflates);
        Ok(Connection { channel, counter, unsent, received: early, deflates, inflated: 0 })
    }

    /// Opens connection number `index`, as far as the wire goes.
    pub fn handshake(&self, index: usize) -> Result<Opened, String> {
        let failed = |error: std::io::Error| format!("connection {index}: {error}");
        let source = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(index / CONNECTIONS_PER_ADDRESS).unwrap_or(0));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(failed)?;
        socket.bind(&SocketAddr::from((source, 0)).into()).map_err(failed)?;
        socket.connect(&self.address.into()).map_err(failed)?;
        socket.set_tcp_nodelay(true).map_err(failed)?;
        socket.set_read_timeout(Some(OPEN_TIMEOUT)).map_err(failed)?;
        let stream = TcpStream::from_std(socket.into());
        let mut channel = match &self.secure {
            None => Channel::Plain(stream),
            Some(secure) => Channel::Secure(secure(stream)?),
        };
        let opened = match self.wire {
            Wire::Raw { .. } => Ok(Vec::new()),
            Wire::WebSocket => handshake::upgrade(&mut channel, &self.path, self.address, self.deflates),
            Wire::SocketIo => handshake::upgrade(&mut channel, &self.path, self.address, self.deflates)
                .and_then(|mut early| {
                    handshake::join(&mut channel, &mut early)?;
                    Ok(early)
                }),
        };
        let early = opened.map_err(|why| format!("connection {index}: {why}"))?;
        Ok(Opened { channel, early })
    }
}

impl Opened {
    /// Closes it as its protocol has it, and waits until the server has too.
    pub fn close(mut self, wire: Wire) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("closing: {error}");
        if let Wire::Raw { .. } = wire {
            self.channel.socket().shutdown(Shutdown::Write).map_err(failed)?;
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

/// One of many connections with a poller.
pub struct Connection {
    channel: Channel,
    counter: Counter,
    unsent: VecDeque<u8>,
    /// What came with the handshake's answer, and what [`Connection::look`] has only a part of.
    received: Vec<u8>,
    deflates: bool,
    inflated: u64,
}

impl Connection {
    /// Messages that [`Connection::look`] found compressed.
    pub fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Writes what fits; the rest waits for [`Connection::flush`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
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

    /// Writes what waits, once the socket takes more.
    pub fn flush(&mut self) -> Result<(), String> {
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
    pub fn count(&mut self, buffer: &mut [u8]) -> Result<u64, String> {
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
    pub fn look(
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
