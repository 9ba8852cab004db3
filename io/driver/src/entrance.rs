//! How newcomers get to their shards.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use fanfare_hub::ShardId;
use tokio::sync::Notify;

use crate::mailbox::{Mail, Mailboxes};
use crate::transport::Newcomer;

/// Where tasks of this thread leave newcomers.
pub(crate) struct Entrance {
    shard: ShardId,
    pub(crate) newcomers: RefCell<Vec<Newcomer>>,
    /// HTTP connections that are not upgraded, or not yet.
    pub(crate) requests: Cell<usize>,
    pub(crate) notify: Notify,
}

thread_local! {
    /// The entrance of the shard whose thread this is.
    static ENTRANCE: RefCell<Option<Rc<Entrance>>> = const { RefCell::new(None) };
}

impl Entrance {
    /// The entrance of the shard that runs on this thread from now on.
    pub(crate) fn of_this_thread(shard: ShardId) -> Rc<Self> {
        let entrance = Self {
            shard,
            newcomers: RefCell::default(),
            requests: Cell::default(),
            notify: Notify::default(),
        };
        let entrance = Rc::new(entrance);
        ENTRANCE.set(Some(Rc::clone(&entrance)));
        entrance
    }
}

/// Brings a newcomer to its shard: directly where that is this thread's, by mail otherwise.
pub(crate) fn enter(shard: ShardId, newcomer: Newcomer, mailboxes: &Mailboxes) {
    let elsewhere = ENTRANCE.with_borrow(|entrance| match entrance {
        Some(entrance) if entrance.shard == shard => {
            entrance.newcomers.borrow_mut().push(newcomer);
            entrance.notify.notify_one();
            None
        }
        _ => Some(newcomer),
    });
    if let Some(newcomer) = elsewhere {
        mailboxes.put(shard, Mail::Newcomer(Box::new(newcomer)));
    }
}
