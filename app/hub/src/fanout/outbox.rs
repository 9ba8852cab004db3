//! An outbox: the spans that one connection is still to be sent, in order.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::log::{Log, Span};
use crate::limits::{OUTBOX_MESSAGES_MAX, SEND_BYTES_MAX, SPAN_BYTES};

/// One connection's outbox. Most hold nothing or one span, so only the first lies in place.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    first: Span,
    #[expect(
        clippy::box_collection,
        reason = "24 bytes less for each connection, and most never have a second span"
    )]
    rest: Option<Box<VecDeque<Span>>>,
    queued_bytes: usize,
    /// Part of the first span is sent: it has to be finished.
    first_started: bool,
}

/// The outbox holds its limit already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Outbox {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queued_bytes == 0
    }

    /// What it holds: the bytes, whoever else refers to them too, and the list itself.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.queued_bytes + self.rest.as_ref().map_or(0, |rest| rest.len() * SPAN_BYTES)
    }

    /// Whether another message may wait: always, while less than `limit_bytes` wait behind the span being sent.
    #[inline]
    pub(crate) fn has_room(&self, limit_bytes: usize) -> Result<(), Full> {
        let behind = self.queued_bytes - self.first.len();
        let messages = self.rest.as_ref().map_or(0, |rest| rest.len());
        if behind < limit_bytes && messages < OUTBOX_MESSAGES_MAX { Ok(()) } else { Err(Full) }
    }

    /// Adds a span; `merge` lets it grow together with its neighbour, which loses the boundary between their messages.
    #[inline(always)]
    pub(crate) fn push(&mut self, span: Span, merge: bool, log: &mut Log) {
        if span.is_empty() {
            return;
        }
        let was_empty = self.queued_bytes == 0;
        self.queued_bytes += span.len();
        if was_empty {
            self.first = span;
            log.retain(span);
            return;
        }
        // What has begun to be sent stays as it is: the limit is on what waits behind it.
        let last = match &mut self.rest {
            Some(rest) => rest.back_mut(),
            None => (!self.first_started).then_some(&mut self.first),
        };
        if merge && last.is_some_and(|last| last.merge(span)) {
            return;
        }
        log.retain(span);
        self.rest.get_or_insert_default().push_back(span);
    }

    /// The way of a broadcast, for those who share its span: says whether it was taken. The first span is taken without being
    /// retained, and then `begins` is counted up; one that follows the only one grows with it where `merge` lets it.
    #[inline]
    pub(crate) fn push_shared(&mut self, span: Span, merge: bool, begins: &mut u32) -> bool {
        if self.is_empty() {
            (self.first, self.queued_bytes) = (span, span.len());
            *begins += 1;
            return true;
        }
        let grows = merge && self.rest.is_none() && !self.first_started && self.first.merge(span);
        if grows {
            self.queued_bytes += span.len();
        }
        grows
    }

    /// Everything that waits has been sent, and it was one span.
    #[inline]
    pub(crate) fn clear_single(&mut self, log: &mut Log) {
        debug_assert!(self.rest.is_none() && !self.is_empty(), "there is more than one span");
        log.release(self.first);
        (self.first, self.queued_bytes, self.first_started) = (Span::default(), 0, false);
    }

    /// The bytes to send next, [`SEND_BYTES_MAX`] at most, as many slices as fit. Returns how many were filled.
    pub(crate) fn slices<'l>(&self, log: &'l Log, slices: &mut [IoSlice<'l>]) -> usize {
        if self.is_empty() {
            return 0;
        }
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        let (mut filled, mut left) = (0, SEND_BYTES_MAX);
        for (slice, span) in slices.iter_mut().zip(std::iter::once(&self.first).chain(rest)) {
            let bytes = log.bytes(*span);
            let bytes = &bytes[..bytes.len().min(left)];
            *slice = IoSlice::new(bytes);
            filled += 1;
            left -= bytes.len();
            if left == 0 {
                break;
            }
        }
        filled
    }

    /// All bytes that wait.
    pub(crate) fn bytes(&self, log: &Log) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.queued_bytes);
        if !self.is_empty() {
            let rest = self.rest.iter().flat_map(|rest| rest.iter());
            for span in std::iter::once(&self.first).chain(rest) {
                bytes.extend_from_slice(log.bytes(*span));
            }
        }
        bytes
    }

    /// Whether there is something to send, and it lies in one piece.
    #[inline]
    pub(crate) fn is_single(&self) -> bool {
        self.rest.is_none() && !self.is_empty()
    }

    /// The bytes to send next, where they lie in one piece; [`SEND_BYTES_MAX`] at most.
    #[inline]
    pub(crate) fn single<'l>(&self, log: &'l Log) -> Option<&'l [u8]> {
        if !self.is_single() {
            return None;
        }
        let bytes = log.bytes(self.first);
        Some(&bytes[..bytes.len().min(SEND_BYTES_MAX)])
    }

    /// Bytes that wait.
    #[inline]
    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Notes that the socket took `sent` bytes.
    #[inline]
    pub(crate) fn advance(&mut self, mut sent: usize, log: &mut Log) {
        debug_assert!(sent <= self.queued_bytes, "sent more than there is");
        if sent == self.queued_bytes && self.rest.is_none() {
            // All of it in one piece, as nearly always.
            if sent > 0 {
                self.clear_single(log);
            }
            return;
        }
        while sent > 0 && !self.is_empty() {
            let part = sent.min(self.first.len());
            self.first.advance(part);
            self.queued_bytes -= part;
            sent -= part;
            self.first_started = true;
            if self.first.is_empty() {
                self.pop_first(log);
            }
        }
    }

    fn pop_first(&mut self, log: &mut Log) {
        log.release(self.first);
        self.first_started = false;
        let next = self.rest.as_mut().and_then(|rest| rest.pop_front());
        self.first = next.unwrap_or_default();
        if self.rest.as_ref().is_some_and(|rest| rest.is_empty()) {
            self.rest = None;
        }
    }

    /// Drops messages that have not begun and may be dropped, oldest first, until fewer than `limit_bytes` wait. Returns how many
    /// went, and their bytes.
    pub(crate) fn drop_waiting(&mut self, limit_bytes: usize, log: &mut Log) -> (u64, u64) {
        self.drop_some(limit_bytes, log, |span| !span.is_kept())
    }

    fn drop_some(&mut self, limit_bytes: usize, log: &mut Log, may_go: impl Fn(Span) -> bool) -> (u64, u64) {
        let (mut messages, mut bytes) = (0u64, 0u64);
        let Some(rest) = &mut self.rest else { return (0, 0) };
        let mut at = 0;
        while self.queued_bytes - self.first.len() >= limit_bytes.max(1) || rest.len() >= OUTBOX_MESSAGES_MAX
        {
            let Some(span) = rest.get(at).copied() else { break };
            if !may_go(span) {
                at += 1;
                continue;
            }
            rest.remove(at);
            log.release(span);
            self.queued_bytes -= span.len();
            messages += 1;
            bytes += span.len() as u64;
        }
        if rest.is_empty() {
            self.rest = None;
        }
        (messages, bytes)
    }

    /// Drops everything but the rest of a message that the peer has part of.
    pub(crate) fn drop_unstarted(&mut self, log: &mut Log) -> (u64, u64) {
        let (mut messages, mut bytes) = self.drop_some(0, log, |_| true);
        if !self.first_started && !self.is_empty() {
            messages += 1;
            bytes += self.first.len() as u64;
            self.queued_bytes = 0;
            self.pop_first(log);
        }
        (messages, bytes)
    }

    /// Drops everything: the socket is gone.
    pub(crate) fn clear(&mut self, log: &mut Log) {
        if !self.is_empty() {
            log.release(self.first);
            for span in self.rest.take().into_iter().flat_map(|rest| *rest) {
                log.release(span);
            }
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(log: &mut Log, bytes: &[u8]) -> Span {
        log.append(bytes.len(), |out| out.extend_from_slice(bytes))
    }

    fn contents(outbox: &Outbox, log: &Log) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 64];
        let count = outbox.slices(log, &mut slices);
        slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn a_message_is_accepted_while_less_than_the_limit_waits_behind_the_first() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        let large = text(&mut log, &[1; 100_000]);
        outbox.push(large, false, &mut log);
        assert_eq!(outbox.has_room(10), Ok(()));
        let nine = text(&mut log, &[2; 9]);
        outbox.push(nine, false, &mut log);
        assert_eq!(outbox.has_room(10), Ok(()));
        let one = text(&mut log, &[3]);
        outbox.push(one, false, &mut log);
        assert_eq!(outbox.has_room(10), Err(Full));
        assert_eq!(outbox.has_room(11), Ok(()));
        outbox.advance(100_000, &mut log);
        assert_eq!(outbox.has_room(10), Ok(()));
    }

    #[test]
    fn a_shared_span_is_taken_where_it_comes_first_or_follows_the_only_one() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        let [one, two, three, four] = [b"1", b"2", b"3", b"4"].map(|bytes| text(&mut log, bytes));
        let mut begins = 0;
        assert!(outbox.push_shared(one, true, &mut begins) && begins == 1);
        log.retain_for(one, begins);
        assert!(!outbox.push_shared(two, false, &mut begins), "its door keeps messages apart");
        assert!(outbox.push_shared(two, true, &mut begins) && begins == 1);
        assert!(!outbox.push_shared(four, true, &mut begins), "it does not follow");
        assert!(outbox.is_single());
        assert_eq!((contents(&outbox, &log), outbox.queued_bytes()), (b"12".to_vec(), 2));
        outbox.advance(1, &mut log);
        assert!(!outbox.push_shared(three, true, &mut begins), "part of it is sent");
        outbox.push(three, true, &mut log);
        assert!(!outbox.push_shared(four, true, &mut begins), "there is more than one");
        assert_eq!((begins, contents(&outbox, &log)), (1, b"23".to_vec()));
        outbox.clear(&mut log);
        log.end_turn();
        assert_eq!(log.list_bytes(), 0);
    }

    #[test]
    fn what_was_sent_whole_is_let_go() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        let span = text(&mut log, b"all");
        outbox.push(span, true, &mut log);
        outbox.clear_single(&mut log);
        assert!(outbox.is_empty() && !outbox.is_single());
        assert_eq!((outbox.queued_bytes(), log.list_bytes()), (0, 0));
    }

    #[test]
    fn so_many_messages_wait_whatever_their_size() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        let one = text(&mut log, &[1]);
        for _ in 0..OUTBOX_MESSAGES_MAX {
            assert_eq!(outbox.has_room(usize::MAX), Ok(()));
            outbox.push(one, false, &mut log);
        }
        assert_eq!(outbox.has_room(usize::MAX), Ok(()), "one of them is the one being sent");
        outbox.push(one, false, &mut log);
        assert_eq!(outbox.has_room(usize::MAX), Err(Full));
    }

    #[test]
    fn what_lies_in_one_piece_is_sent_as_one() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        assert_eq!(outbox.single(&log), None);
        let first = text(&mut log, b"first");
        outbox.push(first, false, &mut log);
        assert_eq!(outbox.single(&log), Some(&b"first"[..]));
        let second = text(&mut log, b"second");
        outbox.push(second, false, &mut log);
        assert_eq!(outbox.single(&log), None);
        outbox.advance(5, &mut log);
        assert_eq!(outbox.single(&log), Some(&b"second"[..]));
    }

    #[test]
    fn dropping_counts_exactly_and_never_cuts_a_begun_message() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        for number in 0..5u8 {
            let span = text(&mut log, &[number; 10]);
            outbox.push(span, false, &mut log);
        }
        outbox.advance(3, &mut log);
        assert_eq!(outbox.drop_waiting(41, &mut log), (0, 0));
        assert_eq!(outbox.drop_waiting(40, &mut log), (1, 10), "fewer than the limit wait");
        assert_eq!(outbox.drop_waiting(25, &mut log), (1, 10));
        assert_eq!(contents(&outbox, &log), [&[0u8; 7][..], &[3; 10], &[4; 10]].concat());
        assert_eq!(outbox.drop_unstarted(&mut log), (2, 20));
        assert_eq!(contents(&outbox, &log), [0u8; 7]);
        outbox.advance(7, &mut log);
        let span = text(&mut log, b"whole");
        outbox.push(span, false, &mut log);
        assert_eq!(outbox.drop_unstarted(&mut log), (1, 5));
        assert!(outbox.is_empty());
    }

    #[test]
    fn what_is_kept_stays_and_the_number_of_messages_is_bounded() {
        let (mut log, mut outbox) = (Log::new(), Outbox::default());
        for number in 0..10u8 {
            let span = text(&mut log, &[number; 10]);
            outbox.push(if number % 3 == 1 { span.kept() } else { span }, false, &mut log);
        }
        assert_eq!(outbox.drop_waiting(0, &mut log), (6, 60));
        assert_eq!(contents(&outbox, &log), [[0; 10], [1; 10], [4; 10], [7; 10]].concat());
        assert_eq!(outbox.drop_unstarted(&mut log), (4, 40), "an end drops them too");
        log.end_turn();
        assert_eq!(log.list_bytes(), 0);
        let one = text(&mut log, b"x");
        for _ in 0..=OUTBOX_MESSAGES_MAX {
            outbox.push(one, false, &mut log);
        }
        assert_eq!(outbox.has_room(usize::MAX), Err(Full));
        assert_eq!(outbox.drop_waiting(usize::MAX, &mut log), (1, 1));
        assert_eq!(outbox.has_room(usize::MAX), Ok(()));
        outbox.clear(&mut log);
    }

    proptest! {
        /// Against a plain queue of bytes.
        #[test]
        fn what_goes_in_comes_out(steps in proptest::collection::vec((0usize..200, 0usize..300, any::<bool>()), 1..80)) {
            let (mut log, mut outbox, mut plain) = (Log::new(), Outbox::default(), Vec::new());
            for (step, (length, sent, merge)) in steps.into_iter().enumerate() {
                let bytes = vec![u8::try_from(step).expect("few steps"); length];
                let span = text(&mut log, &bytes);
                outbox.push(span, merge, &mut log);
                plain.extend_from_slice(&bytes);
                let sent = sent.min(plain.len());
                outbox.advance(sent, &mut log);
                plain.drain(..sent);
                log.end_turn();
                prop_assert_eq!(outbox.queued_bytes, plain.len());
                let out = contents(&outbox, &log);
                prop_assert_eq!(&out[..], &plain[..out.len()]);
                prop_assert_eq!(out.is_empty(), plain.is_empty());
            }
            outbox.clear(&mut log);
            log.end_turn();
            prop_assert!(log.allocated_bytes() <= 2 * 65_536);
        }
    }
}
