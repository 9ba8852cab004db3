//! How much memory the bodies that are under way may take together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a body that are its own. Whoever fills what the rest of all bodies share costs nobody a message of an ordinary size.
const OWN_BYTES: usize = 16 << 10;

/// Bytes of bodies that are being posted, of the whole server: what is each one's own, and what is past that. Each has the same limit.
#[derive(Debug)]
pub(crate) struct Posting {
    own: AtomicUsize,
    shared: AtomicUsize,
    limit_bytes: usize,
}

/// Part of [`Posting`], given back when it is dropped.
pub(crate) struct Posted<'a> {
    posting: &'a Posting,
    own_bytes: usize,
    shared_bytes: usize,
}

impl Posting {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { own: AtomicUsize::new(0), shared: AtomicUsize::new(0), limit_bytes }
    }

    /// A body of which nothing has come yet.
    pub(crate) fn begin(&self) -> Posted<'_> {
        Posted { posting: self, own_bytes: 0, shared_bytes: 0 }
    }

    fn take(&self, counter: &AtomicUsize, bytes: usize) -> bool {
        counter.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limit_bytes
    }
}

impl Posted<'_> {
    /// Takes so much more; `false` where that is more than there is.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let own_bytes = bytes.min(OWN_BYTES - self.own_bytes);
        let shared_bytes = bytes - own_bytes;
        self.own_bytes += own_bytes;
        self.shared_bytes += shared_bytes;
        let has_own = self.posting.take(&self.posting.own, own_bytes);
        // A body that takes nothing of what is shared does not mind that it is full.
        let has_shared = self.posting.take(&self.posting.shared, shared_bytes) || shared_bytes == 0;
        has_own && has_shared
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        self.posting.own.fetch_sub(self.own_bytes, Ordering::Relaxed);
        self.posting.shared.fetch_sub(self.shared_bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fills_what_all_share_leaves_everybody_their_own() {
        let posting = Posting::new(3 * OWN_BYTES);
        let (mut large, mut small) = (posting.begin(), posting.begin());
        assert!(large.take(OWN_BYTES + 1_000));
        assert!(large.take(3 * OWN_BYTES - 1_000));
        assert!(small.take(OWN_BYTES - 1));
        assert!(small.take(1));
        assert!(!small.take(1));
        drop((large, small));
        let mut small = posting.begin();
        assert!(small.take(4 * OWN_BYTES));
        assert!(!small.take(1));
    }

    #[test]
    fn what_is_everybodys_own_has_a_limit_too() {
        let posting = Posting::new(3 * OWN_BYTES);
        let mut bodies: Vec<_> = (0..4).map(|_| posting.begin()).collect();
        assert_eq!(
            bodies.iter_mut().map(|body| body.take(OWN_BYTES)).collect::<Vec<_>>(),
            [true, true, true, false]
        );
        bodies.clear();
        assert_eq!(posting.own.load(Ordering::Relaxed), 0);
        assert_eq!(posting.shared.load(Ordering::Relaxed), 0);
    }
}
