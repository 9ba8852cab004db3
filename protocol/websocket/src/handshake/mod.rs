//! The opening handshake, RFC 6455 §4, and the negotiation of permessage-deflate, RFC 7692 §5 and §7.

mod client;
mod extension;
mod negotiation;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

pub use client::{Agreed, BadRequest, BadResponse, ClientHandshake};
pub use server::{Accepted, HandshakeOptions, HttpVersion, Refused, Request, accept};

/// Appended to the key before hashing, RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`, RFC 6455 §4.2.2.
#[must_use]
pub fn accept_value(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    STANDARD.encode(hash.finalize())
}

/// Every value of a header, without the white space around it.
fn values<'a>(headers: &'a [(&'a str, &'a [u8])], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.0.eq_ignore_ascii_case(name))
        .map(|header| header.1.trim_ascii())
}

/// The value of a header that must not repeat.
fn single<'a>(
    headers: &'a [(&'a str, &'a [u8])],
    name: &'static str,
) -> Result<Option<&'a [u8]>, &'static str> {
    let mut values = values(headers, name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(name),
    }
}

/// The elements of a comma-separated list over all headers of that name; empty elements do not count (RFC 9110 §5.6.1).
fn elements<'a>(headers: &'a [(&'a str, &'a [u8])], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(|element| element.trim_ascii())
        .filter(|element| !element.is_empty())
}

/// A token of HTTP, RFC 9110 §5.6.2.
fn token(bytes: &[u8]) -> Option<&str> {
    let valid = !bytes.is_empty() && bytes.iter().copied().all(is_token_byte);
    std::str::from_utf8(bytes).ok().filter(|_| valid)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_section_1_3() {
        assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn lists_span_headers_and_skip_empty_elements() {
        let headers: &[(&str, &[u8])] = &[("connection", b"keep-alive, , Upgrade"), ("CONNECTION", b" x ")];
        let elements: Vec<&[u8]> = elements(headers, "Connection").collect();
        assert_eq!(elements, [&b"keep-alive"[..], b"Upgrade", b"x"]);
        assert_eq!(single(headers, "Connection"), Err("Connection"));
        assert_eq!(single(headers, "Host"), Ok(None));
    }
}
