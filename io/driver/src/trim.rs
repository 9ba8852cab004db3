//! Memory goes back to the system after a burst, and not before.
//!
//! Left to itself, the allocator of glibc gives a large buffer back as soon as it is free, and has it made of new pages again for the next
//! message: an echo of 16 MiB takes 18 ms with that and 8 without. So what is free during a burst is kept until it is over.
//!
//! The allocator of glibc keeps pages that are free as long as something above them is in use, which after a burst is nearly always so:
//! 57 KB stayed for each of 10,000 connections that had been sent 64 KiB (`bench/README.md`). Only when it is told to does it look for
//! whole pages within.
#![expect(
    unsafe_code,
    reason = "the calls that say so are C; measured in bench/README.md, \"Memory\" and \"Large messages\""
)]

use std::sync::{Mutex, PoisonError};

/// What may lie free at the end of the allocator's memory before it gives it back by itself: during a burst, and after one.
const KEPT_BYTES: i32 = 256 << 20;
const KEPT_BYTES_AFTER: i32 = 4 << 20;

/// From here on a buffer is mapped by itself, and unmapped when it is free: the most that the allocator takes. Once set it stays so, as
/// the allocator sets it by itself to the largest that was ever freed.
const MAPPED_BYTES: i32 = 32 << 20;

/// So much is a burst, and so much less than before one that is over.
const BURST_BYTES_MIN: usize = 8 << 20;

/// How long it has to be over: what comes again at once would only be asked for again.
const SETTLED_MS: u64 = 2_000;

/// What a shard has held, and when to give back what it no longer does.
#[derive(Debug, Default)]
pub(crate) struct Trim {
    /// The most since memory was last given back.
    most_bytes: usize,
    due_ms: Option<u64>,
    /// What is free is kept.
    keeps: bool,
}

/// What is to be done about what is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Free {
    /// As it is.
    AsBefore,
    /// To be kept from now on.
    Keep,
    /// To be given back.
    GiveBack,
}

impl Trim {
    /// Notes what is held at the end of a turn.
    pub(crate) fn note(&mut self, held_bytes: usize, now_ms: u64) -> Free {
        if !self.keeps {
            if held_bytes < BURST_BYTES_MIN {
                return Free::AsBefore;
            }
            *self = Self { most_bytes: held_bytes, due_ms: None, keeps: true };
            return Free::Keep;
        }
        self.most_bytes = self.most_bytes.max(held_bytes);
        let is_over = self.most_bytes - held_bytes >= BURST_BYTES_MIN && held_bytes <= self.most_bytes / 2;
        if !is_over {
            self.due_ms = None;
            return Free::AsBefore;
        }
        if now_ms < *self.due_ms.get_or_insert(now_ms + SETTLED_MS) {
            return Free::AsBefore;
        }
        *self = Self::default();
        Free::GiveBack
    }

    /// When to look again, whatever happens.
    pub(crate) fn wake_at_ms(&self) -> Option<u64> {
        self.due_ms
    }
}

/// Shards of this process that want what is free to be kept.
static KEEPING: Mutex<usize> = Mutex::new(0);

/// From now on what is free is kept until [`give_back`], in the whole process.
pub(crate) fn keep() {
    let mut keeping = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    *keeping += 1;
    set_kept(KEPT_BYTES);
}

fn set_kept(bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: they take numbers, and may be called from any thread at any time (mallopt(3)).
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
    }
}

/// Gives back what is free, in the whole process and once for each [`keep`], from another thread: it takes the time of unmapping it. The
/// allocator is locked piece by piece meanwhile, and whoever asks it for something that is not in a thread's own cache waits for that.
pub(crate) fn give_back() {
    let mut keeping = KEEPING.lock().unwrap_or_else(PoisonError::into_inner);
    *keeping -= 1;
    if *keeping == 0 {
        set_kept(KEPT_BYTES_AFTER);
    }
    tokio::task::spawn_blocking(|| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: it takes a number, and may be called from any thread at any time (malloc_trim(3)).
        unsafe {
            libc::malloc_trim(0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_a_burst_has_been_over_for_two_seconds() {
        let mut trim = Trim::default();
        assert_eq!(trim.note((8 << 20) - 1, 0), Free::AsBefore);
        assert_eq!(trim.note(8 << 20, 0), Free::Keep);
        assert_eq!(trim.note(100 << 20, 0), Free::AsBefore, "it is kept already");
        assert_eq!(trim.wake_at_ms(), None);
        assert_eq!(trim.note(1 << 20, 1_000), Free::AsBefore);
        assert_eq!(trim.wake_at_ms(), Some(3_000));
        assert_eq!(trim.note(1 << 20, 2_999), Free::AsBefore);
        assert_eq!(trim.note(1 << 20, 3_000), Free::GiveBack);
        assert_eq!(trim.note(1 << 20, 9_000), Free::AsBefore, "once");
        assert_eq!(trim.wake_at_ms(), None);
        assert_eq!(trim.note(9 << 20, 9_000), Free::Keep, "the next");
    }

    #[test]
    fn a_burst_that_comes_again_is_not_over() {
        let mut trim = Trim::default();
        assert_eq!(trim.note(100 << 20, 0), Free::Keep);
        assert_eq!(trim.note(1 << 20, 1_000), Free::AsBefore);
        assert_eq!(trim.note(90 << 20, 1_500), Free::AsBefore);
        assert_eq!(trim.wake_at_ms(), None);
        assert_eq!(trim.note(1 << 20, 3_500), Free::AsBefore);
        assert_eq!(trim.note(1 << 20, 5_500), Free::GiveBack);
    }

    #[test]
    fn what_is_not_worth_it_stays() {
        let mut trim = Trim::default();
        for held in [7 << 20, 0, 7 << 20, 0] {
            assert_eq!(trim.note(held, 0), Free::AsBefore);
        }
        assert_eq!(trim.note(1000 << 20, 0), Free::Keep);
        assert_eq!(trim.note(600 << 20, 0), Free::AsBefore);
        assert_eq!(trim.wake_at_ms(), None, "most of it is still in use");
    }

    #[test]
    fn nothing_is_given_back_that_was_not_kept() {
        let mut trim = Trim::default();
        let mut keeping = 0;
        for (at_ms, held) in
            (0..).step_by(2_000).zip([40, 20, 20, 0, 0, 0, 9, 0, 0, 0, 30, 10, 10, 9, 0, 0, 0])
        {
            match trim.note(held << 20, at_ms) {
                Free::Keep => keeping += 1,
                Free::GiveBack => keeping -= 1,
                Free::AsBefore => {}
            }
            assert!((0..=1).contains(&keeping), "{keeping} at {at_ms} ms");
        }
        assert_eq!(keeping, 0);
    }
}
