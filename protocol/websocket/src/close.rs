//! Close frames, RFC 6455 §5.5.1.

use crate::close_code::CloseCode;
use crate::frame::{CONTROL_PAYLOAD_BYTES_MAX, Opcode, write_frame};
use crate::message::{Payload, Text};
use crate::misbehaved::Misbehaved;
use crate::utf8;

/// What is left of a control frame's 125 bytes after the code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_PAYLOAD_BYTES_MAX - 2;

/// Appends a Close frame (RFC 6455 §5.5.1). A reason over [`CLOSE_REASON_BYTES_MAX`] is cut at a character's boundary.
pub fn write_close(out: &mut Vec<u8>, code: CloseCode, reason: &str, mask: Option<[u8; 4]>) {
    let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
    let mut payload = [0; CONTROL_PAYLOAD_BYTES_MAX];
    payload[..2].copy_from_slice(&code.get().to_be_bytes());
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
