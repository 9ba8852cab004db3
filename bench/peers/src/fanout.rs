//! Who gets what one client sends: everybody else, over a queue each, as applications on these libraries do it.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Default)]
pub(crate) struct Everyone {
    queues: Vec<Option<UnboundedSender<Bytes>>>,
}

/// A place among everyone; leaving it drops the queue.
pub(crate) struct Place {
    everyone: Rc<RefCell<Everyone>>,
    index: usize,
}

impl Place {
    pub(crate) fn take(everyone: Rc<RefCell<Everyone>>) -> (Self, UnboundedReceiver<Bytes>) {
        let (sender, receiver) = unbounded_channel();
        let index = {
            let queues = &mut everyone.borrow_mut().queues;
            queues.push(Some(sender));
            queues.len() - 1
        };
        (Self { everyone, index }, receiver)
    }

    pub(crate) fn broadcast(&self, message: &Bytes) {
        let everyone = self.everyone.borrow();
        let others = everyone.queues.iter().enumerate().filter(|(index, _)| *index != self.index);
        for queue in others.filter_map(|(_, queue)| queue.as_ref()) {
            // Whoever has just gone no longer needs it.
            let _ = queue.send(message.clone());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.everyone.borrow_mut().queues[self.index] = None;
    }
}

/// Writes what comes over a queue, as a message each: all that is there before one flush.
pub(crate) async fn send<S, M>(mut sink: S, mut queue: UnboundedReceiver<Bytes>, message: impl Fn(Bytes) -> M)
where
    S: Sink<M> + Unpin,
{
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(bytes) = next {
            if sink.feed(message(bytes)).await.is_err() {
                return;
            }
            next = queue.try_recv().ok();
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}
