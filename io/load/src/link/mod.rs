//! A connection of the load: opened while nothing else happens, then one of many with a poller.

mod channel;
mod handshake;
mod outbox;
mod target;

use std::io::ErrorKind;
use std::net::Shutdown;

pub use self::channel::{Channel, Patience, Secure, SecureStream};
use self::outbox::Outbox;
pub use self::target::Target;
pub(crate) use self::target::raise_file_limit;
use crate::failure::Failure;
use crate::wire::{Counter, Inbox, Kind, Wire, deflate};

/// Bytes that one read may take.
pub const READ_BUFFER_BYTES: usize = 256 << 10;

/// A connection that has just been opened, and blocks.
pub struct Opened {
    channel: Channel,
    /// What came with the handshake's last bytes.
    early: Vec<u8>,
    patience: Patience,
}

impl Opened {
    pub(crate) fn new(channel: Channel, early: Vec<u8>, patience: Patience) -> Self {
        Self { channel, early, patience }
    }

    pub(crate) fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// Closes it as its protocol has it, and waits until the server has too.
    pub fn close(mut self, wire: Wire) -> Result<(), Failure> {
        if let Wire::Raw { .. } = wire {
            self.channel.socket().shutdown(Shutdown::Write).map_err(Failure::Broken)?;
        } else {
            let mut close = Vec::new();
            Wire::WebSocket.write(&mut close, Kind::Close, &1000_u16.to_be_bytes());
            self.channel.write(&close).and_then(|_| self.channel.flush()).map_err(Failure::Broken)?;
        }
        let mut piece = [0; 1024];
        while self.channel.read_patiently(&mut piece, &self.patience)? > 0 {}
        Ok(())
    }
}

/// One of many connections with a poller. A run either counts ([`Connection::count`]), or looks at messages
/// ([`Connection::look`]), or receives them ([`Connection::receive`]), which answers pings as well.
pub struct Connection {
    channel: Channel,
    wire: Wire,
    counter: Counter,
    unsent: Outbox,
    /// What came with the handshake's answer, and what [`Connection::look`] has only a part of.
    received: Vec<u8>,
    inbox: Option<Inbox>,
    deflates: bool,
    inflated: u64,
}

impl Connection {
    pub(crate) fn new(opened: Opened, wire: Wire, deflates: bool) -> Self {
        let Opened { channel, early, .. } = opened;
        let (counter, unsent) = (Counter::new(wire), Outbox::default());
        Self { channel, wire, counter, unsent, received: early, inbox: None, deflates, inflated: 0 }
    }

    /// Messages that [`Connection::look`] found compressed.
    pub fn inflated(&self) -> u64 {
        self.inflated
    }

    /// Writes what fits; the rest waits for [`Connection::flush`].
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let sent = if self.unsent.is_empty() { write(&mut self.channel, bytes)? } else { 0 };
        self.unsent.queue().extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    /// Writes what waits, once the socket takes more.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.channel.flush().map_err(Failure::Broken)?;
        if !self.unsent.is_empty() {
            let sent = write(&mut self.channel, self.unsent.waiting())?;
            self.unsent.sent(sent);
        }
        Ok(())
    }

    /// Where to append what the next [`Connection::flush`] sends.
    pub(crate) fn queue(&mut self) -> &mut Vec<u8> {
        self.unsent.queue()
    }

    /// What waits until the socket takes more.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent.waiting().len()
    }

    /// Reads what is there and counts the messages that end in it.
    pub fn count(&mut self, buffer: &mut [u8]) -> Result<u64, Failure> {
        let mut messages = self.counter.count(&std::mem::take(&mut self.received));
        loop {
            let bytes = self.read(buffer)?;
            messages += self.counter.count(&buffer[..bytes]);
            if bytes < buffer.len() {
                return Ok(messages);
            }
        }
    }

    /// Reads what is there and gives each message to `look`, inflated where it came compressed.
    pub fn look(
        &mut self,
        buffer: &mut [u8],
        mut look: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        loop {
            let bytes = self.read(buffer)?;
            self.received.extend_from_slice(&buffer[..bytes]);
            let mut taken = 0;
            while let Some((length, payload)) = self.wire.read(&self.received[taken..]) {
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

    /// Reads what is there, gives each message to `take` (of Socket.IO each packet), and answers pings; how many bytes came.
    /// With `to_the_end` it reads on until nothing is left or the connection has ended.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        to_the_end: bool,
        mut take: impl FnMut(&[u8]),
    ) -> Result<usize, Failure> {
        let early = std::mem::take(&mut self.received);
        let mut inbox = self.inbox.take().unwrap_or_else(|| Inbox::new(self.wire, early));
        let (mut total, mut answers) = (0, Vec::new());
        loop {
            let bytes = self.read(buffer)?;
            total += bytes;
            inbox.receive(&buffer[..bytes], &mut answers, &mut take)?;
            if bytes == 0 || (bytes < buffer.len() && !to_the_end) {
                break;
            }
        }
        self.inbox = Some(inbox);
        if !answers.is_empty() {
            self.send(&answers)?;
        }
        Ok(total)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Failure> {
        match self.channel.read(buffer) {
            Ok(0) => Err(Failure::Ended),
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(Failure::Broken(error)),
        }
    }
}

/// How much of it the socket takes. TLS takes some records at a time: that more would go out no event tells.
fn write(channel: &mut Channel, bytes: &[u8]) -> Result<usize, Failure> {
    let mut sent = 0;
    while sent < bytes.len() {
        match channel.write(&bytes[sent..]) {
            Ok(0) => break,
            Ok(more) => sent += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(Failure::Broken(error)),
        }
    }
    Ok(sent)
}
