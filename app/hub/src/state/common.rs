//! The messages that every native door understands (`docs/protocol.md`, "Every door").

use std::sync::Arc;

use fanfare_session::Reply;
use fanfare_session::native::{ErrorCode, Request, Welcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::core::{Core, guest};
use super::rooms::{LEAVES_UNDER_WAY_MAX, LeaveRefused};
use crate::envelope::{Answer, Kind, Passage};
use crate::fanout::{Event, Outgoing, body};
use crate::ids::{SocketId, check_room_name, check_user_name, socket_of};

/// Characters of a private message.
const PRIVATE_TEXT_CHARS_MAX: usize = 4_000;

/// What the hub made of a message.
pub(crate) enum Common {
    /// It is the kit's.
    Kit,
    /// It is dealt with.
    Done,
    /// The connection wants in or out of a room, which the room's place decides.
    Passage(Arc<str>, Passage),
}

#[derive(Deserialize)]
struct Ping<'a> {
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    user_name: Option<String>,
}

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[derive(Deserialize)]
struct Private {
    to: String,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authenticated<'a> {
    user_id: &'a str,
    user_name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FromUser<'a> {
    from: &'a str,
    user_id: &'a str,
    user_name: &'a str,
    text: &'a str,
    timestamp: u64,
}

pub(crate) fn not_found(name: &str) -> Answer {
    Answer::Refuse(ErrorCode::NotFound, format!("Client {name} not found").into())
}

/// The refusal of a message whose members are not what its type wants.
pub(crate) fn invalid(error: &dyn std::fmt::Display) -> Answer {
    Answer::Refuse(ErrorCode::InvalidMessage, format!("Invalid message format: {error}").into())
}

impl Core {
    /// Handles what every door understands. The reply of the message at hand is in `current`.
    pub(crate) fn common(&mut self, from: SocketId, request: &Request<'_>) -> Common {
        match &*request.kind {
            "ping" => self.ping(from, request.text),
            // A client without a session has nothing that the server could forget.
            "received" => Common::Done,
            "auth" => self.auth(from, request.text),
            "join" => self.join(from, request.text),
            "leave" => self.leave(from, request.text),
            "private" => self.private(from, request.text),
            _ => Common::Kit,
        }
    }

    /// The first words to a newcomer.
    pub(crate) fn welcome(&mut self, socket: SocketId, number: u32) {
        let named = self.get(socket).is_some_and(|connection| connection.user.is_some());
        let Some(user) = self.user(socket) else { return };
        let welcome = body(&Welcome {
            client_id: user.client_id(),
            client_number: number,
            user_id: user.id(),
            user_name: user.name(),
            authentication: "none",
            message: "Welcome to Fanfare",
        });
        self.event(socket.slot, "welcome", &welcome);
        if named {
            let authenticated = body(&Authenticated { user_id: user.id(), user_name: user.name() });
            self.event(socket.slot, "authenticated", &authenticated);
        } else if let Some(connection) = self.get_mut(socket) {
            // Most never say anything that needs a name: it is made again for those who do.
            connection.user = None;
        }
    }

    fn refuse(&mut self, answer: Answer) -> Common {
        self.answer_current(answer);
        Common::Done
    }

    fn ping(&mut self, from: SocketId, text: &str) -> Common {
        match serde_json::from_str::<Ping<'_>>(text) {
            Ok(ping) => {
                let timestamp = ping.timestamp.map_or("null", RawValue::get);
                self.event(from.slot, "pong", format!("{{\"timestamp\":{timestamp}}}").as_bytes());
                Common::Done
            }
            Err(error) => self.refuse(invalid(&error)),
        }
    }

    /// Without authentication the name is taken and the id is not (§2.1).
    fn auth(&mut self, from: SocketId, text: &str) -> Common {
        let auth: Auth = match serde_json::from_str(text) {
            Ok(auth) => auth,
            Err(error) => return self.refuse(invalid(&error)),
        };
        if let Some(Err(reason)) = auth.user_name.as_deref().map(check_user_name) {
            return self.refuse(invalid(&reason));
        }
        let instance = self.instance;
        if let (Some(name), Some(connection)) = (&auth.user_name, self.get_mut(from)) {
            connection.user = Some(Arc::new(guest(instance, from, connection.number, Some(name))));
        }
        if let Some(user) = self.user(from) {
            let body = body(&Authenticated { user_id: user.id(), user_name: user.name() });
            self.event(from.slot, "authenticated", &body);
        }
        Common::Done
    }

    fn join(&mut self, from: SocketId, text: &str) -> Common {
        let room = match room_of(text) {
            Ok(room) => room,
            Err(answer) => return self.refuse(answer),
        };
        if let Err((code, reason)) = self.claim_room(from, &room) {
            return self.refuse(Answer::Refuse(code, reason.into()));
        }
        self.passage(from, &room, Passage::Join)
    }

    fn leave(&mut self, from: SocketId, text: &str) -> Common {
        let room = match room_of(text) {
            Ok(room) => room,
            Err(answer) => return self.refuse(answer),
        };
        match self.unclaim_room(from, &room) {
            Ok(()) => self.passage(from, &room, Passage::Leave),
            Err(LeaveRefused::NotIn) => {
                self.refuse(Answer::Refuse(ErrorCode::NotFound, format!("Not in room {room}").into()))
            }
            Err(LeaveRefused::TooMany) => {
                let reason = format!(
                    "{LEAVES_UNDER_WAY_MAX} leaves of room {room} are under way, the most there may be"
                );
                self.refuse(Answer::Refuse(ErrorCode::RateLimited, reason.into()))
            }
        }
    }

    fn passage(&mut self, from: SocketId, room: &str, passage: Passage) -> Common {
        let Some(door) = self.get(from).map(|connection| connection.door) else { return Common::Done };
        Common::Passage(self.room_name(door, room), passage)
    }

    fn private(&mut self, from: SocketId, text: &str) -> Common {
        let private: Private = match serde_json::from_str(text) {
            Ok(private) => private,
            Err(error) => return self.refuse(invalid(&error)),
        };
        let chars = private.text.chars().count();
        if chars == 0 || chars > PRIVATE_TEXT_CHARS_MAX {
            let reason = format!("text is 1 to {PRIVATE_TEXT_CHARS_MAX} characters long, this one {chars}");
            return self.refuse(invalid(&reason));
        }
        let Some(to) = socket_of(self.instance, &private.to).filter(|to| to.shard.0 < self.shards) else {
            return self.refuse(not_found(&private.to));
        };
        let (Some(user), Some(door)) = (self.user(from), self.get(from).map(|there| there.door)) else {
            return Common::Done;
        };
        let body = body(&FromUser {
            from: user.client_id(),
            user_id: user.id(),
            user_name: user.name(),
            text: &private.text,
            timestamp: self.now.unix_ms,
        });
        let message = Arc::new(Outgoing::Event(Event { name: "private", body: &body }).to_owned());
        let reply: Option<Reply> = self.take_current_reply();
        self.tell(to.shard, Kind::Private { to, name: private.to.into(), door, asker: from, reply, message });
        Common::Done
    }
}

fn room_of(text: &str) -> Result<String, Answer> {
    let room: Room = serde_json::from_str(text).map_err(|error| invalid(&error))?;
    check_room_name(&room.room).map_err(|reason| invalid(&reason))?;
    Ok(room.room)
}
