//! A server: its threads, from the first bind to the last byte.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use fanfare_hub::{Door, Limits, Links, Shard, ShardId, ShardSetup};
use mio::{Poll, Waker};
use tokio::sync::Notify;
use tokio::task::LocalSet;

use crate::admission::{Admission, ConnectionLimits};
use crate::clock::Clock;
use crate::core_loop::{CoreLoop, WAKER};
use crate::entrance::Entrance;
use crate::front::{DoorPath, Front, Pages, Visit};
use crate::http::{is_same, serve};
use crate::listen::listeners;
use crate::mailbox::{Mail, Mailboxes, Remote};
use crate::options::EngineOptions;
use crate::polls::Polls;
use crate::posting::Posting;
use crate::random::{instance, random_array};
use crate::service::Service;
use crate::stream::SharedStream;
use crate::trim::Trim;
use crate::turn_away::turn_away;

/// How long the acceptor rests after an error that the next attempt would only repeat, such as no free descriptor.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// HTTP connections of one shard that are not upgraded yet; past it nothing is accepted until one is done.
const HANDSHAKES_MAX: usize = 4_096;

/// A door: its path, and how each shard makes the kit behind it.
#[derive(Clone)]
pub struct DoorSpec {
    /// The path, such as `/chat`; `/chat/` is the same. One that has none is a namespace of Socket.IO only.
    pub path: Option<String>,
    /// It speaks Engine.IO, over polling too, and takes posted bodies of so many bytes.
    pub engine: Option<usize>,
    /// Makes the kit for one shard.
    pub make: Arc<dyn Fn(&Remote) -> Door + Send + Sync>,
}

/// What a server is made of.
pub struct Options {
    /// Where to listen; port 0 is any free one. Without an address requests come through a [`Service`] only.
    pub address: Option<SocketAddr>,
    /// Threads, each with its own loop.
    pub shards: u16,
    /// Limits of the hub; the memory budget is the whole server's.
    pub limits: Limits,
    /// The doors.
    pub doors: Vec<DoorSpec>,
    /// Finds the page for a path.
    pub pages: Pages,
    /// Whether permessage-deflate is agreed to.
    pub compression: bool,
    /// How long a handshake may take.
    pub handshake_timeout: Duration,
    /// For doors that speak Engine.IO.
    pub engine: EngineOptions,
    /// Connections in all; 0 is unlimited.
    pub connections: usize,
    /// Connections from one address; 0 is unlimited.
    pub connections_per_address: usize,
}

