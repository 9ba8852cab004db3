//! The server behind somebody else's HTTP: axum's, or any other that hyper's requests come from.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fanfare_hub::ShardId;
use http_body_util::Full;
use hyper::body::Body;
use hyper::{Request, Response};

use crate::answers::not_admitted;
use crate::front::{Front, Visit};

/// Answers requests for a running [`Server`](crate::Server). A connection that is upgraded moves to one of its shards: the
/// stream itself where it is plain TCP, and a task that carries bytes where it is anything else.
#[derive(Clone)]
pub struct Service {
    front: Arc<Front>,
    shards: u16,
    /// Sessions are spread over the shards one after another.
    next: Arc<AtomicUsize>,
}

/// What is known of where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The client's address; without one it counts as this machine's, which has no limit.
    pub peer: Option<SocketAddr>,
    /// It came over TLS.
    pub secure: bool,
}

impl Service {
    pub(crate) fn new(front: Arc<Front>, shards: usize) -> Self {
        let shards = u16::try_from(shards).unwrap_or(u16::MAX).max(1);
        Self { front, shards, next: Arc::new(AtomicUsize::new(0)) }
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>, origin: Origin) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let peer = origin.peer.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let arrived = match self.front.admission.arrive(peer.ip()) {
            Ok(arrived) => arrived,
            Err(refusal) => return not_admitted(refusal),
        };
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % usize::from(self.shards);
        let visit = Visit {
            shard: ShardId(u16::try_from(turn).unwrap_or_default()),
            peer,
            secure: origin.secure,
            arrived,
            watch: None,
            busy: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            place: Mutex::new(None),
        };
        self.front.answer(&visit, request).await
    }
}
