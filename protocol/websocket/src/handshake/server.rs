//! The server's half, RFC 6455 §4.2.

use thiserror::Error;

use super::extension::{Extension, parse};
use super::{accept_value, elements, negotiation, single, token, values};
use crate::deflate::{DeflateOptions, DeflateParameters};

/// The version of HTTP in a request's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/0.9.
    Http09,
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, the one that can upgrade.
    Http11,
    /// Anything else.
    Other,
}

/// An HTTP request's head.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in its own case.
    pub method: &'a str,
    /// The version.
    pub version: HttpVersion,
    /// The target: `/path?query`, or an absolute URI.
    pub target: &'a str,
    /// Names in any case, and values; a header that repeats stands here repeatedly.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// What the server supports.
#[derive(Clone, Copy, Debug, Default)]
pub struct HandshakeOptions<'a> {
    /// The subprotocols we speak. The client's preference decides among them.
    pub subprotocols: &'a [&'a str],
    /// How we would compress, if at all.
    pub deflate: Option<DeflateOptions>,
}

/// A handshake that we take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept: String,
    /// The value of `Sec-WebSocket-Protocol`, if there is one.
    pub subprotocol: Option<String>,
    /// What was agreed on for permessage-deflate.
    pub deflate: Option<DeflateParameters>,
    extensions: Option<String>,
}

impl Accepted {
    /// The value of `Sec-WebSocket-Extensions`, if there is one.
    #[must_use]
    pub fn extensions_header(&self) -> Option<String> {
        self.extensions.clone()
    }

    /// Appends the whole 101 response to `out`.
    pub fn write_response(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        );
        let headers = [
            ("Sec-WebSocket-Accept", Some(&self.accept)),
            ("Sec-WebSocket-Protocol", self.subprotocol.as_ref()),
            ("Sec-WebSocket-Extensions", self.extensions.as_ref()),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Why a request is not a handshake that we take; its text is fit for the response's body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// §4.1: the method is GET.
    #[error("a WebSocket handshake is a GET request")]
    Method,
    /// §4.1: HTTP/1.1 or higher.
    #[error("a WebSocket handshake needs HTTP/1.1")]
    HttpVersion,
    /// §4.2.1: a path, or an absolute http or https URI; no fragment (§3).
    #[error("the request target is not a path or an http URI")]
    Target,
    /// The request says that it has a body; its bytes would be taken for frames.
    #[error("a WebSocket handshake has no body")]
    Body,
    /// §4.2.1: a header that must be there is not.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header stands more than once that must not.
    #[error("the header {0} stands more than once")]
    Repeated(&'static str),
    /// A header's value does not follow its grammar or lacks what it must contain.
    #[error("the header {0} is malformed")]
    Malformed(&'static str),
    /// There is no `Upgrade: websocket`: this is a plain request to an address of WebSockets.
    #[error("this address speaks WebSocket: upgrade the connection")]
    NotAnUpgrade,
    /// §4.4: another version of the protocol.
    #[error("the WebSocket protocol's version is not 13")]
    WebSocketVersion,
}

impl Refused {
    /// The status of the HTTP response.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Method => 405,
            Self::HttpVersion => 505,
            Self::NotAnUpgrade | Self::WebSocketVersion => 426,
            _ => 400,
        }
    }

    /// Headers that the HTTP response must have.
    #[must_use]
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("Allow", "GET")],
            Self::NotAnUpgrade | Self::WebSocketVersion => {
                &[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
            }
            _ => &[],
        }
    }

    /// Appends a whole response that closes the connection to `out`.
    pub fn write_response(&self, out: &mut Vec<u8>) {
        let reason = match self.status() {
            405 => "Method Not Allowed",
            426 => "Upgrade Required",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        };
        let connection = if self.status() == 426 { "Upgrade, close" } else { "close" };
        let mut head = format!("HTTP/1.1 {} {reason}\r\nConnection: {connection}\r\n", self.status());
        for (name, value) in self.headers().iter().filter(|header| header.0 != "Connection") {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = self.to_string();
        head.push_str(&format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ));
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(body.as_bytes());
    }
}

/// Checks a request against every MUST of RFC 6455 §4.2.1 and chooses subprotocol and extensions. Origin, path and
/// authentication are the caller's to check.
pub fn accept(request: &Request<'_>, options: &HandshakeOptions<'_>) -> Result<Accepted, Refused> {
    if request.version != HttpVersion::Http11 {
        return Err(Refused::HttpVersion);
    }
    if request.method != "GET" {
        return Err(Refused::Method);
    }
    check_target(request.target)?;
    let headers = request.headers;
    let one = |name| single(headers, name).map_err(Refused::Repeated);
    match one("Host")? {
        None => return Err(Refused::Missing("Host")),
        Some(host) if host.is_empty() || !host.is_ascii() => return Err(Refused::Malformed("Host")),
        Some(_) => {}
    }
    if !elements(headers, "Upgrade").any(|element| element.eq_ignore_ascii_case(b"websocket")) {
        return Err(Refused::NotAnUpgrade);
    }
    if values(headers, "Connection").next().is_none() {
        return Err(Refused::Missing("Connection"));
    }
    if !elements(headers, "Connection").any(|element| element.eq_ignore_ascii_case(b"upgrade")) {
        return Err(Refused::Malformed("Connection"));
    }
    if values(headers, "Transfer-Encoding").next().is_some()
        || values(headers, "Content-Length").any(|length| length != b"0")
    {
        return Err(Refused::Body);
    }
    match one("Sec-WebSocket-Version")? {
        None => return Err(Refused::Missing("Sec-WebSocket-Version")),
        Some(b"13") => {}
        Some(_) => return Err(Refused::WebSocketVersion),
    }
    let key = one("Sec-WebSocket-Key")?.ok_or(Refused::Missing("Sec-WebSocket-Key"))?;
    let key = checked_key(key).ok_or(Refused::Malformed("Sec-WebSocket-Key"))?;
    let subprotocol = choose_subprotocol(headers, options.subprotocols)?;
    let offers = extensions(headers).ok_or(Refused::Malformed("Sec-WebSocket-Extensions"))?;
    let answer = options.deflate.and_then(|options| negotiation::answer(&offers, options));
    let (deflate, extensions) = answer.unzip();
    Ok(Accepted { accept: accept_value(key), subprotocol, deflate, extensions })
}

