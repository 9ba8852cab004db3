//! Streams of Socket.IO clients: who starts one sends, everybody who joined it receives (`docs/protocol.md`, "/binary").

use fanfare_hub::{
    Arguments, Edge, ErrorCode, Event, Outgoing, PlaceContext, SocketEvent, SocketId, body, check_room_name,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Binary, Letter};
use crate::request::{members, refuse_invalid};

/// Characters of a stream's id: what the name of a room leaves beside `stream-`.
const STREAM_ID_CHARS_MAX: usize = 93;

/// What of a message names its stream; an id is text, or a number that is taken as its text.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started<'a> {
    success: bool,
    stream_id: &'a str,
}

#[derive(Serialize)]
struct Ended<'a> {
    id: &'a str,
}

/// What edges tell the room of a stream.
#[derive(Debug)]
pub(super) enum StreamLetter {
    Start {
        id: String,
    },
    Join {
        id: String,
    },
    End,
    /// A chunk: the arguments as they came, and the bytes.
    Data {
        json: String,
        attachments: Vec<Vec<u8>>,
    },
}

impl StreamLetter {
    pub(super) fn cost_bytes(&self) -> usize {
        match self {
            Self::Data { json, attachments } => json.len() + attachments.iter().map(Vec::len).sum::<usize>(),
            Self::Start { .. } | Self::Join { .. } | Self::End => size_of_val(self),
        }
    }
}

/// Handles `streamStart`, `streamJoin` and `streamEnd`.
pub(super) fn asked(cx: &mut Edge<'_, Binary>, from: SocketId, kind: &str, text: &str) {
    let (id, room) = match stream_of(text) {
        Ok(stream) => stream,
        Err(reason) => return refuse_invalid(cx, &reason),
    };
    let letter = match kind {
        "streamStart" => StreamLetter::Start { id },
        "streamJoin" => StreamLetter::Join { id },
        _ => {
            cx.post(&room, from, Letter::Stream(StreamLetter::End));
            return cx.leave(from, &room);
        }
    };
    if let Err((code, reason)) = cx.join(from, &room) {
        return cx.refuse(code, &reason);
    }
    cx.post(&room, from, Letter::Stream(letter));
}

/// Handles `streamData`.
pub(super) fn data(cx: &mut Edge<'_, Binary>, from: SocketId, event: SocketEvent<'_>) {
    match stream_of(event.arguments) {
        Ok((_, room)) => {
            let json = event.arguments.to_owned();
            let letter = StreamLetter::Data { json, attachments: event.attachments };
            cx.post(&room, from, Letter::Stream(letter));
        }
        Err(reason) => refuse_invalid(cx, &reason),
    }
}

/// The id of a stream, and the room that carries it.
fn stream_of(text: &str) -> Result<(String, String), String> {
    let named: Named<'_> = members(text)?;
    let id = match serde_json::from_str::<serde_json::Value>(named.id.get()) {
        Ok(serde_json::Value::String(id)) => id,
        Ok(serde_json::Value::Number(id)) => id.to_string(),
        _ => return Err("id is a text or a number".to_owned()),
    };
    let chars = id.chars().count();
    if chars == 0 || chars > STREAM_ID_CHARS_MAX {
        return Err(format!("id is 1 to {STREAM_ID_CHARS_MAX} characters long, this one {chars}"));
    }
    let room = format!("stream-{id}");
    check_room_name(&room)?;
    Ok((id, room))
}

/// The stream of a room, while there is one.
#[derive(Debug, Default)]
pub(super) struct Stream {
    live: Option<(SocketId, String)>,
}

impl Stream {
    pub(super) fn letter(&mut self, cx: &mut PlaceContext<'_>, from: SocketId, letter: StreamLetter) {
        let is_streamer = self.live.as_ref().is_some_and(|(streamer, _)| *streamer == from);
        match letter {
            StreamLetter::Start { id } if self.live.is_none() => {
                cx.ack(&Started { success: true, stream_id: &id });
                self.live = Some((from, id));
            }
            StreamLetter::Start { id } => {
                cx.refuse(ErrorCode::Conflict, &format!("Stream {id} is live already"));
                if !is_streamer {
                    cx.expel(from);
                }
            }
            StreamLetter::Join { id } if self.live.is_some() => {
                cx.ack(&Started { success: true, stream_id: &id });
            }
            StreamLetter::Join { id } => {
                cx.refuse(ErrorCode::NotFound, &format!("Stream {id} not found"));
                cx.expel(from);
            }
            StreamLetter::End if is_streamer => self.end(cx, from),
            StreamLetter::End => {}
            StreamLetter::Data { json, attachments } if is_streamer => {
                let arguments = Arguments { json: &json, attachments: &attachments };
                let chunk = Outgoing::Emit { name: "streamData", arguments, id: None };
                cx.broadcast(Some(from), &chunk);
            }
            StreamLetter::Data { .. } => {
                cx.refuse(ErrorCode::Forbidden, "Only who started a stream sends it");
            }
        }
    }

    /// A streamer that has gone has ended its stream.
    pub(super) fn left(&mut self, cx: &mut PlaceContext<'_>, member: SocketId) {
        if self.live.as_ref().is_some_and(|(streamer, _)| *streamer == member) {
            self.end(cx, member);
        }
    }

    fn end(&mut self, cx: &mut PlaceContext<'_>, streamer: SocketId) {
        let Some((_, id)) = self.live.take() else { return };
        let body = body(&Ended { id: &id });
        cx.broadcast(Some(streamer), &Outgoing::Event(Event { name: "streamEnd", body: &body }));
    }
}
