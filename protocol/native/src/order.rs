//! The client's ordered stream: each `seq` is handled once and in order (`docs/protocol.md`, "Order and recovery").

use std::collections::BTreeMap;

/// Messages that may wait for an earlier one.
pub const EARLY_MESSAGES_MAX: usize = 64;

/// Bytes that may wait for an earlier message: what one message may have, so that waiting costs no more than sending.
pub const EARLY_BYTES_MAX: usize = 1 << 20;

/// The receiving end of one client's ordered stream. Without a session the first `seq` sets the start.
#[derive(Debug, Default)]
pub struct Order {
    next: Option<u64>,
    early: BTreeMap<u64, String>,
    early_bytes: usize,
}

/// What to do with a message that carries a `seq`.
#[derive(Debug, PartialEq, Eq)]
pub enum Sequenced {
    /// It is the next one: handle it, then ask [`Order::take_ready`].
    Now,
    /// It came before its time and is kept, or one of its number is kept already.
    Kept,
    /// It was handled before: nothing to do.
    Repeated,
    /// Too much waits already; the text names the limit and the value.
    Refused(String),
}

impl Order {
    /// Places one message in the stream.
    pub fn receive(&mut self, seq: u64, text: &str) -> Sequenced {
        let next = *self.next.get_or_insert(seq);
        if seq == next {
            self.next = Some(next.saturating_add(1));
            return Sequenced::Now;
        }
        if seq < next {
            return Sequenced::Repeated;
        }
        if self.early.contains_key(&seq) {
            return Sequenced::Kept;
        }
        if self.early.len() == EARLY_MESSAGES_MAX {
            return Sequenced::Refused(format!(
                "seq {seq} came before seq {next}, and at most {EARLY_MESSAGES_MAX} messages may wait"
            ));
        }
        if self.early_bytes + text.len() > EARLY_BYTES_MAX {
            return Sequenced::Refused(format!(
                "seq {seq} came before seq {next}, and at most {EARLY_BYTES_MAX} bytes may wait"
            ));
        }
        self.early_bytes += text.len();
        self.early.insert(seq, text.to_owned());
        Sequenced::Kept
    }

    /// The message that waited for the one just handled, if it is here.
    pub fn take_ready(&mut self) -> Option<String> {
        let next = self.next?;
        let text = self.early.remove(&next)?;
        self.early_bytes -= text.len();
        self.next = Some(next.saturating_add(1));
        Some(text)
    }

    /// Bytes of the messages that wait.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.early_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_seq_sets_the_start_and_repeats_are_ignored() {
        let mut order = Order::default();
        assert_eq!(order.receive(5, "e"), Sequenced::Now);
        assert_eq!(order.receive(5, "e"), Sequenced::Repeated);
        assert_eq!(order.receive(7, "g"), Sequenced::Kept);
        assert_eq!(order.receive(7, "other"), Sequenced::Kept);
        assert_eq!(order.take_ready(), None);
        assert_eq!(order.receive(6, "f"), Sequenced::Now);
        assert_eq!(order.take_ready().as_deref(), Some("g"));
        assert_eq!(order.take_ready(), None);
        assert_eq!(order.held_bytes(), 0);
    }

    #[test]
    fn what_waits_is_limited_in_number_and_bytes() {
        let mut order = Order::default();
        order.receive(1, "");
        for seq in 3..67 {
            assert_eq!(order.receive(seq, "x"), Sequenced::Kept);
        }
        assert!(matches!(order.receive(67, "x"), Sequenced::Refused(reason) if reason.contains("64")));
        let mut order = Order::default();
        order.receive(1, "");
        assert_eq!(order.receive(3, &"x".repeat(EARLY_BYTES_MAX)), Sequenced::Kept);
        assert_eq!(order.held_bytes(), EARLY_BYTES_MAX);
        assert!(matches!(order.receive(4, "x"), Sequenced::Refused(_)));
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_is_handled_once_and_in_order(mut arrivals in proptest::collection::vec(1u64..40, 0..120)) {
            arrivals.insert(0, 1);
            let mut order = Order::default();
            let mut handled = Vec::new();
            for seq in &arrivals {
                if order.receive(*seq, &seq.to_string()) == Sequenced::Now {
                    handled.push(*seq);
                    while let Some(text) = order.take_ready() {
                        handled.push(text.parse().expect("a number"));
                    }
                }
            }
            let reached = (1..).take_while(|seq| arrivals.contains(seq)).collect::<Vec<_>>();
            prop_assert_eq!(handled, reached);
        }
    }
}
