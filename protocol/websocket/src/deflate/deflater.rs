//! Deflating what is sent, RFC 7692 §7.2.1.

use flate2::{Compress, Compression, FlushCompress, Status};
use thiserror::Error;

use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};

/// What a deflater of the full window holds (396,416 bytes measured; 267,392 with a window of 9 bits); the sum that a
/// memory budget counts.
pub const DEFLATER_BYTES: usize = 388 * 1024;

/// Measured on 4,750 bytes of chat messages as JSON: level 1 gives 520 bytes in 3.8 us, 2 gives 391 in 9.0, 6 (zlib's
/// default) 389 in 13.3, 9 gives 391 in 21.5.
const LEVEL: u32 = 2;

/// Compressed output is taken in pieces of this size.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What a sync flush ends with and a message leaves out, RFC 7692 §7.2.1.
const SYNC_TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// An empty block without its length, which is what stands for nothing, RFC 7692 §7.2.3.6.
const EMPTY_BLOCK: u8 = 0x00;

/// The compressor failed. This is our fault, not the peer's: close with 1011.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("deflating a message failed")]
pub struct DeflateFailed;

/// Compresses messages. One without takeover may serve every connection of a shard that agreed on its window or a larger
/// one; one with takeover belongs to one connection.
#[derive(Debug)]
pub struct Deflater {
    compress: Compress,
    takeover: bool,
    scratch: Box<[u8]>,
}

impl Deflater {
    /// A compressor that starts every message with an empty window of `window_bits` (9 to 15, brought into that range).
    #[must_use]
    pub fn new(window_bits: u8) -> Self {
        Self::with(window_bits, false)
    }

    /// A compressor whose messages refer to earlier ones.
    #[must_use]
    pub fn with_takeover(window_bits: u8) -> Self {
        Self::with(window_bits, true)
    }

    /// Appends a whole message's compressed payload to `out`; its frame has RSV1 set.
    pub fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), DeflateFailed> {
        self.start();
        self.fragment(payload, true, out)
    }

    /// Starts a message that is compressed by [`Deflater::fragment`].
    pub fn start(&mut self) {
        if !self.takeover && self.compress.total_in() > 0 {
            self.compress.reset();
        }
    }

    /// Appends one fragment's compressed payload to `out`. Of a message only the first frame has RSV1 set, and only the
    /// `last` fragment leaves out the flush's last four bytes.
    pub fn fragment(&mut self, payload: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), DeflateFailed> {
        if payload.is_empty() {
            if last {
                out.push(EMPTY_BLOCK);
            }
            return Ok(());
        }
        let start = out.len();
        let mut rest = payload;
        loop {
            let (total_in, total_out) = (self.compress.total_in(), self.compress.total_out());
            let status = self.compress.compress(rest, &mut self.scratch, FlushCompress::Sync);
            let taken = (self.compress.total_in() - total_in) as usize;
            let made = (self.compress.total_out() - total_out) as usize;
            if !matches!(status, Ok(Status::Ok | Status::BufError)) {
                return Err(DeflateFailed);
            }
            out.extend_from_slice(self.scratch.get(..made).ok_or(DeflateFailed)?);
            rest = rest.get(taken..).ok_or(DeflateFailed)?;
            // Room left over means that the flush is complete.
            if rest.is_empty() && made < self.scratch.len() {
                break;
            }
            if taken == 0 && made == 0 {
                return Err(DeflateFailed);
            }
        }
        if last {
            if out.get(start..).is_none_or(|made| !made.ends_with(&SYNC_TAIL)) {
                return Err(DeflateFailed);
            }
            out.truncate(out.len() - SYNC_TAIL.len());
        }
        Ok(())
    }

    fn with(window_bits: u8, takeover: bool) -> Self {
        let window_bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        let compress = Compress::new_with_window_bits(Compression::new(LEVEL), false, window_bits);
        Self { compress, takeover, scratch: vec![0; SCRATCH_BYTES].into_boxed_slice() }
    }
}

/// Appends bytes as they are, in deflate blocks without compression (RFC 1951 §3.2.4). In front of a payload that was
/// compressed without takeover they make one message with it: a head of its own before a tail that many share.
pub fn write_stored(out: &mut Vec<u8>, bytes: &[u8]) {
    for block in bytes.chunks(usize::from(u16::MAX)) {
        let length = block.len() as u16;
        out.push(EMPTY_BLOCK);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// The compressors of a shard without takeover: one for each window, made when first asked for.
#[derive(Debug, Default)]
pub struct Deflaters {
    by_window: [Option<Deflater>; (WINDOW_BITS_MAX - WINDOW_BITS_MIN + 1) as usize],
}

impl Deflaters {
    /// The compressor for a window of `window_bits` (9 to 15, brought into that range).
    pub fn get(&mut self, window_bits: u8) -> &mut Deflater {
        let window_bits = window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX);
        self.by_window[usize::from(window_bits - WINDOW_BITS_MIN)]
            .get_or_insert_with(|| Deflater::new(window_bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7692_section_7_2_3() {
        let mut deflater = Deflater::with_takeover(15);
        let mut out = Vec::new();
        deflater.deflate(b"Hello", &mut out).unwrap();
        assert_eq!(out, [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]);
        out.clear();
        deflater.deflate(b"Hello", &mut out).unwrap();
        assert_eq!(out, [0xF2, 0x00, 0x11, 0x00, 0x00], "the second refers to the first");
        out.clear();
        deflater.deflate(b"", &mut out).unwrap();
        assert_eq!(out, [0x00]);
    }

    #[test]
    fn without_takeover_every_message_is_the_first() {
        let mut deflaters = Deflaters::default();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        deflaters.get(9).deflate(b"Hello", &mut first).unwrap();
        deflaters.get(9).deflate(b"Hello", &mut second).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn output_that_fills_the_scratch_is_whole() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(200_000)
        .collect();
        let mut out = Vec::new();
        Deflater::new(15).deflate(&noise, &mut out).unwrap();
        assert!(out.len() > noise.len());
    }
}
