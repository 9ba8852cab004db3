//! Rooms in which clients of all kinds are: native and Socket.IO, over WebSocket and polling, compressed and not; each is in
//! two of three rooms.

mod poller;

use std::time::{Duration, Instant};

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES, Target, Wire, beginning, payload};
use mio::{Events, Poll};

use self::poller::Poller;
use super::{STALL, Window};
use crate::arguments::Arguments;

/// The namespace and the path of the application.
const CHAT: &str = "/chat";

/// How long nothing may come until everybody is in its rooms.
const QUIET: Duration = Duration::from_secs(2);

/// Members who join before what comes of it is read.
const JOINS_AT_ONCE: usize = 100;

/// Messages of the pass that looks at every byte.
const VERIFIED: u64 = 96;

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let mut poll = Poll::new().map_err(|error| error.to_string())?;
    let mut hall = Hall::open(arguments, &poll)?;
    hall.join(&mut poll)?;
    let in_flight: u64 = arguments.number("in-flight", 1)?;
    if arguments.has("verify") {
        return hall.verify(&mut poll, in_flight);
    }
    let rooms = hall.rooms;
    let of_each: Vec<u64> = (0..rooms).map(|room| hall.answers(&mut poll, room)).collect::<Result<_, _>>()?;
    let members: Vec<u64> = (0..rooms).map(|room| hall.members(room)).collect();
    let mut window = Window::new(arguments)?;
    let mut number = 0;
    loop {
        let sent = Instant::now();
        let (mut wanted, mut deliveries, mut came) = (0, 0, 0);
        for _ in 0..in_flight {
            let room = hall.room_of(number);
            hall.say(number);
            (wanted, deliveries) = (wanted + of_each[room], deliveries + members[room]);
            number += 1;
        }
        hall.flush()?;
        while came < wanted {
            hall.wait(&mut poll, STALL)?;
            came += hall.count()?;
        }
        if came > wanted {
            return Err(format!("{came} messages came instead of {wanted}"));
        }
        let now = Instant::now();
        window.arrived(deliveries, now - sent);
        if window.is_over(now)? {
            return window.report(now);
        }
    }
}

/// What a member is.
enum Member {
    Native(Connection),
    SocketIo(Connection),
    Polls(Poller),
}

struct Hall {
    members: Vec<Member>,
    rooms: usize,
    bytes: usize,
    /// Whether those who are native are sent everything compressed.
    deflates: bool,
    buffer: Vec<u8>,
    events: Events,
    /// What the members who speak are about to send, by room.
    unsent: Vec<Vec<u8>>,
}

impl Hall {
    /// Of ten members five are native, four have Socket.IO over WebSocket and one polls; fewer kinds where they are not asked for.
    fn open(arguments: &Arguments, poll: &Poll) -> Result<Self, String> {
        let bytes = arguments.number("bytes", 1_024)?;
        let mut native = super::target(arguments, CHAT, bytes)?;
        if native.wire != Wire::WebSocket {
            return Err("the load `mixed` has its own wires".to_owned());
        }
        native.path = CHAT.to_owned();
        let over_socketio = Target {
            wire: Wire::SocketIo,
            path: fanfare_load::SOCKETIO_PATH.to_owned(),
            namespace: CHAT.to_owned(),
            deflates: false,
            host: native.host.clone(),
            secure: None,
            patience: native.patience.clone(),
            ..native
        };
        let (has_socketio, has_polling) = (arguments.has("socketio"), arguments.has("polling"));
        let open = |index: usize| -> Result<Member, String> {
            Ok(match index % 10 {
                0 if has_polling => Member::Polls(Poller::open(native.address, CHAT, index, poll)?),
                0..=4 if has_socketio => Member::SocketIo(over_socketio.open(index, poll)?),
                _ => Member::Native(native.open(index, poll)?),
            })
        };
        let count: usize = arguments.number("connections", 1_000)?;
        let rooms: usize = arguments.number("rooms", 3)?;
        if count < 10 || rooms == 0 {
            return Err(format!("{count} connections in {rooms} rooms are too few"));
        }
        let members = (0..count).map(open).collect::<Result<Vec<_>, _>>()?;
        let (buffer, events) = (vec![0; READ_BUFFER_BYTES], Events::with_capacity(1024));
        let deflates = arguments.has("deflate");
        Ok(Self { members, rooms, bytes, deflates, buffer, events, unsent: vec![Vec::new(); rooms] })
    }

    /// Everybody is in all rooms but one, and not all of a kind out of the same; of one room a third is not there.
    fn is_in(&self, member: usize, room: usize) -> bool {
        match self.rooms {
            1 => !member.is_multiple_of(3),
            rooms => (member / 10 + member) % rooms != room,
        }
    }

    fn members(&self, room: usize) -> u64 {
        (0..self.members.len()).filter(|member| self.is_in(*member, room)).count() as u64
    }

    fn room_of(&self, number: u64) -> usize {
        (number % self.rooms as u64) as usize
    }

    fn join(&mut self, poll: &mut Poll) -> Result<(), String> {
        for index in 0..self.members.len() {
            for room in (0..self.rooms).filter(|room| self.is_in(index, *room)).collect::<Vec<_>>() {
                let object = format!("{{\"room\":\"room-{room}\"}}");
                match &mut self.members[index] {
                    Member::Native(connection) => {
                        let join = object.replacen('{', "{\"type\":\"join\",", 1);
                        connection.send(&text_frame(&join))?;
                    }
                    Member::SocketIo(connection) => {
                        connection.send(&text_frame(&format!("42{CHAT},[\"join\",{object}]")))?;
                    }
                    Member::Polls(poller) => poller.post(&format!("42{CHAT},[\"join\",{object}]"))?,
                }
            }
            if index % JOINS_AT_ONCE == JOINS_AT_ONCE - 1 {
                self.wait(poll, STALL)?;
                self.count()?;
            }
        }
        while self.wait(poll, QUIET)? {
            self.count()?;
        }
        Ok(())
    }

