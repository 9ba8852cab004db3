//! Shards without a network: what a peer says is handled at once, and what it hears can be asked for. Tests of single rules
//! read as a dialogue with it.

mod polling;

use std::collections::VecDeque;
use std::io::IoSlice;

use fanfare_hub::{
    Arrival, Door, DoorId, EngineAnswer, Instance, Limits, Now, Outgoing, Reading, Shard, ShardId,
    ShardSetup, Share, SocketId,
};
use fanfare_websocket::{
    DeflateParameters, Deflater, InflaterPool, Opcode, Read, ReadContext, Reader, Role, write_close,
    write_frame,
};
use serde_json::Value;

/// The mask of every client frame: any will do.
const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

/// What was agreed with peers that compress.
pub const DEFLATE: DeflateParameters = DeflateParameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

/// Turns after which whatever has not come to rest never will.
const TURNS_MAX: usize = 10_000;

/// Something that a peer heard.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// A JSON message.
    Json(Value),
    /// Any other text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping frame; it is not answered.
    Ping,
    /// A pong frame.
    Pong(Vec<u8>),
    /// A close frame with this code.
    Close(u16),
    /// The server let go of the socket.
    Gone,
}

/// A peer's number in its house.
pub type Peer = usize;

#[derive(Debug)]
struct Line {
    shard: usize,
    socket: SocketId,
    reader: Reader,
    inflaters: InflaterPool,
    /// Bytes that the peer still takes; `usize::MAX` for one that always reads.
    takes_bytes: usize,
    heard: VecDeque<Heard>,
    reading: Reading,
    gone: bool,
}

/// Some shards and the peers that talk to them.
pub struct House {
    shards: Vec<Shard>,
    lines: Vec<Line>,
    now: Now,
    /// Answers to requests of sessions that poll, by their shard.
    answers: Vec<(usize, SocketId, EngineAnswer)>,
    /// Sessions that polled and are over.
    over: Vec<(usize, SocketId)>,
}

pub use polling::Session;

impl House {
    /// A house of `shards` with these limits; `doors` makes the doors of one of them.
    pub fn new(shards: u16, limits: &Limits, doors: impl Fn() -> Vec<Door>) -> Self {
        let now = Now { ms: 1_000_000, unix_ms: 1_700_000_000_000 };
        let shards = (0..shards).map(|shard| {
            let setup = ShardSetup {
                shard: ShardId(shard),
                shards,
                instance: Instance([7; 5]),
                seed: 7,
                limits: limits.clone(),
            };
            Shard::new(setup, doors(), now)
        });
        Self { shards: shards.collect(), lines: Vec::new(), now, answers: Vec::new(), over: Vec::new() }
    }

    /// One of the shards.
    pub fn shard(&mut self, shard: usize) -> &mut Shard {
        &mut self.shards[shard]
    }

    /// A new peer at a door of a shard.
    pub fn connect(&mut self, shard: usize, door: u8, arrival: &Arrival) -> Peer {
        self.shards[shard].begin_turn(self.now);
        let socket = self.shards[shard].accept(DoorId(door), arrival);
        self.lines.push(Line {
            shard,
            socket,
            reader: Reader::new(Role::Client, arrival.deflate.as_ref()),
            inflaters: InflaterPool::new(1, 1 << 20),
            takes_bytes: usize::MAX,
            heard: VecDeque::new(),
            reading: Reading::More,
            gone: false,
        });
        self.settle();
        self.lines.len() - 1
    }

