//! Acknowledgements that clients owe.

use std::collections::BTreeMap;

use fanfare_hub::SocketId;
use tokio::sync::{mpsc, oneshot};

use super::args::Args;
use super::operators::AckEvent;

/// Whoever waits for an acknowledgement.
#[derive(Debug)]
enum Waiter {
    One(oneshot::Sender<Args>),
    Many(mpsc::UnboundedSender<AckEvent>),
}

impl Waiter {
    fn has_gone(&self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many(sender) => sender.is_closed(),
        }
    }
}

/// Numbers past which those that nobody waits for any more are thrown out before another is noted.
const SWEPT_FROM: usize = 64;

/// The acknowledgements that the clients of one shard owe.
#[derive(Debug, Default)]
pub(crate) struct Acknowledgements {
    /// In order, so that a departure looks at what it owed alone.
    waiters: BTreeMap<(SocketId, u64), Waiter>,
    sweep_at: usize,
}

impl Acknowledgements {
    pub(crate) fn expect_one(&mut self, socket: SocketId, id: u64, sender: oneshot::Sender<Args>) {
        self.insert(socket, id, Waiter::One(sender));
    }

    pub(crate) fn expect_of_many(
        &mut self,
        socket: SocketId,
        id: u64,
        sender: mpsc::UnboundedSender<AckEvent>,
    ) {
        self.insert(socket, id, Waiter::Many(sender));
    }

    fn insert(&mut self, socket: SocketId, id: u64, waiter: Waiter) {
        if self.waiters.len() >= self.sweep_at.max(SWEPT_FROM) {
            self.waiters.retain(|_, waiter| !waiter.has_gone());
            self.sweep_at = self.waiters.len() * 2;
        }
        self.waiters.insert((socket, id), waiter);
    }

    /// One has come. One that nobody waits for is of no account.
    pub(crate) fn came(&mut self, socket: SocketId, id: u64, args: Args) {
        match self.waiters.remove(&(socket, id)) {
            Some(Waiter::One(sender)) => {
                let _ = sender.send(args);
            }
            Some(Waiter::Many(sender)) => {
                let _ = sender.send(AckEvent::Answer(args));
            }
            None => {}
        }
    }

    /// A client has gone, and what it owed will not come.
    pub(crate) fn gone(&mut self, socket: SocketId) {
        for (_, waiter) in self.waiters.extract_if((socket, 0)..=(socket, u64::MAX), |_, _| true) {
            if let Waiter::Many(sender) = waiter {
                let _ = sender.send(AckEvent::Gone);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_hub::{Instance, socket_of};

    fn socket(letter: u8) -> SocketId {
        let id = format!("BwcHBwcAAAAAAAAAAAA{}", char::from(letter));
        socket_of(Instance([7; 5]), &id).expect("an id")
    }

    #[test]
    fn whoever_waits_gets_what_comes_or_hears_that_it_will_not() {
        let mut owed = Acknowledgements::default();
        let (one, mut answer) = oneshot::channel();
        let (many, mut answers) = mpsc::unbounded_channel();
        owed.expect_one(socket(b'A'), 1, one);
        owed.expect_of_many(socket(b'B'), 1, many.clone());
        owed.expect_of_many(socket(b'C'), 1, many);
        owed.came(socket(b'A'), 2, Args::new());
        assert!(answer.try_recv().is_err(), "another number is another's");
        owed.came(socket(b'A'), 1, Args::new());
        assert!(answer.try_recv().is_ok());
        owed.came(socket(b'B'), 1, Args::new());
        owed.gone(socket(b'C'));
        assert!(matches!(answers.try_recv(), Ok(AckEvent::Answer(_))));
        assert!(matches!(answers.try_recv(), Ok(AckEvent::Gone)));
    }

    #[test]
    fn whoever_goes_takes_nobody_elses_with_it() {
        let mut owed = Acknowledgements::default();
        let (many, mut answers) = mpsc::unbounded_channel();
        for (letter, id) in [(b'A', u64::MAX), (b'B', 0), (b'B', u64::MAX), (b'C', 0)] {
            owed.expect_of_many(socket(letter), id, many.clone());
        }
        owed.gone(socket(b'B'));
        let gone = std::iter::from_fn(|| answers.try_recv().ok());
        assert_eq!(gone.filter(|event| matches!(event, AckEvent::Gone)).count(), 2);
        assert_eq!(owed.waiters.len(), 2);
    }

    #[test]
    fn what_nobody_waits_for_does_not_pile_up() {
        let mut owed = Acknowledgements::default();
        for id in 0..10_000 {
            let (one, _) = oneshot::channel();
            owed.expect_one(socket(b'A'), id, one);
        }
        assert!(owed.waiters.len() <= SWEPT_FROM + 1, "{}", owed.waiters.len());
    }
}
