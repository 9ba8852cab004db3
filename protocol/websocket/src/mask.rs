//! Masking, RFC 6455 §5.3.

/// Masks or unmasks `bytes` in place. `phase` is how many bytes of the same payload came before them; only its last two
/// bits count.
pub fn unmask(bytes: &mut [u8], mask: [u8; 4], phase: usize) {
    let [a, b, c, d] = mask;
    let mask = match phase & 3 {
        0 => mask,
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    };
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= mask;
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
