//! A room: numbers what is said, knows who is typing, and says everything to everybody in one order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use fanfare_hub::{ErrorCode, Event, Outgoing, Place, PlaceContext, Sender, SocketId, User, body};
use serde_json::Value;

use super::binary::write_chat;
use super::messages::{ChatOut, FileOut, HistoryOut, Said, TypingOut};
use crate::file::File;

/// How long somebody types without saying so again.
const TYPING_MS: u64 = 5_000;

/// Messages whose `clientMessageId` a room remembers, so that a repeat is answered and not said again.
const REMEMBERED_MAX: usize = 512;

/// What edges send a room.
#[derive(Debug)]
pub enum Letter {
    /// A `chat`.
    Say {
        /// What was said.
        text: String,
        /// Makes saying it idempotent.
        client_message_id: Option<String>,
    },
    /// A binary CHAT.
    SayBinary {
        /// What was said.
        text: String,
    },
    /// A FILE.
    #[expect(private_interfaces, reason = "only this kit makes and reads its letters")]
    File(Box<File>),
    /// Somebody types, or no longer does.
    Typing(bool),
    /// Who is here?
    Presence,
}

/// One room's place.
#[derive(Debug, Default)]
pub struct ChatRoom {
    typing: HashMap<SocketId, Typist>,
    remembered: Remembered,
}

#[derive(Debug)]
struct Typist {
    user: Arc<User>,
    until_ms: u64,
}

impl Place for ChatRoom {
    type Letter = Letter;

    fn cost_bytes(letter: &Letter) -> usize {
        let content = match letter {
            Letter::Say { text, .. } | Letter::SayBinary { text } => text.len(),
            Letter::File(file) => file.bytes(),
            Letter::Typing(_) | Letter::Presence => 0,
        };
        size_of_val(letter) + content
    }

    fn joined(&mut self, cx: &mut PlaceContext<'_>, member: &Sender) {
        let history = body(&HistoryOut { room: cx.room(), messages: [], has_more: false });
        cx.send(member.socket, &Outgoing::Event(Event { name: "history", body: &history }));
        cx.announce_joined(member);
    }

    fn left(&mut self, cx: &mut PlaceContext<'_>, member: &Sender) {
        self.stop_typing(cx, member.socket);
        // A guest is nobody once it has gone, so nobody can say the same again.
        self.remembered.forget(member.user.id());
        cx.announce_left(member);
    }

    fn letter(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, letter: Letter) {
        if !cx.is_member(from.socket) {
            let reason = format!("Not in room {}", cx.room());
            return cx.refuse(ErrorCode::Forbidden, &reason);
        }
        match letter {
            Letter::Say { text, client_message_id } => self.say(cx, from, &text, client_message_id),
            Letter::SayBinary { text } => self.say_binary(cx, from, &text),
            Letter::File(file) => self.file(cx, from, *file),
            Letter::Typing(true) => self.start_typing(cx, from),
            Letter::Typing(false) => self.stop_typing(cx, from.socket),
            Letter::Presence => cx.send_presence(from.socket),
        }
    }

    fn tick(&mut self, cx: &mut PlaceContext<'_>) {
        let now_ms = cx.now().ms;
        let mut over: Vec<_> = self
            .typing
            .iter()
            .filter(|(_, typist)| typist.until_ms <= now_ms)
            .map(|(socket, _)| *socket)
            .collect();
        over.sort_unstable();
        for socket in over {
            self.stop_typing(cx, socket);
        }
        if let Some(next) = self.typing.values().map(|typist| typist.until_ms).min() {
            cx.wake_at(next);
        }
    }
}

impl ChatRoom {
    fn say(
        &mut self,
        cx: &mut PlaceContext<'_>,
        from: &Sender,
        text: &str,
        client_message_id: Option<String>,
    ) {
        if let Some((id, timestamp)) =
            client_message_id.as_deref().and_then(|id| self.remembered.get(from.user.id(), id))
        {
            return cx.ack(&Said { id, timestamp });
        }
        let timestamp = cx.now().unix_ms;
        let id = cx.next_number().to_string();
        let out = chat_out(cx.room(), from, &id, text, timestamp, client_message_id.as_deref());
        cx.broadcast(None, &Outgoing::Event(Event { name: "chat", body: &out }));
        cx.ack(&Said { id: &id, timestamp });
        if let Some(client_message_id) = client_message_id {
            self.remembered.insert((from.user.id().into(), client_message_id.into()), (id, timestamp));
        }
    }