    /// The peer takes only so many bytes from now on.
    pub fn takes(&mut self, peer: Peer, bytes: usize) {
        self.lines[peer].takes_bytes = bytes;
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].writable(socket);
        self.settle();
    }

    /// The peer sends bytes as they are. Says whether it would be read further.
    pub fn bytes(&mut self, peer: Peer, bytes: &[u8]) -> Reading {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        let mut input = bytes.to_vec();
        let reading = self.shards[shard].receive(socket, &mut input, &mut Share::default());
        if let Some((_, carrier)) = self.shards[shard].take_moved() {
            self.lines[peer].socket = carrier;
        }
        self.lines[peer].reading = reading;
        self.settle();
        reading
    }

    /// The peer sends a text message.
    pub fn text(&mut self, peer: Peer, text: &str) -> Reading {
        let mut frame = Vec::new();
        write_frame(&mut frame, Opcode::Text, true, false, text.as_bytes(), MASK);
        self.bytes(peer, &frame)
    }

    /// The peer sends bytes as they are, and no turn follows yet. Says whether it would be read further.
    pub fn bytes_before_a_turn(&mut self, peer: Peer, bytes: &[u8]) -> Reading {
        let Line { shard, socket, .. } = self.lines[peer];
        let reading = self.shards[shard].receive(socket, &mut bytes.to_vec(), &mut Share::default());
        self.lines[peer].reading = reading;
        reading
    }

    /// The peer sends a text message that no turn follows yet.
    pub fn text_before_a_turn(&mut self, peer: Peer, text: &str) {
        let mut frame = Vec::new();
        write_frame(&mut frame, Opcode::Text, true, false, text.as_bytes(), MASK);
        self.bytes_before_a_turn(peer, &frame);
    }

    /// The peer sends a JSON message.
    pub fn says(&mut self, peer: Peer, message: &Value) -> Reading {
        self.text(peer, &message.to_string())
    }

    /// The peer sends a binary message.
    pub fn binary(&mut self, peer: Peer, payload: &[u8]) -> Reading {
        let mut frame = Vec::new();
        write_frame(&mut frame, Opcode::Binary, true, false, payload, MASK);
        self.bytes(peer, &frame)
    }

    /// The peer sends a close frame.
    pub fn closes(&mut self, peer: Peer, code: fanfare_websocket::CloseCode) {
        let mut frame = Vec::new();
        write_close(&mut frame, code, "", MASK);
        self.bytes(peer, &frame);
    }

    /// The peer ends its direction.
    pub fn ends(&mut self, peer: Peer) {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].end_of_input(socket);
        self.settle();
    }

    /// The peer sends a JSON message and ends its direction with it: nobody has a turn between the two.
    pub fn says_and_ends(&mut self, peer: Peer, message: &Value) {
        let mut frame = Vec::new();
        write_frame(&mut frame, Opcode::Text, true, false, message.to_string().as_bytes(), MASK);
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].receive(socket, &mut frame, &mut Share::default());
        self.shards[shard].end_of_input(socket);
        self.settle();
    }

    /// The server begins to close the peer's connection.
    pub fn server_closes(&mut self, peer: Peer, code: fanfare_websocket::CloseCode) {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].close(socket, code, "");
        self.settle();
    }

    /// The server sends to the peer, on behalf of somebody outside its turns.
    pub fn server_sends(&mut self, peer: Peer, message: &Outgoing<'_>) {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].send(socket, message);
        self.settle();
    }

    /// What the peer's kit waited for has come.
    pub fn wakes(&mut self, peer: Peer) {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].woken(socket);
        self.settle();
    }

    /// The peer's connection breaks.
    pub fn breaks(&mut self, peer: Peer) {
        let Line { shard, socket, .. } = self.lines[peer];
        self.shards[shard].begin_turn(self.now);
        self.shards[shard].lost(socket);
        self.settle();
    }

    /// These peers' connections, all of one shard, break in one turn; the next has not begun.
    pub fn break_before_a_turn(&mut self, shard: usize, peers: &[Peer]) {
        self.shards[shard].begin_turn(self.now);
        for peer in peers {
            self.shards[shard].lost(self.lines[*peer].socket);
        }
    }

    /// Time passes, with a turn wherever something is due.
    pub fn pass(&mut self, for_ms: u64) {
        let until_ms = self.now.ms + for_ms;
        loop {
            let due =
                self.shards.iter().filter_map(Shard::wake_at_ms).min().filter(|at_ms| *at_ms <= until_ms);
            let at_ms = due.map_or(until_ms, |at_ms| at_ms.max(self.now.ms + 1).min(until_ms));
            self.now.unix_ms += at_ms - self.now.ms;
            self.now.ms = at_ms;
            for shard in &mut self.shards {
                shard.begin_turn(self.now);
            }
            self.settle();
            if at_ms == until_ms {
                return;
            }
        }
    }

    /// Everything that the peer has heard since it was last asked.
    pub fn heard(&mut self, peer: Peer) -> Vec<Heard> {
        self.lines[peer].heard.drain(..).collect()
    }

    /// The JSON messages among what the peer has heard since it was last asked.
    pub fn messages(&mut self, peer: Peer) -> Vec<Value> {
        let json = |heard| if let Heard::Json(value) = heard { Some(value) } else { None };
        self.heard(peer).into_iter().filter_map(json).collect()
    }

    /// Whether the server has let go of the peer's socket.
    #[must_use]
    pub fn is_gone(&self, peer: Peer) -> bool {
        self.lines[peer].gone
    }

    /// Whether the peer is read.
    #[must_use]
    pub fn reading(&self, peer: Peer) -> Reading {
        self.lines[peer].reading
    }

    /// Turns until nothing is left to do.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            let mut busy = false;
            for index in 0..self.shards.len() {
                busy |= self.turn(index);
            }
            if !busy {
                return;
            }
        }
        panic!("after {TURNS_MAX} turns there is still something to do");
    }

    fn turn(&mut self, index: usize) -> bool {
        let mut busy = false;
        self.shards[index].begin_turn(self.now);
        busy |= self.shards[index].handle_posts();
        self.shards[index].finish_handling();
        while let Some(socket) = self.shards[index].next_dirty() {
            busy = true;
            self.send(index, socket);
        }
        while let Some(socket) = self.shards[index].next_resumed() {
            busy = true;
            let reading = self.shards[index].resume(socket, &mut Share::default());
            self.note_reading(socket, reading);
        }
        while let Some(closed) = self.shards[index].next_closed() {
            let line = self.lines.iter_mut().rfind(|line| line.socket == closed.socket && !line.gone);
            match line {
                Some(line) => {
                    line.gone = true;
                    line.heard.push_back(Heard::Gone);
                }
                None => self.over.push((index, closed.socket)),
            }
        }
        self.shards[index].end_turn();
        while let Some((socket, answer)) = self.shards[index].next_answer() {
            busy = true;
            self.answers.push((index, socket, answer));
        }
        for to in 0..self.shards.len() {
            let number = ShardId(u16::try_from(to).unwrap_or_default());
            while let Some((envelopes, _)) = self.shards[index].take_envelopes(number) {
                assert!(!envelopes.is_empty(), "mail without a letter");
                busy = true;
                self.shards[to].begin_turn(self.now);
                self.shards[to].deliver(envelopes);
            }
        }
        // Whoever has had its share of the turn goes on in the next.
        for line in 0..self.lines.len() {
            if self.lines[line].shard == index
                && self.lines[line].reading == Reading::Later
                && !self.lines[line].gone
            {
                busy = true;
                let socket = self.lines[line].socket;
                self.lines[line].reading = self.shards[index].resume(socket, &mut Share::default());
            }
        }
        busy
    }

    fn note_reading(&mut self, socket: SocketId, reading: Reading) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.socket == socket) {
            line.reading = reading;
        }
    }

    fn send(&mut self, index: usize, socket: SocketId) {
        if self.shards[index].polls(socket) {
            self.shards[index].answer_poll(socket);
            return;
        }
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = self.shards[index].outgoing(socket, &mut slices);
        let offered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let Some(line) = self.lines.iter_mut().find(|line| line.socket == socket) else {
            // It is being accepted: its line is made in a moment.
            self.shards[index].sent(socket, 0, true);
            return;
        };
        let taken = offered.len().min(line.takes_bytes);
        if line.takes_bytes != usize::MAX {
            line.takes_bytes -= taken;
        }
        self.shards[index].sent(socket, taken, taken < offered.len());
        line.hear(offered[..taken].to_vec());
    }
}