    /// The member who speaks in a room is native.
    fn speaker(&self, room: usize) -> Result<usize, String> {
        let speaks =
            |index: &usize| matches!(self.members[*index], Member::Native(_)) && self.is_in(*index, room);
        (0..self.members.len()).find(speaks).ok_or_else(|| format!("nobody native is in room {room}"))
    }

    fn text(&self, number: u64) -> String {
        String::from_utf8_lossy(&payload(0, number, self.bytes)).into_owned()
    }

    /// Message number so-and-so is said in its room; it goes out with the next [`Hall::flush`].
    fn say(&mut self, number: u64) {
        let room = self.room_of(number);
        let chat =
            format!("{{\"type\":\"chat\",\"room\":\"room-{room}\",\"text\":\"{}\"}}", self.text(number));
        Wire::WebSocket.write(&mut self.unsent[room], Kind::Text, chat.as_bytes());
    }

    fn flush(&mut self) -> Result<(), String> {
        for room in 0..self.rooms {
            let unsent = std::mem::take(&mut self.unsent[room]);
            if unsent.is_empty() {
                continue;
            }
            let speaker = self.speaker(room)?;
            if let Member::Native(connection) = &mut self.members[speaker] {
                connection.send(&unsent)?;
            }
        }
        Ok(())
    }

    /// How many messages come of one in this room: to everybody there, and what its sender is answered besides.
    fn answers(&mut self, poll: &mut Poll, room: usize) -> Result<u64, String> {
        self.say(room as u64);
        self.flush()?;
        let mut came = 0;
        while self.wait(poll, QUIET)? {
            came += self.count()?;
        }
        let least = self.members(room);
        if came < least { Err(format!("{came} got a message instead of {least}")) } else { Ok(came) }
    }

    /// False where nothing comes in this time.
    fn wait(&mut self, poll: &mut Poll, limit: Duration) -> Result<bool, String> {
        poll.poll(&mut self.events, Some(limit)).map_err(|error| error.to_string())?;
        if self.events.is_empty() && limit == STALL {
            return Err(format!("nothing came for {} s", STALL.as_secs()));
        }
        for event in self.events.iter().filter(|event| event.is_writable()) {
            match &mut self.members[event.token().0] {
                Member::Native(connection) | Member::SocketIo(connection) => connection.flush()?,
                Member::Polls(_) => {}
            }
        }
        Ok(!self.events.is_empty())
    }

    /// What came with the events of the last wait.
    fn count(&mut self) -> Result<u64, String> {
        let mut messages = 0;
        for event in &self.events {
            messages += match &mut self.members[event.token().0] {
                Member::Native(connection) | Member::SocketIo(connection) => {
                    connection.count(&mut self.buffer)?
                }
                Member::Polls(poller) => {
                    let mut events = 0;
                    poller.receive(&mut self.buffer, |_| events += 1)?;
                    events
                }
            };
        }
        Ok(messages)
    }

    /// Each message has to come to each of its room once, as it was, in order, and to nobody else; to those who negotiated it
    /// compressed.
    fn verify(&mut self, poll: &mut Poll, in_flight: u64) -> Result<String, String> {
        let (mut looked_at, mut by_native, mut said) = (0, 0, 0);
        // By member: the number of the next message of each room.
        let firsts: Vec<u64> = (0..self.rooms as u64).collect();
        let mut next = vec![firsts; self.members.len()];
        while said < VERIFIED {
            let mut wanted = 0;
            for _ in 0..in_flight {
                wanted += self.members(self.room_of(said));
                self.say(said);
                said += 1;
            }
            self.flush()?;
            while wanted > 0 {
                self.wait(poll, STALL)?;
                for index in self.events.iter().map(|event| event.token().0).collect::<Vec<_>>() {
                    for message in self.chats(index)? {
                        let right = (0..self.rooms).find(|room| {
                            let text = format!("\"text\":\"{}\"", self.text(next[index][*room]));
                            self.is_in(index, *room) && message.contains(&text)
                        });
                        let shown = || beginning(message.as_bytes());
                        let room = right.ok_or_else(|| format!("connection {index} got `{}`", shown()))?;
                        next[index][room] += self.rooms as u64;
                        by_native += u64::from(matches!(self.members[index], Member::Native(_)));
                        (wanted, looked_at) = (wanted.saturating_sub(1), looked_at + 1);
                    }
                }
            }
        }
        let inflated = self.members.iter().map(|member| match member {
            Member::Native(connection) => connection.inflated(),
            Member::SocketIo(_) | Member::Polls(_) => 0,
        });
        let inflated: u64 = inflated.sum();
        if self.deflates && inflated < by_native {
            return Err(format!("only {inflated} of {by_native} messages were compressed"));
        }
        Ok(format!("{{\"verified\":{looked_at},\"inflated\":{inflated}}}"))
    }

    /// The chat messages that have come to one member.
    fn chats(&mut self, index: usize) -> Result<Vec<String>, String> {
        let mut came = Vec::new();
        let mut take = |message: &[u8]| came.push(String::from_utf8_lossy(message).into_owned());
        match &mut self.members[index] {
            Member::Native(connection) => connection.look(&mut self.buffer, |message| {
                take(message);
                Ok(())
            })?,
            Member::SocketIo(connection) => {
                connection.receive(&mut self.buffer, false, take)?;
            }
            Member::Polls(poller) => poller.receive(&mut self.buffer, take)?,
        }
        came.retain(|message| message.contains("\"text\":"));
        Ok(came)
    }
}

fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, text.as_bytes());
    frame
}
