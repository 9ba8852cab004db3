//! Engine.IO as Socket.IO's clients meet it: the handshake and its errors.
//!
//! Each function is a line of the contract. They need a server: `cargo xtask test socketio`, or, against the reference,
//! `FANFARE_SOCKETIO_REFERENCE=1 cargo test -p fanfare-conformance --test socketio_handshake -- --ignored`.

use fanfare_conformance::real::{Outcome, ensure};
use fanfare_conformance::socketio::{Answer, CALM, HASTY, Link, PATH, case, is_reference, is_sid, run};
use serde_json::{Value, json};

const POLL: &str = "/socket.io/?EIO=4&transport=polling";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn error(answer: &Answer, status: u16, code: u64, message: &str) -> Outcome<()> {
    let text = answer.text()?;
    let found: Value = serde_json::from_str(&text).map_err(|_| format!("{} {text:?}", answer.status))?;
    let wanted = json!({ "code": code, "message": message });
    ensure(answer.status == status && found == wanted, || format!("answered {} {text}", answer.status))?;
    let kind = answer.header("content-type").unwrap_or_default();
    ensure(kind.starts_with("application/json"), || format!("the error is {kind}"))
}

fn facts(open: &str, upgrades: &Value) -> Outcome<String> {
    let facts: Value =
        serde_json::from_str(open.strip_prefix('0').ok_or("no packet 0")?).map_err(|e| e.to_string())?;
    let sid = facts["sid"].as_str().unwrap_or_default().to_owned();
    is_sid(&sid)?;
    let wanted = json!({ "sid": sid, "upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000 });
    ensure(facts == wanted, || format!("the first packet is {open}"))?;
    Ok(sid)
}

#[test]
#[ignore = "needs a server"]
fn handshake_has_exactly_sid_upgrades_ping_interval_ping_timeout_max_payload() {
    run(
        HASTY,
        [
            case("over long-polling", |mut s| async move {
                let answer = s.ask("GET", POLL, "", b"").await?;
                ensure(answer.status == 200, || format!("status {}", answer.status))?;
                facts(&answer.text()?, &json!(["websocket"])).map(drop)
            }),
            case("over WebSocket", |mut s| async move {
                let (mut websocket, open) = s.websocket_with_open().await?;
                let engine_sid = facts(&open, &json!([]))?;
                websocket.send(&["40".into()]).await?;
                let sid = Link::WebSocket(Box::new(websocket)).expect_connected("").await?;
                ensure(sid != engine_sid, || "the Socket.IO sid is the Engine.IO sid".to_owned())
            }),
            case(
                "the Socket.IO sid differs from the Engine.IO sid, and from namespace to namespace",
                |mut s| async move {
                    let polling = s.polling().await?;
                    let engine_sid = polling.sid.clone();
                    let mut link = Link::Polling(Box::new(polling));
                    let (one, other) = (link.connect("").await?, link.connect("/custom,").await?);
                    ensure(one != engine_sid && other != engine_sid && one != other, || {
                        format!("{engine_sid}, {one}, {other}")
                    })
                },
            ),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn errors_are_400_with_code_and_message() {
    let refused: &[(&str, &str, &str, u64, &str)] = &[
        ("no EIO", "GET", "/socket.io/?transport=polling", 5, "Unsupported protocol version"),
        ("EIO 3", "GET", "/socket.io/?EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("EIO 5", "GET", "/socket.io/?EIO=5&transport=polling", 5, "Unsupported protocol version"),
        ("EIO abc", "GET", "/socket.io/?EIO=abc&transport=polling", 5, "Unsupported protocol version"),
        ("no transport", "GET", "/socket.io/?EIO=4", 0, "Transport unknown"),
        ("no query", "GET", "/socket.io/", 0, "Transport unknown"),
        ("transport abc", "GET", "/socket.io/?EIO=4&transport=abc", 0, "Transport unknown"),
        ("transport webtransport", "GET", "/socket.io/?EIO=4&transport=webtransport", 0, "Transport unknown"),
        ("handshake by POST", "POST", POLL, 2, "Bad handshake method"),
        ("handshake by PUT", "PUT", POLL, 2, "Bad handshake method"),
        ("handshake by DELETE", "DELETE", POLL, 2, "Bad handshake method"),
        (
            "unknown sid",
            "GET",
            "/socket.io/?EIO=4&transport=polling&sid=abcdefghijklmnopqrst",
            1,
            "Session ID unknown",
        ),
        (
            "POST to an unknown sid",
            "POST",
            "/socket.io/?EIO=4&transport=polling&sid=abc",
            1,
            "Session ID unknown",
        ),
        (
            "sid __proto__",
            "GET",
            "/socket.io/?EIO=4&transport=polling&sid=__proto__",
            1,
            "Session ID unknown",
        ),
        ("WebSocket without an upgrade", "GET", "/socket.io/?EIO=4&transport=websocket", 3, "Bad request"),
    ];
    let refused = refused.iter().map(|&(name, method, target, code, message)| {
        case(name, move |mut s| async move {
            let answer = s.ask(method, target, "", b"").await?;
            error(&answer, 400, code, message)
        })
    });
    let more = [
        case("a sid with the other transport than it has: WebSocket's by a poll", |mut s| async move {
            let (_websocket, open) = s.websocket_with_open().await?;
            let sid = open.split('"').nth(3).unwrap_or_default().to_owned();
            let answer = s.ask("GET", &format!("{POLL}&sid={sid}"), "", b"").await?;
            error(&answer, 400, 3, "Bad request")
        }),
        case("a sid with the other transport than it has: long-polling's, no upgrade", |mut s| async move {
            let polling = s.polling().await?;
            let answer = s.ask("GET", &polling.target("websocket"), "", b"").await?;
            error(&answer, 400, 3, "Bad request")
        }),
        case("a sid with another EIO", |mut s| async move {
            let polling = s.polling().await?;
            let target = polling.target("polling").replace("EIO=4", "EIO=3");
            error(&s.ask("GET", &target, "", b"").await?, 400, 3, "Bad request")
        }),
    ];
    run(CALM, refused.chain(more));
}

#[test]
#[ignore = "needs a server"]
fn errors_of_websocket_upgrades_are_plain_400_with_the_text() {
    let refused: &[(&str, &str, &str)] = &[
        ("no transport", "/socket.io/?EIO=4", "Transport unknown"),
        ("transport abc", "/socket.io/?EIO=4&transport=abc", "Transport unknown"),
        ("unknown sid", "/socket.io/?EIO=4&transport=websocket&sid=abc", "Session ID unknown"),
    ];
    let refused = refused.iter().map(|&(name, target, text)| {
        case(name, move |mut s| async move {
            let answer = s.ask("GET", target, UPGRADE, b"").await?;
            ensure(answer.status == 400 && answer.text()? == text, || {
                format!("answered {} {:?}", answer.status, answer.text())
            })
        })
    });
    let wrong_eio = ["EIO=3&", ""].map(|eio| {
        case(
            format!("a wrong EIO on WebSocket is refused before the upgrade: {eio:?}"),
            move |mut s| async move {
                let answer = s.ask("GET", &format!("{PATH}?{eio}transport=websocket"), UPGRADE, b"").await?;
                // The reference agrees to the WebSocket before it looks, and then writes its 400 into it.
                let refused = answer.status == 400 && answer.text()? == "Unsupported protocol version";
                ensure(refused || (is_reference() && answer.status == 101), || format!("answered {answer:?}"))
            },
        )
    });
    run(CALM, refused.chain(wrong_eio));
}
