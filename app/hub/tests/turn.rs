//! A turn has an end, however many connections want something of it.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, Dialect, Door, DoorId, DoorRules, Edge, Instance, Kit, Limits, Links, Message, Now, Payload,
    PlainPlace, Readiness, Shard, ShardId, ShardSetup, SocketId, Token, Transport,
};

/// Answers with as many KiB as the first byte of a message says, and at least one byte.
struct Generous;

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
struct Pipe {
    input: Rc<RefCell<Vec<u8>>>,
    sent_bytes: Rc<Cell<usize>>,
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

struct House {
    shard: Shard,
    links: Links<Pipe>,
    pipes: Vec<(Token, Pipe)>,
    now_ms: u64,
}

impl House {
    fn new(connections: usize) -> Self {
        Self::with(connections, Limits::default())
    }

    fn with(connections: usize, limits: Limits) -> Self {
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
    fn ask(&self, connection: usize, kibibytes: u8, times: usize) {
        let frame = [0x82, 0x81, 0, 0, 0, 0, kibibytes];
        self.pipes[connection].1.input.borrow_mut().extend(frame.repeat(times));
    }

    /// A turn in which these are ready.
    fn turn(&mut self, ready: &[usize]) {
        self.now_ms += 1;
        self.shard.begin_turn(Now { ms: self.now_ms, unix_ms: self.now_ms });
        self.links.read_carry_over(&mut self.shard);
        for index in ready {
            let readiness = Readiness { readable: true, ..Readiness::default() };
            self.links.ready(&mut self.shard, self.pipes[*index].0, readiness);
        }
        self.links.finish_turn(&mut self.shard, self.now_ms);
    }

    fn sent_bytes(&self) -> usize {
        self.pipes.iter().map(|(_, pipe)| pipe.sent_bytes.get()).sum()
    }
}

#[test]
fn a_turn_sends_so_much_and_leaves_the_rest_to_the_next() {
    const ASKED_BYTES: usize = 240 << 10;
    let many = 100;
    let mut house = House::new(many + 1);
    for connection in 0..many {
        house.ask(connection, 240, 1);
    }
    house.turn(&(0..many).collect::<Vec<_>>());
    let first = house.sent_bytes();
    assert!(first < (9 << 20), "{first} bytes in one turn");
    assert!(house.links.has_carry_over(), "the loop must not wait");
    // Whoever asks little is answered at once, though most of the others still wait.
    house.ask(many, 0, 1);
    house.turn(&[many]);
    assert_eq!(house.pipes[many].1.sent_bytes.get(), 3);
    assert!(house.links.has_carry_over());
    for _ in 0..3 {
        house.turn(&[]);
    }
    assert!(!house.links.has_carry_over());
    for (_, pipe) in &house.pipes[..many] {
        assert!(pipe.sent_bytes.get() > ASKED_BYTES, "{}", pipe.sent_bytes.get());
    }
}

#[test]
fn those_who_have_waited_longest_come_too() {
    let mut house = House::new(200);
    for connection in 0..100 {
        house.ask(connection, 240, 1);
    }
    house.turn(&(0..100).collect::<Vec<_>>());
    // From now on there is always somebody newer.
    for round in 0..6 {
        let newer: Vec<usize> = (100..200).collect();
        for connection in &newer {
            house.ask(*connection, 40, 1);
        }
        house.turn(&newer);
        assert!(house.links.has_carry_over() || round > 0);
    }
    assert!(house.pipes[..100].iter().all(|(_, pipe)| pipe.sent_bytes.get() > 0));
}

#[test]
fn a_share_is_smaller_where_many_want_theirs() {
    let many = 2_000;
    let mut house = House::new(many + 1);
    for connection in 0..many {
        house.ask(connection, 0, 128);
    }
    house.turn(&(0..many).collect::<Vec<_>>());
    let mut turns = 0;
    while house.links.has_carry_over() {
        let before = house.sent_bytes();
        house.turn(&[]);
        let answers = (house.sent_bytes() - before) / 3;
        assert!(answers <= 8_192, "{answers} answers in turn {turns}");
        turns += 1;
        // Whoever asks for the first time does not stand behind the crowd.
        if turns % 8 == 0 {
            let before = house.pipes[many].1.sent_bytes.get();
            house.ask(many, 0, 1);
            house.turn(&[many]);
            assert_eq!(house.pipes[many].1.sent_bytes.get() - before, 3);
        }
    }
    assert!((20..100).contains(&turns), "{turns} turns");
    assert!(house.pipes[..many].iter().all(|(_, pipe)| pipe.sent_bytes.get() == 3 * 128));
    // One alone has its whole share, once the crowd is a turn ago.
    house.turn(&[]);
    house.ask(0, 0, 128);
    let before = house.sent_bytes();
    house.turn(&[0]);
    assert_eq!((house.sent_bytes() - before) / 3, 64);
}

#[test]
fn half_messages_stay_within_the_budget() {
    const BUDGET_BYTES: usize = 16 << 20;
    let many = 200;
    let limits = Limits { memory_budget_bytes: BUDGET_BYTES, ..Limits::default() };
    let mut house = House::with(many, limits);
    // The head of a message of 16 MB, and 15 MB of it.
    let mut part = vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0xF4, 0x24, 0x00, 0, 0, 0, 0];
    part.resize(15_000_000, 9);
    for (_, pipe) in &house.pipes {
        pipe.input.borrow_mut().extend(&part[..1 << 20]);
    }
    let everybody: Vec<usize> = (0..many).collect();
    for turn in 0..40 {
        house.turn(if turn == 0 { &everybody } else { &[] });
        let held = house.shard.held_bytes();
        // Everybody may have a little, whatever the budget is.
        assert!(held < BUDGET_BYTES + many * (128 << 10), "{held} bytes in turn {turn}");
    }
    // Most wait and are not closed: there is room again when the others are done.
    assert!(house.shard.connections() > many / 2, "{}", house.shard.connections());
    assert!(house.shard.counters().shed < 100, "{}", house.shard.counters().shed);
    assert!(!house.links.has_carry_over(), "nobody is asked in vain");
    // The end of those who wait is noticed, though nobody reads them.
    let ended = Readiness { readable: true, writable: true, read_closed: true };
    for (token, _) in &house.pipes {
        house.links.ready(&mut house.shard, *token, ended);
    }
    house.turn(&[]);
    assert!(house.shard.held_bytes() < 1 << 20, "{}", house.shard.held_bytes());
}
