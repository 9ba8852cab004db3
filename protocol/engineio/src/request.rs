//! What a request asks for, by its query, and what is answered where it asks amiss.

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A GET waits for packets, a POST brings some.
    Polling,
    /// A packet is a message.
    WebSocket,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// How it wants to talk.
    pub transport: Transport,
    /// The session it belongs to, as it stands in the query; a new one where there is none. Ids are made of URL-safe
    /// characters, so one that is percent-encoded is not decoded and belongs to no session.
    pub sid: Option<&'a str>,
    /// It cannot be what it asks for: [`RequestError::BadRequest`], once the session is known. One that is not known comes first.
    pub is_amiss: bool,
}

/// A request that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub enum RequestError {
    /// The transport is missing or unknown.
    TransportUnknown,
    /// No session has this id.
    UnknownSession,
    /// A session begins with a GET.
    BadHandshakeMethod,
    /// What is asked for does not fit together.
    BadRequest,
    /// The application does not want it.
    Forbidden,
    /// `EIO` is not 4.
    UnsupportedVersion,
}

impl RequestError {
    /// The number by which clients know it.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::TransportUnknown => 0,
            Self::UnknownSession => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest => 3,
            Self::Forbidden => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(self) -> u16 {
        if self == Self::Forbidden { 403 } else { 400 }
    }

    /// What is wrong, in the reference's words. To a WebSocket upgrade this is the whole body.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::UnknownSession => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedVersion => "Unsupported protocol version",
        }
    }

    /// The body of the answer to a request that is no upgrade: JSON.
    #[must_use]
    pub fn body(self) -> String {
        format!(r#"{{"code":{},"message":"{}"}}"#, self.code(), self.message())
    }
}

/// Reads what a request asks for.
///
/// `query` is the part of its target after `?`; of a parameter that is there twice the last one counts. `is_upgrade` says
/// that it asks for a WebSocket.
///
/// # Errors
/// [`RequestError`] where the query alone shows that it cannot be. Whether the session exists and uses this transport is
/// for its keeper to say.
pub fn asked<'a>(method: &str, query: &'a str, is_upgrade: bool) -> Result<Asked<'a>, RequestError> {
    let transport = match parameter(query, "transport") {
        Some(value) if is(value, "polling") => Transport::Polling,
        Some(value) if is(value, "websocket") => Transport::WebSocket,
        _ => return Err(RequestError::TransportUnknown),
    };
    let supported = parameter(query, "EIO").is_some_and(|value| is(value, "4"));
    let upgrades = transport == Transport::WebSocket;
    match parameter(query, "sid").filter(|sid| !sid.is_empty()) {
        None if method != "GET" => Err(RequestError::BadHandshakeMethod),
        None if upgrades != is_upgrade => Err(RequestError::BadRequest),
        None if !supported => Err(RequestError::UnsupportedVersion),
        sid => {
            let fits = upgrades == is_upgrade && supported && matches!(method, "GET" | "POST");
            Ok(Asked { transport, sid, is_amiss: sid.is_some() && !fits })
        }
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.rfind(|(key, _)| is(key, name)).map(|(_, value)| value)
}

/// Whether `encoded` is `plain` once it is percent-decoded.
fn is(encoded: &str, plain: &str) -> bool {
    let mut rest = encoded.as_bytes();
    let decoded = std::iter::from_fn(|| {
        let (byte, length) = match (escape(rest), rest) {
            (Some(byte), _) => (byte, 3),
            (None, [b'+', ..]) => (b' ', 1),
            (None, [byte, ..]) => (*byte, 1),
            (None, []) => return None,
        };
        rest = &rest[length..];
        Some(byte)
    });
    decoded.eq(plain.bytes())
}

