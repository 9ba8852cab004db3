//! A frame and a message of which a part has arrived.

use super::{Read, ReadContext};
use crate::deflate::{Drained, Inflater, Inflating, Scope};
use crate::frame::{HEADER_BYTES_MAX, Opcode};
use crate::mask::unmask;
use crate::message::Body;
use crate::misbehaved::Misbehaved;

/// Compressed input is unmasked and inflated in pieces of this size, so that little is masked again when a turn's budget
/// ends within one.
const INFLATE_PIECE_BYTES: usize = 4096;

/// A frame or a message of which a part has arrived.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) frame: Option<Frame>,
    pub(super) message: Option<Message>,
    /// Payload of a control frame.
    pub(super) control: Vec<u8>,
    /// A header of which a part has arrived, and how much.
    pub(super) header: [u8; HEADER_BYTES_MAX],
    pub(super) header_len: u8,
}

/// A frame whose header has arrived.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    pub(super) remaining: u64,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) phase: usize,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) body: Body,
    pub(super) compression: Compression,
}

#[derive(Debug)]
pub(super) enum Compression {
    None,
    /// Compressed, and no inflater was free so far.
    Waiting,
    Inflating(Inflating),
}

impl Frame {
    /// Takes what there is of the payload, unmasked.
    pub(super) fn take<'a>(&mut self, input: &'a mut [u8]) -> &'a [u8] {
        let length = self.available(input.len());
        let taken = input.get_mut(..length).unwrap_or_default();
        self.unmask(taken);
        self.advance(length);
        taken
    }

    pub(super) fn available(&self, input_len: usize) -> usize {
        usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input_len)
    }

    /// Unmasks bytes that are next in the payload.
    fn unmask(&self, bytes: &mut [u8]) {
        if let Some(mask) = self.mask {
            unmask(bytes, mask, self.phase);
        }
    }

    fn advance(&mut self, length: usize) {
        self.remaining = self.remaining.saturating_sub(length as u64);
        self.phase = self.phase.wrapping_add(length);
    }
}

impl Message {
    /// Inflates what there is of a frame: how much of the input it took, and what stops the read, if anything does.
    pub(super) fn inflate(
        &mut self,
        frame: &mut Frame,
        input: &mut [u8],
        takeover: bool,
        context: &mut Option<Inflater>,
        cx: &mut ReadContext<'_>,
    ) -> Result<(usize, Option<Read<'static>>), Misbehaved> {
        if let Compression::Waiting = self.compression {
            let whole = frame.fin && frame.remaining <= input.len() as u64;
            let inflater =
                if takeover { Some(context.take().unwrap_or_default()) } else { cx.inflaters.borrow(whole) };
            let Some(inflater) = inflater else { return Ok((0, Some(Read::NoInflater { whole }))) };
            self.compression = Compression::Inflating(Inflating::new(inflater));
        }
        let Compression::Inflating(inflating) = &mut self.compression else { return Ok((0, None)) };
        let mut scope = Scope {
            body: &mut self.body,
            limit_bytes: cx.message_limit_bytes,
            budget_bytes: &mut cx.inflate_budget_bytes,
            scratch: cx.inflaters.scratch(),
        };
        let mut taken = 0;
        loop {
            let rest = input.get_mut(taken..).unwrap_or_default();
            let length = frame.available(rest.len()).min(INFLATE_PIECE_BYTES);
            let piece = rest.get_mut(..length).unwrap_or_default();
            frame.unmask(piece);
            let (used, drained) = inflating.inflate(piece, &mut scope)?;
            taken += used;
            frame.advance(used);
            if drained == Drained::No {
                // The caller keeps the rest as it came, so it is masked again.
                frame.unmask(piece.get_mut(used..).unwrap_or_default());
                return Ok((taken, Some(Read::Yield)));
            }
            if frame.remaining == 0 || length == 0 {
                break;
            }
        }
        if frame.remaining == 0 && frame.fin && inflating.end(takeover, &mut scope)? == Drained::No {
            return Ok((taken, Some(Read::Yield)));
        }
        Ok((taken, None))
    }
}
