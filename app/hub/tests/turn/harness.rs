//! A shard, its links and the pipes at their ends.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, Dialect, Door, DoorId, DoorRules, Edge, Gone, Instance, Kit, Limits, Links, Message, Now,
    Outgoing, Payload, PlainPlace, Readiness, Shard, ShardId, ShardSetup, SocketId, Token, Transport,
};

/// The door without a dialect, where most connections are.
pub(crate) const PLAIN: DoorId = DoorId(0);
/// The door with rooms.
pub(crate) const NATIVE: DoorId = DoorId(1);

/// The peer has something to say.
pub(crate) const READABLE: Readiness = Readiness { readable: true, writable: false, read_closed: false };
/// The peer takes more.
pub(crate) const WRITABLE: Readiness = Readiness { readable: false, writable: true, read_closed: false };
/// The peer has said its last.
pub(crate) const ENDED: Readiness = Readiness { readable: true, writable: false, read_closed: true };

/// What everybody is told of one who is lost, where that is asked for.
pub(crate) const LOST: u8 = 9;

/// Answers with as many KiB as the first byte of a message says, and at least one byte. A message of two bytes goes to everybody, and
/// where the first is 1 not to its sender. Text holds the connection until it is woken.
struct Generous {
    met: Rc<RefCell<Vec<SocketId>>>,
    tells_of_the_lost: Rc<Cell<bool>>,
}

impl Kit for Generous {
    type Place = PlainPlace;

    fn connected(&mut self, _: &mut Edge<'_, Self>, socket: SocketId) {
        self.met.borrow_mut().push(socket);
    }

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        if let Message::Binary(payload) = &message
            && let [but_the_sender, _] = payload[..]
        {
            cx.everyone((but_the_sender == 1).then_some(from), &Outgoing::Binary(payload));
        } else if let Message::Binary(payload) = message {
            let kibibytes = usize::from(payload.first().copied().unwrap_or_default());
            let answer = if kibibytes == 0 {
                Payload::Borrowed(&[7])
            } else {
                Payload::Owned(vec![7; kibibytes << 10])
            };
            cx.send_binary(from, answer);
        } else {
            cx.hold(from);
        }
    }

    fn disconnected(&mut self, cx: &mut Edge<'_, Self>, _: SocketId, gone: Gone) {
        if self.tells_of_the_lost.get() && gone == Gone::Lost {
            cx.everyone(None, &Outgoing::Binary(&[LOST]));
        }
    }

    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        cx.release(socket);
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

/// A transport that gives what the peer has sent and takes everything, unless it is told otherwise.
#[derive(Clone, Default)]
pub(crate) struct Pipe {
    pub(crate) number: usize,
    ends: Rc<RefCell<Ends>>,
    sends: Rc<RefCell<Vec<usize>>>,
}

/// What is at both ends of a pipe.
#[derive(Default)]
pub(crate) struct Ends {
    /// What the peer has sent and nobody has read.
    pub(crate) input: Vec<u8>,
    /// The peer has ended its direction after that.
    pub(crate) ended: bool,
    /// What the next reads fail with.
    pub(crate) fails: VecDeque<ErrorKind>,
    /// Reads so far.
    pub(crate) reads: usize,
    /// What the next sends come to.
    pub(crate) takes: VecDeque<Result<usize, ErrorKind>>,
    /// Bytes that the peer was sent.
    pub(crate) sent_bytes: usize,
    /// Those, as far as they came in sends of a few.
    pub(crate) sent: Vec<u8>,
    /// The server has ended its direction.
    pub(crate) ended_by_us: bool,
}

impl Transport for Pipe {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ends = self.ends.borrow_mut();
        ends.reads += 1;
        assert!(ends.reads < 100_000, "the loop reads for ever");
        if let Some(kind) = ends.fails.pop_front() {
            return Err(kind.into());
        }
        if ends.input.is_empty() && !ends.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = ends.input.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&ends.input[..bytes]);
        ends.input.drain(..bytes);
        Ok(bytes)
    }

    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.sends.borrow_mut().push(self.number);
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let mut ends = self.ends.borrow_mut();
        let bytes = ends.takes.pop_front().unwrap_or(Ok(offered))?.min(offered);
        ends.sent_bytes += bytes;
        if offered < 1_000 {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            ends.sent.extend_from_slice(&all[..bytes]);
        }
        Ok(bytes)
    }

    fn end(&mut self) {
        self.ends.borrow_mut().ended_by_us = true;
    }
}

