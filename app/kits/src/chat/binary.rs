//! CHAT, the binary form of a chat message: type u8 = 0x03, userId u32, textLength u16, text UTF-8; little-endian.

pub(super) const CHAT_TYPE: u8 = 0x03;
const HEADER_BYTES: usize = 7;

/// The text of a CHAT. A client's `userId` is ignored: the server knows who it is.
///
/// # Errors
/// What is wrong with it, naming the field and the value.
pub(super) fn read_chat(message: &[u8]) -> Result<String, String> {
    let [CHAT_TYPE, _, _, _, _, low, high, text @ ..] = message else {
        return Err(format!("a CHAT message has at least {HEADER_BYTES} bytes, this one {}", message.len()));
    };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    if length != text.len() {
        return Err(format!("textLength is {length}, and {} bytes follow it", text.len()));
    }
    String::from_utf8(text.to_vec()).map_err(|error| format!("the text of a CHAT: {error}"))
}

/// Writes a CHAT; `None` where the text is longer than its length can say.
pub(super) fn write_chat(user_number: u32, text: &str) -> Option<Vec<u8>> {
    let length = u16::try_from(text.len()).ok()?;
    let mut out = Vec::with_capacity(HEADER_BYTES + text.len());
    out.push(CHAT_TYPE);
    out.extend_from_slice(&user_number.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_of_the_contract() {
        let out = write_chat(0x0102_0304, "hé").expect("short");
        assert_eq!(out, [3, 4, 3, 2, 1, 3, 0, b'h', 0xc3, 0xa9]);
        assert_eq!(read_chat(&out).as_deref(), Ok("hé"));
        assert_eq!(write_chat(1, &"x".repeat(65_536)), None);
    }

    #[test]
    fn short_long_and_broken_messages_are_refused() {
        assert!(read_chat(&[3, 0, 0]).expect_err("short").contains("3"));
        assert!(read_chat(&[3, 0, 0, 0, 0, 2, 0, b'a']).expect_err("short text").contains("textLength is 2"));
        assert!(read_chat(&[3, 0, 0, 0, 0, 1, 0, b'a', b'b']).is_err());
        assert!(read_chat(&[3, 0, 0, 0, 0, 1, 0, 0xff]).expect_err("not UTF-8").contains("utf-8"));
    }
}
