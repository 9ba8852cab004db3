//! Engine.IO over HTTP: handshakes, polls, posts, and the upgrade of a session, which is taken to the shard that has it.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use fanfare_engineio::{RequestError, Transport, asked};
use fanfare_hub::{Arrival, DoorId, EngineArrival, EngineId, Gone, Handshake, Headers};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE, VARY,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use tokio::sync::oneshot;

use crate::answers::{Answer, closing, later, not_admitted, refuse_engine};
use crate::front::{Front, Target, Visit, arrival, wants_upgrade};
use crate::mailbox::Mail;
use crate::polls::{self, Ask, Errand};
use crate::posting::Posted;
use crate::random::random_array;

/// Answers to polls from this length on are compressed where the client accepts it.
const COMPRESSED_BYTES_MIN: usize = 1_024;

/// How long a posted body may stand still.
const BODY_STALL: Duration = Duration::from_secs(10);

/// How long all of it may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(120);

/// Tells the session's shard where a client gives up a request, or asks amiss.
struct Abort<'a> {
    front: &'a Front,
    id: Option<EngineId>,
    gone: Gone,
}

impl Drop for Abort<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let (answer, _) = oneshot::channel();
            let errand = Errand { ask: Ask::End(id, self.gone), answer };
            self.front.mailboxes.put(id.shard(), Mail::Errand(Box::new(errand)));
        }
    }
}