impl Line {
    fn hear(&mut self, mut bytes: Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            let mut cx = ReadContext {
                message_limit_bytes: 1 << 28,
                inflaters: &mut self.inflaters,
                inflate_budget_bytes: usize::MAX,
            };
            let (taken, read) =
                self.reader.read(&mut bytes[at..], &mut cx).expect("the server keeps to the protocol");
            at += taken;
            self.heard.push_back(match read {
                Read::Text(text) => match serde_json::from_str(&text) {
                    Ok(value @ Value::Object(_)) => Heard::Json(value),
                    _ => Heard::Text(text.into_owned()),
                },
                Read::Binary(payload) => Heard::Binary(payload.into_owned()),
                Read::Ping(_) => Heard::Ping,
                Read::Pong(payload) => Heard::Pong(payload.into_owned()),
                Read::Close(close) => {
                    self.heard.push_back(Heard::Close(close.map_or(1005, |(code, _)| code.get())));
                    return;
                }
                Read::NeedMore | Read::Yield | Read::NoInflater { .. } => continue,
            });
        }
    }
}

/// A whole compressed text message, as a client that agreed on [`DEFLATE`] sends it.
#[must_use]
pub fn compressed(payload: &[u8]) -> Vec<u8> {
    let (mut deflated, mut frame) = (Vec::new(), Vec::new());
    Deflater::new(15).deflate(payload, &mut deflated).expect("compressing works");
    write_frame(&mut frame, Opcode::Text, true, true, &deflated, MASK);
    frame
}
