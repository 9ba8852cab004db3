//! What the HTTP side of every shard shares, and the way from an upgrade to a shard.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fanfare_hub::{Arrival, BATCH_INTERVAL_MS_MAX, DeflateParameters, DoorId, EngineArrival, ShardId};
use fanfare_websocket::{Accepted, DeflateOptions, HandshakeOptions, HttpVersion, Refused, accept};
use hyper::header::{HeaderName, HeaderValue, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::Upgraded;
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::admission::{Admission, Admitted, Arrived};
use crate::answers::{Answer, later, not_admitted, refuse, switching};
use crate::clock::Clock;
use crate::entrance::enter;
use crate::mailbox::Mailboxes;
use crate::options::EngineOptions;
use crate::posting::Posting;
use crate::stream::{SharedStream, Watch};
use crate::transport::{Newcomer, Socket, Stream};

/// The one subprotocol that is confirmed to those who offer it.
const SUBPROTOCOL: &str = "fanfare.v1";

/// A page, or something that a page needs.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Bytes,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// 200 for content; a redirect names its target in `headers`.
    pub status: StatusCode,
}

/// Finds the asset for a path.
pub type Pages = Arc<dyn Fn(&str) -> Option<Asset> + Send + Sync>;

/// A door, as HTTP knows it.
#[derive(Clone, Debug)]
pub(crate) struct DoorPath {
    /// `None` for one that is only a namespace of others.
    pub(crate) path: Option<String>,
    /// It speaks Engine.IO, and takes bodies of so many bytes.
    pub(crate) engine: Option<usize>,
}

/// What the HTTP side of every shard shares.
pub(crate) struct Front {
    pub(crate) doors: Vec<DoorPath>,
    pub(crate) pages: Pages,
    pub(crate) compression: bool,
    pub(crate) handshake_timeout: Duration,
    pub(crate) admission: Arc<Admission>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) engine: EngineOptions,
    pub(crate) posting: Posting,
    pub(crate) clock: Clock,
}

/// One HTTP connection, for those who answer its requests.
pub(crate) struct Visit {
    /// The shard that its sessions are to live on.
    pub(crate) shard: ShardId,
    pub(crate) peer: SocketAddr,
    /// It came over TLS.
    pub(crate) secure: bool,
    pub(crate) arrived: Arc<Arrived>,
    /// Looks whether the client has gone, where it is us who have the stream.
    pub(crate) watch: Option<Watch>,
    /// Requests of Engine.IO sessions that wait for their answer.
    pub(crate) busy: AtomicUsize,
    /// Requests that have come.
    pub(crate) requests: AtomicUsize,
    /// Its place among those that are not anybody's yet.
    pub(crate) place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Visit {
    /// It belongs to a session, which is counted elsewhere.
    pub(crate) fn release_place(&self) {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Returns when the client has gone, if that can be seen.
    pub(crate) async fn gone(&self) {
        match &self.watch {
            Some(watch) => watch.ended().await,
            // Whoever has the stream drops the request.
            None => std::future::pending().await,
        }
    }
}

/// Where an upgraded socket goes.
#[derive(Default)]
pub(crate) struct Target {
    /// The shard that wants it, where that matters.
    pub(crate) shard: Option<ShardId>,
    pub(crate) engine: Option<EngineArrival>,
}

impl Front {
    /// Agrees to an upgrade, and hands the socket over once it is one.
    pub(crate) fn upgrade<B>(
        &self,
        visit: &Visit,
        mut request: Request<B>,
        door: usize,
        target: Target,
    ) -> Answer {
        let accepted = match self.handshake(&request) {
            Ok(accepted) => accepted,
            Err(refused) => return refuse(&refused),
        };
        if !self.ready.load(Ordering::Acquire) {
            return later(StatusCode::SERVICE_UNAVAILABLE, "The server is going down\n");
        }
        let admitted = match visit.arrived.admit_upgraded() {
            Ok(admitted) => admitted,
            Err(refusal) => return not_admitted(refusal),
        };
        let arrival = Arrival { engine: target.engine, ..arrival(request.uri().query(), accepted.deflate) };
        let door = DoorId(u8::try_from(door).unwrap_or(u8::MAX));
        let upgrade = hyper::upgrade::on(&mut request);
        let (shard, mailboxes) = (target.shard.unwrap_or(visit.shard), Arc::clone(&self.mailboxes));
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            match hand_over(upgraded, admitted, door, arrival) {
                Err(error) => tracing::warn!(%error, "an upgraded socket could not be handed over"),
                Ok(newcomer) => enter(shard, newcomer, &mailboxes),
            }
        });
        switching(&accepted)
    }

