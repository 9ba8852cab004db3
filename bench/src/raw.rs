//! The limit of the machine: bytes in, bytes out, one edge-triggered epoll (mio) and no protocol.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::arguments::Arguments;

const LISTENER: Token = Token(usize::MAX);
const READ_BUFFER_BYTES: usize = 64 << 10;

/// A socket and what it has refused so far.
struct Peer {
    stream: TcpStream,
    unsent: VecDeque<u8>,
}

impl Peer {
    /// False once the socket has failed.
    fn send(&mut self, bytes: &[u8]) -> bool {
        if !self.unsent.is_empty() {
            self.unsent.extend(bytes);
            return true;
        }
        match self.stream.write(bytes) {
            Ok(sent) => {
                self.unsent.extend(&bytes[sent..]);
                true
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.unsent.extend(bytes);
                true
            }
            Err(_) => false,
        }
    }

    fn flush(&mut self) -> bool {
        while !self.unsent.is_empty() {
            match self.stream.write(self.unsent.as_slices().0) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

struct Raw {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
    vacant: Vec<usize>,
    broadcasts: bool,
    /// What was read in this turn, for everybody but its sender.
    log: Vec<(usize, Vec<u8>)>,
}

/// Serves until it is ended.
pub(crate) fn serve(arguments: &Arguments) -> Result<(), String> {
    let address = SocketAddr::from(([127, 0, 0, 1], arguments.needed::<u16>("port")?));
    let failed = |error: std::io::Error| format!("{address}: {error}");
    let poll = Poll::new().map_err(failed)?;
    let mut listener = TcpListener::bind(address).map_err(failed)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(failed)?;
    let broadcasts = arguments.text("mode", "echo") == "broadcast";
    let mut raw = Raw { poll, listener, peers: Vec::new(), vacant: Vec::new(), broadcasts, log: Vec::new() };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        raw.turn(&mut events, &mut buffer).map_err(failed)?;
    }
}

impl Raw {
    fn turn(&mut self, events: &mut Events, buffer: &mut [u8]) -> std::io::Result<()> {
        self.poll.poll(events, None)?;
        for event in events.iter() {
            if event.token() == LISTENER {
                self.accept()?;
                continue;
            }
            let index = event.token().0;
            if event.is_writable() && !self.peers[index].as_mut().is_none_or(Peer::flush) {
                self.remove(index);
            }
            if event.is_readable() && !self.read(index, buffer) {
                self.remove(index);
            }
        }
        for (from, bytes) in std::mem::take(&mut self.log) {
            let others = self.peers.iter_mut().enumerate().filter(|(index, _)| *index != from);
            // One that has failed is removed by its own event.
            for peer in others.filter_map(|(_, peer)| peer.as_mut()) {
                let _ = peer.send(&bytes);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> std::io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let index = self.vacant.pop().unwrap_or(self.peers.len());
            self.poll.registry().register(
                &mut stream,
                Token(index),
                Interest::READABLE | Interest::WRITABLE,
            )?;
            let peer = Some(Peer { stream, unsent: VecDeque::new() });
            if index == self.peers.len() {
                self.peers.push(peer);
            } else {
                self.peers[index] = peer;
            }
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> bool {
        let Some(peer) = self.peers[index].as_mut() else { return true };
        loop {
            let bytes = match peer.stream.read(buffer) {
                Ok(0) => return false,
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            };
            if self.broadcasts {
                self.log.push((index, buffer[..bytes].to_vec()));
            } else if !peer.send(&buffer[..bytes]) {
                return false;
            }
            if bytes < buffer.len() {
                return true;
            }
        }
    }

    fn remove(&mut self, index: usize) {
        if self.peers[index].take().is_some() {
            self.vacant.push(index);
        }
    }
}
