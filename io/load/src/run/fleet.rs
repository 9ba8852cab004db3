//! The connections of a run, and what has become of them.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::timer::Timer;
use crate::failure::{Failure, Trouble};
use crate::link::{Connection, Patience, READ_BUFFER_BYTES, Target, raise_file_limit};
use crate::plan::Plan;

/// What may wait for a connection's socket; then its next messages wait for their turn, and their latency tells.
const UNSENT_LIMIT_BYTES: usize = 1 << 20;

/// After so many that were refused one after another no more are tried.
const REFUSED_IN_A_ROW_MAX: u64 = 10;

/// The number under which the timer wakes the poller.
const TIMER: Token = Token(usize::MAX);

/// How many there were, and the first of them in full.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) count: u64,
    pub(crate) first: Option<Trouble>,
}

impl Troubles {
    pub(crate) fn add(&mut self, trouble: Trouble) {
        self.count += 1;
        self.first.get_or_insert(trouble);
    }
}

/// A connection with which something can be done.
#[derive(Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) index: usize,
    writable: bool,
    readable: bool,
    /// Nothing comes behind what is there.
    ends: bool,
}

/// The connections of a run.
pub(crate) struct Fleet {
    target: Target,
    poll: Poll,
    events: Events,
    timer: Timer,
    connections: Vec<Option<Connection>>,
    open: usize,
    tried: usize,
    buffer: Vec<u8>,
    refused_in_a_row: u64,
    gone: Vec<usize>,
    /// Who has something to say that waits for [`Fleet::flush`].
    queued: Vec<usize>,
    pub(crate) refused: Troubles,
    pub(crate) lost: Troubles,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
}

