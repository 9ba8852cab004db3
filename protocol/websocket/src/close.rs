//! Closing: codes and reasons, RFC 6455 §5.5.1 and §7.4.

use crate::frame::{CONTROL_PAYLOAD_BYTES_MAX, Opcode, write_frame};
use crate::message::{Payload, Text};
use crate::misbehaved::Misbehaved;
use crate::utf8;

/// What is left of a control frame's 125 bytes after the code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// A status code that may stand in a Close frame, RFC 6455 §7.4: 1000 to 1003, 1007 to 1014, 3000 to 4999.
///
/// 1005, 1006 and 1015 are only ever said locally, so they cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: a server goes down or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this endpoint does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: against this endpoint's policy.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message larger than this endpoint takes.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: a client misses an extension in the server's answer.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded, try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got an invalid answer from upstream.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code, or `None` for one that may not stand on the wire (RFC 6455 §7.4.2).
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

/// Appends a Close frame (RFC 6455 §5.5.1). A reason over [`CLOSE_REASON_BYTES_MAX`] is cut at a character's boundary.
pub fn write_close(out: &mut Vec<u8>, code: CloseCode, reason: &str, mask: Option<[u8; 4]>) {
    let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
    let mut payload = [0; CONTROL_PAYLOAD_BYTES_MAX];
    payload[..2].copy_from_slice(&code.0.to_be_bytes());
    payload[2..2 + reason.len()].copy_from_slice(reason.as_bytes());
    write_frame(out, Opcode::Close, true, false, &payload[..2 + reason.len()], mask);
}

/// What a Close frame's payload says, RFC 6455 §5.5.1: nothing, or a code and a reason.
pub(crate) fn parse_close(payload: Payload<'_>) -> Result<Option<(CloseCode, Text<'_>)>, Misbehaved> {
    let (code, reason) = match payload {
        Payload::Borrowed([]) => return Ok(None),
        Payload::Borrowed([high, low, reason @ ..]) => {
            let reason = utf8::checked(reason).ok_or(Misbehaved::CloseReasonNotUtf8)?;
            (u16::from_be_bytes([*high, *low]), Text::Borrowed(reason))
        }
        Payload::Owned(bytes) => match &bytes[..] {
            [] => return Ok(None),
            [high, low, reason @ ..] => {
                let reason = utf8::checked(reason).ok_or(Misbehaved::CloseReasonNotUtf8)?;
                (u16::from_be_bytes([*high, *low]), Text::Owned(reason.to_owned()))
            }
            [_] => return Err(Misbehaved::CloseOneByte),
        },
        Payload::Borrowed([_]) => return Err(Misbehaved::CloseOneByte),
    };
    let code = CloseCode::new(code).ok_or(Misbehaved::CloseCode { code })?;
    Ok(Some((code, reason)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_for_the_wire_exist() {
        let valid: Vec<u16> = (0..=u16::MAX).filter(|code| CloseCode::new(*code).is_some()).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(valid, expected);
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        write_close(&mut out, CloseCode::NORMAL, &"é".repeat(100), None);
        assert_eq!(out[..4], [0x88, 124, 0x03, 0xE8]);
        assert_eq!(out.len(), 2 + 124);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn a_payload_is_parsed_or_refused() {
        assert_eq!(parse_close(Payload::Borrowed(b"")), Ok(None));
        assert_eq!(parse_close(Payload::Borrowed(b"\x03")), Err(Misbehaved::CloseOneByte));
        assert_eq!(parse_close(Payload::Owned(b"\x03".to_vec())), Err(Misbehaved::CloseOneByte));
        assert_eq!(
            parse_close(Payload::Borrowed(b"\x03\xE8bye")),
            Ok(Some((CloseCode::NORMAL, Text::Borrowed("bye"))))
        );
        assert_eq!(parse_close(Payload::Borrowed(b"\x03\xED")), Err(Misbehaved::CloseCode { code: 1005 }));
        assert_eq!(parse_close(Payload::Borrowed(b"\x03\xE8\xFF")), Err(Misbehaved::CloseReasonNotUtf8));
    }
}
