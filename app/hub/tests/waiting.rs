//! The queues move on by themselves: no event says that an inflater, memory or a place in the sending has become free at the end
//! of a turn. And while nothing is free, nobody is asked in vain.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, Dialect, Door, DoorId, DoorRules, Edge, Instance, Kit, Limits, Links, Message, Now, Outgoing,
    PlainPlace, Readiness, Shard, ShardId, ShardSetup, SocketId, Token, Transport,
};
use fanfare_session::websocket::DeflateParameters;

/// Answers whoever sends bytes with the same, or everybody with a megabyte where it is one byte.
struct Loud;

impl Kit for Loud {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Binary(payload) if payload.len() == 1 => {
                cx.everyone(None, &Outgoing::Binary(&vec![7; 1 << 20]));
            }
            Message::Binary(payload) => cx.send_binary(from, payload),
            _ => {}
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

#[derive(Clone, Default)]
struct Pipe {
    input: Rc<RefCell<Vec<u8>>>,
    ended: Rc<Cell<bool>>,
    sent_bytes: Rc<Cell<usize>>,
}

impl Transport for Pipe {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = self.input.borrow_mut();
        if input.is_empty() {
            return if self.ended.get() { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
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

const READABLE: Readiness = Readiness { readable: true, writable: false, read_closed: false };

struct House {
    shard: Shard,
    links: Links<Pipe>,
    pipes: Vec<(Token, Pipe)>,
    now_ms: u64,
}

impl House {
    fn new(connections: usize, limits: Limits, deflate: Option<DeflateParameters>) -> Self {
        let setup = ShardSetup { shard: ShardId(0), shards: 1, instance: Instance([0; 5]), seed: 1, limits };
        let rules = DoorRules { dialect: Dialect::Plain, ..DoorRules::default() };
        let shard = Shard::new(setup, vec![Door::new(rules, Loud)], Now { ms: 0, unix_ms: 0 });
        let mut house = Self { shard, links: Links::default(), pipes: Vec::new(), now_ms: 0 };
        for _ in 0..connections {
            let pipe = Pipe::default();
            let arrival = Arrival { deflate, ..Arrival::default() };
            let token =
                house.links.insert(&mut house.shard, DoorId(0), &arrival, pipe.clone(), &mut [], false);
            house.pipes.push((token, pipe));
        }
        house.rest();
        house
    }

    fn turn(&mut self, ready: &[(usize, Readiness)]) {
        self.now_ms += 1;
        self.shard.begin_turn(Now { ms: self.now_ms, unix_ms: self.now_ms });
        self.links.read_carry_over(&mut self.shard);
        for (number, readiness) in ready {
            self.links.ready(&mut self.shard, self.pipes[*number].0, *readiness);
        }
        self.links.finish_turn(&mut self.shard, self.now_ms);
    }

    /// Turns as the core loop holds them: while it says that it must not wait.
    fn rest(&mut self) {
        for _ in 0..1_000 {
            if !self.links.has_carry_over() {
                return;
            }
            self.turn(&[]);
        }
        panic!("it does not come to rest");
    }

    fn writes(&self, number: usize, bytes: &[u8]) {
        self.pipes[number].1.input.borrow_mut().extend_from_slice(bytes);
    }
}

/// The head of a masked binary frame of this length.
fn head(length: usize) -> [u8; 14] {
    let mut head = [0; 14];
    (head[0], head[1]) = (0x82, 0xFF);
    head[2..10].copy_from_slice(&(length as u64).to_be_bytes());
    head
}

#[test]
fn whoever_ends_in_the_queue_for_an_inflater_is_let_go() {
    let deflate = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let mut house = House::new(1_000, Limits::default(), Some(deflate));
    let begun = [0x41, 0x86, 0, 0, 0, 0, 0x00, 5, 0, 0xfa, 0xff, b'a'];
    for number in 0..1_000 {
        house.writes(number, &begun);
        house.turn(&[(number, READABLE)]);
    }
    house.rest();
    assert_eq!(house.shard.connections(), 1_000);
    let ended = Readiness { read_closed: true, ..READABLE };
    let all: Vec<_> = (0..1_000).map(|number| (number, ended)).collect();
    house.pipes.iter().for_each(|(_, pipe)| pipe.ended.set(true));
    house.turn(&all);
    house.rest();
    assert_eq!(house.shard.connections(), 0);
}

#[test]
fn memory_that_is_free_after_the_sending_lets_those_go_on_who_waited() {
    let limits = Limits { memory_budget_bytes: 5 << 20, ..Limits::default() };
    let mut house = House::new(2, limits, None);
    house.writes(1, &head(200_000));
    house.writes(1, &[2; 100_000]);
    house.turn(&[(1, READABLE)]);
    house.rest();
    // Four megabytes for both, which are sent and gone when the turn ends; until then memory is short.
    for _ in 0..4 {
        house.writes(0, &[0x82, 0x81, 0, 0, 0, 0, 1]);
    }
    house.writes(1, &[2; 100_000]);
    house.turn(&[(0, READABLE), (1, READABLE)]);
    assert_ne!(house.pipes[1].1.input.borrow().len(), 0, "it waits");
    house.rest();
    assert_eq!(house.pipes[1].1.sent_bytes.get(), 4 * ((1 << 20) + 10) + 200_010);
    assert_eq!(house.shard.counters().shed, 0);
}

#[test]
fn whoever_has_told_many_goes_on_when_all_have_been_offered_it() {
    let mut house = House::new(20, Limits::default(), None);
    for _ in 0..3 {
        house.writes(0, &[0x82, 0x81, 0, 0, 0, 0, 1]);
    }
    let message = (1 << 20) + 10;
    house.turn(&[(0, READABLE)]);
    // A turn sends 256 KiB to each. What waits then for twenty is more than the eight megabytes that may wait, so nobody has heard the next.
    assert!(house.pipes.iter().all(|(_, pipe)| pipe.sent_bytes.get() == 256 << 10));
    assert!(house.shard.held_bytes() < 2 << 20, "{}", house.shard.held_bytes());
    house.rest();
    assert!(house.pipes.iter().all(|(_, pipe)| pipe.sent_bytes.get() == 3 * message));
}
