//! The turn of the core loop over any transport: who is read, how far, and what is sent.
//!
//! Readiness is edge-triggered, as epoll gives it: an event comes once, and a transport is then read to a short read, or,
//! where the event says that the peer has ended, to the end. What a connection may not read in this turn goes into the
//! carry-over. The driver gives this sockets, the simulation its pipes.

mod link;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};

use fanfare_session::{FRAMES_PARSED, Share};

use link::Link;

use crate::envelope::DoorId;
use crate::ids::SocketId;
use crate::limits::SEND_BYTES_MAX;
use crate::shard::{Next, Offered, Shard};
use crate::state::{Arrival, Reading};
use crate::transport::{Readiness, Token, Transport};

/// Bytes that one read may take: the buffer that a whole shard shares. A message of 64 KiB comes in one, with its header.
pub const READ_BUFFER_BYTES: usize = 68 << 10;

/// Slices of one vectored send.
const SLICES_PER_SEND: usize = 64;

/// Bytes that one turn sends to all connections together, or one send more. A thousand sockets that each take a megabyte
/// would otherwise be one turn of seconds; nobody is read meanwhile.
const SEND_BYTES_PER_TURN: usize = 8 << 20;

/// Frames that one turn reads from all connections together, as long as each gets [`FRAMES_MIN`]. About a millisecond of them.
const FRAMES_FOR_ALL: u32 = 16 << 10;

/// Frames that a connection may always have handled in its turn.
const FRAMES_MIN: u32 = 4 * FRAMES_PARSED;

/// Connections of the carry-over that one turn reads; the others keep their places in it. Giving each a little less instead
/// makes a turn of thousands cost more than it handles.
const CARRY_OVER_PER_TURN: usize = 512;

/// Messages of the carry-over that one turn handles, those of a batch too.
const CARRY_OVER_MESSAGES: u64 = 8 << 10;

/// Transports that one turn closes; the kernel takes its time for each, above all where the peer does not read.
const CLOSES_PER_TURN: usize = 64;

/// How long a closed connection's last bytes may take to be read by its peer.
const LINGER_MS: u64 = 2_000;

/// Bytes that a lingering peer may still send before it is cut.
const LINGER_BYTES_MAX: u32 = 4 << 20;

/// No transport: there are far fewer.
const NONE: u32 = u32::MAX;

/// A shard's transports.
#[derive(Debug)]
pub struct Links<T> {
    links: Vec<Option<Link<T>>>,
    vacant: Vec<usize>,
    /// Where the transport of each slot's connection is; [`NONE`] where it has none.
    by_slot: Vec<u32>,
    carry_over: VecDeque<usize>,
    /// Closed connections and when they are cut; one time for all, so oldest first.
    lingering: VecDeque<(u64, usize, u32)>,
    generation: u32,
    buffer: Box<[u8]>,
    removed: Vec<(Token, T)>,
    unlinked: Vec<SocketId>,
    /// Those that have taken no more for the first time.
    unwatched: Vec<Token>,
    /// Reads in this turn, and in the one before.
    reads: u32,
    reads_before: u32,
    /// The turn ended before everything was offered to its socket.
    unsent: bool,
    /// The shard has more to do than a turn does.
    unsettled: bool,
}

impl<T: Transport> Default for Links<T> {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            vacant: Vec::new(),
            by_slot: Vec::new(),
            carry_over: VecDeque::new(),
            lingering: VecDeque::new(),
            generation: 0,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            removed: Vec::new(),
            unlinked: Vec::new(),
            unwatched: Vec::new(),
            reads: 0,
            reads_before: 0,
            unsent: false,
            unsettled: false,
        }
    }
}

