//! How much memory the bodies that are under way may take together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of bodies that are being posted, of the whole server.
#[derive(Debug)]
pub(crate) struct Posting {
    bytes: AtomicUsize,
    limit_bytes: usize,
}

/// Part of [`Posting`], given back when it is dropped.
pub(crate) struct Posted<'a> {
    posting: &'a Posting,
    bytes: usize,
}

impl Posting {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), limit_bytes }
    }

    /// A body of which nothing has come yet.
    pub(crate) fn begin(&self) -> Posted<'_> {
        Posted { posting: self, bytes: 0 }
    }
}

impl Posted<'_> {
    /// Takes so much more; `false` where that is more than there is.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.posting.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.posting.limit_bytes
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        self.posting.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
