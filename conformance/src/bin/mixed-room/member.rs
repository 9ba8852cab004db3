//! Somebody in the room, whatever they speak.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_conformance::real::{Client, Outcome, Saying, Seen, client_frame, ensure};
use fanfare_conformance::socketio::{Cut, Link, PATH, Packet, Polling, WebSocket};
use fanfare_websocket::Opcode;
use serde_json::Value;

const ANSWER_LIMIT: Duration = Duration::from_secs(20);
pub(crate) const ROOM: &str = "mixed";

/// Something said.
#[derive(Clone, Debug)]
pub(crate) enum Say {
    /// A `chat`.
    Text(String),
    /// A CHAT or a FILE.
    Bytes(Vec<u8>),
}

/// Something heard of the room: what it says, and all of it as it is to be the same for everybody.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    /// Who said it, and its number there.
    pub(crate) said: (usize, usize),
    whole: Whole,
}

#[derive(Clone, Debug, PartialEq)]
enum Whole {
    Object(Value),
    Bytes(Vec<u8>),
}

pub(crate) enum Member {
    Native(Box<Client>),
    SocketIo(Link),
}

impl Member {
    /// The first speaks the native dialect, the second Socket.IO over WebSocket, the third polls.
    pub(crate) async fn join(address: SocketAddr, number: usize) -> Outcome<Self> {
        let link = match number {
            0 => {
                let mut client = Client::connect(address, "/chat?binary=1").await?;
                client.join(ROOM).await?;
                return Ok(Self::Native(Box::new(client)));
            }
            1 => {
                let target = format!("{PATH}?EIO=4&transport=websocket");
                let mut link =
                    Link::WebSocket(Box::new(WebSocket::open(address, &target, Cut::Whole).await?));
                link.expect_start("0{").await?;
                link
            }
            _ => Link::Polling(Box::new(Polling::open(address, PATH, Cut::Whole).await?)),
        };
        let mut link = link;
        link.send("40/chat,").await?;
        link.expect_connected("/chat,").await?;
        link.send(format!(r#"42/chat,0["join",{{"room":"{ROOM}"}}]"#)).await?;
        loop {
            match link.next().await? {
                Some(Packet::Text(text)) if text == r#"43/chat,0[{"ok":true}]"# => break,
                Some(_) => {}
                None => return Err("closed before it had joined".to_owned()),
            }
        }
        Ok(Self::SocketIo(link))
    }

    /// Says several things in one go.
    pub(crate) async fn say(&mut self, all: &[Say]) -> Outcome<()> {
        match self {
            Self::Native(client) => {
                let mut wire = Vec::new();
                for say in all {
                    wire.extend(match say {
                        Say::Text(text) => {
                            let text = format!(r#"{{"type":"chat","room":"{ROOM}","text":"{text}"}}"#);
                            client_frame(Opcode::Text, true, false, text.as_bytes())
                        }
                        Say::Bytes(bytes) => client_frame(Opcode::Binary, true, false, bytes),
                    });
                }
                client.send_raw(&wire).await
            }
            Self::SocketIo(link) => {
                let mut packets = Vec::new();
                for say in all {
                    match say {
                        Say::Text(text) => {
                            let text = format!(r#"42/chat,["chat",{{"room":"{ROOM}","text":"{text}"}}]"#);
                            packets.push(Packet::Text(text));
                        }
                        Say::Bytes(bytes) => {
                            let head = r#"451-/chat,["binary",{"_placeholder":true,"num":0}]"#;
                            packets.extend([head.into(), Packet::Binary(bytes.clone())]);
                        }
                    }
                }
                link.send_all(&packets).await
            }
        }
    }

    /// Ends its session, which a server that goes down would wait for otherwise.
    pub(crate) async fn leave(self) -> Outcome<()> {
        match self {
            Self::SocketIo(mut link @ Link::Polling(_)) => link.send("1").await,
            Self::Native(_) | Self::SocketIo(_) => Ok(()),
        }
    }

    /// The next thing that is said in the room.
    pub(crate) async fn hear(&mut self) -> Outcome<Heard> {
        loop {
            let heard = match self {
                Self::Native(client) => match client.next_within(ANSWER_LIMIT).await? {
                    Seen::Text(text) => object(&text)?,
                    Seen::Binary(bytes) => Some(Whole::of(bytes)?),
                    other => return Err(format!("{other:?} came")),
                },
                Self::SocketIo(link) => match link.next().await?.ok_or("the session is over")? {
                    Packet::Text(text) if text.starts_with("451-/chat,[\"binary\",") => {
                        match link.next().await? {
                            Some(Packet::Binary(bytes)) => Some(Whole::of(bytes)?),
                            other => return Err(format!("{other:?} came and no attachment")),
                        }
                    }
                    Packet::Text(text) => event(&text)?,
                    Packet::Binary(_) => return Err("an attachment that nothing announced".to_owned()),
                },
            };
            if let Some(whole) = heard {
                return Ok(Heard { said: whole.said()?, whole });
            }
        }
    }
}

/// A message of the native dialect, if it is one of those that count.
fn object(text: &str) -> Outcome<Option<Whole>> {
    let mut value: Value = serde_json::from_str(text).saying("a message")?;
    let kind = value["type"].as_str().unwrap_or_default().to_owned();
    if let Some(object) = value.as_object_mut() {
        object.remove("type");
    }
    counts(&kind, value)
}

/// The same in Socket.IO.
fn event(text: &str) -> Outcome<Option<Whole>> {
    let Some(array) = text.strip_prefix("42/chat,") else { return Ok(None) };
    let (kind, value): (String, Value) = serde_json::from_str(array).saying("an event")?;
    counts(&kind, value)
}

fn counts(kind: &str, value: Value) -> Outcome<Option<Whole>> {
    match kind {
        // Whoever sent a FILE has word of it, and the others its header with its bytes.
        "chat" | "file" => Ok(Some(Whole::Object(value))),
        "welcome" | "userJoined" | "history" | "ack" => Ok(None),
        other => Err(format!("{other} came: {value}")),
    }
}

impl Whole {
    /// A FILE is what its header says, with the bytes that it was sent with.
    fn of(bytes: Vec<u8>) -> Outcome<Self> {
        let [0x06, low, high, rest @ ..] = &bytes[..] else { return Ok(Self::Bytes(bytes)) };
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let header: Value = serde_json::from_slice(&rest[..length]).saying("a header")?;
        let file = Self::Object(header);
        let Say::Bytes(sent) = message(0, file.said()?.1) else {
            return Err("not sent as a FILE".to_owned());
        };
        ensure(sent.ends_with(&rest[length..]), || format!("{file:?} came with other bytes"))?;
        Ok(file)
    }

    fn said(&self) -> Outcome<(usize, usize)> {
        let words = match self {
            Self::Object(value) => value["text"].as_str().or(value["name"].as_str()).unwrap_or_default(),
            Self::Bytes(bytes) => {
                bytes.get(7..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
            }
        };
        let (from, number) = words.split_once(' ').ok_or_else(|| format!("{words:?} was not said"))?;
        Ok((from.parse().saying("who")?, number.parse().saying("its number")?))
    }
}

/// The number `number` of what a member says: a text, a CHAT, a text, a FILE.
pub(crate) fn message(from: usize, number: usize) -> Say {
    let words = format!("{from} {number}");
    let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_le_bytes();
    match number % 4 {
        1 => {
            let mut chat = vec![0x03, 0, 0, 0, 0];
            chat.extend(length(words.len()));
            chat.extend_from_slice(words.as_bytes());
            Say::Bytes(chat)
        }
        3 => {
            let size = number % 300;
            let header = format!(
                r#"{{"room":"{ROOM}","name":"{words}","mimeType":"application/octet-stream","size":{size}}}"#
            );
            let mut file = vec![0x06];
            file.extend(length(header.len()));
            file.extend_from_slice(header.as_bytes());
            file.resize(file.len() + size, u8::try_from(number % 256).unwrap_or_default());
            Say::Bytes(file)
        }
        _ => Say::Text(words),
    }
}
