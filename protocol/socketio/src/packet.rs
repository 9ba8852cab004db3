//! Packets as text (Socket.IO protocol, "Packet encoding").

use crate::event::check_event;
use crate::limits::ATTACHMENTS_MAX;
use crate::malformed::Malformed;
use crate::scan::Scanner;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 0: a client wants into a namespace; the server lets it in.
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

impl Kind {
    /// What a packet of this kind carries.
    pub(crate) fn carries(self) -> &'static str {
        match self {
            Self::Connect => "a CONNECT carries an object or nothing",
            Self::Disconnect => "a DISCONNECT carries nothing",
            Self::Event | Self::BinaryEvent => "an event carries an array",
            Self::Ack | Self::BinaryAck => "an acknowledgement carries an array",
            Self::ConnectError => "a CONNECT_ERROR carries an object or a string",
        }
    }
}

/// A packet, lent from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// What it is.
    pub kind: Kind,
    /// The binary messages that follow and belong to it: 0, or 1 to [`ATTACHMENTS_MAX`] for a binary kind.
    pub attachments: usize,
    /// Where it belongs, to the letter. A query behind it is part of it, as it is for the reference with Engine.IO v4.
    pub namespace: &'a str,
    /// The event's number, by which it is acknowledged.
    pub id: Option<u64>,
    /// What it carries, as JSON text without space around it; `""` where there is nothing.
    pub data: &'a str,
}

/// Reads a packet: the text of an Engine.IO message, validated in one pass.
///
/// # Errors
/// [`Malformed`] where the reference's decoder refuses it too, and where the payload nests deeper than 64 levels. Of what the
/// reference reads as JavaScript reads numbers, only decimal digits are read: `5 0x1-`, or a space as the id 0, is nothing
/// that a client writes.
pub fn read(text: &str) -> Result<Head<'_>, Malformed> {
    let (head, rest) = address(text)?;
    let data = if rest.is_empty() { "" } else { payload(head.kind, rest)? };
    Ok(Head { data, ..head })
}

/// Reads all of a packet but what it carries, which may be anything: whom to tell that it cannot be read.
///
/// # Errors
/// [`Malformed`] where not even that much is a packet.
pub fn read_address(text: &str) -> Result<Head<'_>, Malformed> {
    address(text).map(|(head, _)| head)
}

fn address(text: &str) -> Result<(Head<'_>, &str), Malformed> {
    let first = text.chars().next().ok_or(Malformed::Empty)?;
    let kind = kind(first).ok_or(Malformed::UnknownType(first))?;
    let mut rest = text.get(1..).unwrap_or_default();
    let mut attachments = 0;
    if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
        (attachments, rest) = attachment_count(rest)?;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    }
    let (digits, rest) = split_digits(rest);
    let id = (!digits.is_empty()).then(|| digits.parse().map_err(|_| Malformed::Id)).transpose()?;
    Ok((Head { kind, attachments, namespace, id, data: "" }, rest))
}

fn kind(digit: char) -> Option<Kind> {
    Some(match digit {
        '0' => Kind::Connect,
        '1' => Kind::Disconnect,
        '2' => Kind::Event,
        '3' => Kind::Ack,
        '4' => Kind::ConnectError,
        '5' => Kind::BinaryEvent,
        '6' => Kind::BinaryAck,
        _ => return None,
    })
}

fn attachment_count(text: &str) -> Result<(usize, &str), Malformed> {
    let (digits, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').filter(|_| !digits.is_empty()).ok_or(Malformed::NoAttachmentCount)?;
    let count = digits.parse().unwrap_or(u64::MAX);
    let within = usize::try_from(count).ok().filter(|count| (1..=ATTACHMENTS_MAX).contains(count));
    Ok((within.ok_or(Malformed::AttachmentCount(count))?, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn payload(kind: Kind, text: &str) -> Result<&str, Malformed> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    let start = scanner.at();
    match (kind, scanner.peek()) {
        (_, None) => return Ok(""),
        (Kind::Event | Kind::BinaryEvent, Some(b'[')) => check_event(&mut scanner)?,
        (Kind::Connect, Some(b'{'))
        | (Kind::ConnectError, Some(b'{' | b'"'))
        | (Kind::Ack | Kind::BinaryAck, Some(b'[')) => drop(scanner.value(0)?),
        _ => return Err(Malformed::Payload(kind.carries())),
    }
    let end = scanner.at();
    scanner.end()?;
    Ok(text.get(start..end).unwrap_or_default())
}
