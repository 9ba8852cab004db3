//! What carries a connection's bytes, and what a poller says of it.

use std::io::{self, IoSlice};

/// A connected, non-blocking byte stream.
pub trait Transport {
    /// Reads what is there: 0 is the end, `WouldBlock` is nothing yet.
    ///
    /// # Errors
    /// As a socket's.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// The same to the end of `buffer`, within its capacity and at most so many bytes.
    ///
    /// # Errors
    /// As a socket's.
    fn receive_more(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
        let start = buffer.len();
        buffer.resize(start + bytes_max.min(buffer.capacity() - start), 0);
        let read = self.receive(&mut buffer[start..]);
        buffer.truncate(start + *read.as_ref().unwrap_or(&0));
        read
    }

    /// Writes what fits.
    ///
    /// # Errors
    /// As a socket's.
    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Writes what fits of one piece.
    ///
    /// # Errors
    /// As a socket's.
    fn transmit_one(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.transmit(&[IoSlice::new(bytes)])
    }

    /// Ends our direction; the peer reads an end after what was written.
    fn end(&mut self);
}

/// What a poller says of a transport. Each comes once for each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There is something to read.
    pub readable: bool,
    /// Something fits again.
    pub writable: bool,
    /// The peer has ended its direction, hung up, or the socket has failed: no later event will say so again.
    pub read_closed: bool,
}

/// A transport's number with its poller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub usize);
