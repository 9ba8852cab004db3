//! A connection's bytes, as they are or within TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::failure::Failure;

/// How long a handshake waits before it looks whether it is to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// TLS over a socket. Whoever wants it brings it, so that the load builds none by itself.
pub trait SecureStream: Read + Write {
    /// The socket below.
    fn socket(&mut self) -> &mut TcpStream;
}

/// What puts a socket into TLS.
pub type Secure = Box<dyn Fn(TcpStream) -> Result<Box<dyn SecureStream>, String>>;

/// A connection's bytes, as they are or within TLS.
pub enum Channel {
    /// As they are.
    Plain(TcpStream),
    /// Within TLS.
    Secure(Box<dyn SecureStream>),
}

impl Channel {
    /// The socket itself.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Secure(secure) => secure.socket(),
        }
    }

    /// Reads what is there. Of TLS a read takes one record at most, so it goes on until nothing is left: a buffer that is not full
    /// means an empty socket, with either.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let secure = match self {
            Self::Plain(stream) => return stream.read(buffer),
            Self::Secure(secure) => secure,
        };
        let mut filled = 0;
        while filled < buffer.len() {
            match secure.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock && filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Reads what comes next, and waits for it where the stream blocks.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Secure(secure) => secure.read(buffer),
        }
    }

    /// The same, as long as there is patience.
    pub(crate) fn read_patiently(
        &mut self,
        buffer: &mut [u8],
        patience: &Patience,
    ) -> Result<usize, Failure> {
        let until = Instant::now() + patience.limit;
        loop {
            match self.read_some(buffer) {
                Ok(bytes) => return Ok(bytes),
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                    if patience.is_over() {
                        return Err(Failure::Interrupted);
                    }
                    if Instant::now() >= until {
                        return Err(Failure::Silent { limit: patience.limit });
                    }
                }
                Err(error) => return Err(Failure::Broken(error)),
            }
        }
    }

    /// Writes what fits.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Secure(secure) => secure.write(bytes),
        }
    }

    /// Sends records that the socket has not taken yet.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Secure(secure) => match secure.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                flushed => flushed,
            },
        }
    }
}

/// How long something is waited for.
#[derive(Clone, Debug)]
pub struct Patience {
    /// The longest silence.
    pub limit: Duration,
    /// What ends the wait at once when it turns true.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Patience {
    pub(crate) fn is_over(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// How long one read may block.
    pub(crate) fn slice(&self) -> Duration {
        if self.stop.is_some() { LOOK_INTERVAL.min(self.limit) } else { self.limit }
    }
}
