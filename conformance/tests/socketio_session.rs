//! Engine.IO as Socket.IO's clients meet it: heartbeat, the packets of the session, and the upgrade.
//!
//! They need a server: `cargo xtask test socketio`.

use std::time::{Duration, Instant};

use fanfare_conformance::real::{Outcome, Seen, ensure};
use fanfare_conformance::socketio::{CALM, Case, HASTY, Link, Packet, Polling, Scene, WebSocket, case, run};

/// Messages each way while the transport changes.
const DURING_UPGRADE: usize = 200;

fn unwrap(link: Link) -> Outcome<Polling> {
    match link {
        Link::Polling(polling) => Ok(*polling),
        Link::WebSocket(_) => Err("no long-polling".to_owned()),
    }
}

/// A session over long-polling that has joined `/`, its inbox empty.
async fn joined(s: &mut Scene) -> Outcome<Polling> {
    let mut link = Link::Polling(Box::new(s.polling().await?));
    link.connect("").await?;
    unwrap(link)
}

/// The WebSocket of this session, its probe answered.
async fn probed(s: &mut Scene, polling: &Polling) -> Outcome<WebSocket> {
    let mut websocket = s.websocket_at(&polling.target("websocket")).await?;
    websocket.send(&["2probe".into()]).await?;
    let answer = websocket.next().await?;
    ensure(answer == Some("3probe".into()), || format!("the probe was answered {answer:?}"))?;
    Ok(websocket)
}

