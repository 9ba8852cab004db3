//! Fan-out: one sender, everybody else receives; the next messages go out when the last receiver has the ones before.

use std::time::{Duration, Instant};

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES, Target, Wire, beginning, payload};
use mio::{Events, Poll};

use super::json;
use super::{STALL, Window, verified};
use crate::arguments::Arguments;

/// Messages that the sender says before the run until one of them reaches everybody.
const ATTEMPTS: u64 = 10;

/// How long nobody may hear anything until it is plain that nothing will come.
const QUIET: Duration = Duration::from_secs(2);

/// Rounds of the pass that looks at every byte.
const VERIFIED_ROUNDS: u64 = 50;

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let bytes = arguments.number("bytes", 64)?;
    let in_flight: u64 = arguments.number("in-flight", 1)?;
    let room = arguments.text("room", "");
    let target = super::target(arguments, if room.is_empty() { "/binary" } else { "/chat" }, bytes)?;
    let receivers: usize = arguments.number("receivers", 1_000)?;
    let mut poll = Poll::new().map_err(|error| error.to_string())?;
    let connections =
        (0..=receivers).map(|index| target.open(index, &poll)).collect::<Result<Vec<_>, _>>()?;
    let payload: Payload = if arguments.has("json") { json::document } else { payload };
    let mut crowd = Crowd { connections, buffer: vec![0; READ_BUFFER_BYTES], target, payload };
    crowd.join(&mut poll, room, bytes)?;
    if arguments.has("verify") {
        return crowd.verify(&mut poll, room, bytes, in_flight);
    }
    let block = crowd.block(room, bytes, 0, in_flight);
    let wanted = in_flight * receivers as u64;
    let mut window = Window::new(arguments)?;
    let mut events = Events::with_capacity(1024);
    loop {
        let sent = Instant::now();
        crowd.connections[0].send(&block)?;
        let mut delivered = 0;
        while delivered < wanted {
            crowd.wait(&mut poll, &mut events)?;
            for event in events.iter() {
                let messages = crowd.count(event.token().0)?;
                delivered += if event.token().0 == 0 { 0 } else { messages };
            }
        }
        let now = Instant::now();
        window.arrived(delivered, now - sent);
        if delivered > wanted {
            return Err(format!("{delivered} deliveries instead of {wanted}"));
        }
        if window.is_over(now)? {
            return window.report(now);
        }
    }
}

/// Makes what connection so-and-so says as its message number so-and-so, of so many bytes.
type Payload = fn(usize, u64, usize) -> Vec<u8>;

/// Number 0 sends.
struct Crowd {
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    target: Target,
    payload: Payload,
}

impl Crowd {
    fn wait(&mut self, poll: &mut Poll, events: &mut Events) -> Result<(), String> {
        poll.poll(events, Some(STALL)).map_err(|error| error.to_string())?;
        if events.is_empty() {
            return Err(format!("nothing came for {} s", STALL.as_secs()));
        }
        for event in events.iter().filter(|event| event.is_writable()) {
            self.connections[event.token().0].flush()?;
        }
        Ok(())
    }

    fn count(&mut self, index: usize) -> Result<u64, String> {
        Ok(self.connections[index].count(&mut self.buffer)?)
    }

    /// Everybody goes into the room, if there is one. Returns when each receiver has heard a first message of the sender, which
    /// comes behind everything that was said while they joined.
    fn join(&mut self, poll: &mut Poll, room: &str, bytes: usize) -> Result<(), String> {
        let mut joined = vec![room.is_empty(); self.connections.len()];
        for index in 0..self.connections.len() {
            if !room.is_empty() {
                let mut frame = Vec::new();
                let join = format!("{{\"type\":\"join\",\"room\":\"{room}\"}}");
                self.target.wire.write(&mut frame, Kind::Text, join.as_bytes());
                self.connections[index].send(&frame)?;
            }
            while !joined[index] {
                if !self.mark(poll, &mut joined, b"{\"type\":\"history\"")? {
                    return Err(format!("connection {index} did not get into the room"));
                }
            }
        }
        // Whoever is let in behind such a message does not get it: then another is sent.
        for attempt in 0..ATTEMPTS {
            let mark = (self.payload)(0, u64::MAX - attempt, bytes);
            let mut frame = Vec::new();
            let (kind, message) = Self::message(room, &mark);
            self.target.wire.write(&mut frame, kind, &message);
            self.connections[0].send(&frame)?;
            let mut heard = vec![false; self.connections.len()];
            heard[0] = true;
            while self.mark(poll, &mut heard, &mark)? {
                if !heard.contains(&false) {
                    return Ok(());
                }
            }
        }
        Err("the sender's messages do not reach everybody".to_owned())
    }

