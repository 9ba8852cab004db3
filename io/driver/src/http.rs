//! HTTP before the upgrade: doors by path, health, pages; everything else is refused before a session exists.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fanfare_hub::{Arrival, BATCH_INTERVAL_MS_MAX, DoorId};
use fanfare_websocket::{Accepted, DeflateOptions, HandshakeOptions, HttpVersion, Refused, accept};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::admission::{Admission, Admitted, Arrived, Refusal};
use crate::core_loop::{Entrance, Newcomer};
use crate::transport::Socket;

/// The one subprotocol that is confirmed to those who offer it.
const SUBPROTOCOL: &str = "fanfare.v1";

/// Headers of one request; past it the answer is 431.
const HEADERS_MAX: usize = 64;

/// Bytes of a request's head; past it the answer is 431.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// How long a connection may be used for requests before it is asked to end, and after the handshake's time cut.
const HTTP_LIFE: Duration = Duration::from_secs(60);

/// Seconds after which somebody who was refused for now may ask again.
pub(crate) const RETRY_AFTER_SECONDS: u16 = 5;

type Answer = Response<Full<Bytes>>;

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

/// What the HTTP side of every shard shares.
pub(crate) struct Front {
    pub(crate) doors: Vec<String>,
    pub(crate) pages: Pages,
    pub(crate) compression: bool,
    pub(crate) handshake_timeout: Duration,
    pub(crate) admission: Arc<Admission>,
    pub(crate) ready: Arc<AtomicBool>,
}

/// Serves HTTP on one connection until it ends or is upgraded.
pub(crate) async fn serve(
    front: Arc<Front>,
    entrance: Rc<Entrance>,
    stream: TcpStream,
    peer: SocketAddr,
    arrived: Arc<Arrived>,
) {
    let timeout = front.handshake_timeout;
    let answer = service_fn(move |request| {
        let answer = front.answer(&entrance, request, &arrived);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .half_close(true)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => Some(ended),
        () = tokio::time::sleep(HTTP_LIFE) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(timeout, connection).await {
                Ok(ended) => ended,
                Err(_) => return tracing::debug!(%peer, "HTTP connection cut: its answer was not taken"),
            }
        }
    };
    if let Err(error) = ended {
        // Whoever speaks no HTTP, or stops in the middle of it, is a client's affair.
        tracing::debug!(%error, %peer, "HTTP connection ended");
    }
}

impl Front {
    fn answer(&self, entrance: &Rc<Entrance>, request: Request<Incoming>, arrived: &Arc<Arrived>) -> Answer {
        let path = request.uri().path();
        if wants_upgrade(&request) {
            return match self.doors.iter().position(|door| is_same(door, path)) {
                Some(door) => self.upgrade(entrance, request, door, arrived),
                None => {
                    let doors = self.doors.join(", ");
                    closing(
                        StatusCode::NOT_FOUND,
                        &format!("There is no door at {path}; there are: {doors}\n"),
                    )
                }
            };
        }
        match trimmed(path) {
            "/health/live" => text(StatusCode::OK, "live\n"),
            "/health/ready" if self.ready.load(Ordering::Acquire) => text(StatusCode::OK, "ready\n"),
            "/health/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            _ => self.page(request.method(), path),
        }
    }

    fn page(&self, method: &Method, path: &str) -> Answer {
        let Some(asset) = (self.pages)(path) else {
            return text(StatusCode::NOT_FOUND, &format!("There is nothing at {path}\n"));
        };
        if method != Method::GET && method != Method::HEAD {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "A page is read with GET or HEAD\n");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let mut answer = Response::new(Full::new(asset.bytes));
        *answer.status_mut() = asset.status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        answer.headers_mut().extend(asset.headers);
        answer
    }

