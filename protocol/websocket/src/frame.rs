//! Frames, RFC 6455 §5.2.

use crate::mask::unmask;
use crate::misbehaved::Misbehaved;

/// The longest header: two bytes, a 64-bit length, a mask.
pub const HEADER_BYTES_MAX: usize = 14;

/// The longest payload of a control frame, RFC 6455 §5.5.
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const MASKED: u8 = 0x80;

/// The role that we play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We send masked frames and read unmasked ones.
    Client,
    /// We send unmasked frames and read masked ones.
    Server,
}

/// What a frame is, RFC 6455 §5.2 and §11.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation = 0x0,
    /// The first frame of a text message.
    Text = 0x1,
    /// The first frame of a binary message.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// Asks for a Pong.
    Ping = 0x9,
    /// Answers a Ping, or comes unasked.
    Pong = 0xA,
}

impl Opcode {
    /// Close, Ping and Pong may come between the fragments of a message.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// What a reader knows when a header arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) role: Role,
    /// permessage-deflate is negotiated: RSV1 has a meaning on a message's first frame.
    pub(crate) deflate: bool,
    /// A message waits for its next fragment.
    pub(crate) in_message: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: Opcode,
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) payload_len: u64,
    pub(crate) mask: Option<[u8; 4]>,
}

impl Header {
    /// Parses a header at the front of `bytes`: it and its length, or `None` while it is incomplete. What is wrong is
    /// said with the first byte that shows it.
    pub(crate) fn parse(bytes: &[u8], expected: Expected) -> Result<Option<(Self, usize)>, Misbehaved> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (opcode, fin, rsv1) = parse_first(first, expected)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let masked = second & MASKED != 0;
        match expected.role {
            Role::Server if !masked => return Err(Misbehaved::NotMasked),
            Role::Client if masked => return Err(Misbehaved::Masked),
            _ => {}
        }
        let short = second & !MASKED;
        if opcode.is_control() && usize::from(short) > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(Misbehaved::ControlTooLong { opcode: opcode as u8 });
        }
        let Some((payload_len, after_length)) = parse_length(short, bytes)? else { return Ok(None) };
        if !masked {
            return Ok(Some((Self { opcode, fin, rsv1, payload_len, mask: None }, after_length)));
        }
        let Some(mask) = bytes.get(after_length..).and_then(|rest| rest.first_chunk::<4>()) else {
            return Ok(None);
        };
        Ok(Some((Self { opcode, fin, rsv1, payload_len, mask: Some(*mask) }, after_length + 4)))
    }
}

fn parse_first(first: u8, expected: Expected) -> Result<(Opcode, bool, bool), Misbehaved> {
    let bits = first & 0xF;
    let opcode = Opcode::from_bits(bits).ok_or(Misbehaved::ReservedOpcode { opcode: bits })?;
    let (fin, rsv1) = (first & FIN != 0, first & RSV1 != 0);
    let rsv1_has_meaning = expected.deflate && matches!(opcode, Opcode::Text | Opcode::Binary);
    if first & 0x30 != 0 || (rsv1 && !rsv1_has_meaning) {
        return Err(Misbehaved::ReservedBits { bits: first >> 4 & 0x7 });
    }
    match opcode {
        Opcode::Continuation if !expected.in_message => Err(Misbehaved::NothingToContinue),
        Opcode::Text | Opcode::Binary if expected.in_message => {
            Err(Misbehaved::MessageUnfinished { opcode: bits })
        }
        Opcode::Close | Opcode::Ping | Opcode::Pong if !fin => {
            Err(Misbehaved::ControlFragmented { opcode: bits })
        }
        _ => Ok((opcode, fin, rsv1)),
    }
}

/// The payload's length and where it ends in the header.
fn parse_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Misbehaved> {
    let (length, end, minimum) = match short {
        126 => match bytes.get(2..).and_then(|rest| rest.first_chunk::<2>()) {
            Some(length) => (u64::from(u16::from_be_bytes(*length)), 4, 126),
            None => return Ok(None),
        },
        127 => match bytes.get(2..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(length) => (u64::from_be_bytes(*length), 10, 1 << 16),
            None => return Ok(None),
        },
        _ => (u64::from(short), 2, 0),
    };
    if length < minimum {
        return Err(Misbehaved::LengthNotMinimal { length });
    }
    if length >> 63 != 0 {
        return Err(Misbehaved::LengthTopBit { length });
    }
    Ok(Some((length, end)))
}

