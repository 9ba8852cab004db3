//! RFC 6455 §4 and RFC 7692 §7.1: handshakes that are whole and handshakes that are broken.

use fanfare_websocket::{DeflateOptions, HandshakeOptions, HttpVersion, Refused, Request, accept};

type Headers = Vec<(&'static str, &'static [u8])>;

const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

fn headers() -> Headers {
    vec![
        ("Host", b"server.example.com"),
        ("Upgrade", b"websocket"),
        ("Connection", b"Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", b"13"),
        ("Origin", b"http://example.com"),
    ]
}

fn with(name: &'static str, value: &'static [u8]) -> Headers {
    let mut headers = without(name);
    headers.push((name, value));
    headers
}

fn without(name: &str) -> Headers {
    headers().into_iter().filter(|header| header.0 != name).collect()
}

fn and(name: &'static str, value: &'static [u8]) -> Headers {
    let mut headers = headers();
    headers.push((name, value));
    headers
}

fn handshake(method: &str, version: HttpVersion, target: &str, headers: &Headers) -> Result<u16, Refused> {
    let options = HandshakeOptions { subprotocols: &["chat"], deflate: Some(DeflateOptions::default()) };
    accept(&Request { method, version, target, headers }, &options).map(|_| 101)
}

#[test]
fn section_4_2_1_broken_headers() {
    let cases: &[(&str, Headers, u16)] = &[
        ("no Host", without("Host"), 400),
        ("an empty Host", with("Host", b""), 400),
        ("two Hosts", and("host", b"other"), 400),
        ("no Upgrade", without("Upgrade"), 426),
        ("Upgrade to something else", with("Upgrade", b"h2c"), 426),
        ("Upgrade to websocketx", with("Upgrade", b"websocketx"), 426),
        ("an empty Upgrade", with("Upgrade", b""), 426),
        ("no Connection", without("Connection"), 400),
        ("Connection without Upgrade", with("Connection", b"keep-alive"), 400),
        ("Connection with a longer word", with("Connection", b"Upgraded"), 400),
        ("no key", without("Sec-WebSocket-Key"), 400),
        ("an empty key", with("Sec-WebSocket-Key", b""), 400),
        ("a key of 15 bytes", with("Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAA"), 400),
        ("a key of 17 bytes", with("Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAAA="), 400),
        ("a key of 18 bytes", with("Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAAAA"), 400),
        ("a key of 20 digits, padded", with("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25j=="), 400),
        ("a key of 23 digits, padded", with("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQA=="), 400),
        ("a key that is not base64", with("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25j*Q=="), 400),
        ("a key in base64url", with("Sec-WebSocket-Key", b"____________________-w=="), 400),
        ("a key without padding", with("Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ"), 400),
        ("a key with a space", with("Sec-WebSocket-Key", b"dGhlIHNhbXBs ZSBub25jZQ=="), 400),
        ("two keys", and("sec-websocket-key", KEY), 400),
        ("no version", without("Sec-WebSocket-Version"), 400),
        ("version 8", with("Sec-WebSocket-Version", b"8"), 426),
        ("version 14", with("Sec-WebSocket-Version", b"14"), 426),
        ("version 013", with("Sec-WebSocket-Version", b"013"), 426),
        ("a list of versions", with("Sec-WebSocket-Version", b"13, 8"), 426),
        ("an empty version", with("Sec-WebSocket-Version", b""), 426),
        ("two versions", and("Sec-WebSocket-Version", b"13"), 400),
        ("an empty list of subprotocols", and("Sec-WebSocket-Protocol", b""), 400),
        ("a subprotocol that is no token", and("Sec-WebSocket-Protocol", b"chat, a b"), 400),
        ("a subprotocol twice", and("Sec-WebSocket-Protocol", b"chat, chat"), 400),
        ("a malformed extension", and("Sec-WebSocket-Extensions", b"permessage-deflate; ="), 400),
        ("an unclosed quote", and("Sec-WebSocket-Extensions", b"a; b=\"c"), 400),
        ("a body by length", and("Content-Length", b"5"), 400),
        ("a body in chunks", and("Transfer-Encoding", b"chunked"), 400),
    ];
    for (name, headers, status) in cases {
        let refused = handshake("GET", HttpVersion::Http11, "/chat", headers).expect_err(name);
        assert_eq!(refused.status(), *status, "{name}");
        let mut response = Vec::new();
        refused.write_response(&mut response);
        let response = String::from_utf8(response).unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{name}");
        assert_eq!(response.contains("\r\nSec-WebSocket-Version: 13\r\n"), *status == 426, "{name}");
        assert!(!response.contains("Sec-WebSocket-Accept"), "{name}");
    }
}

