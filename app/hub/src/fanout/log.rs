//! The turn log: where outgoing bytes are written once, in reference-counted chunks.
//!
//! A span names its chunk by number, so a chunk can go on growing while outboxes refer to it, and no pointer is shared.
//! Whoever keeps a span retains it, and releases it when its bytes are gone; a chunk is freed at the end of the turn in
//! which its last span went.

use crate::limits::SPAN_BYTES;

/// Past it a chunk is sealed and the next begun.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;
/// What a chunk has space for, so that a message of 64 KiB fits into one with its header.
const CHUNK_CAPACITY: usize = CHUNK_BYTES + (4 << 10);
/// Messages from this length on get a chunk of their own, so that they do not hold their neighbours' memory.
const OWN_CHUNK_BYTES: usize = 16 << 10;
/// Empty chunks kept for the next messages: memory that is new has to be given by the kernel page by page, which takes longer than
/// to fill it.
const SPARE_CHUNKS: usize = 16;

/// A range of bytes in a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    chunk: u32,
    start: u32,
    end: u32,
}

/// Marks a span that no policy drops; chunks are far fewer.
const KEPT: u32 = 1 << 31;

impl Span {
    /// The same bytes, which no policy drops.
    pub(crate) fn kept(self) -> Self {
        Self { chunk: self.chunk | KEPT, ..self }
    }

    pub(crate) fn is_kept(self) -> bool {
        self.chunk & KEPT != 0
    }

    fn chunk(self) -> usize {
        (self.chunk & !KEPT) as usize
    }

    pub(crate) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Takes `next` into this span where it follows directly.
    pub(crate) fn merge(&mut self, next: Span) -> bool {
        let adjacent = self.chunk == next.chunk && self.end == next.start;
        if adjacent {
            self.end = next.end;
        }
        adjacent
    }

    /// Cuts `bytes` off the front.
    pub(crate) fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.len(), "sent more than there is");
        self.start = self.end.min(self.start.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX)));
    }
}

#[derive(Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    references: u32,
}

