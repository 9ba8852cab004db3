//! Several packets in one polling body (Engine.IO protocol, "HTTP long-polling").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::packet::{Malformed, Packet, read};

/// Stands between the packets of a body: the ASCII record separator.
pub const SEPARATOR: u8 = 0x1e;

/// The packets of a polling body, in their order. After the first that cannot be read there are no more, since the
/// session ends with it.
pub fn read_payload(body: &str) -> impl Iterator<Item = Result<Packet<'_>, Malformed>> {
    let mut broken = false;
    body.split(char::from(SEPARATOR)).map_while(move |text| {
        let packet = (!broken).then(|| read(text));
        broken = matches!(packet, Some(Err(_)) | None);
        packet
    })
}

/// Appends a message of bytes as polling carries it: `b` and base64.
pub fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'b');
    let start = out.len();
    let length = base64::encoded_len(bytes.len(), true).unwrap_or_default();
    out.resize(start + length, 0);
    // The room is as long as the encoding, which is what it could lack.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    debug_assert_eq!(written, length, "the length is the encoding's");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    #[test]
    fn packets_keep_their_order() {
        let found: Vec<_> = read_payload("4hello\u{1e}2\u{1e}bAQIDBA==").collect();
        assert_eq!(
            found,
            [
                Ok(Packet::Text("hello")),
                Ok(Packet::Ping("")),
                Ok(Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4])))
            ]
        );
    }

    #[test]
    fn nothing_is_read_after_what_is_no_packet() {
        let all = |body: &'static str| read_payload(body).collect::<Vec<_>>();
        assert_eq!(all(""), [Err(Malformed::Empty)]);
        assert_eq!(all("4a\u{1e}"), [Ok(Packet::Text("a")), Err(Malformed::Empty)]);
        assert_eq!(all("4a\u{1e}abc\u{1e}4b"), [Ok(Packet::Text("a")), Err(Malformed::UnknownType('a'))]);
        assert_eq!(all("abc\u{1e}4b\u{1e}4c"), [Err(Malformed::UnknownType('a'))]);
        // What has the separator in it is two packets: JSON escapes it, and plain texts may not hold it.
        assert_eq!(all("4a\u{1e}4b"), [Ok(Packet::Text("a")), Ok(Packet::Text("b"))]);
    }

    #[test]
    fn bytes_are_written_as_base64_with_padding() {
        for (bytes, text) in [
            (&[][..], "b"),
            (&[1], "bAQ=="),
            (&[1, 2], "bAQI="),
            (&[1, 2, 3], "bAQID"),
            (&[255, 254], "b//4="),
        ] {
            let mut out = b"4a\x1e".to_vec();
            write_binary(&mut out, bytes);
            assert_eq!(String::from_utf8_lossy(&out), format!("4a\u{1e}{text}"));
        }
    }

    proptest! {
        #[test]
        fn a_body_gives_back_what_was_put_into_it(messages in proptest::collection::vec((any::<bool>(), "[^\u{1e}]{0,12}"), 1..8)) {
            let mut body = Vec::new();
            for (index, (binary, content)) in messages.iter().enumerate() {
                if index > 0 {
                    body.push(SEPARATOR);
                }
                if *binary {
                    write_binary(&mut body, content.as_bytes());
                } else {
                    body.push(b'4');
                    body.extend_from_slice(content.as_bytes());
                }
            }
            let body = String::from_utf8(body).expect("a body is text");
            let found: Vec<_> = read_payload(&body).map(|packet| packet.expect("a packet")).collect();
            let sent: Vec<_> = messages
                .iter()
                .map(|(binary, content)| match binary {
                    true => Packet::Binary(Cow::Borrowed(content.as_bytes())),
                    false => Packet::Text(content),
                })
                .collect();
            prop_assert_eq!(found, sent);
        }
    }
}
