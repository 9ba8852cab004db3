//! The world: shards, clients, the network between them, and time.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;

use fanfare_hub::{
    Arrival, DoorId, EngineArrival, Envelope, Heartbeat, Instance, Limits, Links, Now, Readiness, Shard,
    ShardId, ShardSetup, Token,
};
use fanfare_websocket::Opcode;

use super::client::{Client, Exit};
use super::doors::{SOCKETIO, doors};
use super::network::{Pipe, ServerEnd, Wire};
use super::random::Random;

/// Where virtual time starts, in Unix milliseconds.
const UNIX_START_MS: u64 = 1_700_000_000_000;

/// Where the shards' forward clock starts.
const START_MS: u64 = 10_000;

/// What a seed decides.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Shards.
    pub shards: u16,
    clients: usize,
    pub(super) rooms: usize,
    active_ms: u64,
    pub(super) pace_ms: u64,
    latency_ms: u64,
    outbox_bytes: usize,
    /// Short, so that pings are part of it, or so long that none sends what a lost wake-up has left lying.
    ping_interval_ms: u64,
    drains: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn from_seed(seed: u64, shards: u16) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        Self {
            seed,
            shards,
            clients: 2 + random.below(7),
            rooms: 1 + random.below(3),
            active_ms: random.between(300, 3_000),
            pace_ms: random.between(5, 150),
            latency_ms: random.between(0, 40),
            outbox_bytes: [2_000, 20_000, 1 << 20][random.below(3)],
            drains: random.once_in(5),
            ping_interval_ms: if seed.is_multiple_of(2) { 2_000 } else { 20_000 },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    Turn(usize),
    ToServer(usize),
    Writable(usize),
    ToClient(usize),
    Mail { from: usize, to: usize },
    Act(usize),
}

/// Mail on its way from one shard to another, with its cost.
type Flying = VecDeque<(Vec<Envelope>, usize)>;

struct SimShard {
    shard: Shard,
    links: Links<ServerEnd>,
    ready: Vec<(usize, Readiness)>,
    arrivals: Vec<usize>,
    mail: VecDeque<(usize, Vec<Envelope>, usize)>,
    turn_at_ms: Option<u64>,
}

/// Shards and clients in virtual time.
pub struct World {
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) now_ms: Rc<Cell<u64>>,
    shards: Vec<SimShard>,
    pub(super) clients: Vec<Client>,
    queue: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    happenings: u64,
    /// Mail under way, in order, for each pair of shards.
    flying: Vec<Vec<Flying>>,
    mail_at_ms: Vec<Vec<u64>>,
    under_way: Vec<usize>,
    pub(super) active: bool,
    /// When everybody stopped acting.
    pub quiet_from_ms: u64,
}

