//! Socket.IO as its clients meet it: namespaces, events, acknowledgements, binary, and what is tolerated.
//!
//! They need a server: `cargo xtask test socketio`.

use fanfare_conformance::real::{Outcome, ensure};
use fanfare_conformance::socketio::{CALM, Case, Link, Meaning, Packet, SEPARATOR, case, run};

fn all(cases: impl IntoIterator<Item = [Case; 2]>) -> Vec<Case> {
    cases.into_iter().flatten().collect()
}

/// Joined to `/`: each of the first must be answered by each of the second, in order, and the connection lives.
fn dialogue(name: &str, says: &[Packet], hears: &[Packet]) -> [Case; 2] {
    let (says, hears) = (says.to_vec(), hears.to_vec());
    Case::both(name, move |mut link| {
        let (says, hears) = (says.clone(), hears.clone());
        async move {
            link.connect("").await?;
            link.send_all(&says).await?;
            for packet in hears {
                link.expect(packet).await?;
            }
            link.lives().await
        }
    })
}

/// What was sent has been handled: on the reference a namespace is left a moment after its 41 was read, and what came with the
/// 41 is judged before it.
async fn settled(link: &mut Link) -> Outcome<()> {
    match link {
        Link::WebSocket(websocket) => websocket.barrier().await,
        // The POST has been answered.
        Link::Polling(_) => Ok(()),
    }
}

/// Joined to `/`: the answer has this meaning, with whatever attachments.
fn means(name: &str, says: &[Packet], hears: &str, attachments: &[&[u8]]) -> [Case; 2] {
    let attachments: Vec<Vec<u8>> = attachments.iter().map(|bytes| bytes.to_vec()).collect();
    let (says, wanted) = (says.to_vec(), Meaning::of(hears, &attachments));
    Case::both(name, move |mut link| {
        let (says, wanted) = (says.clone(), wanted.clone());
        async move {
            link.connect("").await?;
            link.send_all(&says).await?;
            link.expect_meaning(&wanted).await?;
            link.lives().await
        }
    })
}

fn texts(packets: &[&str]) -> Vec<Packet> {
    packets.iter().map(|&packet| packet.into()).collect()
}