#[test]
fn section_4_1_first_line() {
    let headers = headers();
    for method in ["POST", "HEAD", "CONNECT", "OPTIONS", "get", ""] {
        assert_eq!(
            handshake(method, HttpVersion::Http11, "/", &headers).unwrap_err().status(),
            405,
            "{method}"
        );
    }
    for version in [HttpVersion::Http09, HttpVersion::Http10, HttpVersion::Other] {
        assert_eq!(handshake("GET", version, "/", &headers).unwrap_err().status(), 505, "{version:?}");
    }
    for target in ["", "*", "chat", "/chat#part", "/a b", "/a\r\nb", "ftp://example.com/", "example.com:80"] {
        assert_eq!(
            handshake("GET", HttpVersion::Http11, target, &headers).unwrap_err().status(),
            400,
            "{target}"
        );
    }
    for target in ["/", "/chat?room=1", "http://example.com/chat", "HTTPS://example.com/"] {
        assert_eq!(handshake("GET", HttpVersion::Http11, target, &headers), Ok(101), "{target}");
    }
}

#[test]
fn section_4_2_1_whole_headers() {
    let cases: &[(&str, Headers)] = &[
        ("as in section 1.3", headers()),
        ("Upgrade in another case", with("Upgrade", b"WebSocket")),
        ("Upgrade among others", with("Upgrade", b"h2c, websocket")),
        ("Upgrade in the second header", and("Upgrade", b"h2c")),
        ("Connection as Firefox sends it", with("Connection", b"keep-alive, Upgrade")),
        ("Connection in another case", with("Connection", b"UPGRADE")),
        ("Connection twice", and("Connection", b"keep-alive")),
        ("white space around values", with("Sec-WebSocket-Version", b" 13 \t")),
        ("the key of section 4.1", with("Sec-WebSocket-Key", b"AQIDBAUGBwgJCgsMDQ4PEC==")),
        ("no Origin", without("Origin")),
        ("a body of nothing", and("Content-Length", b"0")),
        ("unknown extensions", and("Sec-WebSocket-Extensions", b"x-webkit-deflate-frame, mux; a=\"1\"")),
        ("an offer that is declined", and("Sec-WebSocket-Extensions", b"permessage-deflate; unknown=1")),
        ("unknown subprotocols", and("Sec-WebSocket-Protocol", b"soap, wamp")),
        ("headers that mean nothing here", and("Sec-WebSocket-Accept", b"x")),
    ];
    for (name, headers) in cases {
        assert_eq!(handshake("GET", HttpVersion::Http11, "/chat", headers), Ok(101), "{name}");
    }
}

/// What is answered to an offer of permessage-deflate.
fn answered(offer: &'static [u8], deflate: DeflateOptions) -> Option<String> {
    let headers = and("Sec-WebSocket-Extensions", offer);
    let request = Request { method: "GET", version: HttpVersion::Http11, target: "/", headers: &headers };
    let options = HandshakeOptions { subprotocols: &[], deflate: Some(deflate) };
    accept(&request, &options).expect("the rest is a whole handshake").extensions_header()
}

#[test]
fn rfc_7692_section_7_1_negotiation() {
    let takeover = DeflateOptions {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        ..DeflateOptions::default()
    };
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"permessage-deflate", Some("")),
        (b"PerMessage-Deflate", Some("")),
        (b"permessage-deflate; client_max_window_bits", Some("")),
        (b"permessage-deflate; client_max_window_bits=10", Some("; client_max_window_bits=10")),
        (b"permessage-deflate; client_max_window_bits=8", Some("; client_max_window_bits=8")),
        (b"permessage-deflate; server_max_window_bits=10", Some("; server_max_window_bits=10")),
        (b"permessage-deflate; server_max_window_bits=\"10\"", Some("; server_max_window_bits=10")),
        (b"permessage-deflate; server_no_context_takeover", Some("; server_no_context_takeover")),
        (b"permessage-deflate; client_no_context_takeover", Some("; client_no_context_takeover")),
        (b"permessage-deflate; server_max_window_bits=8", None),
        (b"permessage-deflate; server_max_window_bits=16", None),
        (b"permessage-deflate; server_max_window_bits=010", None),
        (b"permessage-deflate; server_max_window_bits", None),
        (b"permessage-deflate; server_no_context_takeover=yes", None),
        (b"permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        (b"permessage-deflate; x", None),
        (b"deflate-frame", None),
        (
            b"permessage-deflate; x, permessage-deflate; server_max_window_bits=9",
            Some("; server_max_window_bits=9"),
        ),
        (
            b"permessage-deflate; server_max_window_bits=9, permessage-deflate",
            Some("; server_max_window_bits=9"),
        ),
    ];
    for (offer, expected) in cases {
        let expected = expected.map(|parameters| format!("permessage-deflate{parameters}"));
        assert_eq!(answered(offer, takeover), expected, "{}", String::from_utf8_lossy(offer));
    }
    let default = answered(b"permessage-deflate; client_max_window_bits", DeflateOptions::default());
    assert_eq!(
        default.as_deref(),
        Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        "no context is kept unless that is configured"
    );
}
