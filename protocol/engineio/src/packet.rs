//! Packets: a digit that says the type, and the rest (Engine.IO protocol, "Packet encoding").

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Serialize;

/// One packet, lent from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Type 0, the server's handshake. A client's is tolerated and means nothing.
    Open(&'a str),
    /// Type 1: the session ends.
    Close,
    /// Type 2: the server's heartbeat, and a client's `probe` while it upgrades.
    Ping(&'a str),
    /// Type 3: the client's answer, and the server's to a `probe`.
    Pong(&'a str),
    /// Type 4: a message.
    Text(&'a str),
    /// A message of bytes: `b` and base64 where the link carries only text.
    Binary(Cow<'a, [u8]>),
    /// Type 5: the session moves to this link.
    Upgrade,
    /// Type 6: an answer for a poll that has none.
    Noop,
}

/// What cannot be a packet; the session closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not even a type.
    #[error("a packet begins with its type, and this one is empty")]
    Empty,
    /// A type that the protocol does not have.
    #[error("the packet type is one of 0 to 6 or b, and is {0:?}")]
    UnknownType(char),
    /// `b` and something that no bytes encode to.
    #[error("what follows b is base64")]
    Base64,
}

/// What the server says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Open<'a> {
    /// The session's id.
    pub sid: &'a str,
    /// The transports that the session may move to: `websocket` for one that polls.
    pub upgrades: &'a [&'a str],
    /// From one answered ping to the next ping.
    #[serde(rename = "pingInterval")]
    pub ping_interval_ms: u64,
    /// From a ping to the end of a session that does not answer it.
    #[serde(rename = "pingTimeout")]
    pub ping_timeout_ms: u64,
    /// The largest body or message that the server reads.
    #[serde(rename = "maxPayload")]
    pub max_payload_bytes: u64,
}

/// Padding is optional, as it is for the clients that exist; what else is wrong would be read as other bytes than were sent.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads one packet: a text message of a WebSocket, or one piece of a polling body.
///
/// # Errors
/// [`Malformed`] where the text is empty, its type is unknown, or its bytes are no base64.
pub fn read(text: &str) -> Result<Packet<'_>, Malformed> {
    let kind = text.chars().next().ok_or(Malformed::Empty)?;
    let rest = &text[kind.len_utf8()..];
    Ok(match kind {
        '0' => Packet::Open(rest),
        '1' => Packet::Close,
        '2' => Packet::Ping(rest),
        '3' => Packet::Pong(rest),
        '4' => Packet::Text(rest),
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        'b' => Packet::Binary(Cow::Owned(BASE64.decode(rest).map_err(|_| Malformed::Base64)?)),
        other => return Err(Malformed::UnknownType(other)),
    })
}

/// Appends the server's first packet, `0{"sid":…}`.
pub fn write_open(out: &mut Vec<u8>, open: &Open<'_>) {
    out.push(b'0');
    // Writing to a Vec cannot fail, and no map has a key that could.
    let _ = serde_json::to_writer(out, open);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_packet() {
        for (text, packet) in [
            ("0", Packet::Open("")),
            ("0{}", Packet::Open("{}")),
            ("1", Packet::Close),
            ("1abc", Packet::Close),
            ("2", Packet::Ping("")),
            ("2probe", Packet::Ping("probe")),
            ("3", Packet::Pong("")),
            ("3probe", Packet::Pong("probe")),
            ("4", Packet::Text("")),
            ("42[\"é\"]", Packet::Text("2[\"é\"]")),
            ("5", Packet::Upgrade),
            ("5abc", Packet::Upgrade),
            ("6", Packet::Noop),
            ("b", Packet::Binary(Cow::Borrowed(b""))),
            ("bAQIDBA==", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
            // No padding, and bits left over: clients in several languages.
            ("bAQIDBA", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
            ("bAR", Packet::Binary(Cow::Borrowed(&[1]))),
        ] {
            assert_eq!(read(text), Ok(packet), "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_says_why() {
        for (text, malformed) in [
            ("", Malformed::Empty),
            ("7", Malformed::UnknownType('7')),
            ("abc", Malformed::UnknownType('a')),
            ("é", Malformed::UnknownType('é')),
            (" 4", Malformed::UnknownType(' ')),
            ("B", Malformed::UnknownType('B')),
            ("b*", Malformed::Base64),
            ("bA", Malformed::Base64),
            ("bAQ==AQ==", Malformed::Base64),
        ] {
            assert_eq!(read(text), Err(malformed), "{text}");
            assert!(!malformed.to_string().is_empty());
        }
        assert_eq!(
            Malformed::UnknownType('x').to_string(),
            "the packet type is one of 0 to 6 or b, and is 'x'"
        );
    }

    #[test]
    fn the_first_packet_has_exactly_its_members() {
        let open = Open {
            sid: "lv_VI97HAXpY6yYWAAAC",
            upgrades: &["websocket"],
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            max_payload_bytes: 1_000_000,
        };
        let mut out = b"kept".to_vec();
        write_open(&mut out, &open);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"kept0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
        out.clear();
        write_open(&mut out, &Open { upgrades: &[], ..open });
        assert!(String::from_utf8_lossy(&out).contains(r#""upgrades":[],"#));
    }
}
