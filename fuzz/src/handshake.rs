//! Handshakes of both roles, from lines of text.

use fanfare_websocket::{
    ClientHandshake, DeflateOptions, HandshakeOptions, HttpVersion, Refused, Request, accept, accept_value,
};

const SUBPROTOCOLS: &[&str] = &["fanfare.v1.json", "chat"];

/// Reads `data` as a request's lines and gives it to the server; the same headers are a response to the client.
pub fn handshake(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let version = match words.next() {
        Some("HTTP/1.1") => HttpVersion::Http11,
        Some("HTTP/1.0") => HttpVersion::Http10,
        _ => HttpVersion::Other,
    };
    let headers: Vec<(&str, &[u8])> = lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .collect();
    for deflate in [None, Some(DeflateOptions::default()), Some(SMALL_WINDOWS)] {
        server(&Request { method, version, target, headers: &headers }, deflate);
        client(&headers, deflate);
    }
}

const SMALL_WINDOWS: DeflateOptions = DeflateOptions {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 10,
    client_max_window_bits: 9,
};

fn server(request: &Request<'_>, deflate: Option<DeflateOptions>) {
    let mut out = Vec::new();
    match accept(request, &HandshakeOptions { subprotocols: SUBPROTOCOLS, deflate }) {
        Ok(accepted) => {
            accepted.write_response(&mut out);
            assert!(request.method == "GET" && request.version == HttpVersion::Http11);
            assert!(accepted.subprotocol.as_deref().is_none_or(|name| SUBPROTOCOLS.contains(&name)));
            assert_eq!(accepted.deflate.is_some(), accepted.extensions_header().is_some());
            if let Some(parameters) = accepted.deflate {
                let options = deflate.expect("nobody wanted to compress");
                assert!((9..=options.server_max_window_bits).contains(&parameters.server_max_window_bits));
                assert!((8..=15).contains(&parameters.client_max_window_bits));
                assert!(parameters.client_no_context_takeover || !options.client_no_context_takeover);
            }
            check_head(&out, 3 + 3);
        }
        Err(refused) => {
            assert!(matches!(refused.status(), 400 | 405 | 426 | 505));
            refused.write_response(&mut out);
            check_head(&out, 1 + 6);
            assert!(refused != Refused::WebSocketVersion || refused.status() == 426);
        }
    }
}

fn client(headers: &[(&str, &[u8])], deflate: Option<DeflateOptions>) {
    let Ok(handshake) =
        ClientHandshake::new("localhost", "/", *b"the sample nonce", SUBPROTOCOLS, deflate, &[])
    else {
        panic!("this request can be written")
    };
    let Ok(agreed) = handshake.verify(101, headers) else { return };
    let proof = accept_value("dGhlIHNhbXBsZSBub25jZQ==");
    assert!(headers.iter().any(|header| header.1.trim_ascii() == proof.as_bytes()));
    assert!(agreed.deflate.is_none() || deflate.is_some());
}

/// A head has one blank line, at its end or before the body, and no line that we did not write.
fn check_head(head: &[u8], lines_max: usize) {
    let head = std::str::from_utf8(head).expect("a head is text");
    let (head, _) = head.split_once("\r\n\r\n").expect("a head ends");
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert!(lines.len() <= lines_max, "{head}");
    assert!(lines.iter().all(|line| !line.contains(['\r', '\n'])), "{head}");
}