impl World {
    /// A world in which nothing has happened yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let shards = (0..plan.shards).map(|shard| sim_shard(&plan, shard)).collect();
        let count = usize::from(plan.shards);
        Self {
            random: Random::new(plan.seed),
            now_ms: Rc::new(Cell::new(START_MS)),
            shards,
            clients: Vec::new(),
            queue: BinaryHeap::new(),
            happenings: 0,
            flying: (0..count).map(|_| (0..count).map(|_| VecDeque::new()).collect()).collect(),
            mail_at_ms: vec![vec![0; count]; count],
            under_way: vec![0; count],
            active: true,
            quiet_from_ms: 0,
            plan,
        }
    }

    /// Everybody who was ever connected.
    #[must_use]
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// Whether clients may fall behind so far that they are sent away for it.
    #[must_use]
    pub fn outboxes_are_small(&self) -> bool {
        self.plan.outbox_bytes < 1 << 20
    }

    /// Whether the server sends everybody away at the end.
    #[must_use]
    pub fn drains(&self) -> bool {
        self.plan.drains
    }

    /// Lives the whole plan: acting, then quiet until everything has arrived, then everybody leaves.
    ///
    /// # Errors
    /// Where something is left behind, or a client cannot read the server.
    pub fn run(&mut self) -> Result<(), String> {
        for _ in 0..self.plan.clients {
            self.connect();
        }
        self.pass(self.plan.active_ms)?;
        self.active = false;
        for number in 0..self.clients.len() {
            if self.clients[number].is_alive() {
                self.release_held_back(number);
                self.flush(number);
                self.clients[number].stalled_until_ms = 0;
                // From now on the network is wide: what has piled up arrives in time.
                self.clients[number].wire.borrow_mut().window_bytes = 1 << 20;
                self.read_client(number)?;
            }
        }
        self.quiet_from_ms = self.now_ms.get();
        self.pass(12_000)?;
        if self.plan.drains {
            self.begin_drain();
            self.pass(3_000)?;
        }
        self.everybody_leaves()?;
        self.nothing_is_left()
    }

    /// Lets time pass.
    fn pass(&mut self, for_ms: u64) -> Result<(), String> {
        let until_ms = self.now_ms.get() + for_ms;
        while let Some(Reverse((at_ms, _, _))) = self.queue.peek() {
            if *at_ms > until_ms {
                break;
            }
            let Some(Reverse((at_ms, _, happening))) = self.queue.pop() else { break };
            self.now_ms.set(at_ms);
            self.happen(happening)?;
            if self.happenings > 3_000_000 {
                return Err("it does not come to rest".to_owned());
            }
        }
        self.now_ms.set(until_ms);
        Ok(())
    }

    pub(super) fn schedule(&mut self, at_ms: u64, happening: Happening) {
        self.happenings += 1;
        self.queue.push(Reverse((at_ms.max(self.now_ms.get()), self.happenings, happening)));
    }

    fn schedule_turn(&mut self, shard: usize, at_ms: u64) {
        let at_ms = at_ms.max(self.now_ms.get());
        if self.shards[shard].turn_at_ms.is_none_or(|set| at_ms < set) {
            self.shards[shard].turn_at_ms = Some(at_ms);
            self.schedule(at_ms, Happening::Turn(shard));
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Turn(shard) => self.turn(shard),
            Happening::ToServer(client) => {
                self.arrive_at_server(client);
                Ok(())
            }
            Happening::Writable(client) => {
                self.ready(client, Readiness { writable: true, ..Readiness::default() });
                Ok(())
            }
            Happening::ToClient(client) => self.read_client(client),
            Happening::Mail { from, to } => {
                if let Some((envelopes, bytes)) = self.flying[from][to].pop_front() {
                    self.shards[to].mail.push_back((from, envelopes, bytes));
                    self.schedule_turn(to, self.now_ms.get());
                }
                Ok(())
            }
            Happening::Act(client) => self.act(client),
        }
    }

    fn arrive_at_server(&mut self, client: usize) {
        let (new, ended) = self.clients[client].wire.borrow_mut().to_server.arrive(self.now_ms.get());
        let reset = self.clients[client].wire.borrow().reset;
        if new || ended || reset {
            self.ready(client, Readiness { readable: true, writable: reset, read_closed: ended || reset });
        }
    }

    fn ready(&mut self, client: usize, readiness: Readiness) {
        let (shard, Some(token)) = (self.clients[client].shard, self.clients[client].token) else { return };
        if self.clients[client].wire.borrow().dropped {
            return;
        }
        self.shards[shard].ready.push((token, readiness));
        self.schedule_turn(shard, self.now_ms.get());
    }

    fn turn(&mut self, index: usize) -> Result<(), String> {
        let now_ms = self.now_ms.get();
        let SimShard { shard, links, ready, arrivals, mail, turn_at_ms } = &mut self.shards[index];
        if turn_at_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return Ok(());
        }
        *turn_at_ms = None;
        shard.begin_turn(Now { ms: now_ms, unix_ms: UNIX_START_MS + now_ms });
        shard.set_relay_bytes(self.under_way.iter().copied().max().unwrap_or_default());
        links.read_carry_over(shard);
        for (token, readiness) in ready.drain(..) {
            links.ready(shard, Token(token), readiness);
        }
        for number in arrivals.drain(..) {
            let client = &mut self.clients[number];
            let open = EngineArrival::Open { secret: [7; 9], polling: false, handshake: None };
            let arrival = Arrival {
                deflate: client.deflate,
                wants_binary: number % 3 == 0 && !client.socketio,
                batch_interval_ms: (number % 7 == 6 && !client.socketio).then_some(20),
                engine: client.socketio.then_some(open),
            };
            let end = ServerEnd(Rc::clone(&client.wire));
            let door = if client.socketio { SOCKETIO } else { DoorId(client.door) };
            client.token = Some(links.insert(shard, door, &arrival, end, &mut [], false).0);
        }
        while shard.takes_mail()
            && let Some((from, envelopes, bytes)) = mail.pop_front()
        {
            shard.deliver(envelopes);
            self.under_way[from] -= bytes;
        }
        drop(links.finish_turn(shard, now_ms));
        for to in 0..usize::from(self.plan.shards) {
            let number = ShardId(u16::try_from(to).unwrap_or_default());
            while let Some((envelopes, bytes)) = shard.take_envelopes(number) {
                self.under_way[index] += bytes;
                self.flying[index][to].push_back((envelopes, bytes));
                let at_ms = self.mail_at_ms[index][to].max(now_ms + self.random.between(0, 4));
                self.mail_at_ms[index][to] = at_ms;
                self.happenings += 1;
                self.queue.push(Reverse((at_ms, self.happenings, Happening::Mail { from: index, to })));
            }
        }
        let next_ms = if links.has_carry_over() || !mail.is_empty() {
            Some(now_ms + 1)
        } else {
            shard.wake_at_ms().into_iter().chain(links.wake_at_ms()).min().map(|at_ms| at_ms.max(now_ms + 1))
        };
        if let Some(next_ms) = next_ms {
            self.schedule_turn(index, next_ms);
        }
        for client in 0..self.clients.len() {
            if self.clients[client].shard == index {
                let news = std::mem::take(&mut self.clients[client].wire.borrow_mut().news_at_ms);
                for at_ms in news {
                    self.schedule(at_ms, Happening::ToClient(client));
                }
            }
        }
        Ok(())
    }

    pub(super) fn read_client(&mut self, number: usize) -> Result<(), String> {
        let now_ms = self.now_ms.get();
        let client = &mut self.clients[number];
        if client.stalled_until_ms > now_ms || matches!(client.exit, Some((_, Exit::Cut))) {
            return Ok(());
        }
        let (bytes, ended, writable) = {
            let mut wire = client.wire.borrow_mut();
            wire.to_client.arrive(now_ms);
            let bytes = wire.to_client.take_arrived();
            let writable = !bytes.is_empty() && std::mem::take(&mut wire.wants_writable);
            (bytes, wire.to_client.end_seen, writable)
        };
        let answer_close = client.read(now_ms, bytes)?;
        if answer_close {
            client.leaving = true;
            client.close_frame();
        }
        if ended && client.exit.is_none() {
            client.exit = Some((now_ms, if client.leaving { Exit::Left } else { Exit::Ended }));
        }
        if writable {
            self.schedule(now_ms + 1, Happening::Writable(number));
        }
        self.flush(number);
        if ended && !self.clients[number].wire.borrow().to_server.has_ended() {
            self.end_direction(number);
        }
        Ok(())
    }

    pub(super) fn connect(&mut self) {
        let number = self.clients.len();
        let wire = Rc::new(RefCell::new(Wire {
            now_ms: Rc::clone(&self.now_ms),
            to_server: Pipe::default(),
            to_client: Pipe::default(),
            window_bytes: [300, 3_000, 60_000][self.random.below(3)],
            delay_ms: self.random.between(0, self.plan.latency_ms),
            wants_writable: false,
            reset: false,
            news_at_ms: Vec::new(),
            dropped: false,
        }));
        let shard = self.random.below(usize::from(self.plan.shards));
        let door = [1, 1, 1, 1, 1, 2, 0][self.random.below(7)];
        let mut client = Client::new(number, door, shard, wire, self.random.once_in(3));
        client.socketio = door == 1 && self.random.once_in(3);
        client.next_seq = (door == 1 && !client.socketio && self.random.once_in(4)).then_some(1);
        if client.socketio {
            client.frame(&mut self.random, Opcode::Text, b"40/chat,");
        }
        let speaks_first = client.socketio;
        self.clients.push(client);
        self.shards[shard].arrivals.push(number);
        self.schedule_turn(shard, self.now_ms.get());
        if speaks_first {
            self.flush(number);
        }
        let first = self.now_ms.get() + self.random.between(1, self.plan.pace_ms);
        self.schedule(first, Happening::Act(number));
    }

    /// Puts what the client wrote on the wire, in one piece or several.
    pub(super) fn flush(&mut self, number: usize) {
        let bytes = self.clients[number].take_outgoing();
        if bytes.is_empty() || self.clients[number].wire.borrow().to_server.has_ended() {
            return;
        }
        let now_ms = self.now_ms.get();
        let cuts = if self.random.once_in(4) { 1 + self.random.below(3) } else { 0 };
        let mut rest = &bytes[..];
        for cut in 0..=cuts {
            let length = if cut == cuts { rest.len() } else { self.random.below(rest.len() + 1) };
            let (piece, after) = rest.split_at(length);
            rest = after;
            let delay_ms = self.random.between(0, self.plan.latency_ms);
            let at_ms =
                self.clients[number].wire.borrow_mut().to_server.send(now_ms, delay_ms, piece.to_vec());
            self.schedule(at_ms, Happening::ToServer(number));
        }
    }

    fn end_direction(&mut self, number: usize) {
        let now_ms = self.now_ms.get();
        // Often at once with the last bytes: data and end in one event.
        let delay_ms = if self.random.once_in(2) { 0 } else { self.random.between(0, self.plan.latency_ms) };
        let at_ms = self.clients[number].wire.borrow_mut().to_server.end(now_ms, delay_ms);
        self.schedule(at_ms, Happening::ToServer(number));
    }

    fn begin_drain(&mut self) {
        for index in 0..self.shards.len() {
            self.shards[index].shard.drain(1_000);
            self.schedule_turn(index, self.now_ms.get());
        }
    }

    fn everybody_leaves(&mut self) -> Result<(), String> {
        for number in 0..self.clients.len() {
            if self.clients[number].is_alive() {
                self.leave(number);
            }
        }
        // Long enough for a heartbeat that is not answered, and for every time limit after it.
        self.pass(60_000)
    }

    pub(super) fn leave(&mut self, number: usize) {
        self.release_held_back(number);
        self.clients[number].leaving = true;
        self.clients[number].left_at_ms = Some(self.now_ms.get());
        match self.random.below(3) {
            0 => {
                self.clients[number].close_frame();
                self.flush(number);
            }
            1 => {
                self.flush(number);
                self.end_direction(number);
            }
            _ => self.cut(number),
        }
    }

    /// The network forgets the connection: the server gets an error, the client reads no more.
    pub(super) fn cut(&mut self, number: usize) {
        let now_ms = self.now_ms.get();
        self.flush(number);
        self.clients[number].wire.borrow_mut().reset = true;
        self.clients[number].exit = Some((now_ms, Exit::Cut));
        self.schedule(now_ms, Happening::ToServer(number));
    }

    fn nothing_is_left(&self) -> Result<(), String> {
        for (number, sim) in self.shards.iter().enumerate() {
            let connections = sim.shard.connections();
            if connections != 0 || !sim.links.is_empty() {
                return Err(format!(
                    "shard {number} still has {connections} connections, {} links",
                    sim.links.len()
                ));
            }
            let (rooms, places) = sim.shard.rooms_and_places();
            if (rooms, places) != (0, 0) {
                return Err(format!("shard {number} still has {rooms} rooms and {places} places"));
            }
            // The log keeps one chunk for the next turn, and its spares are not counted.
            let held = sim.shard.held_bytes();
            if held > 2 * (64 << 10) {
                return Err(format!("shard {number} still holds {held} bytes"));
            }
            // Everybody answers pings, and who is gone says so: nobody has to be given up for silence.
            let counted = sim.shard.counters();
            if counted.panics > 0 || counted.heartbeat_timeouts > 0 {
                return Err(format!("shard {number} counted what it should not: {counted:?}"));
            }
        }
        Ok(())
    }
}

fn sim_shard(plan: &Plan, shard: u16) -> SimShard {
    let limits = Limits {
        heartbeat: Heartbeat { interval_ms: plan.ping_interval_ms, timeout_ms: 2_500 },
        rooms_per_connection: 128,
        outbox_bytes: plan.outbox_bytes,
        memory_budget_bytes: 64 << 20,
        compression_threshold_bytes: 200,
    };
    let setup = ShardSetup {
        shard: ShardId(shard),
        shards: plan.shards,
        instance: Instance([1, 2, 3, 4, 5]),
        seed: plan.seed | 1,
        limits,
    };
    let now = Now { ms: START_MS, unix_ms: UNIX_START_MS + START_MS };
    SimShard {
        shard: Shard::new(setup, doors(), now),
        links: Links::default(),
        ready: Vec::new(),
        arrivals: Vec::new(),
        mail: VecDeque::new(),
        turn_at_ms: None,
    }
}