impl Front {
    /// Answers a request at a door that speaks Engine.IO.
    pub(crate) async fn engine<B>(&self, visit: &Visit, request: Request<B>, door: usize) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let allowed = self.allowed_origin(request.headers());
        let mut answer = if request.method() == Method::OPTIONS {
            preflight(request.headers())
        } else {
            self.engine_request(visit, request, door).await
        };
        if let Some(origin) = allowed {
            let headers = answer.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        answer
    }

    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let allowed = |known: &String| known == "*" || known.as_bytes() == origin.as_bytes();
        self.engine.origins.iter().any(allowed).then(|| origin.clone())
    }

    async fn engine_request<B>(&self, visit: &Visit, request: Request<B>, door: usize) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let is_upgrade = wants_upgrade(&request);
        let query = request.uri().query().unwrap_or_default().to_owned();
        let asked = match asked(request.method().as_str(), &query, is_upgrade) {
            Ok(asked) => asked,
            Err(error) => return refuse_engine(error, is_upgrade),
        };
        let id = match asked.sid.map(|sid| EngineId::read(sid).ok_or(RequestError::UnknownSession)) {
            Some(Err(error)) => return refuse_engine(error, is_upgrade),
            Some(Ok(id)) => Some(id),
            None => None,
        };
        let allow = self.engine.allow.as_ref().filter(|_| id.is_none());
        if allow.is_some_and(|allow| !(allow.0)(&self.handshake_of(visit, request.headers(), request.uri())))
        {
            return refuse_engine(RequestError::Forbidden, is_upgrade);
        }
        if let Some(id) = id.filter(|_| asked.is_amiss) {
            let known = self.ask(&id, Ask::Exists(id)).await;
            return refuse_engine(known.err().unwrap_or(RequestError::BadRequest), is_upgrade);
        }
        visit.busy.fetch_add(1, Ordering::Relaxed);
        let answer = match (asked.transport, id) {
            (Transport::WebSocket, None) => self.open_websocket(visit, request, door),
            (Transport::WebSocket, Some(id)) => self.probe(visit, request, door, id).await,
            (Transport::Polling, None) => {
                let (headers, uri) = (request.headers().clone(), request.uri().clone());
                self.open_polling(visit, &headers, &uri, door).await
            }
            (Transport::Polling, Some(id)) if request.method() == Method::GET => {
                let headers = request.headers().clone();
                self.poll(visit, &headers, id).await
            }
            // Other methods are amiss.
            (Transport::Polling, Some(id)) => self.post(visit, request, door, id).await,
        };
        visit.busy.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    /// Asks the shard that a session lives on, whichever this is.
    async fn ask(&self, id: &EngineId, ask: Ask) -> polls::Answer {
        let (answer, answered) = oneshot::channel();
        if !self.mailboxes.put(id.shard(), Mail::Errand(Box::new(Errand { ask, answer }))) {
            return Err(RequestError::UnknownSession);
        }
        answered.await.unwrap_or(Err(RequestError::UnknownSession))
    }

    fn open_websocket<B>(&self, visit: &Visit, request: Request<B>, door: usize) -> Answer {
        let secret = random_array();
        let engine = EngineArrival::Open {
            secret,
            polling: false,
            handshake: self.kept_handshake(visit, request.headers(), request.uri()),
        };
        self.upgrade(visit, request, door, Target { shard: None, engine: Some(engine) })
    }

    async fn probe<B>(&self, visit: &Visit, request: Request<B>, door: usize, id: EngineId) -> Answer
    where
        B: Send,
    {
        if let Err(error) = self.ask(&id, Ask::Exists(id)).await {
            return refuse_engine(error, true);
        }
        let target = Target { shard: Some(id.shard()), engine: Some(EngineArrival::Probe(id)) };
        self.upgrade(visit, request, door, target)
    }

    async fn open_polling(&self, visit: &Visit, headers: &HeaderMap, uri: &Uri, door: usize) -> Answer {
        if !self.ready.load(Ordering::Acquire) {
            return later(StatusCode::SERVICE_UNAVAILABLE, "The server is going down\n");
        }
        let admitted = match visit.arrived.admit() {
            Ok(admitted) => admitted,
            Err(refusal) => return not_admitted(refusal),
        };
        let engine = EngineArrival::Open {
            secret: random_array(),
            polling: true,
            handshake: self.kept_handshake(visit, headers, uri),
        };
        let arrival = Arrival { engine: Some(engine), ..arrival(uri.query(), None) };
        let door = DoorId(u8::try_from(door).unwrap_or(u8::MAX));
        let (answer, answered) = oneshot::channel();
        let ask = Ask::Open(door, Box::new(arrival), admitted);
        self.mailboxes.put(visit.shard, Mail::Errand(Box::new(Errand { ask, answer })));
        match answered.await.unwrap_or(Err(RequestError::UnknownSession)) {
            Ok(body) => {
                visit.release_place();
                let cookie = self.cookie(&body);
                let mut answer = polled(headers, body);
                if let Some(cookie) = cookie {
                    answer.headers_mut().insert(SET_COOKIE, cookie);
                }
                answer
            }
            Err(error) => refuse_engine(error, false),
        }
    }

    fn cookie(&self, open: &[u8]) -> Option<HeaderValue> {
        let cookie = self.engine.cookie.as_ref()?;
        let text = std::str::from_utf8(open).ok()?;
        let sid = text.split("\"sid\":\"").nth(1)?.split('"').next()?;
        HeaderValue::try_from(format!("{}={sid}{}", cookie.name, cookie.attributes)).ok()
    }

    async fn poll(&self, visit: &Visit, headers: &HeaderMap, id: EngineId) -> Answer {
        let mut abort = Abort { front: self, id: Some(id), gone: Gone::Lost };
        let polled_or_gone = tokio::select! {
            polled = self.ask(&id, Ask::Poll(id)) => Some(polled),
            () = visit.gone() => None,
        };
        // A client that has gone has given its session up, and `abort` says so.
        let Some(answered) = polled_or_gone else { return closing(StatusCode::BAD_REQUEST, "") };
        abort.id = None;
        match answered {
            Ok(body) => {
                visit.release_place();
                polled(headers, body)
            }
            Err(error) => refuse_engine(error, false),
        }
    }

    async fn post<B>(&self, visit: &Visit, request: Request<B>, door: usize, id: EngineId) -> Answer
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        if let Err(error) = self.ask(&id, Ask::BeginPost(id)).await {
            return refuse_engine(error, false);
        }
        let mut abort = Abort { front: self, id: Some(id), gone: Gone::Lost };
        let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/octet-stream")) {
            // The third version of the protocol had bodies of bytes.
            abort.gone = Gone::Misbehaved;
            return closing(StatusCode::BAD_REQUEST, "");
        }
        let limit_bytes = self.doors[door].engine.unwrap_or_default();
        let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if announced
            .and_then(|length| length.parse::<usize>().ok())
            .is_some_and(|length| length > limit_bytes)
        {
            abort.id = None;
            self.end_post(&id).await;
            return closing(StatusCode::PAYLOAD_TOO_LARGE, "");
        }
        let mut posted = self.posting.begin();
        let reading = read_body(request.into_body(), limit_bytes, &mut posted);
        let read = tokio::time::timeout(BODY_TIME, reading).await;
        let body = match read.unwrap_or(Err(StatusCode::REQUEST_TIMEOUT)) {
            Ok(body) => body,
            Err(status) => {
                // The session goes on after both: its client may send less, or later.
                if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::SERVICE_UNAVAILABLE) {
                    abort.id = None;
                    self.end_post(&id).await;
                }
                return closing(status, "");
            }
        };
        abort.id = None;
        visit.release_place();
        match self.ask(&id, Ask::Post(id, body)).await {
            Ok(_) => {
                let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
                answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                answer
            }
            Err(error) => refuse_engine(error, false),
        }
    }

    /// A body was too large: it counts for nothing, and the session goes on.
    async fn end_post(&self, id: &EngineId) {
        let _ = self.ask(id, Ask::DropPost(*id)).await;
    }

    fn kept_handshake(&self, visit: &Visit, headers: &HeaderMap, uri: &Uri) -> Option<Arc<Handshake>> {
        self.engine.handshakes.then(|| Arc::new(self.handshake_of(visit, headers, uri)))
    }

    fn handshake_of(&self, visit: &Visit, headers: &HeaderMap, uri: &Uri) -> Handshake {
        let headers = headers.iter();
        Handshake {
            headers: Headers::new(
                headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))),
            ),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).into(),
            address: visit.peer.ip().to_canonical().to_string().into(),
            secure: visit.secure,
            issued_unix_ms: self.clock.now().unix_ms,
        }
    }
}

