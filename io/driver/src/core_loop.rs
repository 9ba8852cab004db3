//! The core loop: one turn after another, each for everything that is ready.
//!
//! An edge-triggered poller of our own stands inside tokio's, which therefore wakes us once for a whole turn of sockets. A
//! turn reads, handles, and sends once a connection; see [`Links`] for its rules.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_hub::{Links, MAILBOX_BYTES_MAX, Now, Readiness, Shard, ShardId, Token};
use mio::event::Event;
use mio::{Events, Interest, Poll, Registry};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::entrance::Entrance;
use crate::mailbox::{Mail, Mailboxes};
use crate::polls::Polls;
use crate::transport::{Newcomer, Socket};
use crate::trim::{self, Free, Trim};

/// Events taken from the poller at once; where there are more, the next turn takes them.
const EVENTS_PER_TURN: usize = 1024;

/// Envelopes that one turn carries out; what else has come waits for the next.
const ENVELOPES_PER_TURN: usize = 4_096;

/// The poller's own number for its waker.
pub(crate) const WAKER: mio::Token = mio::Token(usize::MAX);

/// How long after the drain's time whoever is still there is cut.
const DRAIN_GRACE_MS: u64 = 5_000;

/// How long a drain waits for HTTP connections that are not upgraded.
const REQUEST_GRACE_MS: u64 = 500;

/// A shard, its sockets and its poller.
pub(crate) struct CoreLoop {
    pub(crate) id: ShardId,
    pub(crate) shard: Shard,
    pub(crate) clock: Clock,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) entrance: Rc<Entrance>,
    /// Told when the drain begins, for whoever accepts.
    pub(crate) draining: Rc<Notify>,
    /// Shards that still have connections while the server drains.
    pub(crate) busy_shards: Arc<AtomicUsize>,
    pub(crate) links: Links<Socket>,
    /// Sessions without a socket.
    pub(crate) polls: Polls,
    /// Mail that has come and is not read yet.
    pub(crate) mail: VecDeque<Mail>,
    pub(crate) drain: Option<Drain>,
    pub(crate) trim: Trim,
}

/// A drain that has begun.
pub(crate) struct Drain {
    cut_at_ms: u64,
    since_ms: u64,
    counted: bool,
}

