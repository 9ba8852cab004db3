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