#[test]
#[ignore = "needs a server"]
fn heartbeat_the_server_sends_2_the_client_answers_3() {
    run(
        HASTY,
        [
            case("over WebSocket the session outlives five intervals", |mut s| async move {
                let mut websocket = s.websocket().await?;
                websocket.answers_pings = false;
                let began = Instant::now();
                for _ in 0..5 {
                    let ping = websocket.next().await?;
                    ensure(ping == Some("2".into()), || format!("{ping:?} came and not 2"))?;
                    websocket.send(&["3".into()]).await?;
                }
                let took = began.elapsed().as_millis();
                ensure((1_400..4_000).contains(&took), || format!("five intervals took {took} ms"))?;
                websocket.answers_pings = true;
                let mut link = Link::WebSocket(Box::new(websocket));
                link.connect("").await?;
                link.lives().await
            }),
            case("over long-polling the session outlives five intervals", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.answers_pings = false;
                for _ in 0..5 {
                    let text = polling.poll("").await?.text()?;
                    ensure(text == "2", || format!("{text:?} came and not 2"))?;
                    polling.send(&["3".into()]).await?;
                }
                polling.answers_pings = true;
                let mut link = Link::Polling(Box::new(polling));
                link.connect("").await?;
                link.lives().await
            }),
            case("no answer within pingTimeout closes, over WebSocket", |mut s| async move {
                let mut websocket = s.websocket().await?;
                websocket.answers_pings = false;
                let ping = websocket.next().await?;
                ensure(ping == Some("2".into()), || format!("{ping:?} came and not 2"))?;
                let asked = Instant::now();
                Link::WebSocket(Box::new(websocket)).closes().await?;
                let took = asked.elapsed().as_millis();
                ensure((100..1_500).contains(&took), || format!("it closed {took} ms after the question"))
            }),
            case(
                "no answer within pingTimeout closes, over long-polling: a poll gets 400",
                |mut s| async move {
                    let mut polling = s.polling().await?;
                    polling.answers_pings = false;
                    let text = polling.poll("").await?.text()?;
                    ensure(text == "2", || format!("{text:?} came and not 2"))?;
                    tokio::time::sleep(Duration::from_millis(600)).await;
                    let answer = polling.poll("").await?;
                    ensure(answer.status == 400, || format!("answered {} {:?}", answer.status, answer.text()))
                },
            ),
            case("no answer within pingTimeout closes while a poll waits", |mut s| async move {
                let mut polling = s.polling().await?;
                polling.answers_pings = false;
                polling.poll("").await?;
                polling.begin_poll("").await?;
                let answer = polling.end_poll().await?.ok_or("the poll was cut off")?;
                let over = answer.status == 400 || matches!(&*answer.text()?, "1" | "6");
                ensure(over, || format!("the poll that waited was answered {answer:?}"))?;
                let answer = polling.poll("").await?;
                ensure(answer.status == 400, || format!("the next was answered {}", answer.status))
            }),
            case("nobody ever polls", |mut s| async move {
                let mut polling = s.polling().await?;
                tokio::time::sleep(Duration::from_millis(1_200)).await;
                let answer = polling.poll("").await?;
                ensure(answer.status == 400, || format!("answered {} {:?}", answer.status, answer.text()))
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn packet_1_in_a_post_ends_the_session() {
    run(
        CALM,
        [
            case("the waiting poll gets 6, the next 400", |mut s| async move {
                let mut polling = joined(&mut s).await?;
                polling.begin_poll("").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
                polling.send(&["1".into()]).await?;
                let answer = polling.end_poll().await?.ok_or("the poll was cut off")?;
                ensure(answer.status == 200 && answer.body == b"6", || format!("answered {answer:?}"))?;
                let answer = polling.poll("").await?;
                ensure(answer.status == 400, || format!("the next was answered {}", answer.status))
            }),
            case("no poll waits: the next gets 400", |mut s| async move {
                let mut polling = joined(&mut s).await?;
                polling.send(&["1".into()]).await?;
                let answer = polling.poll("").await?;
                ensure(answer.status == 400, || format!("answered {}", answer.status))
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn unknown_packet_type_empty_frame_and_a_clients_2_close() {
    let fatal = ["7", "9abc", "abc", "", "2", "2probe", "é", "-1"];
    let cases = fatal.into_iter().flat_map(|packet| {
        Case::both(&format!("{packet:?}"), move |mut link| async move {
            link.connect("").await?;
            link.send_fatal(&[packet.into()]).await?;
            link.closes().await
        })
    });
    run(CALM, cases);
}

#[test]
#[ignore = "needs a server"]
fn tolerated_on_plain_websocket_5_6_and_0() {
    let tolerated = ["5", "6", "0", "5abc", "6abc", "0{}", "3", "3probe"];
    let cases = tolerated.into_iter().map(|packet| {
        case(format!("{packet:?}"), move |mut s| async move {
            let mut link = Link::WebSocket(Box::new(s.websocket().await?));
            link.connect("").await?;
            link.send(packet).await?;
            link.lives().await
        })
    });
    let one = case("1, which over WebSocket is no close", |mut s| async move {
        let mut link = Link::WebSocket(Box::new(s.websocket().await?));
        link.connect("").await?;
        link.send("1").await?;
        link.lives().await
    });
    run(CALM, cases.chain([one]));
}

#[test]
#[ignore = "needs a server"]
fn upgrade_probe_noop_and_5() {
    run(
        CALM,
        [
            case("messages go over WebSocket from 5 on; the poll that waits gets 6", |mut s| async move {
                let mut polling = joined(&mut s).await?;
                polling.begin_poll("").await?;
                let mut websocket = probed(&mut s, &polling).await?;
                let answer = polling.end_poll().await?.ok_or("the poll was cut off")?;
                ensure(answer.status == 200 && answer.body == b"6", || format!("the poll got {answer:?}"))?;
                websocket.send(&["5".into()]).await?;
                let mut link = Link::WebSocket(Box::new(websocket));
                link.lives().await?;
                link.send(r#"42["message","over"]"#).await?;
                link.expect(r#"42["message-back","over"]"#).await
            }),
            case(
                "a poll that comes after the probe gets 6, and each further one within 100 ms",
                |mut s| async move {
                    let mut polling = joined(&mut s).await?;
                    let mut websocket = probed(&mut s, &polling).await?;
                    for _ in 0..3 {
                        let began = Instant::now();
                        let answer = polling.poll("").await?;
                        ensure(answer.status == 200 && answer.body == b"6", || {
                            format!("the poll got {answer:?}")
                        })?;
                        let took = began.elapsed();
                        ensure(took < Duration::from_millis(1_000), || {
                            format!("it took {} ms", took.as_millis())
                        })?;
                    }
                    websocket.send(&["5".into()]).await?;
                    Link::WebSocket(Box::new(websocket)).lives().await
                },
            ),
            case(
                "what was said before 5 comes by the poll or after it, none lost, in order",
                |mut s| async move {
                    let mut polling = joined(&mut s).await?;
                    let mut websocket = probed(&mut s, &polling).await?;
                    polling.send(&[r#"42["message",1]"#.into(), r#"42["message",2]"#.into()]).await?;
                    websocket.send(&["5".into(), r#"42["message",3]"#.into()]).await?;
                    let mut link = Link::WebSocket(Box::new(websocket));
                    for number in 1..=3 {
                        link.expect(format!(r#"42["message-back",{number}]"#)).await?;
                    }
                    link.lives().await
                },
            ),
            case("after it a poll with that sid is 400", |mut s| async move {
                let mut polling = joined(&mut s).await?;
                let mut websocket = probed(&mut s, &polling).await?;
                websocket.send(&["5".into()]).await?;
                websocket.barrier().await?;
                let answer = polling.poll("").await?;
                ensure(answer.status == 400, || format!("answered {}", answer.status))?;
                let answer = polling.post(b"40").await?.ok_or("cut off")?;
                ensure(answer.status == 400, || format!("a POST was answered {}", answer.status))?;
                Link::WebSocket(Box::new(websocket)).lives().await
            }),
            case("after it a second WebSocket with it is closed", |mut s| async move {
                let polling = joined(&mut s).await?;
                let mut websocket = probed(&mut s, &polling).await?;
                websocket.send(&["5".into()]).await?;
                websocket.barrier().await?;
                let second = s.websocket_at(&polling.target("websocket")).await?;
                Link::WebSocket(Box::new(second)).closes().await?;
                Link::WebSocket(Box::new(websocket)).lives().await
            }),
            case("a second WebSocket while the first probes is closed", |mut s| async move {
                let polling = joined(&mut s).await?;
                let mut websocket = probed(&mut s, &polling).await?;
                let second = s.websocket_at(&polling.target("websocket")).await?;
                Link::WebSocket(Box::new(second)).closes().await?;
                websocket.send(&["5".into()]).await?;
                Link::WebSocket(Box::new(websocket)).lives().await
            }),
            case("a WebSocket with the sid of one that began as WebSocket", |mut s| async move {
                let (first, open) = s.websocket_with_open().await?;
                let sid = open.split('"').nth(3).unwrap_or_default().to_owned();
                let target = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
                let mut second = s.websocket_at(&target).await?;
                second.send(&["2probe".into()]).await?;
                let answer = second.next().await?;
                // The reference probes from WebSocket to WebSocket as well; who closes is as good.
                ensure(answer.is_none() || answer == Some("3probe".into()), || format!("{answer:?}"))?;
                let mut link = Link::WebSocket(Box::new(first));
                link.connect("").await?;
                link.lives().await
            }),
        ],
    );
}

#[test]
#[ignore = "needs a server"]
fn a_probe_that_goes_wrong_is_closed_and_polling_goes_on() {
    let wrong = ["2", "2prob", "3probe", "40", "6", "abc", ""].map(|packet| {
        case(format!("{packet:?} instead of 2probe"), move |mut s| async move {
            let polling = joined(&mut s).await?;
            let websocket = s.websocket_at(&polling.target("websocket")).await?;
            let mut link = Link::WebSocket(Box::new(websocket));
            link.send_fatal(&[packet.into()]).await?;
            link.closes().await?;
            Link::Polling(Box::new(polling)).lives().await
        })
    });
    let more = [
        case("an event instead of 5", |mut s| async move {
            let polling = joined(&mut s).await?;
            let mut websocket = probed(&mut s, &polling).await?;
            websocket.send(&[r#"42["message",1]"#.into()]).await?;
            Link::WebSocket(Box::new(websocket)).closes().await?;
            Link::Polling(Box::new(polling)).lives().await
        }),
        case("the WebSocket ends while it probes", |mut s| async move {
            let polling = joined(&mut s).await?;
            drop(probed(&mut s, &polling).await?);
            let mut link = Link::Polling(Box::new(polling));
            link.lives().await?;
            // And it may be tried again.
            let polling = unwrap(link)?;
            let mut again = s.websocket_at(&polling.target("websocket")).await?;
            again.send(&["2probe".into()]).await?;
            let answer = again.next().await?;
            ensure(answer == Some("3probe".into()), || format!("the second probe was answered {answer:?}"))?;
            again.send(&["5".into()]).await?;
            Link::WebSocket(Box::new(again)).lives().await
        }),
        case("2probe twice", |mut s| async move {
            let polling = joined(&mut s).await?;
            let mut websocket = probed(&mut s, &polling).await?;
            websocket.send(&["2probe".into()]).await?;
            let answer = websocket.next().await?;
            ensure(answer == Some("3probe".into()), || format!("the second was answered {answer:?}"))?;
            websocket.send(&["5".into()]).await?;
            Link::WebSocket(Box::new(websocket)).lives().await
        }),
        case("5 without a probe", |mut s| async move {
            let polling = joined(&mut s).await?;
            let mut websocket = s.websocket_at(&polling.target("websocket")).await?;
            websocket.send(&["5".into()]).await?;
            let mut link = Link::WebSocket(Box::new(websocket));
            link.lives().await
        }),
        case("no 5 within 10 s: the probe is closed and polling goes on", |mut s| async move {
            let polling = joined(&mut s).await?;
            let mut websocket = probed(&mut s, &polling).await?;
            let began = Instant::now();
            let mut link = Link::Polling(Box::new(polling));
            // The client polls on meanwhile, as a real one does.
            while began.elapsed() < Duration::from_secs(9) {
                link.lives().await?;
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let seen = websocket.next_seen().await?;
            ensure(matches!(seen, Seen::Close(_) | Seen::End | Seen::Reset), || format!("{seen:?} came"))?;
            let took = began.elapsed().as_secs_f64();
            ensure((9.5..12.0).contains(&took), || format!("the probe was closed after {took:.1} s"))?;
            link.lives().await
        })
        .whole_only(),
    ];
    run(CALM, wrong.into_iter().chain(more));
}

#[test]
#[ignore = "needs a server"]
fn upgrade_in_mid_traffic_none_lost_none_out_of_order() {
    run(
        CALM,
        [case("200 numbered events each way", |mut s| async move {
            let mut polling = joined(&mut s).await?;
            let event = |number: usize| Packet::from(format!(r#"42["message",{number}]"#));
            let mut sent = 0;
            let mut found = Vec::new();
            // A third by POST, with polls between, the probe in the middle of it.
            let mut websocket = None;
            while sent < DURING_UPGRADE / 3 {
                polling.send(&[event(sent), event(sent + 1)]).await?;
                sent += 2;
                if sent == 20 {
                    websocket = Some(probed(&mut s, &polling).await?);
                }
                if sent % 8 == 0 {
                    let text = polling.poll("").await?.text()?;
                    found.extend(fanfare_conformance::socketio::packets(&text)?);
                }
            }
            let mut websocket = websocket.ok_or("no probe")?;
            websocket.send(&["5".into()]).await?;
            while sent < DURING_UPGRADE {
                websocket.send(&[event(sent)]).await?;
                sent += 1;
            }
            found.retain(|packet| *packet != Packet::from("6"));
            while found.len() < DURING_UPGRADE {
                found.push(websocket.next().await?.ok_or("it closed")?);
            }
            for (number, packet) in found.iter().enumerate() {
                let wanted = Packet::from(format!(r#"42["message-back",{number}]"#));
                ensure(*packet == wanted, || format!("{packet:?} came and not {wanted:?}"))?;
            }
            Link::WebSocket(Box::new(websocket)).lives().await
        })],
    );
}