fn check_target(target: &str) -> Result<(), Refused> {
    let scheme = target.split_once("://").map_or("", |(scheme, _)| scheme);
    let absolute = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let printable = target.bytes().all(|byte| byte > b' ' && byte != 0x7F && byte != b'#');
    if printable && (absolute || target.starts_with('/')) { Ok(()) } else { Err(Refused::Target) }
}

/// 16 bytes in base64: 22 characters and two of padding. Bits that decoding throws away may be set; they are in the
/// example of RFC 6455 §4.1.
fn checked_key(key: &[u8]) -> Option<&str> {
    let digits = key.strip_suffix(b"==").filter(|digits| digits.len() == 22)?;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    digits.iter().all(base64).then(|| std::str::from_utf8(key).ok()).flatten()
}

/// The first of the client's subprotocols that we speak (RFC 6455 §4.2.2); its list holds distinct tokens (§4.1).
fn choose_subprotocol(headers: &[(&str, &[u8])], supported: &[&str]) -> Result<Option<String>, Refused> {
    const NAME: &str = "Sec-WebSocket-Protocol";
    let mut requested: Vec<&str> = Vec::new();
    for element in elements(headers, NAME) {
        let name = token(element).filter(|name| !requested.contains(name)).ok_or(Refused::Malformed(NAME))?;
        requested.push(name);
        // No client has more, and the comparison above is quadratic.
        if requested.len() > SUBPROTOCOLS_MAX {
            return Err(Refused::Malformed(NAME));
        }
    }
    if requested.is_empty() && values(headers, NAME).next().is_some() {
        return Err(Refused::Malformed(NAME));
    }
    Ok(requested.into_iter().find(|name| supported.contains(name)).map(str::to_owned))
}

const SUBPROTOCOLS_MAX: usize = 128;

fn extensions(headers: &[(&str, &[u8])]) -> Option<Vec<Extension>> {
    let mut extensions = Vec::new();
    for value in values(headers, "Sec-WebSocket-Extensions") {
        parse(value, &mut extensions).ok()?;
    }
    Some(extensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [(&str, &[u8]); 5] = [
        ("host", b"example.com"),
        ("upgrade", b"WebSocket"),
        ("connection", b"keep-alive, Upgrade"),
        ("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", b"13"),
    ];

    fn handshake(headers: &[(&str, &[u8])]) -> Result<Accepted, Refused> {
        let request = Request { method: "GET", version: HttpVersion::Http11, target: "/chat", headers };
        let options =
            HandshakeOptions { subprotocols: &["json", "binary"], deflate: Some(DeflateOptions::default()) };
        accept(&request, &options)
    }

    #[test]
    fn the_handshake_of_section_1_3() {
        let accepted = handshake(&HEADERS).unwrap();
        let mut out = Vec::new();
        accepted.write_response(&mut out);
        let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(std::str::from_utf8(&out), Ok(expected));
    }

    #[test]
    fn every_required_header_is_required_once() {
        for (index, (name, _)) in HEADERS.iter().enumerate() {
            let mut headers = HEADERS.to_vec();
            headers.remove(index);
            assert!(handshake(&headers).is_err(), "without {name}");
        }
        for index in [0, 3, 4] {
            let mut headers = HEADERS.to_vec();
            headers.push(HEADERS[index]);
            assert!(matches!(handshake(&headers), Err(Refused::Repeated(_))), "{} twice", HEADERS[index].0);
        }
    }

    #[test]
    fn subprotocols_and_extensions() {
        let mut headers = HEADERS.to_vec();
        headers.push(("Sec-WebSocket-Protocol", b"other, binary"));
        headers.push(("Sec-WebSocket-Protocol", b"json"));
        headers.push(("Sec-WebSocket-Extensions", b"permessage-deflate; client_max_window_bits"));
        let accepted = handshake(&headers).unwrap();
        assert_eq!(accepted.subprotocol.as_deref(), Some("binary"), "the client's order decides");
        assert!(accepted.deflate.is_some());
        headers.push(("Sec-WebSocket-Extensions", b"a b"));
        assert_eq!(handshake(&headers), Err(Refused::Malformed("Sec-WebSocket-Extensions")));
    }

    #[test]
    fn another_version_is_told_ours() {
        let mut headers = HEADERS.to_vec();
        headers[4].1 = b"8";
        let refused = handshake(&headers).unwrap_err();
        assert_eq!(refused.status(), 426);
        let mut out = Vec::new();
        refused.write_response(&mut out);
        assert!(String::from_utf8(out).unwrap().contains("\r\nSec-WebSocket-Version: 13\r\n"));
    }

    #[test]
    fn keys() {
        assert!(checked_key(b"AQIDBAUGBwgJCgsMDQ4PEC==").is_some(), "the example of section 4.1");
        for bad in
            [&b""[..], b"AQIDBAUGBwgJCgsMDQ4PEC=", b"AQIDBAUGBwgJCgsMDQ4PECE=", b"AQIDBAUGBwgJCgsMDQ4P*C=="]
        {
            assert_eq!(checked_key(bad), None);
        }
    }
}