    /// Reads what is there and notes who got a message that holds `mark`; false where nothing comes any more.
    fn mark(&mut self, poll: &mut Poll, marked: &mut [bool], mark: &[u8]) -> Result<bool, String> {
        let mut events = Events::with_capacity(1024);
        poll.poll(&mut events, Some(QUIET)).map_err(|error| error.to_string())?;
        for event in events.iter() {
            let index = event.token().0;
            self.connections[index].flush()?;
            self.connections[index].look(&mut self.buffer, |message| {
                marked[index] |= message.windows(mark.len()).any(|window| window == mark);
                Ok(())
            })?;
        }
        Ok(!events.is_empty())
    }

    fn message(room: &str, payload: &[u8]) -> (Kind, Vec<u8>) {
        if room.is_empty() {
            return (Kind::Binary, payload.to_vec());
        }
        let text = String::from_utf8_lossy(payload);
        let chat = format!("{{\"type\":\"chat\",\"room\":\"{room}\",\"text\":\"{text}\"}}");
        (Kind::Text, chat.into_bytes())
    }

    fn block(&self, room: &str, bytes: usize, from: u64, count: u64) -> Vec<u8> {
        let mut block = Vec::new();
        for number in from..from + count {
            let (kind, message) = Self::message(room, &(self.payload)(0, number, bytes));
            self.target.wire.write(&mut block, kind, &message);
        }
        block
    }

    /// Every message differs; each receiver has to get each of them once, as it was, in order.
    fn verify(
        &mut self,
        poll: &mut Poll,
        room: &str,
        bytes: usize,
        in_flight: u64,
    ) -> Result<String, String> {
        let mut came = vec![0u64; self.connections.len()];
        let mut events = Events::with_capacity(1024);
        let mut looked_at = 0;
        let rounds = verified(VERIFIED_ROUNDS, bytes * in_flight as usize, came.len());
        for round in 0..rounds {
            let first = round * in_flight;
            let block = self.block(room, bytes, first, in_flight);
            self.connections[0].send(&block)?;
            while came[1..].iter().any(|came| *came < first + in_flight) {
                self.wait(poll, &mut events)?;
                for event in events.iter() {
                    let index = event.token().0;
                    let (wire, connection) = (self.target.wire, &mut self.connections[index]);
                    let payload = self.payload;
                    connection.look(&mut self.buffer, |message| {
                        if index == 0 {
                            return Ok(());
                        }
                        looked_at += 1;
                        came[index] += 1;
                        expect(message, wire, room, &payload(0, came[index] - 1, bytes))
                    })?;
                }
            }
        }
        let inflated: u64 = self.connections.iter().map(Connection::inflated).sum();
        if self.target.deflates && inflated < looked_at {
            return Err(format!("only {inflated} of {looked_at} messages were compressed"));
        }
        Ok(format!("{{\"verified\":{looked_at},\"inflated\":{inflated}}}"))
    }
}

fn expect(message: &[u8], wire: Wire, room: &str, payload: &[u8]) -> Result<(), String> {
    let right = match wire {
        Wire::Raw { .. } => message.starts_with(payload),
        Wire::WebSocket | Wire::SocketIo if room.is_empty() => message == payload,
        Wire::WebSocket | Wire::SocketIo => String::from_utf8_lossy(message)
            .contains(&format!("\"text\":\"{}\"", String::from_utf8_lossy(payload))),
    };
    if right {
        return Ok(());
    }
    Err(format!("`{}` came instead of `{}`", beginning(message), beginning(payload)))
}
