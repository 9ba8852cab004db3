//! The client's half, RFC 6455 §4.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::extension::parse;
use super::{accept_value, elements, negotiation, single, token, values};
use crate::deflate::{DeflateOptions, DeflateParameters};

/// One opening handshake of a client.
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    request: String,
    accept: String,
    subprotocols: Vec<String>,
    deflate: Option<DeflateOptions>,
}

/// What client and server agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The server's choice among our subprotocols.
    pub subprotocol: Option<String>,
    /// The parameters of permessage-deflate.
    pub deflate: Option<DeflateParameters>,
}

/// The caller asked for a request that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} cannot stand in a handshake")]
pub struct BadRequest(&'static str);

/// Why a server's response does not complete the handshake: the connection is to be dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadResponse {
    /// The status is not 101; HTTP says what it means.
    #[error("the server answered {0}")]
    Status(u16),
    /// A header that must be there is not.
    #[error("the header {0} is missing")]
    Missing(&'static str),
    /// A header stands more than once that must not.
    #[error("the header {0} stands more than once")]
    Repeated(&'static str),
    /// A header's value is not what it must be.
    #[error("the header {0} is wrong")]
    Wrong(&'static str),
    /// `Sec-WebSocket-Accept` does not follow from our key.
    #[error("the server did not prove that it read our key")]
    Accept,
    /// A subprotocol that we did not offer.
    #[error("the server chose a subprotocol that was not offered")]
    Subprotocol,
    /// An extension that we did not offer, or parameters that do not fit our offer.
    #[error("the server chose an extension that was not offered")]
    Extension,
}

impl ClientHandshake {
    /// A request for `path` (with its query) at `host` (with its port, if it is not the default). `key` is 16 random
    /// bytes, new for each connection. `headers` are added as they are.
    pub fn new(
        host: &str,
        path: &str,
        key: [u8; 16],
        subprotocols: &[&str],
        deflate: Option<DeflateOptions>,
        headers: &[(&str, &str)],
    ) -> Result<Self, BadRequest> {
        let printable =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| (0x21..0x7F).contains(&byte));
        if !printable(host) {
            return Err(BadRequest("this host"));
        }
        if !printable(path) || !path.starts_with('/') || path.contains('#') {
            return Err(BadRequest("this path"));
        }
        if subprotocols.iter().any(|name| token(name.as_bytes()).is_none()) {
            return Err(BadRequest("this subprotocol"));
        }
        let key = STANDARD.encode(key);
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        );
        if !subprotocols.is_empty() {
            request.push_str(&format!("Sec-WebSocket-Protocol: {}\r\n", subprotocols.join(", ")));
        }
        if let Some(options) = deflate {
            request.push_str(&format!("Sec-WebSocket-Extensions: {}\r\n", negotiation::offer(options)));
        }
        for (name, value) in headers {
            if token(name.as_bytes()).is_none()
                || value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7F)
            {
                return Err(BadRequest("this header"));
            }
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let subprotocols = subprotocols.iter().map(|name| (*name).to_owned()).collect();
        Ok(Self { request, accept: accept_value(&key), subprotocols, deflate })
    }

    /// Appends the request to `out`.
    pub fn write_request(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.as_bytes());
    }

    /// Checks the response's head against every MUST of RFC 6455 §4.1.
    pub fn verify(&self, status: u16, headers: &[(&str, &[u8])]) -> Result<Agreed, BadResponse> {
        if status != 101 {
            return Err(BadResponse::Status(status));
        }
        let one = |name| single(headers, name).map_err(BadResponse::Repeated);
        let upgrade = one("Upgrade")?.ok_or(BadResponse::Missing("Upgrade"))?;
        if !upgrade.eq_ignore_ascii_case(b"websocket") {
            return Err(BadResponse::Wrong("Upgrade"));
        }
        if !elements(headers, "Connection").any(|element| element.eq_ignore_ascii_case(b"upgrade")) {
            return Err(BadResponse::Wrong("Connection"));
        }
        let accept = one("Sec-WebSocket-Accept")?.ok_or(BadResponse::Missing("Sec-WebSocket-Accept"))?;
        if accept != self.accept.as_bytes() {
            return Err(BadResponse::Accept);
        }
        let subprotocol = match one("Sec-WebSocket-Protocol")? {
            None => None,
            Some(chosen) => {
                let chosen = self.subprotocols.iter().find(|offered| offered.as_bytes() == chosen);
                Some(chosen.cloned().ok_or(BadResponse::Subprotocol)?)
            }
        };
        Ok(Agreed { subprotocol, deflate: self.verify_extensions(headers)? })
    }

    fn verify_extensions(&self, headers: &[(&str, &[u8])]) -> Result<Option<DeflateParameters>, BadResponse> {
        let mut extensions = Vec::new();
        for value in values(headers, "Sec-WebSocket-Extensions") {
            parse(value, &mut extensions).map_err(|_| BadResponse::Wrong("Sec-WebSocket-Extensions"))?;
        }
        match (&extensions[..], self.deflate) {
            ([], _) => Ok(None),
            ([answer], Some(offered))
                if answer.name.eq_ignore_ascii_case(negotiation::PERMESSAGE_DEFLATE) =>
            {
                negotiation::agreed(answer, offered).map(Some).ok_or(BadResponse::Extension)
            }
            _ => Err(BadResponse::Extension),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = *b"the sample nonce";
    const HEADERS: [(&str, &[u8]); 3] = [
        ("Upgrade", b"WebSocket"),
        ("Connection", b"upgrade"),
        ("Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];

    fn handshake(subprotocols: &[&str], deflate: Option<DeflateOptions>) -> ClientHandshake {
        ClientHandshake::new("example.com", "/chat?a=b", KEY, subprotocols, deflate, &[("Origin", "null")])
            .unwrap()
    }

    #[test]
    fn the_request() {
        let mut out = Vec::new();
        handshake(&["a", "b"], Some(DeflateOptions::default())).write_request(&mut out);
        let expected = "GET /chat?a=b HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Protocol: a, b\r\n\
            Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits\r\n\
            Origin: null\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn lines_cannot_be_smuggled_in() {
        let new = |host, path, name, header: (&str, &str)| {
            ClientHandshake::new(host, path, KEY, &[name], None, &[header]).is_err()
        };
        assert!(!new("h", "/", "p", ("n", "v")));
        assert!(new("h\r\nx: y", "/", "p", ("n", "v")));
        assert!(new("h", "/ HTTP/1.1\r\n", "p", ("n", "v")));
        assert!(new("h", "/#f", "p", ("n", "v")));
        assert!(new("h", "/", "p\r\n", ("n", "v")));
        assert!(new("h", "/", "p", ("n:", "v")));
        assert!(new("h", "/", "p", ("n", "v\r\nx: y")));
    }

    #[test]
    fn a_response_must_fit_the_request() {
        let plain = handshake(&[], None);
        assert_eq!(plain.verify(101, &HEADERS), Ok(Agreed { subprotocol: None, deflate: None }));
        assert_eq!(plain.verify(200, &HEADERS), Err(BadResponse::Status(200)));
        for index in 0..HEADERS.len() {
            let mut headers = HEADERS.to_vec();
            headers[index].1 = b"other";
            assert!(plain.verify(101, &headers).is_err());
            headers.remove(index);
            assert!(plain.verify(101, &headers).is_err());
        }
        let with = |name, value| [HEADERS[0], HEADERS[1], HEADERS[2], (name, value)];
        let subprotocol = with("Sec-WebSocket-Protocol", &b"a"[..]);
        assert_eq!(plain.verify(101, &subprotocol), Err(BadResponse::Subprotocol));
        assert_eq!(
            handshake(&["a"], None).verify(101, &subprotocol).unwrap().subprotocol.as_deref(),
            Some("a")
        );
        let extension = with(
            "Sec-WebSocket-Extensions",
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        );
        assert_eq!(plain.verify(101, &extension), Err(BadResponse::Extension));
        let deflate = handshake(&[], Some(DeflateOptions::default()));
        assert!(deflate.verify(101, &extension).unwrap().deflate.is_some());
    }
}
