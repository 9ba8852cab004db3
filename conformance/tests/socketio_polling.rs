//! Engine.IO as Socket.IO's clients meet it: what polls carry, and how they end a session. And the example's other doors.
//!
//! They need a server: `cargo xtask test socketio`.

use std::time::Duration;

use fanfare_conformance::real::{Outcome, ensure};
use fanfare_conformance::socketio::{
    Answer, CALM, Case, Http, Link, Packet, Polling, SEPARATOR, body, case, handshake, packets, run,
};

const POLL: &str = "/socket.io/?EIO=4&transport=polling";

/// The session is not known any more.
fn is_gone(answer: &Answer) -> Outcome<()> {
    let text = answer.text()?;
    ensure(answer.status == 400 && text == r#"{"code":1,"message":"Session ID unknown"}"#, || {
        format!("answered {} {text}", answer.status)
    })
}

fn unwrap(link: Link) -> Outcome<Polling> {
    match link {
        Link::Polling(polling) => Ok(*polling),
        Link::WebSocket(_) => Err("no long-polling".to_owned()),
    }
}

/// A POST of 10 bytes of which 2 have been sent.
async fn half_a_post(polling: &Polling, cut: fanfare_conformance::socketio::Cut) -> Outcome<Http> {
    let mut http = Http::connect(polling.address, cut).await?;
    let target = polling.target("polling");
    let begin =
        format!("POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\n40", polling.address);
    http.send(begin.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(http)
}

#[test]
#[ignore = "needs a server"]
fn polls_are_text_and_not_stored_and_a_post_is_answered_ok() {
    run(
        CALM,
        [
            case("headers of the handshake, of a poll, of a POST", |mut s| async move {
                let mut polling = s.polling().await?;
                let first = s.ask("GET", POLL, "", b"").await?;
                let posted = polling.post(b"40").await?.ok_or("cut off")?;
                let polled = polling.poll("").await?;
                for (what, answer) in [("handshake", &first), ("poll", &polled)] {
                    let kind = answer.header("content-type").unwrap_or_default();
                    ensure(kind == "text/plain; charset=UTF-8", || format!("the {what} is {kind}"))?;
                }
                for (what, answer) in [("handshake", &first), ("poll", &polled), ("POST", &posted)] {
                    let stored = answer.header("cache-control").unwrap_or_default();
                    ensure(stored == "no-store", || format!("the {what} has cache-control {stored:?}"))?;
                    ensure(answer.header("content-encoding").is_none(), || {
                        format!("the {what} is compressed")
                    })?;
                }
                ensure(posted.status == 200 && posted.body == b"ok", || format!("{posted:?}"))
            }),
            case("a method that is neither GET nor POST, on a session", |mut s| async move {
                let polling = s.polling().await?;
                let answer = s.ask("PUT", &polling.target("polling"), "", b"").await?;
                // The reference says 500.
                ensure(matches!(answer.status, 400 | 405 | 500), || format!("answered {}", answer.status))?;
                Link::Polling(Box::new(polling)).connect("").await.map(drop)
            }),
            case("several packets in a body, both ways; order is kept", |mut s| async move {
                let mut link = Link::Polling(Box::new(s.polling().await?));
                link.connect("").await?;
                let events: Vec<Packet> =
                    (0..100).map(|number| format!(r#"42["message",{number},"é\u00e9"]"#).into()).collect();
                link.send_all(&events).await?;
                for number in 0..100 {
                    link.expect(format!(r#"42["message-back",{number},"éé"]"#)).await?;
                }
                link.lives().await
            }),
            case("what came while nobody polled comes in one body, joined by 0x1E", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.send(&["40".into()]).await?;
                polling.poll("").await?;
                for number in 0..3 {
                    polling.send(&[format!(r#"42["message",{number}]"#).into()]).await?;
                }
                let text = polling.poll("").await?.text()?;
                let back = |number| format!(r#"42["message-back",{number}]"#);
                let all = [0, 1, 2].map(back).join(&SEPARATOR.to_string());
                ensure(text == all || text.ends_with(&format!("{SEPARATOR}{all}")), || format!("{text:?}"))
            }),
            case("binary is b and base64, in both directions", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.send(&["40".into()]).await?;
                polling.poll("").await?;
                let posted =
                    format!("451-[\"message\",{{\"_placeholder\":true,\"num\":0}}]{SEPARATOR}bAQIDBA==");
                polling.post(posted.as_bytes()).await?;
                let mut text = polling.poll("").await?.text()?;
                if text.starts_with("42") {
                    // `auth`, where it did not come with the answer to CONNECT.
                    text = polling.poll("").await?.text()?;
                }
                let wanted =
                    format!("451-[\"message-back\",{{\"_placeholder\":true,\"num\":0}}]{SEPARATOR}bAQIDBA==");
                ensure(text == wanted, || format!("{text:?}"))
            }),
            case("base64 without padding is taken too", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.send(&["40".into()]).await?;
                let posted =
                    format!("451-[\"message\",{{\"_placeholder\":true,\"num\":0}}]{SEPARATOR}bAQIDBA");
                polling.post(posted.as_bytes()).await?;
                let mut link = Link::Polling(Box::new(polling));
                link.expect_connected("").await?;
                link.expect(r#"42["auth",{}]"#).await?;
                link.expect(r#"451-["message-back",{"_placeholder":true,"num":0}]"#).await?;
                link.expect(&[1, 2, 3, 4]).await
            }),
            case("a poll waits until there is something", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.send(&["40".into()]).await?;
                let mut link = Link::Polling(Box::new(polling));
                link.expect_connected("").await?;
                link.expect(r#"42["auth",{}]"#).await?;
                let mut polling = unwrap(link)?;
                polling.begin_poll("").await?;
                polling.send(&[r#"42["message","late"]"#.into()]).await?;
                let answer = polling.end_poll().await?.ok_or("cut off")?;
                let text = answer.text()?;
                ensure(text == r#"42["message-back","late"]"#, || format!("{text:?}"))
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn a_body_over_max_payload_is_413() {
    let event = |bytes: usize| {
        let letters = "*".repeat(bytes - r#"42["message",""]"#.len());
        format!(r#"42["message","{letters}"]"#)
    };
    run(
        CALM,
        [
            case("exactly max payload is taken, over long-polling", move |mut s| async move {
                let mut link = Link::Polling(Box::new(s.polling().await?));
                link.connect("").await?;
                link.send(event(1_000_000)).await?;
                link.expect(event(1_000_000).replacen("message", "message-back", 1)).await
            }),
            case("one more is 413, over long-polling", move |mut s| async move {
                let mut polling = s.polling().await?;
                let answer = polling.post(event(1_000_001).as_bytes()).await?;
                // Who refuses early may cut the rest off.
                ensure(answer.as_ref().is_none_or(|answer| answer.status == 413), || format!("{answer:?}"))
            }),
            case("one more in chunks is 413, over long-polling", move |mut s| async move {
                let polling = s.polling().await?;
                let mut request = format!(
                    "POST {} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
                    polling.target("polling"),
                    polling.address
                );
                for part in [600_000, 400_001] {
                    request += &format!("{part:x}\r\n{}\r\n", "4".repeat(part));
                }
                let answer = s.ask_raw(format!("{request}0\r\n\r\n").as_bytes()).await?;
                ensure(answer.status == 413, || format!("answered {}", answer.status))
            }),
            case("a POST in chunks is taken", |mut s| async move {
                let polling = s.polling().await?;
                let request = format!(
                    "POST {} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n1\r\n0\r\n0\r\n\r\n",
                    polling.target("polling"),
                    polling.address
                );
                let answer = s.ask_raw(request.as_bytes()).await?;
                ensure(answer.status == 200 && answer.body == b"ok", || format!("{answer:?}"))?;
                Link::Polling(Box::new(polling)).expect_connected("").await.map(drop)
            }),
            case("exactly max payload is taken, over WebSocket", move |mut s| async move {
                let mut link = Link::WebSocket(Box::new(s.websocket().await?));
                link.connect("").await?;
                link.send(event(1_000_000)).await?;
                link.expect(event(1_000_000).replacen("message", "message-back", 1)).await
            }),
            case("one more closes, over WebSocket", move |mut s| async move {
                let mut link = Link::WebSocket(Box::new(s.websocket().await?));
                link.connect("").await?;
                link.send_fatal(&[event(1_000_001).into()]).await?;
                link.closes().await
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn bad_content_in_a_post_is_ok_or_400_and_the_session_is_dead() {
    let bodies: &[(&str, &[u8])] = &[
        ("a type that there is not", b"abc"),
        ("nothing", b""),
        ("two separators", b"40\x1e\x1e40"),
        ("a separator at the end", b"40\x1e"),
        ("a client's ping", b"2"),
        ("no UTF-8", b"\xff\xfe"),
    ];
    let bodies = bodies.iter().map(|&(name, content)| {
        case(name, move |mut s| async move {
            let mut polling = s.polling().await?;
            let answer = polling.post(content).await?;
            ensure(answer.as_ref().is_none_or(|answer| matches!(answer.status, 200 | 400)), || {
                format!("the POST was answered {answer:?}")
            })?;
            let mut link = Link::Polling(Box::new(polling));
            // What came before the fault in the same body may still be answered.
            let mut last = link.next().await?;
            while last.is_some() {
                last = link.next().await?;
            }
            let mut polling = unwrap(link)?;
            is_gone(&polling.poll("").await?)
        })
    });
    let binary = case("a body as application/octet-stream", |mut s| async move {
        let mut polling = s.polling().await?;
        let answer = polling.post_as("Content-Type: application/octet-stream\r\n", b"40").await?;
        ensure(answer.as_ref().is_none_or(|answer| answer.status == 400), || format!("{answer:?}"))?;
        Link::Polling(Box::new(polling)).closes().await
    });
    run(CALM, bodies.chain([binary]));
}

#[test]
#[ignore = "needs a server"]
fn polling_answers_over_1024_bytes_are_compressed_when_the_client_accepts_it() {
    let cases: &[(&str, usize, Option<&str>)] = &[
        ("Accept-Encoding: gzip, deflate\r\n", 2_000, Some("gzip")),
        ("Accept-Encoding: gzip\r\n", 2_000, Some("gzip")),
        ("Accept-Encoding: deflate\r\n", 2_000, Some("deflate")),
        ("Accept-Encoding: deflate, gzip;q=0\r\n", 2_000, Some("deflate")),
        ("Accept-Encoding: br\r\n", 2_000, None),
        ("Accept-Encoding: identity\r\n", 2_000, None),
        ("", 2_000, None),
        ("Accept-Encoding: gzip, deflate\r\n", 1_023, None),
        ("Accept-Encoding: gzip, deflate\r\n", 1_024, Some("gzip")),
    ];
    let cases: Vec<Case> = cases
        .iter()
        .map(|&(headers, bytes, wanted)| {
            case(format!("{bytes} bytes, {headers:?}"), move |mut s| async move {
                let mut link = Link::Polling(Box::new(s.polling().await?));
                link.connect("").await?;
                let mut polling = unwrap(link)?;
                let letters = "é".repeat((bytes - r#"42["message-back","*"]"#.len()) / 2);
                let odd = "*".repeat(bytes - r#"42["message-back",""]"#.len() - 2 * letters.chars().count());
                polling.send(&[format!(r#"42["message","{odd}{letters}"]"#).into()]).await?;
                let answer = polling.poll(headers).await?;
                let (text, found) = (answer.text()?, answer.header("content-encoding"));
                let back = format!(r#"42["message-back","{odd}{letters}"]"#);
                ensure(text == back && text.len() == bytes, || format!("{} bytes: {text}", text.len()))?;
                ensure(found == wanted, || format!("its encoding is {found:?}, not {wanted:?}"))
            })
        })
        .collect();
    run(CALM, cases);
}

#[test]
#[ignore = "needs a server"]
fn a_second_poll_while_one_waits_ends_the_session() {
    run(
        CALM,
        [
            case("the first gets 1, the second 400", |mut s| async move {
                let mut link = Link::Polling(Box::new(s.polling().await?));
                link.connect("").await?;
                let mut polling = unwrap(link)?;
                polling.begin_poll("").await?;
                // The first must be there before the second.
                tokio::time::sleep(Duration::from_millis(100)).await;
                let second = s.ask("GET", &polling.target("polling"), "", b"").await?;
                ensure(second.status == 400, || format!("the second was answered {}", second.status))?;
                let first = polling.end_poll().await?.ok_or("the first was cut off")?;
                ensure(first.status == 200 && first.body == b"1", || {
                    format!("the first was answered {first:?}")
                })?;
                is_gone(&polling.poll("").await?)
            }),
            case("a second POST while one is under way ends it too", |mut s| async move {
                let mut polling = s.polling().await?;
                let _slow = half_a_post(&polling, s.fork()).await?;
                let second = polling.post(b"40").await?;
                ensure(second.as_ref().is_none_or(|second| second.status == 400), || format!("{second:?}"))?;
                Link::Polling(Box::new(polling)).closes().await
            }),
            case("a poll that the client aborts", |mut s| async move {
                let mut link = Link::Polling(Box::new(s.polling().await?));
                link.connect("").await?;
                let mut polling = unwrap(link)?;
                polling.begin_poll("").await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                polling.abort_poll();
                tokio::time::sleep(Duration::from_millis(100)).await;
                is_gone(&polling.poll("").await?)
            }),
            case("a POST that the client aborts", |mut s| async move {
                let mut polling = s.polling().await?;
                drop(half_a_post(&polling, s.fork()).await?);
                tokio::time::sleep(Duration::from_millis(100)).await;
                polling.begin_poll("").await?;
                let answer = polling.end_poll().await?;
                let dead = answer.as_ref().is_none_or(|answer| answer.status == 400 || answer.body == b"1");
                ensure(dead, || format!("the session lives: {answer:?}"))
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn engine_io_echo_and_plain_websocket_echo_of_the_example() {
    run(
        CALM,
        [
            case("/engine.io/ over WebSocket", |mut s| async move {
                let mut websocket = s.websocket_at("/engine.io/?EIO=4&transport=websocket").await?;
                websocket.next().await?;
                websocket.send(&["4hello".into(), (&[1, 2, 3]).into(), "4".into()]).await?;
                let mut link = Link::WebSocket(Box::new(websocket));
                link.expect("4hello").await?;
                link.expect(&[1, 2, 3]).await?;
                link.expect("4").await
            }),
            case("/engine.io/ over long-polling", |mut s| async move {
                let target = "/engine.io/?EIO=4&transport=polling";
                let open = s.ask("GET", target, "", b"").await?.text()?;
                let sid = open.split('"').nth(3).unwrap_or_default().to_owned();
                let target = format!("{target}&sid={sid}");
                let sent = ["4hello".into(), (&[1, 2, 3]).into(), "4é".into()];
                s.ask("POST", &target, "", body(&sent).as_bytes()).await?;
                let mut found = Vec::new();
                while found.len() < sent.len() {
                    found.extend(packets(&s.ask("GET", &target, "", b"").await?.text()?)?);
                }
                ensure(found == sent, || format!("{found:?}"))
            }),
            case("/echo", |mut s| async move {
                let mut websocket = s.websocket_at("/echo").await?;
                websocket.send(&["hello".into(), (&[1, 2, 3]).into(), "".into()]).await?;
                let mut link = Link::WebSocket(Box::new(websocket));
                link.expect("hello").await?;
                link.expect(&[1, 2, 3]).await?;
                link.expect("").await
            }),
            case("a path where nothing is", |mut s| async move {
                let request = handshake(s.address, "/nowhere");
                let answer = s.ask_raw(&request).await?;
                ensure(answer.status == 404, || format!("answered {}", answer.status))
            }),
        ],
    );
}