impl<T: Transport> Links<T> {
    /// Takes a connection in whose upgrade has been answered, with the bytes that came with its request. Register it with
    /// the poller under the token before the next poll. Where that announces what has come already (`is_announced`), it is read
    /// then, and otherwise in the next turn in any case.
    pub fn insert(
        &mut self,
        shard: &mut Shard,
        door: DoorId,
        arrival: &Arrival,
        transport: T,
        early: &mut [u8],
        is_announced: bool,
    ) -> Token {
        let socket = shard.accept(door, arrival);
        self.generation = self.generation.wrapping_add(1);
        let link = Link {
            transport,
            socket: Some(socket),
            unread: true,
            to_end: false,
            in_carry_over: false,
            watched: false,
            paused: false,
            lingered_bytes: 0,
            generation: self.generation,
        };
        let index = if let Some(index) = self.vacant.pop() {
            self.links[index] = Some(link);
            index
        } else {
            self.links.push(Some(link));
            self.links.len() - 1
        };
        self.belongs_to(index, socket);
        if !early.is_empty() {
            let reading = shard.receive(socket, early, &mut Share::default());
            if let Some((_, carrier)) = shard.take_moved() {
                self.belongs_to(index, carrier);
            }
            self.after_reading(index, reading);
        }
        if !is_announced {
            self.carry(index);
        }
        Token(index)
    }

    fn belongs_to(&mut self, index: usize, socket: SocketId) {
        if self.by_slot.len() <= socket.slot() {
            self.by_slot.resize(socket.slot() + 1, NONE);
        }
        self.by_slot[socket.slot()] = u32::try_from(index).unwrap_or(NONE);
        if let Some(link) = self.links[index].as_mut() {
            link.socket = Some(socket);
        }
    }

    /// The transport of a connection, with its place and what is known of it; one that polls has none.
    #[inline]
    fn link_of(&mut self, socket: SocketId) -> Option<(usize, &mut Link<T>)> {
        let index = *self.by_slot.get(socket.slot())? as usize;
        let link = self.links.get_mut(index)?.as_mut()?;
        // All are of this shard.
        link.socket.is_some_and(|known| known.is_same_here(socket)).then_some((index, link))
    }

    /// Transports that have taken no more for the first time: the poller has to be asked to say when something fits again, and
    /// to say so if it does already. Nearly no transport ever is one, and none is asked about before.
    pub fn next_unwatched(&mut self) -> Option<Token> {
        self.unwatched.pop()
    }

    /// Connections that have gone and had no transport.
    pub fn next_unlinked(&mut self) -> Option<SocketId> {
        self.unlinked.pop()
    }

    /// The transport behind a token, for registering it.
    pub fn transport(&mut self, token: Token) -> Option<&mut T> {
        self.links.get_mut(token.0)?.as_mut().map(|link| &mut link.transport)
    }

    /// Transports that are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links.len() - self.vacant.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is something to do without an event: then the loop does not wait.
    #[must_use]
    pub fn has_carry_over(&self) -> bool {
        self.unsent || self.unsettled || !self.carry_over.is_empty()
    }

    /// When a lingering transport is next to be cut.
    #[must_use]
    pub fn wake_at_ms(&self) -> Option<u64> {
        self.lingering.front().map(|(at_ms, ..)| *at_ms)
    }

    /// Reads those who had more than their share in the turn before.
    pub fn read_carry_over(&mut self, shard: &mut Shard) {
        let before = shard.counters().messages_received;
        for _ in 0..self.carry_over.len().min(CARRY_OVER_PER_TURN) {
            // A batch counts for what is in it.
            if shard.counters().messages_received - before >= CARRY_OVER_MESSAGES {
                break;
            }
            let Some(index) = self.carry_over.pop_front() else { break };
            if let Some(link) = self.links[index].as_mut() {
                link.in_carry_over = false;
                self.read(shard, index);
            }
        }
    }

    /// Deals with an event.
    pub fn ready(&mut self, shard: &mut Shard, token: Token, readiness: Readiness) {
        let Some(link) = self.links.get_mut(token.0).and_then(Option::as_mut) else { return };
        if readiness.writable
            && let Some(socket) = link.socket
        {
            shard.writable(socket);
        }
        if readiness.readable || readiness.read_closed {
            link.unread = true;
            link.to_end |= readiness.read_closed;
            if readiness.read_closed
                && let Link { paused: true, socket: Some(socket), .. } = *link
            {
                return shard.ended_unread(socket);
            }
            // Whoever is in the carry-over has had a turn already: it waits for the next.
            if !link.in_carry_over {
                self.read(shard, token.0);
            }
        }
    }

    /// A connection's share, which is smaller where many want theirs: a turn must not last.
    fn share(&mut self) -> Share {
        self.reads += 1;
        let share = Share::default();
        let fair = FRAMES_FOR_ALL / self.reads.max(self.reads_before);
        Share { frames: share.frames.min(fair.max(FRAMES_MIN)), ..share }
    }

