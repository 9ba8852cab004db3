//! Where the server is, and the way to a connection with it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockRef, Socket, Type};

use super::channel::{Channel, Patience, Secure};
use super::handshake::{self, Answers};
use super::{Connection, Opened};
use crate::failure::{Failure, Trouble};
use crate::wire::Wire;

/// Connections from one source address; an address has some 28,000 ports.
const CONNECTIONS_PER_ADDRESS: usize = 2_000;

/// Where the server is and how one speaks to it.
pub struct Target {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is called in the upgrade request.
    pub host: String,
    /// How one speaks to it.
    pub wire: Wire,
    /// What the upgrade request asks for.
    pub path: String,
    /// Whether permessage-deflate is offered, and has to be agreed to.
    pub deflates: bool,
    /// The namespace of Socket.IO.
    pub namespace: String,
    /// TLS, where it is spoken.
    pub secure: Option<Secure>,
    /// How long a handshake may take.
    pub patience: Patience,
    /// Whether connections to this machine have source addresses of their own from the first on, and not only once the ports
    /// of the usual one run out. To choose one costs more the more closed connections still rest.
    pub own_sources: bool,
}

impl Target {
    /// Opens connection number `index` and registers it under this number.
    pub fn open(&self, index: usize, poll: &Poll) -> Result<Connection, Trouble> {
        let mut opened = self.handshake(index)?;
        let channel = opened.channel();
        let registered = SockRef::from(&*channel.socket()).set_nonblocking(true).and_then(|()| {
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(channel.socket(), Token(index), both)
        });
        registered.map_err(|error| Trouble { connection: index, failure: Failure::Broken(error) })?;
        Ok(Connection::new(opened, self.wire, self.deflates))
    }

    /// Opens connection number `index`, as far as the wire goes.
    pub fn handshake(&self, index: usize) -> Result<Opened, Trouble> {
        self.shake_hands(index).map_err(|failure| Trouble { connection: index, failure })
    }

    fn shake_hands(&self, index: usize) -> Result<Opened, Failure> {
        let source = Some(source(index)).filter(|_| self.address.ip() == Ipv4Addr::LOCALHOST);
        let mut connected = self.connect(source.filter(|_| self.own_sources));
        if let (Err(error), Some(_)) = (&connected, source)
            && error.kind() == ErrorKind::AddrNotAvailable
            && !self.own_sources
        {
            connected = self.connect(source);
        }
        let stream = connected.map_err(|error| self.failure(error))?;
        let mut channel = match &self.secure {
            None => Channel::Plain(stream),
            Some(secure) => Channel::Secure(secure(stream).map_err(|what| Failure::Handshake { what })?),
        };
        let mut answers = Answers::new(&mut channel, &self.patience);
        match self.wire {
            Wire::Raw { .. } => {}
            Wire::WebSocket => handshake::upgrade(&mut answers, &self.path, &self.host, self.deflates)?,
            Wire::SocketIo => {
                handshake::upgrade(&mut answers, &self.path, &self.host, self.deflates)?;
                handshake::join(&mut answers, &self.namespace)?;
            }
        }
        let early = answers.rest();
        Ok(Opened::new(channel, early, self.patience.clone()))
    }

    fn connect(&self, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::from((source, 0)).into())?;
        }
        if self.patience.stop.is_some() {
            // It bounds the time to connect as well.
            socket.set_write_timeout(Some(self.patience.limit))?;
        }
        socket.connect(&self.address.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(self.patience.slice()))?;
        Ok(TcpStream::from_std(socket.into()))
    }

    /// What it means that no connection came about.
    fn failure(&self, error: io::Error) -> Failure {
        let address = self.address;
        match Errno::from_io_error(&error) {
            Some(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Failure::NoPort { address },
            Some(Errno::INTR) if self.patience.is_over() => Failure::Interrupted,
            Some(Errno::INPROGRESS | Errno::AGAIN) => Failure::Silent { limit: self.patience.limit },
            Some(Errno::MFILE | Errno::NFILE) => {
                Failure::FileLimit { limit: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) }
            }
            _ => Failure::Connect { address, error },
        }
    }
}

/// The address of this machine that connection number `index` comes from.
fn source(index: usize) -> Ipv4Addr {
    const ADDRESSES: usize = 250;
    let number = (index / CONNECTIONS_PER_ADDRESS) % ADDRESSES;
    Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(number).unwrap_or(0))
}

/// Raises the limit of open files as far as this process may; each connection is one.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where that fails, the error that comes of it names the limit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
