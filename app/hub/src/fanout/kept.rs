//! Buffers of long messages that have been sent, kept for those that come next: memory that is new has to be given by the kernel page by
//! page, and a buffer that grows has to be moved.

/// Bytes of the buffers that one shard keeps, beside the memory budget.
const KEPT_BYTES_MAX: usize = 32 << 20;

/// Shorter ones are not worth it.
const KEPT_BYTES_MIN: usize = 256 << 10;

/// How long they are kept once nobody has wanted or brought one.
const KEPT_MS: u64 = 2_000;

#[derive(Debug, Default)]
pub(crate) struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
    /// When one was last brought.
    since_ms: u64,
}

impl Kept {
    /// Takes a buffer that nobody needs any more, if there is room for it.
    pub(crate) fn keep(&mut self, buffer: Vec<u8>, now_ms: u64) {
        let bytes = buffer.capacity();
        if bytes >= KEPT_BYTES_MIN && self.bytes + bytes <= KEPT_BYTES_MAX {
            self.bytes += bytes;
            self.since_ms = now_ms;
            self.buffers.push(buffer);
        }
    }

    /// Gives one that holds so many bytes, and at most four times as many.
    pub(crate) fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let fits = |buffer: &Vec<u8>| buffer.capacity() >= bytes && buffer.capacity() / 4 <= bytes;
        let buffer = self.buffers.swap_remove(self.buffers.iter().position(fits)?);
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// When all of them are given up, unless another comes before.
    pub(crate) fn until_ms(&self) -> Option<u64> {
        (!self.buffers.is_empty()).then_some(self.since_ms + KEPT_MS)
    }

    /// Gives them up if it is time to.
    pub(crate) fn give_up(&mut self, now_ms: u64) {
        if self.until_ms().is_some_and(|until_ms| now_ms >= until_ms) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_fits_and_has_a_limit_and_an_end() {
        let mut kept = Kept::default();
        assert_eq!((kept.until_ms(), kept.take(1)), (None, None));
        kept.keep(Vec::with_capacity(KEPT_BYTES_MIN - 1), 0);
        assert_eq!(kept.until_ms(), None, "too short");
        kept.keep(Vec::with_capacity(16 << 20), 100);
        kept.keep(Vec::with_capacity(16 << 20), 200);
        kept.keep(Vec::with_capacity(KEPT_BYTES_MIN), 300);
        assert_eq!(kept.until_ms(), Some(2_200), "there was no room for the last");
        assert_eq!(kept.take((16 << 20) + 1), None);
        assert_eq!(kept.take((4 << 20) - 1), None, "most of it would lie idle");
        assert_eq!(kept.take(4 << 20).map(|buffer| buffer.capacity()), Some(16 << 20));
        kept.keep(Vec::with_capacity(KEPT_BYTES_MIN), 400);
        kept.give_up(2_399);
        assert_eq!((kept.bytes, kept.buffers.len()), ((16 << 20) + KEPT_BYTES_MIN, 2));
        kept.give_up(2_400);
        assert_eq!((kept.bytes, kept.until_ms()), (0, None));
    }
}