#[test]
#[ignore = "needs a server"]
fn connect_to_the_main_and_to_a_custom_namespace_with_auth() {
    run(
        CALM,
        all([
            Case::both("40", |mut link| async move {
                link.send("40").await?;
                link.expect_connected("").await?;
                link.expect(r#"42["auth",{}]"#).await?;
                link.lives().await
            }),
            Case::both("40/,", |mut link| async move {
                link.send("40/,").await?;
                link.expect_connected("").await?;
                link.expect(r#"42["auth",{}]"#).await
            }),
            Case::both("40/custom,", |mut link| async move {
                link.send("40/custom,").await?;
                link.expect_connected("/custom,").await?;
                link.expect(r#"42/custom,["auth",{}]"#).await?;
                link.send(r#"42/custom,["message",1]"#).await?;
                link.expect(r#"42/custom,["message-back",1]"#).await
            }),
            Case::both("40/custom, without the comma", |mut link| async move {
                link.send("40/custom").await?;
                link.expect_connected("/custom,").await?;
                link.expect(r#"42/custom,["auth",{}]"#).await
            }),
            Case::both("auth reaches the application", |mut link| async move {
                link.send(r#"40{"token":"abc","deep":{"list":[1,2.5,null,true,"é"]}}"#).await?;
                link.expect_connected("").await?;
                link.expect(r#"42["auth",{"token":"abc","deep":{"list":[1,2.5,null,true,"é"]}}]"#).await
            }),
            Case::both("auth in a namespace", |mut link| async move {
                link.send(r#"40/custom,{"token":"abc"}"#).await?;
                link.expect_connected("/custom,").await?;
                link.expect(r#"42/custom,["auth",{"token":"abc"}]"#).await
            }),
            Case::both("both namespaces on one connection", |mut link| async move {
                link.connect("").await?;
                link.connect("/custom,").await?;
                link.send(r#"42/custom,["message","there"]"#).await?;
                link.send(r#"42["message","here"]"#).await?;
                link.expect(r#"42/custom,["message-back","there"]"#).await?;
                link.expect(r#"42["message-back","here"]"#).await
            }),
        ]),
    );
}

#[test]
#[ignore = "needs a server"]
fn an_unknown_namespace_is_refused_with_44_and_the_connection_lives() {
    let unknown = ["/random", "/custom/", "/Custom", "/custom/below", "/__proto__", "/é"];
    run(
        CALM,
        all(unknown.map(|namespace| {
            Case::both(namespace, move |mut link| async move {
                link.send(format!("40{namespace},")).await?;
                link.expect(format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#)).await?;
                link.connect("").await?;
                link.send(format!(r#"40{namespace},{{"token":"abc"}}"#)).await?;
                link.expect(format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#)).await?;
                link.lives().await
            })
        })),
    );
}

#[test]
#[ignore = "needs a server"]
fn packet_41_leaves_the_namespace_and_keeps_the_connection() {
    run(
        CALM,
        all([
            Case::both("41, and 40 again", |mut link| async move {
                let first = link.connect("").await?;
                link.send("41").await?;
                settled(&mut link).await?;
                let second = link.connect("").await?;
                ensure(first != second, || format!("the sid is {first} again"))?;
                link.lives().await
            }),
            Case::both("41/custom, and the main namespace lives on", |mut link| async move {
                link.connect("").await?;
                link.connect("/custom,").await?;
                link.send("41/custom,").await?;
                link.lives().await
            }),
            Case::both("41 and the custom namespace lives on", |mut link| async move {
                link.connect("/custom,").await?;
                link.connect("").await?;
                link.send("41").await?;
                link.send(r#"42/custom,["message",1]"#).await?;
                link.expect(r#"42/custom,["message-back",1]"#).await
            }),
            Case::both("an event after 41 closes", |mut link| async move {
                link.connect("").await?;
                link.send("41").await?;
                settled(&mut link).await?;
                link.send_fatal(&[r#"42["message",1]"#.into()]).await?;
                link.closes().await
            }),
        ]),
    );
}

#[test]
#[ignore = "needs a server"]
fn event_with_arguments_of_every_json_type() {
    let arguments = [
        r"1",
        r#""text""#,
        r"null",
        r"true,false",
        r"-1.5,0,1e+21,0.1",
        r#"{"a":{"b":[1,{"c":null}]}},[]"#,
        r#""é","\\","\"","🎺""#,
        r#""","\n\t\u0001""#,
        r"[[[[]]]],{}",
        r#"{"__proto__x":1}"#,
        r#""42[\"message\"]""#,
        r"9007199254740991",
    ];
    let echoes = arguments.map(|values| {
        let (says, hears) = (format!(r#"42["message",{values}]"#), format!(r#"42["message-back",{values}]"#));
        dialogue(values, &[says.into()], &[hears.into()])
    });
    run(
        CALM,
        all(echoes.into_iter().chain([
            dialogue("no argument", &texts(&[r#"42["message"]"#]), &texts(&[r#"42["message-back"]"#])),
            dialogue(
                "white space",
                &texts(&["42[ \"message\" ,\n 1 , { \"a\" : [ 2 ] } ] "]),
                &texts(&[r#"42["message-back",1,{"a":[2]}]"#]),
            ),
            dialogue("an event that nobody listens to", &texts(&[r#"42["nobody",1]"#]), &[]),
            dialogue(
                "in the namespace /, written out",
                &texts(&[r#"42/,["message",1]"#]),
                &texts(&[r#"42["message-back",1]"#]),
            ),
            dialogue(
                "many in one go",
                &texts(&[r#"42["message",1]"#, r#"42["message",2]"#, r#"42["message",3]"#]),
                &texts(&[r#"42["message-back",1]"#, r#"42["message-back",2]"#, r#"42["message-back",3]"#]),
            ),
        ])),
    );
}

#[test]
#[ignore = "needs a server"]
fn event_with_an_ack_id_is_acknowledged_with_it() {
    run(
        CALM,
        all([
            dialogue(
                "42456",
                &texts(&[r#"42456["message-with-ack",1,"2",{"3":[false]}]"#]),
                &texts(&[r#"43456[1,"2",{"3":[false]}]"#]),
            ),
            dialogue("420", &texts(&[r#"420["message-with-ack",1]"#]), &texts(&["430[1]"])),
            dialogue("no argument", &texts(&[r#"421["message-with-ack"]"#]), &texts(&["431[]"])),
            dialogue(
                "the same id again, once it is answered",
                &texts(&[r#"427["message-with-ack",1]"#, r#"427["message-with-ack",2]"#]),
                &texts(&["437[1]", "437[2]"]),
            ),
            dialogue(
                "a large id",
                &texts(&[r#"429007199254740991["message-with-ack"]"#]),
                &texts(&["439007199254740991[]"]),
            ),
            dialogue("an id in front", &texts(&[r#"42007["message-with-ack"]"#]), &texts(&["437[]"])),
            Case::both("in a namespace 42/custom,456[…]", |mut link| async move {
                link.connect("/custom,").await?;
                link.send(r#"42/custom,456["message-with-ack",1]"#).await?;
                link.expect("43/custom,456[1]").await
            }),
        ]),
    );
}

const PLACED: &str = r#"{"_placeholder":true,"num":0}"#;
const SECOND: &str = r#"{"_placeholder":true,"num":1}"#;

#[test]
#[ignore = "needs a server"]
fn binary_events_and_binary_acks() {
    let ten: Vec<String> = (0..10).map(|number| PLACED.replace('0', &number.to_string())).collect();
    let ten = ten.join(",");
    let attachments: Vec<Packet> = (0..10_u8).map(|byte| Packet::Binary(vec![byte; 3])).collect();
    let and_ten = |head: String| [&[head.into()], attachments.as_slice()].concat();
    run(
        CALM,
        all([
            dialogue(
                "451-",
                &[format!(r#"451-["message",{PLACED}]"#).into(), (&[1, 2, 3]).into()],
                &[format!(r#"451-["message-back",{PLACED}]"#).into(), (&[1, 2, 3]).into()],
            ),
            dialogue(
                "452-, nested",
                &[
                    format!(r#"452-["message",{PLACED},{{"a":[{SECOND}]}}]"#).into(),
                    (&[1]).into(),
                    (&[2]).into(),
                ],
                &[
                    format!(r#"452-["message-back",{PLACED},{{"a":[{SECOND}]}}]"#).into(),
                    (&[1]).into(),
                    (&[2]).into(),
                ],
            ),
            dialogue(
                "an empty attachment",
                &[format!(r#"451-["message",{PLACED}]"#).into(), Packet::Binary(Vec::new())],
                &[format!(r#"451-["message-back",{PLACED}]"#).into(), Packet::Binary(Vec::new())],
            ),
            dialogue(
                "a binary ack",
                &[format!(r#"451-789["message-with-ack",{PLACED},"x"]"#).into(), (&[1, 2, 3]).into()],
                &[format!(r#"461-789[{PLACED},"x"]"#).into(), (&[1, 2, 3]).into()],
            ),
            means(
                "the attachments turned round",
                &[format!(r#"452-["message",{SECOND},{PLACED}]"#).into(), (&[1]).into(), (&[2]).into()],
                &format!(r#"452-["message-back",{PLACED},{SECOND}]"#),
                &[&[2], &[1]],
            ),
            means(
                "one attachment in two places",
                &[format!(r#"451-["message",{PLACED},{PLACED}]"#).into(), (&[1]).into()],
                &format!(r#"452-["message-back",{PLACED},{SECOND}]"#),
                &[&[1], &[1]],
            ),
            dialogue(
                "10 attachments",
                &and_ten(format!(r#"4510-["message",{ten}]"#)),
                &and_ten(format!(r#"4510-["message-back",{ten}]"#)),
            ),
            Case::both("in a namespace", |mut link| async move {
                link.connect("/custom,").await?;
                let head = format!(r#"451-/custom,5["message-with-ack",{PLACED}]"#);
                link.send_all(&[head.into(), (&[7]).into()]).await?;
                link.expect(format!("461-/custom,5[{PLACED}]")).await?;
                link.expect(&[7]).await
            }),
            Case::both("a binary ack for an id that nobody waits for", |mut link| async move {
                link.connect("").await?;
                link.send_all(&[format!("461-5[{PLACED}]").into(), (&[7]).into()]).await?;
                link.lives().await
            }),
        ]),
    );
}

#[test]
#[ignore = "needs a server"]
fn tolerated() {
    let b_text = case("b… as an attachment on long-polling", |mut s| async move {
        let mut link = Link::Polling(Box::new(s.polling().await?));
        link.connect("").await?;
        link.send(format!("451-[\"message\",{PLACED}]{SEPARATOR}bAQID")).await?;
        link.expect(format!(r#"451-["message-back",{PLACED}]"#)).await?;
        link.expect(&[1, 2, 3]).await?;
        link.lives().await
    });
    run(
        CALM,
        all([
            dialogue("a numeric event name", &texts(&["42[1,2]", "42[0]", "42[-1.5]"]), &[]),
            dialogue("42 alone", &texts(&["42"]), &[]),
            dialogue("42 with an id and nothing", &texts(&["421"]), &[]),
            dialogue("an ack for an unknown id", &texts(&["43456[1]", "43[]"]), &[]),
            dialogue("an ack with nothing", &texts(&["43", "4312"]), &[]),
            means(
                "an unused attachment",
                &[r#"451-["message","x"]"#.into(), (&[1]).into()],
                r#"42["message-back","x"]"#,
                &[],
            ),
            dialogue(
                "an object that is like a placeholder and none",
                &texts(&[r#"42["message",{"_placeholder":false,"num":0},{"_placeholder":true}]"#]),
                &texts(&[r#"42["message-back",{"_placeholder":false,"num":0},{"_placeholder":true}]"#]),
            ),
            dialogue(
                "events named connection, error, message",
                &texts(&[r#"42["connection"]"#, r#"42["error"]"#]),
                &[],
            ),
        ])
        .into_iter()
        .chain([b_text]),
    );
}
