//! HTTP before the upgrade: doors by path, health, pages; everything else is refused before a session exists.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Body;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::answers::{Answer, closing, text};
use crate::front::{DoorPath, Front, Target, Visit, wants_upgrade};
use crate::stream::SharedStream;

/// Headers of one request; past it the answer is 431.
const HEADERS_MAX: usize = 64;

/// Bytes of a request's head; past it the answer is 431.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;

/// How long a connection may be without a request before it is asked to end, and after the handshake's time cut; it is looked at as
/// often.
const HTTP_IDLE: Duration = Duration::from_secs(60);

/// Serves HTTP on one connection until it ends or is upgraded.
pub(crate) async fn serve(front: Arc<Front>, stream: SharedStream, visit: Arc<Visit>) {
    let timeout = front.handshake_timeout;
    let (asked, peer) = (Arc::clone(&visit), visit.peer);
    let answer = service_fn(move |request| {
        let (front, visit) = (Arc::clone(&front), Arc::clone(&asked));
        async move { Ok::<_, Infallible>(front.answer(&visit, request).await) }
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
    let mut requests = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break Some(ended),
            () = tokio::time::sleep(HTTP_IDLE) => {
                let before = std::mem::replace(&mut requests, visit.requests.load(Ordering::Relaxed));
                // A poll waits as long as its session has nothing to say.
                if before == requests && visit.busy.load(Ordering::Relaxed) == 0 {
                    break None;
                }
            }
        }
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
    /// Answers a request, whatever server it came through.
    pub(crate) async fn answer<B>(&self, visit: &Visit, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        visit.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.uri().path();
        let is_here = |door: &DoorPath| door.path.as_ref().is_some_and(|own| is_same(own, path));
        let door = self.doors.iter().position(is_here);
        if let Some(door) = door.filter(|door| self.doors[*door].engine.is_some()) {
            return self.engine(visit, request, door).await;
        }
        if wants_upgrade(&request) {
            return match door {
                Some(door) => self.upgrade(visit, request, door, Target::default()),
                None => {
                    let doors: Vec<&str> =
                        self.doors.iter().filter_map(|door| door.path.as_deref()).collect();
                    let doors = doors.join(", ");
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
}

/// Whether two paths lead to one door: a `/` at the end makes no other of it.
pub(crate) fn is_same(path: &str, other: &str) -> bool {
    trimmed(path) == trimmed(other)
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}
