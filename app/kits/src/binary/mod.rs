//! `/binary`: what one client sends, every other client of the door gets, as it is. Socket.IO clients also have
//! `binaryData`, which everyone gets as `binaryResponse`, and streams ([`stream`]).

mod stream;

use fanfare_hub::{Edge, ErrorCode, Kit, Message, Outgoing, Place, PlaceContext, Sender, SocketId};

use self::stream::{Stream, StreamLetter};
use crate::file::{FILE_TYPE, File};
use crate::request::{refuse_invalid, refuse_unknown};

/// Passes binary messages on: to everyone else, or, for a FILE that names one, to the others in a room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binary;

impl Kit for Binary {
    type Place = BinaryRoom;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Request(request) => match &*request.kind {
                kind @ ("streamStart" | "streamJoin" | "streamEnd") => {
                    stream::asked(cx, from, kind, request.text);
                }
                kind => refuse_unknown(cx, kind),
            },
            Message::Binary(payload) if payload.first() == Some(&FILE_TYPE) => {
                match File::read(payload.into_owned()) {
                    Ok(file) => pass_file(cx, from, file),
                    Err(reason) => refuse_invalid(cx, &reason),
                }
            }
            Message::Binary(payload) => cx.everyone(Some(from), &Outgoing::Binary(&payload)),
            Message::Event(event) => match (&*event.name, &event.attachments[..]) {
                ("binaryData", [bytes]) => cx.everyone(None, &Outgoing::NamedBinary("binaryResponse", bytes)),
                ("binaryData", several) => {
                    refuse_invalid(cx, &format!("binaryData carries one buffer, this one {}", several.len()));
                }
                ("streamData", _) => stream::data(cx, from, event),
                (other, _) => refuse_unknown(cx, other),
            },
            Message::Text(_) | Message::Acknowledged { .. } => {}
        }
    }

    fn place(&mut self, _: &str) -> BinaryRoom {
        BinaryRoom::default()
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
        Some(room) => cx.post(room, from, Letter::File(message)),
        None => cx.everyone(Some(from), &Outgoing::Binary(&message)),
    }
}

/// What edges send a room of this door.
#[derive(Debug)]
pub enum Letter {
    /// A FILE for the others.
    File(Vec<u8>),
    /// Something about the stream of this room.
    #[expect(private_interfaces, reason = "only this kit makes and reads its letters")]
    Stream(StreamLetter),
}

/// A room of the `/binary` door; one whose name begins with `stream-` may carry a stream.
#[derive(Debug, Default)]
pub struct BinaryRoom {
    stream: Stream,
}

impl Place for BinaryRoom {
    type Letter = Letter;

    fn cost_bytes(letter: &Letter) -> usize {
        match letter {
            Letter::File(message) => message.len(),
            Letter::Stream(letter) => letter.cost_bytes(),
        }
    }

    fn left(&mut self, cx: &mut PlaceContext<'_>, member: &Sender) {
        self.stream.left(cx, member.socket);
        cx.announce_left(member);
    }

    fn letter(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, letter: Letter) {
        match letter {
            Letter::Stream(letter) => self.stream.letter(cx, from.socket, letter),
            Letter::File(message) if cx.is_member(from.socket) => {
                cx.broadcast(Some(from.socket), &Outgoing::Binary(&message));
            }
            Letter::File(_) => {
                let reason = format!("Not in room {}", cx.room());
                cx.refuse(ErrorCode::Forbidden, &reason);
            }
        }
    }
}