/// The byte that `%XX` stands for, where the text begins with one.
fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |digit| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use RequestError::*;

    fn polling(sid: Option<&str>) -> Asked<'_> {
        Asked { transport: Transport::Polling, sid, is_amiss: false }
    }

    /// What engine.io 6.6 answered, but for the last two, which it accepts and then closes.
    #[test]
    fn a_handshake_is_a_get_with_version_and_transport() {
        for (method, query, is_upgrade, answer) in [
            ("GET", "EIO=4&transport=polling", false, Ok(polling(None))),
            ("GET", "t=abc&transport=polling&x&EIO=4&b64=1", false, Ok(polling(None))),
            ("GET", "EIO=4&transport=polling&sid=", false, Ok(polling(None))),
            ("GET", "EIO=4&transport=polling&sid", false, Ok(polling(None))),
            ("GET", "%45IO=%34&transport=%70olling", false, Ok(polling(None))),
            ("GET", "EIO=3&EIO=4&transport=polling", false, Ok(polling(None))),
            (
                "GET",
                "EIO=4&transport=websocket",
                true,
                Ok(Asked { transport: Transport::WebSocket, sid: None, is_amiss: false }),
            ),
            ("GET", "", false, Err(TransportUnknown)),
            ("GET", "EIO=4", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=tobi", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=Polling", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=polling=", false, Err(TransportUnknown)),
            ("GET", "EIO=4;transport=polling", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=polling+", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=polling%20", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=polling%", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=polling%7", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=pollin%6g", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=pollin%g6", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=pollin%67", false, Ok(polling(None))),
            ("GET", "EIO=4&transport=%7golling", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=p%6Fllin%6f", false, Err(TransportUnknown)),
            ("GET", "EIO=4&transport=p%6Flling", false, Ok(polling(None))),
            ("GET", "EIO=4&transport=webtransport", false, Err(TransportUnknown)),
            ("POST", "EIO=4&transport=polling", false, Err(BadHandshakeMethod)),
            ("PUT", "EIO=4&transport=polling", false, Err(BadHandshakeMethod)),
            ("HEAD", "EIO=3&transport=polling", false, Err(BadHandshakeMethod)),
            ("GET", "EIO=4&transport=websocket", false, Err(BadRequest)),
            ("GET", "EIO=3&transport=websocket", false, Err(BadRequest)),
            ("GET", "transport=polling", false, Err(UnsupportedVersion)),
            ("GET", "EIO=3&transport=polling", false, Err(UnsupportedVersion)),
            ("GET", "EIO=04&transport=polling", false, Err(UnsupportedVersion)),
            ("GET", "EIO=4+&transport=polling", false, Err(UnsupportedVersion)),
            ("GET", "EIO=4&EIO=3&transport=polling", false, Err(UnsupportedVersion)),
            ("GET", "EIO=3&transport=websocket", true, Err(UnsupportedVersion)),
            ("GET", "EIO=4&transport=polling", true, Err(BadRequest)),
        ] {
            assert_eq!(asked(method, query, is_upgrade), answer, "{method} {query} {is_upgrade}");
        }
    }

    #[test]
    fn a_session_is_named_by_its_id() {
        let websocket = Asked { transport: Transport::WebSocket, sid: Some("a-_Z9"), is_amiss: false };
        let amiss = |asked: Asked<'static>| Ok(Asked { is_amiss: true, ..asked });
        for (method, query, is_upgrade, answer) in [
            ("GET", "EIO=4&transport=polling&sid=a-_Z9", false, Ok(polling(Some("a-_Z9")))),
            ("POST", "EIO=4&transport=polling&sid=a-_Z9", false, Ok(polling(Some("a-_Z9")))),
            ("GET", "EIO=4&transport=websocket&sid=a-_Z9", true, Ok(websocket)),
            ("GET", "EIO=4&transport=polling&sid=old&sid=new", false, Ok(polling(Some("new")))),
            ("GET", "EIO=4&transport=polling&sid=%41", false, Ok(polling(Some("%41")))),
            ("GET", "EIO=4&transport=websocket&sid=a-_Z9", false, amiss(websocket)),
            ("GET", "EIO=4&transport=polling&sid=a-_Z9", true, amiss(polling(Some("a-_Z9")))),
            ("GET", "EIO=3&transport=polling&sid=a-_Z9", false, amiss(polling(Some("a-_Z9")))),
            ("PUT", "EIO=4&transport=polling&sid=a-_Z9", false, amiss(polling(Some("a-_Z9")))),
            ("GET", "EIO=4&sid=a-_Z9", false, Err(TransportUnknown)),
        ] {
            assert_eq!(asked(method, query, is_upgrade), answer, "{method} {query} {is_upgrade}");
        }
    }

    #[test]
    fn refusals_are_numbered_and_worded_as_clients_know_them() {
        for (error, code, status, message) in [
            (TransportUnknown, 0, 400, "Transport unknown"),
            (UnknownSession, 1, 400, "Session ID unknown"),
            (BadHandshakeMethod, 2, 400, "Bad handshake method"),
            (BadRequest, 3, 400, "Bad request"),
            (Forbidden, 4, 403, "Forbidden"),
            (UnsupportedVersion, 5, 400, "Unsupported protocol version"),
        ] {
            assert_eq!((error.code(), error.status(), error.message()), (code, status, message));
            assert_eq!(error.body(), format!(r#"{{"code":{code},"message":"{message}"}}"#));
            assert_eq!(error.to_string(), message);
        }
    }
}