/// Reads a posted body within its limits, or gives the status that it is refused with.
async fn read_body<B: Body<Data = Bytes> + Send>(
    body: B,
    limit_bytes: usize,
    posted: &mut Posted<'_>,
) -> Result<String, StatusCode> {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) =
        tokio::time::timeout(BODY_STALL, body.frame()).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?
    {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit_bytes {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if !posted.take(data.len()) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(match String::from_utf8_lossy(&bytes) {
        Cow::Owned(mended) => mended,
        // It is UTF-8 as it stands.
        Cow::Borrowed(_) => String::from_utf8(bytes).unwrap_or_default(),
    })
}

/// The answer to a poll, compressed where that pays and the client accepts it.
fn polled(asked: &HeaderMap, body: Vec<u8>) -> Answer {
    let encoding = (body.len() >= COMPRESSED_BYTES_MIN).then(|| accepted_encoding(asked)).flatten();
    let compressed = encoding.and_then(|encoding| Some((encoding, compress(encoding, &body)?)));
    let (encoding, body) = compressed.map_or((None, body), |(encoding, body)| (Some(encoding), body));
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    answer
}

fn accepted_encoding(asked: &HeaderMap) -> Option<&'static str> {
    let accepted = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let accepted: Vec<&str> = accepted.flat_map(|value| value.split(',')).collect();
    let takes = |name: &str| {
        accepted.iter().any(|one| {
            let mut parts = one.split(';').map(str::trim);
            let is_it = parts.next().is_some_and(|encoding| encoding.eq_ignore_ascii_case(name));
            is_it && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    ["gzip", "deflate"].into_iter().find(|name| takes(name))
}

/// `deflate` is the zlib format (RFC 9110 §8.4.1.2).
fn compress(encoding: &str, body: &[u8]) -> Option<Vec<u8>> {
    if encoding == "gzip" {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(body).ok()?;
        out.finish().ok()
    } else {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::fast());
        out.write_all(body).ok()?;
        out.finish().ok()
    }
}

/// The answer to a browser that asks whether it may (CORS); who may not is told nothing that lets it.
fn preflight(asked: &HeaderMap) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accepted: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accepted).expect("a value"));
        headers
    }

    #[test]
    fn an_answer_is_compressed_from_1024_bytes_on_as_the_client_accepts() {
        let encoding = |accepted: &str, bytes: usize| {
            let answer = polled(&headers(accepted), vec![b'x'; bytes]);
            answer.headers().get(CONTENT_ENCODING).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(encoding("gzip, deflate, br", 1_024).as_deref(), Some("gzip"));
        assert_eq!(encoding("gzip, deflate", 1_023), None);
        assert_eq!(encoding("Deflate", 5_000).as_deref(), Some("deflate"));
        assert_eq!(encoding("gzip;q=0, deflate;q=0.5", 5_000).as_deref(), Some("deflate"));
        assert_eq!(encoding("br, identity", 5_000), None);
    }
}
