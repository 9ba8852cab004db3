//! Answers to HTTP requests.

use bytes::Bytes;
use fanfare_hub::RequestError;
use fanfare_websocket::{Accepted, Refused};
use http_body_util::Full;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::{Response, StatusCode};

use crate::admission::Refusal;

/// Seconds after which somebody who was refused for now may ask again.
pub(crate) const RETRY_AFTER_SECONDS: u16 = 5;

pub(crate) type Answer = Response<Full<Bytes>>;

/// The answer to a handshake that is agreed to.
pub(crate) fn switching(accepted: &Accepted) -> Answer {
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

/// The answer to a handshake that is not.
pub(crate) fn refuse(refused: &Refused) -> Answer {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = closing(status, &format!("{refused}\n"));
    for (name, value) in refused.headers() {
        if let Ok(name) = HeaderName::try_from(*name) {
            answer.headers_mut().append(name, HeaderValue::from_static(value));
        }
    }
    answer
}

/// The answer to an Engine.IO request that is refused: JSON, or the words alone where a WebSocket was asked for.
pub(crate) fn refuse_engine(error: RequestError, is_upgrade: bool) -> Answer {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if is_upgrade {
        return closing(status, error.message());
    }
    let mut answer = text(status, &error.body());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

pub(crate) fn not_admitted(refusal: Refusal) -> Answer {
    later(refusal.status(), &format!("{refusal}\n"))
}

pub(crate) fn later(status: StatusCode, reason: &str) -> Answer {
    let mut answer = closing(status, reason);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    answer
}

pub(crate) fn closing(status: StatusCode, reason: &str) -> Answer {
    let mut answer = text(status, reason);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

pub(crate) fn text(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
