//! Inflating what arrives, RFC 7692 §7.2.2, with bounded memory and bounded work.

use flate2::{Decompress, FlushDecompress, Status};

use super::WINDOW_BITS_MAX;
use crate::message::Body;
use crate::misbehaved::Misbehaved;

/// What an inflater holds, its 32 KiB window and its tables (47,552 bytes measured); the sum that a memory budget counts.
pub const INFLATER_BYTES: usize = 48 * 1024;

/// Inflaters beside those of the pool, for messages that lie whole before the reader: their peer has nothing left to keep
/// them waiting with.
pub const EXPRESS_INFLATERS: usize = 8;

/// Inflated output is checked and appended in pieces of this size.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What the sender left out of the message's end (RFC 7692 §7.2.2), and then an empty last block: where no context is
/// taken over, the stream must end with it, or the message was cut within a block.
const TAIL: [u8; 9] = [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];
const TAIL_WITH_TAKEOVER_BYTES: usize = 4;

/// A decompressor. It has the full window, which reads what any smaller one wrote.
#[derive(Debug)]
pub(crate) struct Inflater(Box<Decompress>);

impl Default for Inflater {
    fn default() -> Self {
        Self(Box::new(Decompress::new_with_window_bits(false, WINDOW_BITS_MAX)))
    }
}

/// The inflaters of a shard: borrowed from a compressed message's first frame to its last, so that memory follows the
/// messages being inflated and not the connections.
#[derive(Debug)]
pub struct InflaterPool {
    free: Vec<Inflater>,
    borrowed: usize,
    borrowed_max: usize,
    contexts: usize,
    context_budget_bytes: usize,
    scratch: Vec<u8>,
}

impl InflaterPool {
    /// At most `borrowed_max` inflaters are out at once, and [`EXPRESS_INFLATERS`] more for messages that have arrived whole. `context_budget_bytes` bounds the memory of connections that keep
    /// an inflater of their own because the peer takes over its context; 0 allows none.
    #[must_use]
    pub fn new(borrowed_max: usize, context_budget_bytes: usize) -> Self {
        Self {
            free: Vec::new(),
            borrowed: 0,
            borrowed_max,
            contexts: 0,
            context_budget_bytes,
            scratch: Vec::new(),
        }
    }

    /// The budget has room for one more connection with its own inflater. Where it has not, the handshake answers
    /// `client_no_context_takeover`.
    #[must_use]
    pub fn context_available(&self) -> bool {
        (self.contexts + 1).saturating_mul(INFLATER_BYTES) <= self.context_budget_bytes
    }

    /// Takes room for a connection with its own inflater from the budget, if there is any. `Reader::release` gives it back.
    pub fn reserve_context(&mut self) -> bool {
        let available = self.context_available();
        self.contexts += usize::from(available);
        available
    }

    /// Inflaters that are out now.
    #[must_use]
    pub fn borrowed(&self) -> usize {
        self.borrowed
    }

    pub(crate) fn release_context(&mut self) {
        self.contexts = self.contexts.saturating_sub(1);
    }

    /// How many could be borrowed now, by messages that have arrived `whole` or by any.
    #[must_use]
    pub fn available(&self, whole: bool) -> usize {
        let express = if whole { EXPRESS_INFLATERS } else { 0 };
        (self.borrowed_max + express).saturating_sub(self.borrowed)
    }

    pub(crate) fn borrow(&mut self, whole: bool) -> Option<Inflater> {
        if self.available(whole) == 0 {
            return None;
        }
        self.borrowed += 1;
        Some(self.free.pop().unwrap_or_default())
    }

    pub(crate) fn give_back(&mut self, mut inflater: Inflater) {
        inflater.0.reset(false);
        self.borrowed = self.borrowed.saturating_sub(1);
        self.free.push(inflater);
    }

    pub(crate) fn scratch(&mut self) -> &mut [u8] {
        if self.scratch.is_empty() {
            self.scratch = vec![0; SCRATCH_BYTES];
        }
        &mut self.scratch
    }
}