/// Why a server did not start.
#[derive(thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there.
    #[error("{0} is in use by another server; stop it, or choose another port (0 takes any free one)")]
    AddressInUse(SocketAddr),
    /// It may not listen there.
    #[error("not allowed to listen on {0}; ports below 1024 need the right to it, others do not")]
    NotAllowed(SocketAddr),
    /// Anything else that the system refused.
    #[error("could not listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The doors are not to be told apart, or cannot be reached.
    #[error("the door {0:?}: {1}")]
    Door(String, &'static str),
    /// No thread, poller or descriptor was to be had.
    #[error("could not start a shard: {0}")]
    Shard(#[from] std::io::Error),
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Everybody was told and has gone.
    Drained,
    /// A shard ended by itself, which none should.
    Failed,
}

/// A running server. Dropping it stops it at once.
pub struct Server {
    address: Option<SocketAddr>,
    front: Arc<Front>,
    mailboxes: Arc<Mailboxes>,
    ready: Arc<AtomicBool>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Server {
    /// Listens and starts a thread for each shard.
    ///
    /// # Errors
    /// [`StartError`], with what to do about it.
    pub fn start(options: Options) -> Result<Self, StartError> {
        check_doors(&options.doors)?;
        let shards = options.shards.max(1);
        let (listeners, address) = match options.address {
            None => ((0..shards).map(|_| None).collect(), None),
            Some(address) => {
                let (listeners, bound) =
                    listeners(address, shards).map_err(|error| StartError::of(address, error))?;
                (listeners.into_iter().map(Some).collect::<Vec<_>>(), Some(bound))
            }
        };
        let polls = (0..shards).map(|_| Poll::new()).collect::<Result<Vec<_>, _>>()?;
        let wakers =
            polls.iter().map(|poll| Waker::new(poll.registry(), WAKER)).collect::<Result<Vec<_>, _>>()?;
        let mailboxes = Arc::new(Mailboxes::new(wakers));
        let ready = Arc::new(AtomicBool::new(true));
        let clock = Clock(Instant::now());
        let limits =
            ConnectionLimits { total: options.connections, per_address: options.connections_per_address };
        let front = Arc::new(Front {
            doors: options
                .doors
                .iter()
                .map(|door| DoorPath { path: door.path.clone(), engine: door.engine })
                .collect(),
            pages: options.pages,
            compression: options.compression,
            handshake_timeout: options.handshake_timeout,
            admission: Admission::new(limits),
            ready: Arc::clone(&ready),
            mailboxes: Arc::clone(&mailboxes),
            engine: options.engine,
            posting: Posting::new(options.limits.memory_budget_bytes / 8),
            clock,
        });
        let instance = instance();
        let busy_shards = Arc::new(AtomicUsize::new(usize::from(shards)));
        let mut threads = Vec::new();
        for ((shard, listener), poll) in (0..shards).zip(listeners).zip(polls) {
            let mut limits = options.limits.clone();
            limits.memory_budget_bytes = counted_bytes(limits.memory_budget_bytes) / usize::from(shards);
            let seed = u64::from_be_bytes(random_array()) | 1;
            let thread = ShardThread {
                setup: ShardSetup { shard: ShardId(shard), shards, instance, seed, limits },
                doors: options.doors.clone(),
                front: Arc::clone(&front),
                mailboxes: Arc::clone(&mailboxes),
                busy_shards: Arc::clone(&busy_shards),
                clock,
            };
            let name = format!("shard-{shard}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || thread.run(listener, poll))?);
        }
        Ok(Self { address, front, mailboxes, ready, threads })
    }

    /// Where it listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A way for requests that come through somebody else's HTTP server.
    #[must_use]
    pub fn service(&self) -> Service {
        Service::new(Arc::clone(&self.front), self.mailboxes.shards().count())
    }

    /// Begins to go down: not ready, no new connections, everybody told within `within`. [`Server::wait`] returns when it is
    /// done.
    pub fn drain(&self, within: Duration) {
        self.ready.store(false, Ordering::Release);
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.mailboxes.put_all(|| Mail::Drain { within_ms });
    }

    /// A way to its connections and kits from outside their turns.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote(Arc::clone(&self.mailboxes))
    }

    /// Something that can stop the server while another waits for it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.mailboxes))
    }

    /// Whether a shard has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Waits until the server is down.
    pub fn wait(mut self) -> Stopped {
        let mut stopped = Stopped::Drained;
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "a shard ended");
                    stopped = Stopped::Failed;
                }
                Err(_) => stopped = Stopped::Failed,
            }
        }
        stopped
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.mailboxes.put_all(|| Mail::Stop);
        for thread in self.threads.drain(..) {
            // Its outcome was for `wait`.
            let _ = thread.join();
        }
    }
}

/// The sentence, since `main` shows errors so.
impl std::fmt::Debug for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl StartError {
    fn of(address: SocketAddr, error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::AddrInUse => Self::AddressInUse(address),
            std::io::ErrorKind::PermissionDenied => Self::NotAllowed(address),
            _ => Self::Listen(address, error),
        }
    }
}

/// Stops a server at once; see [`Server::stopper`].
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Mailboxes>);

impl Stopper {
    /// Stops every shard. Whoever is still connected is cut.
    pub fn stop(&self) {
        self.0.put_all(|| Mail::Stop);
    }
}

/// The part of the memory budget that is handed out. The rest is for what nobody counts: code, tables that grow, the
/// connections themselves, and what the allocator keeps. Measured: 94 MiB with 512 MiB handed out (`docs/trials.md`,
/// `stalled-messages`).
fn counted_bytes(budget_bytes: usize) -> usize {
    budget_bytes / 4 * 3
}