    fn read(&mut self, shard: &mut Shard, index: usize) {
        let mut share = self.share();
        let Some(link) = self.links[index].as_mut() else { return };
        let Some(mut socket) = link.socket else { return self.read_lingering(index) };
        if link.paused {
            return;
        }
        let mut reading = if link.unread && shard.is_calm(socket) {
            // As nearly always: nothing was kept of earlier reads, and none of it is to go on elsewhere.
            let (room, read) = (self.buffer.len(), link.transport.receive(&mut self.buffer));
            let Some(bytes) = link.took(shard, socket, room, read) else { return };
            share.read_bytes -= bytes;
            let reading = shard.receive(socket, &mut self.buffer[..bytes], &mut share);
            if reading == Reading::More && !link.unread {
                return;
            }
            reading
        } else {
            // What was kept of earlier reads comes before anything new.
            shard.resume(socket, &mut share)
        };
        loop {
            if let Some((_, carrier)) = shard.take_moved() {
                self.belongs_to(index, carrier);
                socket = carrier;
            }
            self.after_reading(index, reading);
            let Some(link) = self.links[index].as_mut().filter(|link| link.unread) else { return };
            if reading != Reading::More {
                if link.to_end && reading == Reading::Paused {
                    shard.ended_unread(socket);
                }
                return;
            }
            if share.read_bytes == 0 {
                return self.carry(index);
            }
            let space = shard.space(socket);
            let is_direct = space.is_some();
            let (room, read) = match space {
                Some(space) => {
                    let room = share.read_bytes.min(space.capacity() - space.len());
                    (room, link.transport.receive_more(space, room))
                }
                None => {
                    let room = share.read_bytes.min(self.buffer.len());
                    (room, link.transport.receive(&mut self.buffer[..room]))
                }
            };
            let Some(bytes) = link.took(shard, socket, room, read) else { return };
            share.read_bytes -= bytes;
            reading = match bytes {
                // Nothing, and it has to be tried again.
                0 => Reading::More,
                bytes if is_direct => shard.received_directly(socket, bytes, &mut share),
                bytes => shard.receive(socket, &mut self.buffer[..bytes], &mut share),
            };
        }
    }

    fn after_reading(&mut self, index: usize, reading: Reading) {
        let Some(link) = self.links[index].as_mut() else { return };
        match reading {
            Reading::More | Reading::Done => {}
            Reading::Later => self.carry(index),
            Reading::Paused => link.paused = true,
        }
    }

    fn carry(&mut self, index: usize) {
        let Some(link) = self.links[index].as_mut() else { return };
        if !std::mem::replace(&mut link.in_carry_over, true) {
            self.carry_over.push_back(index);
        }
    }