    fn handshake<B>(&self, request: &Request<B>) -> Result<Accepted, Refused> {
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let version = match request.version() {
            Version::HTTP_09 => HttpVersion::Http09,
            Version::HTTP_10 => HttpVersion::Http10,
            Version::HTTP_11 => HttpVersion::Http11,
            _ => HttpVersion::Other,
        };
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let asked = fanfare_websocket::Request {
            method: request.method().as_str(),
            version,
            target,
            headers: &headers,
        };
        let deflate = self.compression.then(DeflateOptions::default);
        accept(&asked, &HandshakeOptions { subprotocols: &[SUBPROTOCOL], deflate })
    }
}

/// Takes the socket back from hyper, with what it had read already.
fn hand_over(
    upgraded: Upgraded,
    admitted: Admitted,
    door: DoorId,
    arrival: Arrival,
) -> std::io::Result<Newcomer> {
    let (stream, early) = match upgraded.downcast::<TokioIo<SharedStream>>() {
        Ok(parts) => (tcp(parts.io.into_inner().into_inner()?)?, parts.read_buf),
        // Another's server, such as axum's: a plain stream of it is taken over as well.
        Err(upgraded) => match downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => {
                let stream = parts.io.into_inner();
                // It need not have been done, and Nagle's delay would hold back every second answer for 40 ms.
                stream.set_nodelay(true)?;
                (tcp(stream)?, parts.read_buf)
            }
            Err(upgraded) => (bridge(upgraded)?, Bytes::new()),
        },
    };
    let socket = Socket { stream, _admitted: admitted };
    Ok(Newcomer { door, arrival, socket, early: early.to_vec() })
}

fn tcp(stream: TcpStream) -> std::io::Result<Stream> {
    Ok(Stream::Tcp(mio::net::TcpStream::from_std(stream.into_std()?)))
}

/// A task that carries bytes between a transport of somebody else's and the shard; the pair's buffers bound what is under way.
fn bridge(upgraded: Upgraded) -> std::io::Result<Stream> {
    let (mut near, far) = tokio::net::UnixStream::pair()?;
    tokio::spawn(async move {
        let ended = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut near).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "a bridged connection ended");
        }
    });
    Ok(Stream::Bridge(mio::net::UnixStream::from_std(far.into_std()?)))
}

/// Whatever looks like a handshake is answered as one, so that a broken one is told what is wrong with it.
pub(crate) fn wants_upgrade<B>(request: &Request<B>) -> bool {
    let upgrades = request.headers().get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    let to_websocket = upgrades
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("websocket"));
    // An upgrade to something else may be ignored (RFC 9110 §7.8): the request is answered as it stands.
    to_websocket || request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

/// What a newcomer asks for in its query.
pub(crate) fn arrival(query: Option<&str>, deflate: Option<DeflateParameters>) -> Arrival {
    let value = |name: &str| {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
    };
    let interval = value("batch").and_then(|interval| interval.parse::<u64>().ok());
    Arrival {
        deflate,
        wants_binary: value("binary") == Some("1"),
        batch_interval_ms: interval.filter(|interval| (1..=BATCH_INTERVAL_MS_MAX).contains(interval)),
        engine: None,
    }
}
