//! Masking, RFC 6455 §5.3.

/// Masks or unmasks `bytes` in place. `phase` is how many bytes of the same payload came before them; only its last two
/// bits count.
#[inline]
pub fn unmask(bytes: &mut [u8], mask: [u8; 4], phase: usize) {
    // Little-endian, so that turning right makes a later byte the first.
    let key = u32::from_le_bytes(mask).rotate_right(8 * (phase as u32 & 3));
    let wide = u64::from(key) << 32 | u64::from(key);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_le_bytes(*chunk) ^ wide).to_le_bytes();
    }
    // Without a loop over at most seven bytes: a small frame would spend most of its time there.
    let (chunks, rest) = rest.as_chunks_mut::<4>();
    if let [chunk] = chunks {
        *chunk = (u32::from_le_bytes(*chunk) ^ key).to_le_bytes();
    }
    let [a, b, c, _] = key.to_le_bytes();
    match rest {
        [x] => *x ^= a,
        [x, y] => (*x, *y) = (*x ^ a, *y ^ b),
        [x, y, z] => (*x, *y, *z) = (*x ^ a, *y ^ b, *z ^ c),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_section_5_7() {
        let mut bytes = [0x7F, 0x9F, 0x4D, 0x51, 0x58];
        unmask(&mut bytes, [0x37, 0xFA, 0x21, 0x3D], 0);
        assert_eq!(&bytes, b"Hello");
    }

    #[test]
    fn pieces_equal_the_whole() {
        let mask = [1, 2, 3, 4];
        let mut whole: Vec<u8> = (0..100).collect();
        let mut pieces = whole.clone();
        unmask(&mut whole, mask, 0);
        let mut phase = 0;
        for length in [1, 2, 3, 9, 31, 54] {
            unmask(&mut pieces[phase..phase + length], mask, phase);
            phase += length;
        }
        assert_eq!(whole, pieces);
    }
}
