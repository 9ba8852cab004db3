//! A simulated connection: bytes that take their time, both ways, with the semantics of a non-blocking socket.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::Transport;

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    flying: VecDeque<(u64, Vec<u8>)>,
    arrived: Vec<u8>,
    /// When the end arrives, once the writer has ended.
    end_at_ms: Option<u64>,
    pub(super) end_seen: bool,
    last_at_ms: u64,
}

impl Pipe {
    /// Sends bytes that arrive after `delay_ms`, and not before those sent earlier. Returns when.
    pub(super) fn send(&mut self, now_ms: u64, delay_ms: u64, bytes: Vec<u8>) -> u64 {
        self.last_at_ms = self.last_at_ms.max(now_ms + delay_ms);
        self.flying.push_back((self.last_at_ms, bytes));
        self.last_at_ms
    }

    pub(super) fn end(&mut self, now_ms: u64, delay_ms: u64) -> u64 {
        self.last_at_ms = self.last_at_ms.max(now_ms + delay_ms);
        self.end_at_ms.get_or_insert(self.last_at_ms);
        self.last_at_ms
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end_at_ms.is_some()
    }

    /// Lets arrive what has arrived; says whether there is anything new, and whether the end is among it.
    pub(super) fn arrive(&mut self, now_ms: u64) -> (bool, bool) {
        let mut new = false;
        while let Some((_, bytes)) = self.flying.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            self.arrived.extend_from_slice(&bytes);
            new = true;
        }
        let ended =
            self.flying.is_empty() && self.end_at_ms.is_some_and(|at_ms| at_ms <= now_ms) && !self.end_seen;
        self.end_seen |= ended;
        (new, ended)
    }

    pub(super) fn take_arrived(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.arrived)
    }

    fn unread_bytes(&self) -> usize {
        self.arrived.len() + self.flying.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }
}

/// Both directions, as both ends see them.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) now_ms: Rc<Cell<u64>>,
    pub(super) to_server: Pipe,
    pub(super) to_client: Pipe,
    /// Bytes to the client that may be under way or unread.
    pub(super) window_bytes: usize,
    pub(super) delay_ms: u64,
    /// The server was refused bytes and wants to know when it may send again.
    pub(super) wants_writable: bool,
    /// Cut: both ends get an error.
    pub(super) reset: bool,
    /// When the server last sent something: the world tells the client.
    pub(super) news_at_ms: Vec<u64>,
    /// Bytes that one read of the server gives at most: short reads that are not the end would be a lie, so it is the
    /// size of a segment only where more has not arrived.
    pub(super) dropped: bool,
}

/// The server's end.
#[derive(Debug)]
pub(super) struct ServerEnd(pub(super) Rc<RefCell<Wire>>);

impl Transport for ServerEnd {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let arrived = &mut wire.to_server.arrived;
        let length = arrived.len().min(buffer.len());
        if length > 0 {
            buffer[..length].copy_from_slice(&arrived[..length]);
            arrived.drain(..length);
            return Ok(length);
        }
        if wire.to_server.end_seen { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.reset || wire.to_client.has_ended() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = wire.window_bytes.saturating_sub(wire.to_client.unread_bytes());
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        wire.wants_writable |= offered > room;
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).take(room).collect();
        let (length, now_ms, delay_ms) = (bytes.len(), wire.now_ms.get(), wire.delay_ms);
        let at_ms = wire.to_client.send(now_ms, delay_ms, bytes);
        wire.news_at_ms.push(at_ms);
        Ok(length)
    }

    fn end(&mut self) {
        let mut wire = self.0.borrow_mut();
        let (now_ms, delay_ms) = (wire.now_ms.get(), wire.delay_ms);
        let at_ms = wire.to_client.end(now_ms, delay_ms);
        wire.news_at_ms.push(at_ms);
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        // A descriptor that is closed with bytes unread resets the connection, as TCP does.
        let mut wire = self.0.borrow_mut();
        wire.dropped = true;
        let (now_ms, delay_ms) = (wire.now_ms.get(), wire.delay_ms);
        let at_ms = wire.to_client.end(now_ms, delay_ms);
        wire.news_at_ms.push(at_ms);
    }
}
