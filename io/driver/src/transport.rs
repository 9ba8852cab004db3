//! A socket as the core loop's transport.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use fanfare_hub::Transport;
use mio::net::TcpStream;

use crate::admission::Admitted;

/// An upgraded connection.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    /// Counts against the server's limits until it is dropped.
    pub(crate) _admitted: Admitted,
}

impl Transport for Socket {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [one] => self.stream.write(one),
            many => self.stream.write_vectored(many),
        }
    }

    fn end(&mut self) {
        // It fails where the peer has gone already, which is what it was to bring about.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
