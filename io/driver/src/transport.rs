//! A socket as the core loop's transport.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use fanfare_hub::{Arrival, DoorId, Transport};
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use crate::admission::Admitted;
use crate::append::append;

/// What carries a connection's bytes.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    /// One end of a pair whose other end a task has, which carries bytes to and from a transport of somebody else's.
    Bridge(UnixStream),
}

/// An upgraded connection.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: Stream,
    /// Counts against the server's limits until it is dropped.
    pub(crate) _admitted: Admitted,
}

impl Transport for Socket {
    #[inline]
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            // Past libc, whose calls are made so that a thread can be cancelled in them: 60 instructions each.
            Stream::Tcp(stream) => Ok(recv(stream, buffer, RecvFlags::empty()).map(|(bytes, _)| bytes)?),
            Stream::Bridge(stream) => stream.read(buffer),
        }
    }

    fn receive_more(&mut self, buffer: &mut Vec<u8>, bytes_max: usize) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => append(stream, buffer, bytes_max),
            Stream::Bridge(stream) => append(stream, buffer, bytes_max),
        }
    }

    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_vectored(slices),
            Stream::Bridge(stream) => stream.write_vectored(slices),
        }
    }

    #[inline]
    fn transmit_one(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => Ok(send(stream, bytes, SendFlags::NOSIGNAL)?),
            Stream::Bridge(stream) => stream.write(bytes),
        }
    }

    fn end(&mut self) {
        // It fails where the peer has gone already, which is what it was to bring about.
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Bridge(stream) => stream.shutdown(Shutdown::Write),
        };
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interests),
            Self::Bridge(stream) => stream.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interests),
            Self::Bridge(stream) => stream.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Bridge(stream) => stream.deregister(registry),
        }
    }
}

/// An upgraded socket on its way into the loop, with the bytes that came with its request.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) door: DoorId,
    pub(crate) arrival: Arrival,
    pub(crate) socket: Socket,
    pub(crate) early: Vec<u8>,
}
