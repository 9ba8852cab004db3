//! Packets as `socket.io-msgpack-parser` writes them: one MessagePack map in one binary message, with `type`, `nsp`, `id` and
//! `data`.
//!
//! Here they take the canonical form that packets in text have too: JSON with placeholders, and attachments. What JSON does
//! not have becomes what `JSON.stringify` would make of it in JavaScript: a date its ISO text, NaN `null`, an extension an
//! array of its type and its bytes.

mod date;
mod item;
mod json;
mod write;

use json::{Found, Reader};

use crate::event::check_name;
use crate::malformed::Malformed;
use crate::packet::Kind;
use crate::scan::Scanner;

pub use crate::limits::MESSAGE_PACK_ATTACHMENTS_MAX as ATTACHMENTS_MAX;
pub use write::write;

/// A packet in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// What it is; an event or an acknowledgement with attachments is of the binary kind.
    pub kind: Kind,
    /// Where it belongs.
    pub namespace: String,
    /// The event's number, by which it is acknowledged.
    pub id: Option<u64>,
    /// What it carries, as JSON text; `""` where there is nothing.
    pub data: String,
    /// The bytes that its placeholders stand for.
    pub attachments: Vec<Vec<u8>>,
}

/// Reads one binary message.
///
/// # Errors
/// [`Malformed`] where the reference refuses it too, where it nests deeper than 64 levels, where an event has no name or a
/// reserved one (the reference checks that in texts only), where an id is negative, and where an object looks like one of our
/// placeholders. So each attachment has one placeholder, in their order.
pub fn read(bytes: &[u8]) -> Result<Owned, Malformed> {
    let mut reader = Reader::new(bytes);
    let members = reader.map()?;
    let (mut kind, mut namespace, mut id, mut data) = (None, None, None, Found::Nothing);
    for _ in 0..members {
        // Of a member that is there twice the last one counts.
        match reader.key()?.as_str() {
            "type" => kind = reader.whole("type")?,
            "nsp" => namespace = Some(reader.text("nsp")?),
            "id" => id = reader.whole("id")?,
            "data" => {
                reader.clear();
                data = reader.value(0)?;
            }
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    let (json, attachments) = reader.into_parts();
    let kind = packet_kind(kind, !attachments.is_empty()).ok_or(Malformed::Member("type"))?;
    let namespace = namespace.ok_or(Malformed::Member("nsp"))?;
    if !fits(kind, data) {
        return Err(Malformed::Payload(kind.carries()));
    }
    if matches!(kind, Kind::Event | Kind::BinaryEvent) {
        check_name(&mut Scanner::new(&json))?;
    }
    Ok(Owned { kind, namespace, id, data: json, attachments })
}

fn packet_kind(number: Option<u64>, binary: bool) -> Option<Kind> {
    Some(match number? {
        0 => Kind::Connect,
        1 => Kind::Disconnect,
        2 if binary => Kind::BinaryEvent,
        2 => Kind::Event,
        3 if binary => Kind::BinaryAck,
        3 => Kind::Ack,
        4 => Kind::ConnectError,
        _ => return None,
    })
}

fn fits(kind: Kind, data: Found) -> bool {
    match kind {
        Kind::Connect => matches!(data, Found::Nothing | Found::Object),
        Kind::Disconnect => data == Found::Nothing,
        Kind::ConnectError => matches!(data, Found::Object | Found::Text),
        Kind::Event | Kind::Ack | Kind::BinaryEvent | Kind::BinaryAck => data == Found::Array,
    }
}