/// What a shard's thread starts with.
struct ShardThread {
    setup: ShardSetup,
    doors: Vec<DoorSpec>,
    front: Arc<Front>,
    mailboxes: Arc<Mailboxes>,
    busy_shards: Arc<AtomicUsize>,
    clock: Clock,
}

impl ShardThread {
    fn run(self, listener: Option<TcpListener>, poll: Poll) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tasks = LocalSet::new();
        let entrance = Entrance::of_this_thread(self.setup.shard);
        let draining = Rc::new(Notify::new());
        let id = self.setup.shard;
        let mailboxes = Arc::clone(&self.mailboxes);
        let doors = self.doors.iter().map(|door| (door.make)(&Remote(Arc::clone(&self.mailboxes)))).collect();
        let core_loop = CoreLoop {
            id,
            shard: Shard::new(self.setup, doors, self.clock.now()),
            clock: self.clock,
            mailboxes: self.mailboxes,
            entrance: Rc::clone(&entrance),
            draining: Rc::clone(&draining),
            busy_shards: self.busy_shards,
            links: Links::default(),
            polls: Polls::default(),
            mail: VecDeque::new(),
            drain: None,
            trim: Trim::default(),
        };
        let mut guard = StopAll(Some(mailboxes));
        let outcome = tasks.block_on(&runtime, async move {
            if let Some(listener) = listener {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::task::spawn_local(accept_all(listener, self.front, id, entrance, draining));
            }
            core_loop.run(poll).await
        });
        if outcome.is_ok() {
            guard.0 = None;
        }
        outcome
    }
}

fn check_doors(doors: &[DoorSpec]) -> Result<(), StartError> {
    for (number, door) in doors.iter().enumerate() {
        let path = door.path.as_deref();
        let is_there = |other: &DoorSpec| {
            path.zip(other.path.as_deref()).is_some_and(|(path, other)| is_same(other, path))
        };
        let wrong = if path.is_some_and(|path| !path.starts_with('/')) {
            "a path begins with /"
        } else if doors[..number].iter().any(is_there) {
            "there are two of this path"
        } else if number > usize::from(u8::MAX) {
            "there may be 256 doors"
        } else {
            continue;
        };
        return Err(StartError::Door(path.unwrap_or_default().to_owned(), wrong));
    }
    Ok(())
}

/// Stops the other shards where one ends by an error or a panic: a server that is half there would only look alive.
struct StopAll(Option<Arc<Mailboxes>>);

impl Drop for StopAll {
    fn drop(&mut self) {
        if let Some(mailboxes) = &self.0 {
            tracing::error!("a shard has ended by itself: the server stops");
            mailboxes.put_all(|| Mail::Stop);
        }
    }
}

/// Accepts until the drain begins, and then what already waits, since the kernel has given it to this listener.
async fn accept_all(
    listener: tokio::net::TcpListener,
    front: Arc<Front>,
    shard: ShardId,
    entrance: Rc<Entrance>,
    draining: Rc<Notify>,
) {
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES_MAX));
    let drained = draining.notified();
    tokio::pin!(drained);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            () = &mut drained => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                // It only makes small messages later where it fails.
                let _ = stream.set_nodelay(true);
                let (front, entrance) = (Arc::clone(&front), Rc::clone(&entrance));
                let arrived = match front.admission.arrive(peer.ip()) {
                    Ok(arrived) => arrived,
                    Err(refusal) => {
                        tokio::task::spawn_local(async move {
                            turn_away(stream, refusal).await;
                            drop(place);
                        });
                        continue;
                    }
                };
                entrance.requests.set(entrance.requests.get() + 1);
                let stream = SharedStream::new(stream);
                let visit = Visit {
                    shard,
                    peer,
                    secure: false,
                    arrived,
                    watch: Some(stream.watch()),
                    busy: AtomicUsize::new(0),
                    requests: AtomicUsize::new(0),
                    place: Mutex::new(Some(place)),
                };
                tokio::task::spawn_local(async move {
                    serve(front, stream, Arc::new(visit)).await;
                    entrance.requests.set(entrance.requests.get() - 1);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}
