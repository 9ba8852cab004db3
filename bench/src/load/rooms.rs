//! Many rooms: as many connections with few rooms or with many, each room of the same size, and messages here and there.

use std::time::{Duration, Instant};

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES, Target, payload};
use mio::{Events, Poll};

use super::{STALL, Window, verified};
use crate::arguments::Arguments;

/// How long nothing may come until everybody is in its rooms.
const QUIET: Duration = Duration::from_secs(2);

/// Joins that are sent before what they bring is read.
const JOINS_AT_ONCE: u64 = 1_000;

/// Goes through the rooms in an order that memory does not foresee; it has no divisor in common with their number.
const STRIDE: u64 = 7_919;

/// Messages of the pass that looks at every byte.
const VERIFIED: u64 = 2_000;

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let bytes = arguments.number("bytes", 64)?;
    let target = super::target(arguments, "/chat", bytes)?;
    let mut poll = Poll::new().map_err(|error| error.to_string())?;
    let connections = (0..arguments.number("connections", 1_000)?).map(|index| target.open(index, &poll));
    let connections = connections.collect::<Result<Vec<_>, _>>()?;
    let rooms: u64 = arguments.number("rooms", 10)?;
    let members = arguments.number("members", 10)?;
    if members == 0 || rooms == 0 || rooms.is_multiple_of(STRIDE) || members > connections.len() as u64 {
        return Err(format!("{rooms} rooms of {members} members are not to be had"));
    }
    let buffer = vec![0; READ_BUFFER_BYTES];
    let events = Events::with_capacity(1024);
    let mut town = Town { connections, buffer, events, target, rooms, members, bytes };
    town.join(&mut poll)?;
    let in_flight = arguments.number("in-flight", 10)?;
    if arguments.has("verify") {
        return town.verify(&mut poll, in_flight);
    }
    let each = town.answers(&mut poll)?;
    let mut window = Window::new(arguments)?;
    let mut number = 0;
    loop {
        let sent = Instant::now();
        for _ in 0..in_flight {
            town.say(number)?;
            number += 1;
        }
        let wanted = in_flight * each;
        let mut came = 0;
        while came < wanted {
            town.wait(&mut poll, STALL)?;
            came += town.count()?;
        }
        if came > wanted {
            return Err(format!("{came} messages came instead of {wanted}"));
        }
        let now = Instant::now();
        window.arrived(in_flight * members, now - sent);
        if window.is_over(now)? {
            return window.report(now);
        }
    }
}

struct Town {
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    events: Events,
    target: Target,
    rooms: u64,
    /// Of each room.
    members: u64,
    bytes: usize,
}

impl Town {
    /// Room r has the connections from r × members on, around the end.
    fn member(&self, room: u64, place: u64) -> usize {
        usize::try_from((room * self.members + place) % self.connections.len() as u64).unwrap_or(0)
    }

    fn room_of(&self, number: u64) -> u64 {
        (number * STRIDE) % self.rooms
    }

    fn join(&mut self, poll: &mut Poll) -> Result<(), String> {
        for join in 0..self.rooms * self.members {
            let (room, place) = (join / self.members, join % self.members);
            let text = format!("{{\"type\":\"join\",\"room\":\"room-{room}\"}}");
            self.send(self.member(room, place), text.as_bytes())?;
            if join % JOINS_AT_ONCE == JOINS_AT_ONCE - 1 {
                self.wait(poll, STALL)?;
                self.count()?;
            }
        }
        while self.wait(poll, QUIET)? {
            self.count()?;
        }
        Ok(())
    }

    fn send(&mut self, index: usize, text: &[u8]) -> Result<(), String> {
        let mut frame = Vec::new();
        self.target.wire.write(&mut frame, Kind::Text, text);
        Ok(self.connections[index].send(&frame)?)
    }

    /// The first member of its room says message number so-and-so.
    fn say(&mut self, number: u64) -> Result<(), String> {
        let room = self.room_of(number);
        let text = payload(0, number, self.bytes);
        let text = String::from_utf8_lossy(&text);
        let chat = format!("{{\"type\":\"chat\",\"room\":\"room-{room}\",\"text\":\"{text}\"}}");
        self.send(self.member(room, 0), chat.as_bytes())
    }

    /// How many messages come of one: to everybody in its room, and what its sender is answered besides.
    fn answers(&mut self, poll: &mut Poll) -> Result<u64, String> {
        self.say(0)?;
        let mut came = 0;
        while self.wait(poll, QUIET)? {
            came += self.count()?;
        }
        let least = self.members;
        if came < least { Err(format!("{came} got a message instead of {least}")) } else { Ok(came) }
    }

    /// False where nothing comes in this time.
    fn wait(&mut self, poll: &mut Poll, limit: Duration) -> Result<bool, String> {
        poll.poll(&mut self.events, Some(limit)).map_err(|error| error.to_string())?;
        if self.events.is_empty() && limit == STALL {
            return Err(format!("nothing came for {} s", STALL.as_secs()));
        }
        for event in self.events.iter().filter(|event| event.is_writable()) {
            self.connections[event.token().0].flush()?;
        }
        Ok(!self.events.is_empty())
    }

    /// What came with the events of the last wait.
    fn count(&mut self) -> Result<u64, String> {
        let mut messages = 0;
        for event in &self.events {
            messages += self.connections[event.token().0].count(&mut self.buffer)?;
        }
        Ok(messages)
    }

    /// Each message has to come to each of its room once, as it was, and to nobody else.
    fn verify(&mut self, poll: &mut Poll, in_flight: u64) -> Result<String, String> {
        let mut looked_at = 0;
        let turns = verified(VERIFIED, self.bytes, 10) / in_flight.max(1);
        for turn in 0..turns {
            let numbers = turn * in_flight..(turn + 1) * in_flight;
            let mut expected = Vec::new();
            for number in numbers {
                self.say(number)?;
                let text = payload(0, number, self.bytes);
                let text = format!("\"text\":\"{}\"", String::from_utf8_lossy(&text));
                let room = self.room_of(number);
                expected.extend((0..self.members).map(|place| (self.member(room, place), text.clone())));
            }
            while !expected.is_empty() {
                self.wait(poll, STALL)?;
                for event in &self.events {
                    let index = event.token().0;
                    self.connections[index].look(&mut self.buffer, |message| {
                        let message = String::from_utf8_lossy(message);
                        if !message.contains("\"text\":") {
                            return Ok(());
                        }
                        let right = expected
                            .iter()
                            .position(|(to, text)| *to == index && message.contains(text.as_str()));
                        let right = right.ok_or_else(|| format!("connection {index} got `{message}`"))?;
                        expected.swap_remove(right);
                        looked_at += 1;
                        Ok(())
                    })?;
                }
            }
        }
        Ok(format!("{{\"verified\":{looked_at}}}"))
    }
}