pub(crate) struct House {
    pub(crate) shard: Shard,
    pub(crate) links: Links<Pipe>,
    pub(crate) pipes: Vec<(Token, Pipe)>,
    pub(crate) now_ms: u64,
    /// Whose sends there were, in their order.
    pub(crate) sends: Rc<RefCell<Vec<usize>>>,
    /// What the turns gave back.
    pub(crate) removed: Vec<Token>,
    /// Whether everybody is told of those who are lost.
    pub(crate) tells_of_the_lost: Rc<Cell<bool>>,
    met: Rc<RefCell<Vec<SocketId>>>,
}

impl House {
    pub(crate) fn new(connections: usize) -> Self {
        Self::with(connections, Limits::default())
    }

    pub(crate) fn with(connections: usize, limits: Limits) -> Self {
        let (shard, instance) = (ShardId(0), Instance([0; 5]));
        let setup = ShardSetup { shard, shards: 1, instance, seed: 1, limits };
        let rules = DoorRules { dialect: Dialect::Plain, ..DoorRules::default() };
        let met = Rc::default();
        let tells_of_the_lost = Rc::<Cell<bool>>::default();
        let generous = || Generous { met: Rc::clone(&met), tells_of_the_lost: Rc::clone(&tells_of_the_lost) };
        let [plain, native] = [generous(), generous()];
        let doors = vec![Door::new(rules, plain), Door::new(DoorRules::default(), native)];
        let mut house = Self {
            shard: Shard::new(setup, doors, Now { ms: 0, unix_ms: 0 }),
            links: Links::default(),
            pipes: Vec::new(),
            now_ms: 0,
            sends: Rc::default(),
            removed: Vec::new(),
            tells_of_the_lost,
            met,
        };
        for _ in 0..connections {
            house.connect(&mut []);
        }
        house.settle();
        house
    }

    /// One more connection, with what came with its request; returns its number.
    pub(crate) fn connect(&mut self, early: &mut [u8]) -> usize {
        self.arrive(PLAIN, &Arrival::default(), early)
    }

    /// The same at any door, with what was agreed on in its request.
    pub(crate) fn arrive(&mut self, door: DoorId, arrival: &Arrival, early: &mut [u8]) -> usize {
        let number = self.pipes.len();
        let pipe = Pipe { number, sends: Rc::clone(&self.sends), ..Pipe::default() };
        let token = self.links.insert(&mut self.shard, door, arrival, pipe.clone(), early, false);
        self.pipes.push((token, pipe));
        number
    }

    /// The shard's name for a connection.
    pub(crate) fn socket(&self, connection: usize) -> SocketId {
        self.met.borrow()[connection]
    }

    /// What is at the ends of a connection's pipe.
    pub(crate) fn ends(&self, connection: usize) -> RefMut<'_, Ends> {
        self.pipes[connection].1.ends.borrow_mut()
    }

    /// Messages that ask for `kibibytes` each.
    pub(crate) fn ask(&self, connection: usize, kibibytes: u8, times: usize) {
        let frame = [0x82, 0x81, 0, 0, 0, 0, kibibytes];
        self.ends(connection).input.extend(frame.repeat(times));
    }

    /// A close frame without a code.
    pub(crate) fn close(&self, connection: usize) {
        self.ends(connection).input.extend([0x88, 0x80, 0, 0, 0, 0]);
    }

    /// A turn, a millisecond later, in which these are ready to be read.
    pub(crate) fn turn(&mut self, ready: &[usize]) {
        self.now_ms += 1;
        let events: Vec<_> = ready.iter().map(|connection| (*connection, READABLE)).collect();
        self.turn_now(&events);
    }

    /// A turn in which these are ready.
    pub(crate) fn turn_now(&mut self, events: &[(usize, Readiness)]) {
        self.begin_turn(events);
        self.finish_turn();
    }

    /// The part of a turn in which these are read.
    pub(crate) fn begin_turn(&mut self, events: &[(usize, Readiness)]) {
        self.shard.begin_turn(Now { ms: self.now_ms, unix_ms: self.now_ms });
        self.links.read_carry_over(&mut self.shard);
        for (connection, readiness) in events {
            self.links.ready(&mut self.shard, self.pipes[*connection].0, *readiness);
        }
    }

    /// The part in which there is sent.
    pub(crate) fn finish_turn(&mut self) {
        let removed = self.links.finish_turn(&mut self.shard, self.now_ms);
        self.removed.extend(removed.into_iter().map(|(token, _)| token));
    }

    /// Turns until nothing is left to do without an event.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000 {
            if !self.links.has_carry_over() {
                return;
            }
            self.turn(&[]);
        }
        panic!("there is always something left to do");
    }

    pub(crate) fn sent_bytes(&self) -> usize {
        (0..self.pipes.len()).map(|connection| self.ends(connection).sent_bytes).sum()
    }
}