/// Where inflated bytes go, and how many may.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) body: &'a mut Body,
    pub(crate) limit_bytes: usize,
    pub(crate) budget_bytes: &'a mut usize,
    pub(crate) scratch: &'a mut [u8],
}

/// Whether everything was inflated, or the budget ended first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Yes,
    No,
}

/// A message being inflated.
#[derive(Debug)]
pub(crate) struct Inflating {
    inflater: Inflater,
    /// The last call filled its room, so there may be more without further input.
    more: bool,
    /// Nothing came after a block that says it is the last.
    at_end: bool,
    /// How much of `TAIL` was given.
    tail: usize,
}

impl Inflating {
    pub(crate) fn new(inflater: Inflater) -> Self {
        Self { inflater, more: false, at_end: false, tail: 0 }
    }

    pub(crate) fn into_inflater(self) -> Inflater {
        self.inflater
    }

    /// Inflates `input`: how much of it was used, and whether nothing is left in the inflater.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        scope: &mut Scope<'_>,
    ) -> Result<(usize, Drained), Misbehaved> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            if rest.is_empty() && !self.more {
                return Ok((used, Drained::Yes));
            }
            if *scope.budget_bytes == 0 {
                return Ok((used, Drained::No));
            }
            used += self.step(rest, scope)?;
        }
    }

    /// Ends the message: gives what the sender left out, and checks that it ends between blocks.
    pub(crate) fn end(&mut self, takeover: bool, scope: &mut Scope<'_>) -> Result<Drained, Misbehaved> {
        // A message whose last block said so has nothing left out.
        if self.at_end && self.tail == 0 {
            return Ok(Drained::Yes);
        }
        let end = if takeover { TAIL_WITH_TAKEOVER_BYTES } else { TAIL.len() };
        let (used, drained) = self.inflate(TAIL.get(self.tail..end).unwrap_or_default(), scope)?;
        self.tail += used;
        if drained == Drained::Yes && !takeover && !self.at_end {
            return Err(Misbehaved::DeflateTruncated);
        }
        Ok(drained)
    }

    /// One call of the decompressor: how much input it used.
    fn step(&mut self, input: &[u8], scope: &mut Scope<'_>) -> Result<usize, Misbehaved> {
        let length = scope.body.len();
        // One byte more than allowed, to see that it is too much.
        let allowed = scope.limit_bytes.saturating_sub(length).saturating_add(1);
        let room = scope.scratch.len().min(*scope.budget_bytes).min(allowed);
        let output = scope.scratch.get_mut(..room).unwrap_or_default();
        let decompress = &mut self.inflater.0;
        let (total_in, total_out) = (decompress.total_in(), decompress.total_out());
        let status = decompress.decompress(input, output, FlushDecompress::Sync);
        let used = (decompress.total_in() - total_in) as usize;
        let made = (decompress.total_out() - total_out) as usize;
        *scope.budget_bytes -= made.min(*scope.budget_bytes);
        // What came before the first fault is judged first, so that the verdict does not depend on how input is cut.
        let within = made.min(scope.limit_bytes.saturating_sub(length));
        scope.body.push(output.get(..within).unwrap_or_default(), None)?;
        if made > within {
            let size_bytes = (length + made) as u64;
            return Err(Misbehaved::TooBig { size_bytes, limit_bytes: scope.limit_bytes });
        }
        let was_at_end = self.at_end;
        self.at_end = status.map_err(|_| Misbehaved::DeflateCorrupt)? == Status::StreamEnd;
        self.more = made == room && !self.at_end;
        if self.at_end {
            // Blocks may follow a last block (RFC 7692 §7.2.3.4); they start with an empty window.
            decompress.reset(false);
        }
        // Input that moves nothing would do so for ever.
        if used == 0 && made == 0 && !input.is_empty() && (was_at_end || !self.at_end) {
            return Err(Misbehaved::DeflateCorrupt);
        }
        Ok(used)
    }
}
