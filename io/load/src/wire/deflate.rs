//! permessage-deflate (RFC 7692) as far as the load has it: offered and required with each message by itself, sent never, and
//! inflated in the pass that looks at every byte. In the measured one a compressed frame counts like another.

use flate2::{Decompress, FlushDecompress};

use crate::failure::Failure;

/// The header line of the offer.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                                client_no_context_takeover\r\n";

const RSV1: u8 = 0x40;

/// RFC 7692 §7.2.1: what a sender takes off the end.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

const LIMIT_BYTES: usize = 64 << 20;

/// Whether the extensions of an answer agree to the offer; the server has to forget after each message.
pub(crate) fn is_agreed(extensions: &str) -> bool {
    extensions.contains("permessage-deflate") && extensions.contains("server_no_context_takeover")
}

/// By the first byte of a frame that is no control frame.
pub(crate) fn is_compressed(first: u8) -> bool {
    first & RSV1 != 0
}

pub(crate) fn inflate(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let input = [payload, &TAIL].concat();
    let mut inflater = Decompress::new(false);
    let mut message = Vec::with_capacity(payload.len() * 4);
    loop {
        let taken = usize::try_from(inflater.total_in()).unwrap_or(input.len());
        inflater
            .decompress_vec(&input[taken..], &mut message, FlushDecompress::Sync)
            .map_err(|_| Failure::Misbehaved("a message that does not inflate (RFC 7692 §7.2.2)"))?;
        // Room is left: nothing more comes of this input.
        if message.len() < message.capacity() {
            return Ok(message);
        }
        if message.len() > LIMIT_BYTES {
            return Err(Failure::Misbehaved("a message that inflates without an end"));
        }
        message.reserve(message.len().max(1024));
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn deflated(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + 1024);
        Compress::new(Compression::new(6), false)
            .compress_vec(message, &mut out, FlushCompress::Sync)
            .unwrap();
        assert!(out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }

    #[test]
    fn what_was_deflated_comes_out_again() {
        for bytes in [1, 20, 1024, 300_000] {
            let message = vec![b'a'; bytes];
            assert_eq!(inflate(&deflated(&message)).unwrap(), message);
        }
        // RFC 7692 §7.2.3.1.
        assert_eq!(inflate(&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap(), b"Hello");
        assert!(inflate(&[0xff; 20]).is_err());
    }

    #[test]
    fn an_answer_agrees_or_not() {
        assert!(is_agreed("permessage-deflate; server_no_context_takeover"));
        assert!(!is_agreed("permessage-deflate"));
        assert!(!is_agreed("x-other"));
    }
}
