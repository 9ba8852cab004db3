//! Packets as text (Socket.IO protocol, "Packet encoding").

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::malformed::Malformed;

/// Attachments of one packet: the reference decoder's limit.
pub const ATTACHMENTS_MAX: usize = 10;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0: a client joins a namespace, and the server's consent.
    Connect,
    /// 1: one of both leaves a namespace.
    Disconnect,
    /// 2: an event.
    Event,
    /// 3: the acknowledgement of an event.
    Ack,
    /// 4: the server does not let a client into a namespace.
    ConnectError,
    /// 5: an event with attachments.
    BinaryEvent,
    /// 6: an acknowledgement with attachments.
    BinaryAck,
}

/// A packet, lent from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// What it is.
    pub kind: Kind,
    /// Binary messages that follow and belong to it.
    pub attachments: usize,
    /// Where it belongs.
    pub namespace: &'a str,
    /// The event's number, by which it is acknowledged.
    pub id: Option<u64>,
    /// What it carries, as raw JSON text, `""` where there is nothing.
    pub data: &'a str,
}

/// An event, lent from its packet's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// The raw text of its arguments with their commas, `""` where there are none.
    pub args: &'a str,
}

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Reads the text of a packet.
///
/// # Errors
/// [`Malformed`] where it breaks the protocol.
pub fn read(text: &str) -> Result<Head<'_>, Malformed> {
    let kind = match text.as_bytes().first() {
        Some(b'0') => Kind::Connect,
        Some(b'1') => Kind::Disconnect,
        Some(b'2') => Kind::Event,
        Some(b'3') => Kind::Ack,
        Some(b'4') => Kind::ConnectError,
        Some(b'5') => Kind::BinaryEvent,
        Some(b'6') => Kind::BinaryAck,
        _ => return Err(Malformed::Rough("packet type")),
    };
    let mut rest = &text[1..];
    let mut attachments = 0;
    if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
        let (count, after) = rest.split_once('-').ok_or(Malformed::Rough("attachments"))?;
        attachments = count.parse().map_err(|_| Malformed::Rough("attachments"))?;
        if !(1..=ATTACHMENTS_MAX).contains(&attachments) {
            return Err(Malformed::Rough("attachments"));
        }
        rest = after;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let id = match &rest[..digits] {
        "" => None,
        digits => Some(digits.parse().map_err(|_| Malformed::Rough("id"))?),
    };
    let data = rest[digits..].trim_ascii();
    if !data.is_empty() {
        serde_json::from_str::<serde::de::IgnoredAny>(data).map_err(|_| Malformed::Rough("JSON"))?;
        let fits = match kind {
            Kind::Connect => data.starts_with('{'),
            Kind::Disconnect => false,
            Kind::ConnectError => data.starts_with(['{', '"']),
            Kind::Event | Kind::BinaryEvent => event(data).is_ok_and(|event| !is_reserved(&event.name)),
            Kind::Ack | Kind::BinaryAck => data.starts_with('['),
        };
        if !fits {
            return Err(Malformed::Rough("payload"));
        }
    }
    Ok(Head { kind, attachments, namespace, id, data })
}

/// The event in the data of an event's packet.
///
/// # Errors
/// [`Malformed`] where the data is no event.
pub fn event(data: &str) -> Result<Event<'_>, Malformed> {
    if data.is_empty() {
        return Ok(Event { name: Cow::Borrowed(""), args: "" });
    }
    let args = ack_args(data)?;
    let all = elements(args);
    let first = all.first().ok_or(Malformed::Rough("name"))?;
    let name = if first.starts_with('"') {
        serde_json::from_str(first).map_err(|_| Malformed::Rough("name"))?
    } else if first.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        (*first).to_owned()
    } else {
        return Err(Malformed::Rough("name"));
    };
    let args = args[first.len()..].trim_ascii_start();
    Ok(Event { name: Cow::Owned(name), args: args.strip_prefix(',').unwrap_or_default().trim_ascii() })
}

/// The raw text of each of several JSON texts with commas between them.
#[must_use]
pub fn elements(args: &str) -> Vec<&str> {
    #[derive(Deserialize)]
    struct All<'a>(#[serde(borrow)] Vec<&'a RawValue>);
    let array = format!("[{args}]");
    let lengths: Vec<(usize, usize)> = serde_json::from_str::<All<'_>>(&array)
        .map(|all| {
            let start = array.as_ptr() as usize + 1;
            all.0.iter().map(|raw| (raw.get().as_ptr() as usize - start, raw.get().len())).collect()
        })
        .unwrap_or_default();
    lengths.into_iter().map(|(at, length)| &args[at..at + length]).collect()
}

/// The raw text of an acknowledgement's arguments with their commas.
///
/// # Errors
/// [`Malformed`] where the data is no array.
pub fn ack_args(data: &str) -> Result<&str, Malformed> {
    if data.is_empty() {
        return Ok("");
    }
    let inner = data.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.map(str::trim_ascii).ok_or(Malformed::Rough("array"))
}

/// Whether an event's name belongs to the protocol.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
