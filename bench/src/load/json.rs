//! JSON as a game or a dashboard sends it: names that repeat, numbers that do not. A fixed text would deflate to nothing.

use std::fmt::Write;

/// The text of message number `number`, exactly `bytes` long where that is 80 or more.
pub(crate) fn document(_: usize, number: u64, bytes: usize) -> Vec<u8> {
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut text = format!("{{\"type\":\"state\",\"tick\":{number},\"players\":[");
    for id in 0.. {
        let (x, y, speed) = (next(1_000_000), next(1_000_000), next(1_000));
        let comma = if id == 0 { "" } else { "," };
        let player =
            format!("{comma}{{\"id\":{id},\"x\":{}.{},\"y\":{y},\"speed\":{speed}}}", x / 100, x % 100);
        if text.len() + player.len() + MARK.len() + END.len() > bytes {
            break;
        }
        text.push_str(&player);
    }
    text.push_str(MARK);
    let missing = bytes.saturating_sub(text.len() + END.len());
    // Of letters that a compressor can do little about.
    for _ in 0..missing {
        let _ = write!(text, "{:x}", next(16));
    }
    text.push_str(END);
    text.into_bytes()
}

const MARK: &str = "],\"mark\":\"";
const END: &str = "\"}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_as_long_as_wanted_and_differs() {
        for bytes in [80, 100, 1024, 5000] {
            for number in [0, 1, 7, u64::MAX] {
                let text = String::from_utf8(document(0, number, bytes)).unwrap();
                assert_eq!(text.len(), bytes, "{text}");
                assert!(text.starts_with("{\"type\":\"state\"") && text.ends_with("\"}"), "{text}");
            }
        }
        assert_ne!(document(0, 1, 1024), document(0, 2, 1024));
    }
}