/// A frame's header on the stack and how many of its bytes count. The length takes its shortest form; `mask` is for a
/// client.
#[must_use]
#[inline]
pub fn encode_header(
    opcode: Opcode,
    fin: bool,
    rsv1: bool,
    payload_len: usize,
    mask: Option<[u8; 4]>,
) -> ([u8; HEADER_BYTES_MAX], usize) {
    let mut header = [0; HEADER_BYTES_MAX];
    header[0] = opcode as u8 | if fin { FIN } else { 0 } | if rsv1 { RSV1 } else { 0 };
    let masked = if mask.is_some() { MASKED } else { 0 };
    let mut end = 2;
    if payload_len < 126 {
        header[1] = masked | payload_len as u8;
    } else if let Ok(length) = u16::try_from(payload_len) {
        header[1] = masked | 126;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        end = 4;
    } else {
        header[1] = masked | 127;
        header[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
        end = 10;
    }
    if let Some(mask) = mask {
        header[end..end + 4].copy_from_slice(&mask);
        end += 4;
    }
    (header, end)
}

/// The header of a whole message that is sent in one short frame by a server. `None` where its length takes more than seven bits.
#[must_use]
#[inline]
pub fn short_header(opcode: Opcode, rsv1: bool, payload_len: usize) -> Option<[u8; 2]> {
    let first = opcode as u8 | FIN | if rsv1 { RSV1 } else { 0 };
    (payload_len < 126).then_some([first, payload_len as u8])
}

/// Appends a frame's header to `out`, see [`encode_header`].
#[inline]
pub fn write_frame_header(
    out: &mut Vec<u8>,
    opcode: Opcode,
    fin: bool,
    rsv1: bool,
    payload_len: usize,
    mask: Option<[u8; 4]>,
) {
    if let (true, None, Some(header)) = (fin, mask, short_header(opcode, rsv1, payload_len)) {
        // Without a copy whose length is only known when it runs.
        return out.extend_from_slice(&header);
    }
    let (header, length) = encode_header(opcode, fin, rsv1, payload_len, mask);
    out.extend_from_slice(&header[..length]);
}

/// Appends a whole frame to `out`, its payload masked where there is a mask. A control frame's payload is the caller's to
/// keep to [`CONTROL_PAYLOAD_BYTES_MAX`].
pub fn write_frame(
    out: &mut Vec<u8>,
    opcode: Opcode,
    fin: bool,
    rsv1: bool,
    payload: &[u8],
    mask: Option<[u8; 4]>,
) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_PAYLOAD_BYTES_MAX);
    write_frame_header(out, opcode, fin, rsv1, payload.len(), mask);
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(mask), Some(appended)) = (mask, out.get_mut(start..)) {
        unmask(appended, mask, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Expected = Expected { role: Role::Server, deflate: false, in_message: false };
    const CLIENT: Expected = Expected { role: Role::Client, deflate: false, in_message: false };

    #[test]
    fn lengths_take_their_shortest_form() {
        for (length, header_len) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (1 << 40, 10)] {
            let (header, end) = encode_header(Opcode::Binary, true, false, length, None);
            assert_eq!(end, header_len);
            let (parsed, taken) = Header::parse(&header, CLIENT).unwrap().unwrap();
            assert_eq!((parsed.payload_len, taken), (length as u64, header_len));
            for short in 0..end {
                assert_eq!(Header::parse(&header[..short], CLIENT), Ok(None));
            }
        }
    }

    #[test]
    fn longer_forms_are_refused() {
        let parse = |bytes: &[u8]| Header::parse(bytes, CLIENT).unwrap_err();
        assert_eq!(parse(&[0x82, 126, 0, 125]), Misbehaved::LengthNotMinimal { length: 125 });
        assert_eq!(
            parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            Misbehaved::LengthNotMinimal { length: 65_535 }
        );
        assert_eq!(
            parse(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            Misbehaved::LengthTopBit { length: 1 << 63 }
        );
    }

    #[test]
    fn the_first_bytes_are_checked_as_they_arrive() {
        assert_eq!(Header::parse(&[0xC1], SERVER), Err(Misbehaved::ReservedBits { bits: 4 }));
        assert_eq!(Header::parse(&[0x83], SERVER), Err(Misbehaved::ReservedOpcode { opcode: 3 }));
        assert_eq!(Header::parse(&[0x09], SERVER), Err(Misbehaved::ControlFragmented { opcode: 9 }));
        assert_eq!(Header::parse(&[0x80], SERVER), Err(Misbehaved::NothingToContinue));
        assert_eq!(Header::parse(&[0x81, 0x05], SERVER), Err(Misbehaved::NotMasked));
        assert_eq!(Header::parse(&[0x81, 0x85], CLIENT), Err(Misbehaved::Masked));
        assert_eq!(Header::parse(&[0x89, 0xFE], SERVER), Err(Misbehaved::ControlTooLong { opcode: 9 }));
        let inside = Expected { in_message: true, ..SERVER };
        assert_eq!(Header::parse(&[0x81], inside), Err(Misbehaved::MessageUnfinished { opcode: 1 }));
    }

    #[test]
    fn rsv1_is_for_the_first_frame_of_a_message() {
        let deflate = Expected { deflate: true, ..SERVER };
        assert_eq!(Header::parse(&[0xC1], deflate), Ok(None));
        assert_eq!(Header::parse(&[0xC9], deflate), Err(Misbehaved::ReservedBits { bits: 4 }));
        let inside = Expected { in_message: true, ..deflate };
        assert_eq!(Header::parse(&[0xC0], inside), Err(Misbehaved::ReservedBits { bits: 4 }));
    }

    #[test]
    fn the_masked_example_of_section_5_7() {
        let mut out = Vec::new();
        write_frame(&mut out, Opcode::Text, true, false, b"Hello", Some([0x37, 0xFA, 0x21, 0x3D]));
        assert_eq!(out, [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]);
    }
}