impl CoreLoop {
    /// Runs until the server has drained or is stopped.
    ///
    /// # Errors
    /// Where the poller fails, which it does not while the process has its descriptors.
    pub(crate) async fn run(mut self, poll: Poll) -> io::Result<()> {
        let registry = poll.registry().try_clone()?;
        #[expect(
            deprecated,
            reason = "`register` is unsafe for descriptors that are lent; `Poll` owns its own and never gives it up"
        )]
        let mut poll = AsyncFd::new(poll)?;
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let far = tokio::time::Instant::now() + Duration::from_secs(86_400);
        let sleep = tokio::time::sleep_until(far);
        tokio::pin!(sleep);
        // None once it has fired: it has to be set again then, also where there is nothing left to wait for.
        let mut sleeps_until_ms = Some(u64::MAX);
        let mut is_polled = true;
        loop {
            events.clear();
            if is_polled {
                poll.get_mut().poll(&mut events, Some(Duration::ZERO))?;
            }
            let now = self.clock.now();
            if self.turn(&events, &registry, now) {
                return Ok(());
            }
            let more = self.links.has_carry_over() || !self.mail.is_empty();
            if more || events.iter().count() == EVENTS_PER_TURN {
                tokio::task::yield_now().await;
                is_polled = true;
                continue;
            }
            let wake_at_ms = self.wake_at_ms(now);
            if sleeps_until_ms != Some(wake_at_ms) {
                sleeps_until_ms = Some(wake_at_ms);
                let wait =
                    Duration::from_millis(wake_at_ms.saturating_sub(now.ms)).min(Duration::from_secs(3_600));
                sleep.as_mut().reset(tokio::time::Instant::now() + wait);
            }
            // Only for sockets the poller has to be asked. Where it has something and was not waited for, tokio goes on saying so.
            is_polled = tokio::select! {
                biased;
                ready = poll.readable() => {
                    ready?.clear_ready();
                    true
                }
                () = self.entrance.notify.notified() => false,
                () = &mut sleep => {
                    sleeps_until_ms = None;
                    false
                }
            };
        }
    }

    fn wake_at_ms(&self, now: Now) -> u64 {
        let drain = self.drain.as_ref().map(|drain| {
            // Once the requests' time is over, what is left of the drain has no other time than its end.
            let requests = Some(drain.since_ms + REQUEST_GRACE_MS).filter(|at_ms| *at_ms > now.ms);
            requests.map_or(drain.cut_at_ms, |at_ms| at_ms.min(drain.cut_at_ms))
        });
        let own = [self.links.wake_at_ms(), self.trim.wake_at_ms(), drain];
        let times = self.shard.wake_at_ms().into_iter().chain(own.into_iter().flatten());
        times.min().unwrap_or(u64::MAX)
    }

    /// One turn. Says whether it was the last.
    fn turn(&mut self, events: &Events, registry: &Registry, now: Now) -> bool {
        self.shard.begin_turn(now);
        self.shard.set_relay_bytes(self.mailboxes.most_under_way());
        self.links.read_carry_over(&mut self.shard);
        for event in events.iter().filter(|event| event.token() != WAKER) {
            self.links.ready(&mut self.shard, Token(event.token().0), readiness(event));
        }
        let newcomers = self.entrance.newcomers.take();
        for newcomer in newcomers {
            self.let_in(registry, newcomer);
        }
        let stopped = self.read_mail(registry);
        self.shard.handle_posts();
        // A socket that is dropped leaves the poller by itself: nobody else has its descriptor.
        drop(self.links.finish_turn(&mut self.shard, now.ms));
        while let Some(token) = self.links.next_unwatched() {
            self.watch(registry, token);
        }
        while let Some((socket, answer)) = self.shard.next_answer() {
            self.polls.answer(socket, answer);
        }
        while let Some(socket) = self.links.next_unlinked() {
            self.polls.remove(socket);
        }
        for to in self.mailboxes.shards() {
            while let Some((envelopes, bytes)) = self.shard.take_envelopes(to) {
                self.mailboxes.send(self.id, to, envelopes, bytes);
            }
        }
        if self.shard.waits_for_mailboxes() && self.mailboxes.most_under_way() < MAILBOX_BYTES_MAX / 4 {
            // They may have been emptied while they were being filled, and then nobody says so.
            self.entrance.notify.notify_one();
        }
        match self.trim.note(self.shard.held_bytes(), now.ms) {
            Free::AsBefore => {}
            Free::Keep => trim::keep(),
            Free::GiveBack => trim::give_back(),
        }
        stopped || self.is_drained(now)
    }

    fn let_in(&mut self, registry: &Registry, newcomer: Newcomer) {
        let Newcomer { door, arrival, socket, mut early } = newcomer;
        let token = self.links.insert(&mut self.shard, door, &arrival, socket, &mut early, true);
        let Some(socket) = self.links.transport(token) else { return };
        // That it can be written to would be news at once, and cost each newcomer a turn.
        if let Err(error) = registry.register(&mut socket.stream, mio::Token(token.0), Interest::READABLE) {
            tracing::error!(%error, "a socket could not be registered with the poller");
        }
    }

    /// From now on it is news that a socket can be written to; if it can already, that is the first.
    fn watch(&mut self, registry: &Registry, token: Token) {
        let Some(socket) = self.links.transport(token) else { return };
        let both = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = registry.reregister(&mut socket.stream, mio::Token(token.0), both) {
            tracing::error!(%error, "a socket could not be watched for being written to");
        }
    }

    fn read_mail(&mut self, registry: &Registry) -> bool {
        self.mail.extend(self.mailboxes.take(self.id));
        let mut carried_out = 0;
        while carried_out < ENVELOPES_PER_TURN
            && self.shard.takes_mail()
            && let Some(mail) = self.mail.pop_front()
        {
            carried_out += 1;
            match mail {
                Mail::Envelopes(from, envelopes, bytes) => {
                    carried_out += envelopes.len();
                    self.shard.deliver(envelopes);
                    self.mailboxes.handled(from, bytes);
                }
                Mail::Send(to, message) => self.shard.send(to, &message.as_outgoing()),
                Mail::Close(socket, code, reason) => self.shard.close(socket, code, &reason),
                Mail::Woken(socket) => self.shard.woken(socket),
                Mail::Kit(door, letter) => self.shard.tell_kit(door, letter),
                Mail::Errand(errand) => self.polls.run(&mut self.shard, *errand),
                Mail::Newcomer(newcomer) => self.let_in(registry, *newcomer),
                Mail::Drain { within_ms } => {
                    self.shard.drain(within_ms);
                    self.draining.notify_waiters();
                    let now_ms = self.clock.now().ms;
                    let cut_at_ms = now_ms.saturating_add(within_ms).saturating_add(DRAIN_GRACE_MS);
                    let begun = Drain { cut_at_ms, since_ms: now_ms, counted: false };
                    // A second drain moves the end of the first; who is counted stays so.
                    self.drain.get_or_insert(begun).cut_at_ms = cut_at_ms;
                }
                Mail::Stop => return true,
            }
        }
        false
    }

    /// Whether a drain is over: no shard has anybody left, or its time is up. A shard that is empty goes on carrying
    /// envelopes for the others until then.
    fn is_drained(&mut self, now: Now) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        if now.ms >= drain.cut_at_ms {
            return true;
        }
        // Answers to requests that were on their way are still sent; a connection that is only kept alive is not waited for.
        let answered = self.entrance.requests.get() == 0 || now.ms >= drain.since_ms + REQUEST_GRACE_MS;
        if !drain.counted
            && answered
            && self.links.is_empty()
            && self.polls.is_empty()
            && self.entrance.newcomers.borrow().is_empty()
        {
            drain.counted = true;
            if self.busy_shards.fetch_sub(1, Ordering::AcqRel) == 1 {
                for shard in self.mailboxes.shards() {
                    self.mailboxes.wake(shard);
                }
            }
        }
        self.busy_shards.load(Ordering::Acquire) == 0
    }
}

fn readiness(event: &Event) -> Readiness {
    Readiness {
        readable: event.is_readable(),
        writable: event.is_writable(),
        read_closed: event.is_read_closed() || event.is_error(),
    }
}
