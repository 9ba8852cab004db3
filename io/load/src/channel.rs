//! A connection's bytes, as they are or within TLS.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

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
