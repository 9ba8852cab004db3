//! `/chat`: rooms, private messages, who is here, who is typing, files.
//!
//! The edge reads messages and says what is wrong with them; a room's place ([`room`]) numbers what is said and knows who
//! is there.

mod binary;
mod messages;
mod room;

use std::sync::Arc;

use fanfare_hub::{Edge, ErrorCode, Event, Kit, Message, Outgoing, SocketId, body};
use fanfare_native::Request;
use serde_json::value::RawValue;

use self::messages::{
    CLIENT_MESSAGE_ID_CHARS_MAX, CLIENT_MESSAGE_ID_CHARS_MIN, ChatIn, ChatOut, LOAD_LIMIT_MAX, LoadMessages,
    Messages, RoomOnly, Said, TEXT_CHARS_MAX, TypingIn,
};
use self::room::{ChatRoom, Letter};
use crate::file::{FILE_TYPE, File};
use crate::request::{check_chars, members, refuse_invalid, refuse_unknown};

/// The chat kit. Nothing is stored: who is there sees what is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chat;

impl Kit for Chat {
    type Place = ChatRoom;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        let handled = match message {
            Message::Request(request) => request_received(cx, from, &request),
            Message::Binary(payload) => binary_received(cx, from, payload.into_owned()),
            Message::Event(event) => {
                refuse_unknown(cx, &event.name);
                Ok(())
            }
            Message::Text(_) | Message::Acknowledged { .. } => Ok(()),
        };
        if let Err(reason) = handled {
            refuse_invalid(cx, &reason);
        }
    }

    fn place(&mut self, _: &str) -> ChatRoom {
        ChatRoom::default()
    }
}

fn request_received(cx: &mut Edge<'_, Chat>, from: SocketId, request: &Request<'_>) -> Result<(), String> {
    match &*request.kind {
        "chat" => chat(cx, from, request.text)?,
        "typing" => {
            let typing: TypingIn = members(request.text)?;
            fanfare_hub::check_room_name(&typing.room)?;
            cx.post(&typing.room, from, Letter::Typing(typing.is_typing));
        }
        "presence" => {
            let presence: RoomOnly = members(request.text)?;
            fanfare_hub::check_room_name(&presence.room)?;
            cx.post(&presence.room, from, Letter::Presence);
        }
        "loadMessages" => load_messages(cx, from, request.text)?,
        // Nothing is stored, so there is nothing that could have been read up to.
        "markRead" => {}
        other => refuse_unknown(cx, other),
    }
    Ok(())
}

fn chat(cx: &mut Edge<'_, Chat>, from: SocketId, text: &str) -> Result<(), String> {
    let chat: ChatIn = members(text)?;
    check_chars("text", &chat.text, 1, TEXT_CHARS_MAX)?;
    if let Some(id) = &chat.client_message_id {
        check_chars("clientMessageId", id, CLIENT_MESSAGE_ID_CHARS_MIN, CLIENT_MESSAGE_ID_CHARS_MAX)?;
    }
    if let Some(room) = &chat.room {
        fanfare_hub::check_room_name(room)?;
        cx.post(room, from, Letter::Say { text: chat.text, client_message_id: chat.client_message_id });
        return Ok(());
    }
    let (Some(user), id, timestamp) = (cx.user(from), cx.fresh_id(), cx.now().unix_ms) else { return Ok(()) };
    let out = ChatOut {
        id: &id,
        room: None,
        from: user.client_id(),
        user_id: user.id(),
        user_name: user.name(),
        text: &chat.text,
        timestamp,
        client_message_id: chat.client_message_id.as_deref(),
    };
    cx.everyone(Some(from), &Outgoing::Event(Event { name: "chat", body: &body(&out) }));
    cx.ack(&Said { id: &id, timestamp });
    Ok(())
}

/// Without a store every room's history is empty, which is an answer: clients wait for one.
fn load_messages(cx: &mut Edge<'_, Chat>, from: SocketId, text: &str) -> Result<(), String> {
    let load: LoadMessages<'_> = members(text)?;
    let refusal = match load.limit {
        Some(limit) if (1..=LOAD_LIMIT_MAX).contains(&limit) => None,
        Some(limit) => Some(format!("limit is 1 to {LOAD_LIMIT_MAX}, and is {limit}")),
        None => Some("limit is missing".to_owned()),
    };
    let messages =
        Messages { request_id: load.request_id.map_or("null", RawValue::get), error: refusal.as_deref() };
    cx.send(from, &Outgoing::Event(Event { name: "messages", body: &messages.body() }));
    if let Some(reason) = refusal {
        // The asker has its refusal in the message that it waits for; an `id` is answered alike.
        cx.refuse_if_asked(ErrorCode::InvalidMessage, &reason);
    }
    Ok(())
}

fn binary_received(cx: &mut Edge<'_, Chat>, from: SocketId, message: Vec<u8>) -> Result<(), String> {
    match message.first() {
        Some(&binary::CHAT_TYPE) => {
            let text = binary::read_chat(&message)?;
            check_chars("text", &text, 1, TEXT_CHARS_MAX)?;
            let room = last_joined(cx, from)?;
            cx.post(&room, from, Letter::SayBinary { text });
        }
        Some(&FILE_TYPE) => {
            let file = File::read(message)?;
            let room = match file.room() {
                Some(room) => room.into(),
                None => last_joined(cx, from)?,
            };
            fanfare_hub::check_room_name(&room)?;
            cx.post(&room, from, Letter::File(Box::new(file)));
        }
        Some(other) => return Err(format!("no binary message of this door has the type 0x{other:02x}")),
        None => return Err("an empty binary message".to_owned()),
    }
    Ok(())
}

fn last_joined(cx: &Edge<'_, Chat>, from: SocketId) -> Result<Arc<str>, String> {
    cx.last_joined(from)
        .ok_or_else(|| "a binary message goes to the room last joined, and none was".to_owned())
}