/// A shard's chunks.
#[derive(Debug)]
pub(crate) struct Log {
    chunks: Vec<Chunk>,
    vacant: Vec<u32>,
    spare: Vec<Vec<u8>>,
    /// Chunks whose last span went in this turn; a span may still be taken on before it ends.
    unreferenced: Vec<u32>,
    current: u32,
    allocated_bytes: usize,
    /// Spans that outboxes hold.
    spans: usize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            chunks: vec![Chunk::default()],
            vacant: Vec::new(),
            spare: Vec::new(),
            unreferenced: Vec::new(),
            current: 0,
            allocated_bytes: 0,
            spans: 0,
        }
    }

    /// Writes one message of about `size_hint` bytes.
    #[inline]
    pub(crate) fn append(&mut self, size_hint: usize, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let index = if size_hint >= OWN_CHUNK_BYTES {
            let fits = (CHUNK_CAPACITY / 2..=CHUNK_CAPACITY).contains(&size_hint);
            let bytes = if fits { self.fresh_chunk() } else { Vec::with_capacity(size_hint) };
            self.allocated_bytes += bytes.capacity();
            self.vacant_chunk(bytes)
        } else {
            if self.chunks[self.current as usize].bytes.len() + size_hint > CHUNK_BYTES {
                self.seal();
            }
            self.current
        };
        let before = self.chunks[index as usize].bytes.capacity();
        if before == 0 {
            self.chunks[index as usize].bytes = self.fresh_chunk();
        }
        let chunk = &mut self.chunks[index as usize];
        let start = chunk.bytes.len();
        write(&mut chunk.bytes);
        let end = chunk.bytes.len();
        let grown = chunk.bytes.capacity() - before;
        self.allocated_bytes += grown;
        if index != self.current {
            self.unreferenced.push(index);
        }
        Self::span(index, start, end)
    }

    /// Writes a short header and a short payload where the current chunk has space for them.
    #[inline(always)]
    pub(crate) fn append_short(&mut self, header: [u8; 2], payload: &[u8]) -> Option<Span> {
        let bytes = &mut self.chunks[self.current as usize].bytes;
        let start = bytes.len();
        if header.len() + payload.len() > bytes.capacity() - start {
            return None;
        }
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(payload);
        Some(Self::span(self.current, start, bytes.len()))
    }

    /// Takes bytes that are already encoded, without copying them.
    pub(crate) fn adopt(&mut self, bytes: Vec<u8>) -> Span {
        let length = bytes.len();
        let index = self.vacant_chunk(bytes);
        self.allocated_bytes += self.chunks[index as usize].bytes.capacity();
        self.unreferenced.push(index);
        Self::span(index, 0, length)
    }

    fn span(chunk: u32, start: usize, end: usize) -> Span {
        // A chunk is at most one message longer than CHUNK_BYTES, and messages are far below 4 GiB.
        debug_assert!(u32::try_from(end).is_ok(), "a chunk of {end} bytes");
        Span { chunk, start: start as u32, end: end as u32 }
    }

    fn fresh_chunk(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_CAPACITY))
    }

    fn vacant_chunk(&mut self, bytes: Vec<u8>) -> u32 {
        let chunk = Chunk { bytes, references: 0 };
        if let Some(index) = self.vacant.pop() {
            self.chunks[index as usize] = chunk;
            return index;
        }
        self.chunks.push(chunk);
        u32::try_from(self.chunks.len() - 1).unwrap_or(u32::MAX)
    }

    fn seal(&mut self) {
        let sealed = self.current;
        self.current = self.vacant_chunk(Vec::new());
        if self.chunks[sealed as usize].references == 0 {
            self.unreferenced.push(sealed);
        }
    }

    pub(crate) fn retain(&mut self, span: Span) {
        self.retain_for(span, 1);
    }

    /// The same for so many who keep it.
    #[inline]
    pub(crate) fn retain_for(&mut self, span: Span, holders: u32) {
        self.spans += holders as usize;
        self.chunks[span.chunk()].references += holders;
    }

    #[inline(always)]
    pub(crate) fn release(&mut self, span: Span) {
        let chunk = &mut self.chunks[span.chunk()];
        debug_assert!(chunk.references > 0, "released more often than retained");
        self.spans -= 1;
        chunk.references -= 1;
        if chunk.references == 0 && span.chunk & !KEPT != self.current {
            self.unreferenced.push(span.chunk & !KEPT);
        }
    }

    #[inline]
    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        &self.chunks[span.chunk()].bytes[span.start as usize..span.end as usize]
    }

    /// Frees what nobody refers to any more.
    pub(crate) fn end_turn(&mut self) {
        let current = &mut self.chunks[self.current as usize];
        if current.references == 0 {
            current.bytes.clear();
            if current.bytes.capacity() > 2 * CHUNK_CAPACITY {
                self.allocated_bytes -= current.bytes.capacity() - CHUNK_CAPACITY;
                current.bytes = Vec::with_capacity(CHUNK_CAPACITY);
            }
        }
        while let Some(index) = self.unreferenced.pop() {
            let chunk = &mut self.chunks[index as usize];
            // One that went twice in this turn is here twice.
            if chunk.references > 0 || chunk.bytes.capacity() == 0 {
                continue;
            }
            let mut bytes = std::mem::take(&mut chunk.bytes);
            self.allocated_bytes -= bytes.capacity();
            self.vacant.push(index);
            if bytes.capacity() <= 2 * CHUNK_CAPACITY
                && bytes.capacity() >= CHUNK_CAPACITY
                && self.spare.len() < SPARE_CHUNKS
            {
                bytes.clear();
                self.spare.push(bytes);
            }
        }
    }

    /// Bytes of the chunks that are in use.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.allocated_bytes
    }

    /// Bytes of the lists that refer to them.
    pub(crate) fn list_bytes(&self) -> usize {
        self.spans * SPAN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(log: &mut Log, text: &[u8]) -> Span {
        let span = log.append(text.len(), |out| out.extend_from_slice(text));
        log.retain(span);
        span
    }

    #[test]
    fn what_is_allocated_is_what_the_chunks_hold_at_every_size() {
        let mut log = Log::new();
        for length in
            [1, OWN_CHUNK_BYTES - 1, OWN_CHUNK_BYTES, 3 * OWN_CHUNK_BYTES, CHUNK_BYTES, 20 * CHUNK_BYTES]
        {
            // Also where the hint was too small, and the message grew while it was written.
            for hint in [length, length / 2] {
                let text = vec![b'x'; length];
                let span = log.append(hint, |out| out.extend_from_slice(&text));
                log.retain(span);
                let held = |log: &Log| log.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum::<usize>();
                assert_eq!(log.allocated_bytes(), held(&log), "{length} bytes, hint {hint}");
                log.release(span);
                log.end_turn();
                assert_eq!(log.allocated_bytes(), held(&log), "{length} bytes, hint {hint}, freed");
            }
        }
    }

    #[test]
    fn a_chunk_is_full_at_64_kibibytes_and_not_before() {
        let mut log = Log::new();
        let spans: Vec<_> = (0..9).map(|_| write(&mut log, &[7; 8_192])).collect();
        assert!(spans[..8].iter().all(|span| span.chunk == spans[0].chunk));
        assert_ne!(spans[8].chunk, spans[0].chunk);
        assert_eq!((spans[8].start, spans[8].end), (0, 8_192));
        assert_eq!(log.allocated_bytes(), 2 * 69_632);
    }

    #[test]
    fn what_nobody_takes_is_gone_with_its_turn() {
        let mut log = Log::new();
        // Nobody's: nine that seal a chunk, and one in a chunk of its own.
        for length in [8_192; 9].into_iter().chain([20_000]) {
            log.append(length, |out| out.resize(out.len() + length, 7));
        }
        assert_eq!(log.allocated_bytes(), 2 * 69_632 + 20_000);
        log.end_turn();
        assert_eq!(log.allocated_bytes(), 69_632, "the chunk for the next messages");
        let span = write(&mut log, b"next");
        assert_eq!((span.start, span.end), (0, 4), "and it begins anew");
    }

    #[test]
    fn a_chunk_that_has_grown_is_given_back() {
        for (length, kept) in [(139_264, 139_264), (139_265, 69_632)] {
            let mut log = Log::new();
            let span = log.append(1, |out| out.resize(length, 7));
            log.retain(span);
            log.release(span);
            assert_eq!(log.allocated_bytes(), length);
            log.end_turn();
            assert_eq!(log.allocated_bytes(), kept);
        }
    }

    #[test]
    fn sixteen_chunks_of_the_usual_size_are_kept_for_the_next_messages() {
        let mut log = Log::new();
        let adopt = |log: &mut Log, capacity| {
            let span = log.adopt(Vec::with_capacity(capacity));
            log.retain(span);
            log.release(span);
        };
        for capacity in [69_631, 69_632, 139_264, 139_265] {
            adopt(&mut log, capacity);
        }
        log.end_turn();
        let mut kept: Vec<_> = log.spare.iter().map(Vec::capacity).collect();
        kept.sort_unstable();
        assert_eq!(kept, [69_632, 139_264]);
        for _ in 0..16 {
            adopt(&mut log, 69_632);
        }
        log.end_turn();
        assert_eq!(log.spare.len(), 16);
        assert!(log.spare.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_long_message_takes_a_chunk_that_was_used_before_where_it_fits() {
        let mut log = Log::new();
        let text = vec![7; 65_536];
        let mut places = std::collections::HashSet::new();
        for _ in 0..5 {
            let span = log.append(text.len() + 14, |out| out.extend_from_slice(&text));
            log.retain(span);
            places.insert(log.bytes(span).as_ptr());
            log.release(span);
            log.end_turn();
        }
        assert_eq!(places.len(), 1);
        let span = write(&mut log, &text[..20_000]);
        assert_eq!(log.chunks[span.chunk()].bytes.capacity(), 20_000, "it would waste more than half");
    }

    #[test]
    fn neighbours_merge_and_strangers_do_not() {
        let mut log = Log::new();
        let mut first = write(&mut log, b"one");
        let second = write(&mut log, b"two");
        let third = write(&mut log, b"three");
        assert!(!first.merge(third));
        assert!(first.merge(second));
        assert_eq!(log.bytes(first), b"onetwo");
        first.advance(4);
        assert_eq!(log.bytes(first), b"wo");
    }

    #[test]
    fn memory_comes_back_with_the_last_span() {
        let mut log = Log::new();
        let spans: Vec<_> = (0..40).map(|_| write(&mut log, &[7; 15_000])).collect();
        let large = write(&mut log, &[8; 1 << 20]);
        log.end_turn();
        assert!(log.allocated_bytes() >= 40 * 15_000 + (1 << 20));
        log.release(large);
        for span in spans {
            assert_eq!(log.bytes(span).len(), 15_000);
            log.release(span);
        }
        log.end_turn();
        assert!(log.allocated_bytes() <= 2 * CHUNK_CAPACITY, "{}", log.allocated_bytes());
    }

    proptest! {
        /// Against a plain map from a span to a copy of its bytes.
        #[test]
        fn spans_keep_their_bytes_for_as_long_as_they_are_held(
            steps in proptest::collection::vec((0usize..70_000, any::<bool>(), any::<bool>()), 1..60)
        ) {
            let mut log = Log::new();
            let mut held: Vec<(Span, Vec<u8>)> = Vec::new();
            for (step, (length, adopt, end_turn)) in steps.into_iter().enumerate() {
                let text = vec![u8::try_from(step).expect("few steps"); length];
                let span = if adopt { log.adopt(text.clone()) } else { log.append(length, |out| out.extend_from_slice(&text)) };
                log.retain(span);
                held.push((span, text));
                if length % 3 == 0 {
                    let (span, _) = held.swap_remove(length % held.len());
                    log.release(span);
                }
                if end_turn {
                    log.end_turn();
                }
                for (span, text) in &held {
                    prop_assert_eq!(log.bytes(*span), &text[..]);
                }
            }
            for (span, _) in held {
                log.release(span);
            }
            log.end_turn();
            let chunks: usize = log.chunks.iter().map(|chunk| chunk.bytes.capacity()).sum();
            prop_assert_eq!(log.allocated_bytes(), chunks);
            prop_assert!(chunks <= 3 * CHUNK_BYTES);
        }
    }
}
