//! `/binary`: what one client sends, every other client of the door gets, as it is.

use fanfare_hub::{Edge, ErrorCode, Kit, Message, Outgoing, Place, PlaceContext, Sender, SocketId};

use crate::file::{FILE_TYPE, File};
use crate::request::{refuse_invalid, refuse_unknown};

/// Passes binary messages on: to everyone else, or, for a FILE that names one, to the others in a room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binary;

impl Kit for Binary {
    type Place = BinaryRoom;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Request(request) => refuse_unknown(cx, &request.kind),
            Message::Binary(payload) if payload.first() == Some(&FILE_TYPE) => {
                match File::read(payload.into_owned()) {
                    Ok(file) => pass_file(cx, from, file),
                    Err(reason) => refuse_invalid(cx, &reason),
                }
            }
            Message::Binary(payload) => cx.everyone(Some(from), &Outgoing::Binary(&payload)),
            Message::Text(_) => {}
        }
    }

    fn place(&mut self, _: &str) -> BinaryRoom {
        BinaryRoom
    }
}

fn pass_file(cx: &mut Edge<'_, Binary>, from: SocketId, mut file: File) {
    let Some(user) = cx.user(from) else { return };
    file.sign(&user, []);
    let message = match file.encode() {
        Ok(message) => message,
        Err(reason) => return refuse_invalid(cx, &reason),
    };
    match file.room() {
        Some(room) => cx.post(room, from, message),
        None => cx.everyone(Some(from), &Outgoing::Binary(&message)),
    }
}

/// A room of the `/binary` door.
#[derive(Debug)]
pub struct BinaryRoom;

impl Place for BinaryRoom {
    type Letter = Vec<u8>;

    fn cost_bytes(message: &Vec<u8>) -> usize {
        message.len()
    }

    fn letter(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, message: Vec<u8>) {
        if cx.is_member(from.socket) {
            cx.broadcast(Some(from.socket), &Outgoing::Binary(&message));
        } else {
            let reason = format!("Not in room {}", cx.room());
            cx.refuse(ErrorCode::Forbidden, &reason);
        }
    }
}
