//! How much memory the bodies that are under way may take together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a body that are everybody's own: whoever fills what all share costs nobody a message of an ordinary size. The places
/// of HTTP connections limit how many bodies there are, each of which may have a head of as much.
const OWN_BYTES: usize = 16 << 10;

/// Bytes of bodies that are being posted, of the whole server, past each one's own.
#[derive(Debug)]
pub(crate) struct Posting {
    bytes: AtomicUsize,
    limit_bytes: usize,
}

/// Part of [`Posting`], given back when it is dropped.
pub(crate) struct Posted<'a> {
    posting: &'a Posting,
    own_bytes: usize,
    bytes: usize,
}

impl Posting {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), limit_bytes }
    }

    /// A body of which nothing has come yet.
    pub(crate) fn begin(&self) -> Posted<'_> {
        Posted { posting: self, own_bytes: OWN_BYTES, bytes: 0 }
    }
}

impl Posted<'_> {
    /// Takes so much more; `false` where that is more than there is.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let own_bytes = bytes.min(self.own_bytes);
        let bytes = bytes - own_bytes;
        self.own_bytes -= own_bytes;
        self.bytes += bytes;
        bytes == 0
            || self.posting.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.posting.limit_bytes
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        self.posting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fills_what_all_share_leaves_everybody_their_own() {
        let posting = Posting::new(1_000);
        let (mut large, mut small) = (posting.begin(), posting.begin());
        assert!(large.take(OWN_BYTES + 600));
        assert!(large.take(400));
        assert!(small.take(OWN_BYTES - 1));
        assert!(small.take(1));
        assert!(!small.take(1));
        drop(large);
        assert!(small.take(999 - 1));
        drop(small);
        assert_eq!(posting.bytes.load(Ordering::Relaxed), 0);
    }
}