    fn say_binary(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, text: &str) {
        let timestamp = cx.now().unix_ms;
        let id = cx.next_number().to_string();
        let out = chat_out(cx.room(), from, &id, text, timestamp, None);
        if let Some(binary) = write_chat(from.user.number(), text) {
            let event = Some(Event { name: "chat", body: &out });
            cx.broadcast(None, &Outgoing::Either { binary: &binary, event });
        }
    }

    /// The others get the bytes, or word of them; the sender gets word, which tells it that they are out.
    fn file(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, mut file: File) {
        let timestamp = cx.now().unix_ms;
        let id = cx.next_number().to_string();
        let room = cx.room().to_owned();
        file.sign(
            &from.user,
            [
                ("id", Value::from(id.as_str())),
                ("room", Value::from(room.as_str())),
                ("timestamp", Value::from(timestamp)),
            ],
        );
        let about = file.about();
        let out = body(&FileOut {
            id: &id,
            room: &room,
            from: from.user.client_id(),
            user_id: from.user.id(),
            user_name: from.user.name(),
            name: about.name,
            mime_type: about.mime_type,
            size: about.size,
            timestamp,
        });
        let event = Event { name: "file", body: &out };
        match file.encode() {
            Ok(binary) => {
                cx.broadcast(Some(from.socket), &Outgoing::Either { binary: &binary, event: Some(event) });
                cx.send(from.socket, &Outgoing::Event(event));
            }
            Err(reason) => cx.refuse(ErrorCode::InvalidMessage, &format!("Invalid message format: {reason}")),
        }
    }

    fn start_typing(&mut self, cx: &mut PlaceContext<'_>, from: &Sender) {
        if cx.is_crowded() {
            return;
        }
        let until_ms = cx.now().ms + TYPING_MS;
        let typist = Typist { user: Arc::clone(&from.user), until_ms };
        // A client says it at every key; the others are told once.
        if self.typing.insert(from.socket, typist).is_none() {
            say_typing(cx, from.socket, &from.user, true);
        }
        cx.wake_at(until_ms);
    }

    fn stop_typing(&mut self, cx: &mut PlaceContext<'_>, socket: SocketId) {
        if let Some(typist) = self.typing.remove(&socket)
            && !cx.is_crowded()
        {
            say_typing(cx, socket, &typist.user, false);
        }
    }
}

fn say_typing(cx: &mut PlaceContext<'_>, socket: SocketId, user: &User, is_typing: bool) {
    let out = body(&TypingOut { room: cx.room(), user_id: user.id(), user_name: user.name(), is_typing });
    cx.broadcast(Some(socket), &Outgoing::Event(Event { name: "typing", body: &out }));
}

fn chat_out(
    room: &str,
    from: &Sender,
    id: &str,
    text: &str,
    timestamp: u64,
    client_message_id: Option<&str>,
) -> Vec<u8> {
    body(&ChatOut {
        id,
        room: Some(room),
        from: from.user.client_id(),
        user_id: from.user.id(),
        user_name: from.user.name(),
        text,
        timestamp,
        client_message_id,
    })
}

/// The user and the `clientMessageId`.
type Name = (Box<str>, Box<str>);

/// What was said under which `clientMessageId`, oldest forgotten first.
#[derive(Debug, Default)]
struct Remembered {
    said: HashMap<Name, (String, u64)>,
    order: VecDeque<Name>,
}

impl Remembered {
    fn get(&self, user_id: &str, client_message_id: &str) -> Option<(&str, u64)> {
        let (id, timestamp) = self.said.get(&(user_id.into(), client_message_id.into()))?;
        Some((id, *timestamp))
    }

    fn insert(&mut self, name: Name, said: (String, u64)) {
        if self.order.len() == REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.said.remove(&oldest);
        }
        self.order.push_back(name.clone());
        self.said.insert(name, said);
    }

    fn forget(&mut self, user_id: &str) {
        if self.order.iter().any(|(user, _)| **user == *user_id) {
            self.order.retain(|(user, _)| **user != *user_id);
            self.said.retain(|(user, _), _| **user != *user_id);
        }
    }
}
