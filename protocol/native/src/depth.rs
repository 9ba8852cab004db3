//! How deep a JSON text nests, found without parsing it.

/// Arrays and objects within each other; past it a message is `invalid_message`.
pub const JSON_DEPTH_MAX: usize = 64;

/// Whether `text` nests deeper than `limit`. Brackets inside strings do not count. One pass, no allocation: it runs before
/// any parser sees the text, so that no parser's own recursion is at the peer's mercy.
#[must_use]
pub fn depth_exceeds(text: &str, limit: usize) -> bool {
    let mut depth = 0usize;
    let mut in_string = false;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_brackets_outside_strings_only() {
        assert!(!depth_exceeds(r#"{"a":"[[[[[[","b":[1]}"#, 2));
        assert!(!depth_exceeds(r#"{"a":"\"[[[["}"#, 1));
        assert!(depth_exceeds("[[[]]]", 2));
        assert!(!depth_exceeds("[[],[],[]]", 2));
    }

    #[test]
    fn the_limit_itself_passes() {
        let at = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(!depth_exceeds(&at(JSON_DEPTH_MAX), JSON_DEPTH_MAX));
        assert!(depth_exceeds(&at(JSON_DEPTH_MAX + 1), JSON_DEPTH_MAX));
    }
}