    /// A closed connection's peer is read to its end, so that closing does not destroy what is on its way to it.
    fn read_lingering(&mut self, index: usize) {
        let Some(link) = self.links[index].as_mut().filter(|link| link.socket.is_none()) else { return };
        loop {
            match link.transport.receive(&mut self.buffer) {
                Ok(bytes) if bytes > 0 && link.lingered_bytes < LINGER_BYTES_MAX => {
                    link.lingered_bytes =
                        link.lingered_bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => return self.remove(index),
            }
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(link) = self.links[index].take() {
            self.removed.push((Token(index), link.transport));
        }
    }

    /// Ends the turn: sends what there is to send, lets those be read who waited, closes what is over. Returns the transports
    /// that are done with, to be dropped.
    pub fn finish_turn(&mut self, shard: &mut Shard, now_ms: u64) -> Vec<(Token, T)> {
        shard.finish_handling();
        self.reads_before = std::mem::take(&mut self.reads);
        self.send_all(shard);
        while let Some(socket) = shard.next_resumed() {
            if let Some((index, link)) = self.link_of(socket) {
                link.paused = false;
                self.carry(index);
            }
        }
        while let Some(closed) = shard.next_closed() {
            let Some((index, link)) = self.link_of(closed.socket) else {
                self.unlinked.push(closed.socket);
                continue;
            };
            link.socket = None;
            link.transport.end();
            let generation = link.generation;
            if closed.linger {
                self.lingering.push_back((now_ms + LINGER_MS, index, generation));
                self.read_lingering(index);
            } else {
                self.remove(index);
            }
        }
        while let Some((_, index, generation)) = self.lingering.pop_front_if(|(at_ms, ..)| *at_ms <= now_ms) {
            if self.links[index].as_ref().is_some_and(|link| link.generation == generation) {
                self.remove(index);
            }
        }
        shard.end_turn();
        let rest = self.removed.split_off(self.removed.len().min(CLOSES_PER_TURN));
        self.unsettled = shard.is_unsettled() || !rest.is_empty();
        let removed = std::mem::replace(&mut self.removed, rest);
        // Until now the poller may have known a transport by its number: nobody else could have it.
        self.vacant.extend(removed.iter().map(|(token, _)| token.0));
        removed
    }

    /// Offers what there is to its sockets, as far as a turn goes: for one half those who came last, which answers whoever
    /// asks little at once; for the other those who have waited longest, so that everybody's time comes.
    fn send_all(&mut self, shard: &mut Shard) {
        let mut left = SEND_BYTES_PER_TURN;
        let mut is_all = self.send_dirty(shard, &mut left);
        // Once, and once more where that a socket has failed is told to others.
        while shard.shares() {
            self.send_shared(shard, &mut left);
            // Whoever was to get more than that, or did not take it.
            is_all = self.send_dirty(shard, &mut left);
        }
        self.unsent = shard.go_on_sending() || !is_all;
    }

    /// Says whether everything was offered.
    fn send_dirty(&mut self, shard: &mut Shard, left: &mut usize) -> bool {
        while *left > 0 {
            let next = if *left > SEND_BYTES_PER_TURN / 2 { Next::Newest } else { Next::Oldest };
            let Some(slot) = shard.pop_dirty(next) else { return true };
            *left = left.saturating_sub(self.send(shard, slot));
        }
        false
    }

    /// Sends what a room shares to those who are sent nothing else.
    fn send_shared(&mut self, shard: &mut Shard, left: &mut usize) {
        let (taken, others) = shard.offer_shared(|socket, slices| {
            let (_, link) = self.link_of(socket)?;
            Some(match slices {
                [one] => link.transport.transmit_one(one),
                slices => link.transport.transmit(slices),
            })
        });
        *left = left.saturating_sub(taken);
        for (socket, offered, said) in others {
            self.note_sent(shard, socket, offered, said);
        }
    }

    /// One send; gives how many bytes the socket took.
    #[inline]
    fn send(&mut self, shard: &mut Shard, slot: u32) -> usize {
        let offered =
            shard.offer(slot, |socket, bytes| Some(self.link_of(socket)?.1.transport.transmit_one(bytes)));
        let (socket, offered, result) = match offered {
            Offered::All(sent) => return sent,
            Offered::Nothing => return 0,
            Offered::Unlinked(socket) => return shard.answer_poll(socket),
            Offered::One(socket, offered, result) => (socket, offered, result),
            Offered::Several(socket) => {
                let Some((_, link)) = self.link_of(socket) else { return shard.answer_poll(socket) };
                let mut slices = [IoSlice::new(&[]); SLICES_PER_SEND];
                let filled = shard.outgoing(socket, &mut slices);
                let slices = &slices[..filled];
                (socket, slices.iter().map(|slice| slice.len()).sum(), link.transport.transmit(slices))
            }
        };
        let taken = *result.as_ref().unwrap_or(&0);
        self.note_sent(shard, socket, offered, result);
        taken
    }

    /// Tells the shard what a socket said to so many bytes.
    fn note_sent(&mut self, shard: &mut Shard, socket: SocketId, offered: usize, said: io::Result<usize>) {
        let takes_no_more = match &said {
            Ok(bytes) => *bytes != SEND_BYTES_MAX && *bytes < offered,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if takes_no_more
            && let Some((index, link)) = self.link_of(socket)
            && !std::mem::replace(&mut link.watched, true)
        {
            self.unwatched.push(Token(index));
        }
        match said {
            Ok(bytes) if bytes == SEND_BYTES_MAX => shard.sent_part(socket, bytes),
            Ok(bytes) => shard.sent(socket, bytes, bytes < offered),
            Err(error) if error.kind() == ErrorKind::WouldBlock => shard.sent(socket, 0, true),
            Err(error) if error.kind() == ErrorKind::Interrupted => shard.sent(socket, 0, false),
            Err(_) => shard.lost(socket),
        }
    }
}
