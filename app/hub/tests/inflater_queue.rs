//! The queue for inflaters moves on by itself: no event says that one has become free at the end of a turn.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, Dialect, Door, DoorId, DoorRules, Edge, Instance, Kit, Limits, Links, Message, Now, PlainPlace,
    Readiness, Shard, ShardId, ShardSetup, SocketId, Token, Transport,
};
use fanfare_session::websocket::DeflateParameters;

struct Silent;

impl Kit for Silent {
    type Place = PlainPlace;
    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {}
    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

#[derive(Clone, Default)]
struct Pipe {
    input: Rc<RefCell<Vec<u8>>>,
    ended: Rc<Cell<bool>>,
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
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn end(&mut self) {}
}

#[test]
fn whoever_ends_in_the_queue_for_an_inflater_is_let_go() {
    let setup = ShardSetup {
        shard: ShardId(0),
        shards: 1,
        instance: Instance([0; 5]),
        seed: 1,
        limits: Limits::default(),
    };
    let rules = DoorRules { dialect: Dialect::Plain, ..DoorRules::default() };
    let mut shard = Shard::new(setup, vec![Door::new(rules, Silent)], Now { ms: 0, unix_ms: 0 });
    let mut links: Links<Pipe> = Links::default();
    let deflate = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let mut pipes: Vec<(Token, Pipe)> = Vec::new();
    for _ in 0..1_000 {
        let pipe = Pipe::default();
        let arrival = Arrival { deflate: Some(deflate), ..Arrival::default() };
        let token = links.insert(&mut shard, DoorId(0), &arrival, pipe.clone(), &mut []);
        pipes.push((token, pipe));
    }
    let mut now_ms = 0;
    let mut turn = |links: &mut Links<Pipe>, shard: &mut Shard, ready: &[(Token, Readiness)]| {
        now_ms += 1;
        shard.begin_turn(Now { ms: now_ms, unix_ms: now_ms });
        links.read_carry_over(shard);
        for (token, readiness) in ready {
            links.ready(shard, *token, *readiness);
        }
        links.finish_turn(shard, now_ms);
    };
    turn(&mut links, &mut shard, &[]);
    let begun = [0x41, 0x86, 0, 0, 0, 0, 0x00, 5, 0, 0xfa, 0xff, b'a'];
    let readable = Readiness { readable: true, ..Readiness::default() };
    for (token, pipe) in &pipes {
        pipe.input.borrow_mut().extend_from_slice(&begun);
        turn(&mut links, &mut shard, &[(*token, readable)]);
    }
    let ended = Readiness { readable: true, read_closed: true, ..Readiness::default() };
    let all: Vec<_> = pipes.iter().map(|(token, _)| (*token, ended)).collect();
    pipes.iter().for_each(|(_, pipe)| pipe.ended.set(true));
    turn(&mut links, &mut shard, &all);
    for _ in 0..100 {
        if links.has_carry_over() {
            turn(&mut links, &mut shard, &[]);
        }
    }
    assert_eq!(shard.connections(), 0);
}