    fn upgrade(
        &self,
        entrance: &Rc<Entrance>,
        mut request: Request<Incoming>,
        door: usize,
        arrived: &Arc<Arrived>,
    ) -> Answer {
        let accepted = match self.handshake(&request) {
            Ok(accepted) => accepted,
            Err(refused) => return refuse(&refused),
        };
        if !self.ready.load(Ordering::Acquire) {
            return later(StatusCode::SERVICE_UNAVAILABLE, "The server is going down\n");
        }
        let admitted = match arrived.admit() {
            Ok(admitted) => admitted,
            Err(refusal) => return not_admitted(refusal),
        };
        let arrival = arrival(request.uri().query(), &accepted);
        let door = DoorId(u8::try_from(door).unwrap_or(u8::MAX));
        let upgrade = hyper::upgrade::on(&mut request);
        let entrance = Rc::clone(entrance);
        tokio::task::spawn_local(async move {
            let Ok(upgraded) = upgrade.await else { return };
            if let Err(error) = hand_over(upgraded, admitted, door, arrival, &entrance) {
                tracing::warn!(%error, "an upgraded socket could not be handed over");
            }
        });
        switching(&accepted)
    }

    fn handshake(&self, request: &Request<Incoming>) -> Result<Accepted, Refused> {
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

/// Whether two paths lead to one door: a `/` at the end makes no other of it.
pub(crate) fn is_same(path: &str, other: &str) -> bool {
    trimmed(path) == trimmed(other)
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Takes the socket back from hyper and leaves it at the core loop's entrance.
fn hand_over(
    upgraded: hyper::upgrade::Upgraded,
    admitted: Admitted,
    door: DoorId,
    arrival: Arrival,
    entrance: &Entrance,
) -> std::io::Result<()> {
    let parts = upgraded
        .downcast::<TokioIo<TcpStream>>()
        .map_err(|_| std::io::Error::other("the upgraded stream is no TCP stream of this listener"))?;
    let stream = mio::net::TcpStream::from_std(parts.io.into_inner().into_std()?);
    let socket = Socket { stream, _admitted: admitted };
    entrance.enter(Newcomer { door, arrival, socket, early: parts.read_buf.to_vec() });
    Ok(())
}

/// Whatever looks like a handshake is answered as one, so that a broken one is told what is wrong with it.
fn wants_upgrade(request: &Request<Incoming>) -> bool {
    let upgrades = request.headers().get_all(UPGRADE).iter().filter_map(|value| value.to_str().ok());
    let to_websocket = upgrades
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("websocket"));
    // An upgrade to something else may be ignored (RFC 9110 §7.8): the request is answered as it stands.
    to_websocket || request.headers().contains_key(SEC_WEBSOCKET_KEY)
}

fn arrival(query: Option<&str>, accepted: &Accepted) -> Arrival {
    let value = |name: &str| {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
    };
    let interval = value("batch").and_then(|interval| interval.parse::<u64>().ok());
    Arrival {
        deflate: accepted.deflate,
        wants_binary: value("binary") == Some("1"),
        batch_interval_ms: interval.filter(|interval| (1..=BATCH_INTERVAL_MS_MAX).contains(interval)),
        engine: None,
    }
}

fn switching(accepted: &Accepted) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    let more = [
        (SEC_WEBSOCKET_ACCEPT, Some(accepted.accept.clone())),
        (SEC_WEBSOCKET_PROTOCOL, accepted.subprotocol.clone()),
        (SEC_WEBSOCKET_EXTENSIONS, accepted.extensions_header()),
    ];
    for (name, value) in more {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    answer
}

fn refuse(refused: &Refused) -> Answer {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = closing(status, &format!("{refused}\n"));
    for (name, value) in refused.headers() {
        if let Ok(name) = HeaderName::try_from(*name) {
            answer.headers_mut().append(name, HeaderValue::from_static(value));
        }
    }
    answer
}

fn not_admitted(refusal: Refusal) -> Answer {
    later(refusal.status(), &format!("{refusal}\n"))
}

fn later(status: StatusCode, reason: &str) -> Answer {
    let mut answer = closing(status, reason);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    answer
}

fn closing(status: StatusCode, reason: &str) -> Answer {
    let mut answer = text(status, reason);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
