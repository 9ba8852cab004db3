//! Short text that is ASCII, as most is, without the walk that UTF-8 needs.
#![expect(
    unsafe_code,
    reason = "std's check goes byte by byte until it is aligned: 80 to 100 instructions for 20 bytes, a tenth of what an \
              echo costs; this takes 20 (bench/COSTS.md)"
)]

/// The bytes as text, where every one of them is ASCII. Made for less than a hundred; it has no loop that pays for more.
#[inline]
pub(crate) fn text_of(bytes: &[u8]) -> Option<&str> {
    if !is_ascii(bytes) {
        return None;
    }
    // SAFETY: every byte is below 0x80, and such bytes are UTF-8 (RFC 3629 §3).
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    let high = if let Some(last) = bytes.last_chunk::<8>() {
        // The last eight may overlap those before them.
        let (chunks, _) = bytes.as_chunks::<8>();
        chunks.iter().fold(u64::from_le_bytes(*last), |all, chunk| all | u64::from_le_bytes(*chunk))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first) | u32::from_le_bytes(*last))
    } else {
        bytes.iter().fold(0, |all, byte| all | u64::from(*byte))
    };
    high & 0x8080_8080_8080_8080 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_the_slow_way_says_wherever_a_byte_is_not_ascii() {
        for length in 0..=100 {
            let mut bytes: Vec<u8> = (0..length).map(|at| (at * 7 % 128) as u8).collect();
            assert_eq!(text_of(&bytes), std::str::from_utf8(&bytes).ok());
            for at in 0..length {
                for other in [0x80, 0xC3, 0xFF] {
                    let kept = std::mem::replace(&mut bytes[at], other);
                    assert!(!bytes.is_ascii());
                    assert_eq!(text_of(&bytes), None, "byte {at} of {length} is {other:#x}");
                    bytes[at] = kept;
                }
            }
        }
    }
}