impl Fleet {
    pub(crate) fn new(plan: &Plan, stop: &Arc<AtomicBool>) -> Result<Self, Failure> {
        raise_file_limit();
        let poll = Poll::new().map_err(Failure::Broken)?;
        let timer = Timer::new(poll.registry(), TIMER).map_err(Failure::Broken)?;
        let url = &plan.url;
        let target = Target {
            address: url.resolve(plan.stall)?,
            host: url.host(),
            wire: url.wire(),
            path: url.path().to_owned(),
            deflates: false,
            namespace: url.namespace().to_owned(),
            secure: None,
            own_sources: false,
            patience: Patience { limit: plan.stall, stop: Some(Arc::clone(stop)) },
        };
        Ok(Self {
            target,
            poll,
            events: Events::with_capacity(1024),
            timer,
            connections: Vec::new(),
            open: 0,
            tried: 0,
            buffer: vec![0; READ_BUFFER_BYTES],
            refused_in_a_row: 0,
            gone: Vec::new(),
            queued: Vec::new(),
            refused: Troubles::default(),
            lost: Troubles::default(),
            sent_bytes: 0,
            received_bytes: 0,
        })
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Connections that were tried.
    pub(crate) fn tried(&self) -> usize {
        self.tried
    }

    /// What went wrong so far.
    pub(crate) fn errors(&self) -> u64 {
        self.refused.count + self.lost.count
    }

    pub(crate) fn is_open(&self, index: usize) -> bool {
        matches!(self.connections.get(index), Some(Some(_)))
    }

    /// Whether the socket takes what this connection has to say.
    pub(crate) fn has_room(&self, index: usize) -> bool {
        let connection = self.connections.get(index).and_then(Option::as_ref);
        connection.is_some_and(|connection| connection.unsent_bytes() < UNSENT_LIMIT_BYTES)
    }

    /// Opens the next connection; false where it is no use to go on.
    pub(crate) fn open_next(&mut self) -> bool {
        let opened = self.target.open(self.tried, &self.poll);
        self.tried += 1;
        match opened {
            Ok(connection) => {
                self.connections.push(Some(connection));
                self.open += 1;
                self.refused_in_a_row = 0;
                true
            }
            Err(Trouble { failure: Failure::Interrupted, .. }) => false,
            Err(trouble) => {
                self.connections.push(None);
                self.note_refused(trouble)
            }
        }
    }

    /// Opens the next connection, and closes it again; how long that took is for the caller to say.
    pub(crate) fn open_and_close(&mut self) -> Option<bool> {
        let index = self.tried;
        self.tried += 1;
        let wire = self.target.wire;
        let closed = self
            .target
            .handshake(index)
            .and_then(|opened| opened.close(wire).map_err(|failure| Trouble { connection: index, failure }));
        match closed {
            Ok(()) => {
                self.refused_in_a_row = 0;
                Some(true)
            }
            Err(Trouble { failure: Failure::Interrupted, .. }) => None,
            Err(trouble) => self.note_refused(trouble).then_some(false),
        }
    }

    fn note_refused(&mut self, trouble: Trouble) -> bool {
        // More files and ports will not be there a moment later, and while silence is waited for nobody answers pings.
        let hopeless = matches!(
            trouble.failure,
            Failure::FileLimit { .. } | Failure::NoPort { .. } | Failure::Silent { .. }
        );
        self.refused.add(trouble);
        self.refused_in_a_row += 1;
        // The first refusal of all is likely everybody's.
        !hopeless && self.refused_in_a_row < self.tried().min(REFUSED_IN_A_ROW_MAX as usize) as u64
    }

    /// Sends what a connection says.
    pub(crate) fn send(&mut self, index: usize, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        self.sent_bytes += bytes.len() as u64;
        if let Err(failure) = connection.send(bytes) {
            self.lose(index, failure);
        }
    }

    /// Appends what a connection says to what [`Fleet::flush`] sends.
    pub(crate) fn queue(&mut self, index: usize, say: impl FnOnce(&mut Vec<u8>)) {
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        let out = connection.queue();
        let before = out.len();
        say(out);
        self.sent_bytes += (out.len() - before) as u64;
        // Where something waited before, it is the socket that tells when there is room.
        if before == 0 {
            self.queued.push(index);
        }
    }

    /// Sends what was queued, in one write a connection.
    pub(crate) fn flush(&mut self) {
        for index in std::mem::take(&mut self.queued) {
            if let Some(Some(connection)) = self.connections.get_mut(index)
                && let Err(failure) = connection.flush()
            {
                self.lose(index, failure);
            }
        }
    }

    /// Waits for something to do, no longer than so long, and no longer than until `at`.
    pub(crate) fn wait(
        &mut self,
        wait: Duration,
        at: Option<Instant>,
        ready: &mut Vec<Ready>,
    ) -> Result<(), Failure> {
        ready.clear();
        let now = Instant::now();
        let mut sleep = wait;
        match at {
            Some(at) if at <= now => sleep = Duration::ZERO,
            Some(at) => {
                self.timer.arm(at, now).map_err(Failure::Broken)?;
                sleep = self.timer.sleep(wait, now);
            }
            None => {}
        }
        match self.poll.poll(&mut self.events, Some(sleep)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled.map_err(Failure::Broken)?,
        }
        let events = self.events.iter().filter(|event| event.token() != TIMER);
        ready.extend(events.map(|event| Ready {
            index: event.token().0,
            writable: event.is_writable(),
            readable: event.is_readable(),
            ends: event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }

    /// Sends what waited and gives each message that has come to `take`.
    pub(crate) fn serve(&mut self, ready: Ready, take: impl FnMut(&[u8])) {
        let Some(Some(connection)) = self.connections.get_mut(ready.index) else { return };
        let flushed = if ready.writable { connection.flush() } else { Ok(()) };
        let served = flushed.and_then(|()| {
            if !ready.readable && !ready.ends {
                return Ok(0);
            }
            connection.receive(&mut self.buffer, ready.ends, take)
        });
        match served {
            Ok(bytes) => self.received_bytes += bytes as u64,
            Err(failure) => self.lose(ready.index, failure),
        }
    }

    /// Those that are lost since this was asked before.
    pub(crate) fn take_gone(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.gone)
    }

    /// A connection is no more.
    pub(crate) fn lose(&mut self, index: usize, failure: Failure) {
        if self.connections.get_mut(index).and_then(Option::take).is_some() {
            self.open -= 1;
            self.gone.push(index);
            self.lost.add(Trouble { connection: index, failure });
        }
    }
}
