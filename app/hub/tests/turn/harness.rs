//! A shard, its links and the pipes at their ends.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, Dialect, Door, DoorId, DoorRules, Edge, Instance, Kit, Limits, Links, Message, Now, Payload,
    PlainPlace, Readiness, Shard, ShardId, ShardSetup, SocketId, Token, Transport,
};

/// Answers with as many KiB as the first byte of a message says, and at least one byte.
pub(crate) struct Generous;

impl Kit for Generous {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        if let Message::Binary(payload) = message {
            let kibibytes = usize::from(payload.first().copied().unwrap_or_default());
            cx.send_binary(from, Payload::Owned(vec![7; (kibibytes << 10).max(1)]));
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

/// A transport that takes everything.
#[derive(Clone, Default)]
pub(crate) struct Pipe {
    pub(crate) input: Rc<RefCell<Vec<u8>>>,
    pub(crate) sent_bytes: Rc<Cell<usize>>,
}

impl Transport for Pipe {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.borrow_mut();
        if input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let bytes = input.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&input[..bytes]);
        input.drain(..bytes);
        Ok(bytes)
    }

    fn transmit(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.sent_bytes.set(self.sent_bytes.get() + bytes);
        Ok(bytes)
    }

    fn end(&mut self) {}
}

pub(crate) struct House {
    pub(crate) shard: Shard,
    pub(crate) links: Links<Pipe>,
    pub(crate) pipes: Vec<(Token, Pipe)>,
    pub(crate) now_ms: u64,
}

impl House {
    pub(crate) fn new(connections: usize) -> Self {
        Self::with(connections, Limits::default())
    }

    pub(crate) fn with(connections: usize, limits: Limits) -> Self {
        let (shard, instance) = (ShardId(0), Instance([0; 5]));
        let setup = ShardSetup { shard, shards: 1, instance, seed: 1, limits };
        let rules = DoorRules { dialect: Dialect::Plain, ..DoorRules::default() };
        let shard = Shard::new(setup, vec![Door::new(rules, Generous)], Now { ms: 0, unix_ms: 0 });
        let mut house = Self { shard, links: Links::default(), pipes: Vec::new(), now_ms: 0 };
        for _ in 0..connections {
            let pipe = Pipe::default();
            let arrival = Arrival::default();
            let token = house.links.insert(&mut house.shard, DoorId(0), &arrival, pipe.clone(), &mut []);
            house.pipes.push((token, pipe));
        }
        while house.links.has_carry_over() {
            house.turn(&[]);
        }
        house
    }

    /// Messages that ask for `kibibytes` each.
    pub(crate) fn ask(&self, connection: usize, kibibytes: u8, times: usize) {
        let frame = [0x82, 0x81, 0, 0, 0, 0, kibibytes];
        self.pipes[connection].1.input.borrow_mut().extend(frame.repeat(times));
    }

    /// A turn in which these are ready.
    pub(crate) fn turn(&mut self, ready: &[usize]) {
        self.now_ms += 1;
        self.shard.begin_turn(Now { ms: self.now_ms, unix_ms: self.now_ms });
        self.links.read_carry_over(&mut self.shard);
        for index in ready {
            let readiness = Readiness { readable: true, ..Readiness::default() };
            self.links.ready(&mut self.shard, self.pipes[*index].0, readiness);
        }
        self.links.finish_turn(&mut self.shard, self.now_ms);
    }

    pub(crate) fn sent_bytes(&self) -> usize {
        self.pipes.iter().map(|(_, pipe)| pipe.sent_bytes.get()).sum()
    }
}
