//! What waits for a connection's socket.

/// Bytes that go out from the front while more are appended. What was sent is cut off only once it is half of all, so that each
/// byte is moved about once however small the pieces are that the socket takes of a long queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Empty where nothing waits.
    bytes: Vec<u8>,
    /// How many of them were sent.
    sent: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is next to be sent.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Where to append more.
    pub(super) fn queue(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// So many of those that waited no longer do.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.bytes.len());
        if self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_socket_takes_the_bytes_go_out_in_order() {
        for piece in [1, 3, 7, 100] {
            let (mut outbox, mut went) = (Outbox::default(), Vec::new());
            for number in 0..100_u8 {
                outbox.queue().extend_from_slice(&[number; 2]);
                let taken = piece.min(outbox.waiting().len());
                went.extend_from_slice(&outbox.waiting()[..taken]);
                outbox.sent(taken);
                assert_eq!(outbox.is_empty(), outbox.waiting().is_empty());
            }
            went.extend_from_slice(outbox.waiting());
            outbox.sent(outbox.waiting().len());
            assert!(outbox.is_empty());
            assert!(went.iter().copied().eq((0..100).flat_map(|number| [number; 2])), "pieces of {piece}");
        }
    }

    #[test]
    fn a_long_queue_is_not_moved_for_each_piece() {
        let mut outbox = Outbox::default();
        outbox.queue().resize(1 << 20, 0);
        let mut moved = 0;
        while !outbox.is_empty() {
            outbox.sent(1024);
            moved += if outbox.sent == 0 { outbox.bytes.len() } else { 0 };
        }
        assert!(moved <= 1 << 20, "{moved}");
    }
}
