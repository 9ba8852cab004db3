//! Socket.IO as its clients meet it: what closes the connection, each over both transports, and in a namespace too where it has one.
//!
//! They need a server: `cargo xtask test socketio`.

use fanfare_conformance::socketio::{CALM, Case, Packet, SEPARATOR, case, run};

const PLACED: &str = r#"{"_placeholder":true,"num":0}"#;

/// Joined to `/`, this closes, with no answer before it.
fn fatal(name: &str, packets: &[Packet]) -> [Case; 2] {
    let packets = packets.to_vec();
    Case::both(name, move |mut link| {
        let packets = packets.clone();
        async move {
            link.connect("").await?;
            link.send_fatal(&packets).await?;
            link.closes().await
        }
    })
}

/// The same without having joined.
fn fatal_at_once(name: &str, packet: &'static str) -> [Case; 2] {
    Case::both(name, move |mut link| async move {
        link.send_fatal(&[packet.into()]).await?;
        link.closes().await
    })
}

/// Each text closes by itself.
fn each(texts: &[&str]) -> Vec<Case> {
    texts.iter().flat_map(|&text| fatal(text, &[text.into()])).collect()
}

#[test]
#[ignore = "needs a server"]
fn an_event_before_connect_or_for_a_namespace_not_joined() {
    let before = [
        r#"42["message",1]"#,
        r#"42/custom,["message",1]"#,
        "41",
        "43[1]",
        "44",
        r#"44{"message":"x"}"#,
        r#"421["message-with-ack"]"#,
    ];
    let not_joined = [
        r#"42/custom,["message",1]"#,
        r#"42/random,["message",1]"#,
        "41/custom,",
        "43/custom,1[]",
        r#"42/custom,1["message-with-ack"]"#,
    ];
    let after_refusal = Case::both("after a refused CONNECT", |mut link| async move {
        link.send("40/random,").await?;
        link.expect(r#"44/random,{"message":"Invalid namespace"}"#).await?;
        link.send_fatal(&[r#"42/random,["message",1]"#.into()]).await?;
        link.closes().await
    });
    let before = before.into_iter().flat_map(|packet| fatal_at_once(&format!("{packet} first"), packet));
    run(CALM, before.chain(each(&not_joined)).chain(after_refusal));
}

#[test]
#[ignore = "needs a server"]
fn a_second_connect_to_one_namespace() {
    let custom = Case::both("to /custom", |mut link| async move {
        link.connect("").await?;
        link.connect("/custom,").await?;
        link.send_fatal(&["40/custom,".into()]).await?;
        link.closes().await
    });
    run(CALM, each(&["40", "40/,", r#"40{"token":"abc"}"#]).into_iter().chain(custom));
}

#[test]
#[ignore = "needs a server"]
fn packet_44_from_a_client() {
    run(CALM, each(&["44", r#"44{"message":"x"}"#, r#"44"x""#, r#"44/custom,{"message":"x"}"#]));
}

#[test]
#[ignore = "needs a server"]
fn reserved_event_names() {
    let names = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
    let plain = names.iter().flat_map(|name| {
        let text = format!(r#"42["{name}",1]"#);
        fatal(&text, &[Packet::from(text.clone())])
    });
    let escaped = fatal("a name written otherwise", &[r#"42["disc\u006fnnect"]"#.into()]);
    let binary = names.iter().flat_map(|name| {
        let head = format!(r#"451-["{name}",{PLACED}]"#);
        fatal(&head, &[Packet::from(head.clone()), (&[1]).into()])
    });
    let acknowledged = fatal("with an ack id", &[r#"421["disconnect"]"#.into()]);
    run(CALM, plain.chain(escaped).chain(binary).chain(acknowledged));
}

#[test]
#[ignore = "needs a server"]
fn an_event_that_is_no_array_with_a_name() {
    run(
        CALM,
        each(&[
            "42[]",
            "42{}",
            "42abc[\"message\"]",
            "42[null]",
            "42[true]",
            "42[{}]",
            "42[[]]",
            "42\"message\"",
            "42null",
            "42false",
            r#"42{"0":"message"}"#,
            "42/custom",
            "42[",
            r#"42["message""#,
            r#"42["message",]"#,
            r#"42["message",undefined]"#,
            r#"42['message']"#,
            r#"42["message",01]"#,
            r#"42["message",NaN]"#,
            "42[\"message\",\"\n\"]",
            r#"42["message","\x"]"#,
            r#"42-1["message"]"#,
            r#"421.5["message"]"#,
        ]),
    );
}

#[test]
#[ignore = "needs a server"]
fn packets_4abc_and_type_7_and_trailing_garbage() {
    run(
        CALM,
        each(&[
            "4abc",
            "4",
            "47",
            "48",
            "49",
            "4-1",
            "4 2",
            r#"47["message"]"#,
            r#"42["message",1]x"#,
            r#"42["message",1]["message",2]"#,
            r#"42["message",1],"#,
            "40{}x",
            "43[]x",
            r#"42["message"]}"#,
        ]),
    );
}

#[test]
#[ignore = "needs a server"]
fn a_connect_payload_that_is_an_array_or_a_string() {
    let payloads = [
        "40[]",
        r#"40["a"]"#,
        r#"40"abc""#,
        "40abc",
        "40null",
        "40true",
        "40{",
        "40/custom,[]",
        r#"40/custom,"abc""#,
    ];
    run(CALM, payloads.into_iter().flat_map(|packet| fatal_at_once(packet, packet)));
}

#[test]
#[ignore = "needs a server"]
fn packet_41_with_a_payload() {
    run(CALM, each(&["41[]", "41{}", r#"41"x""#, "41null", "41abc"]));
}

#[test]
#[ignore = "needs a server"]
fn binary_without_a_header_and_text_while_attachments_are_owed() {
    let b_text = case("b… on long-polling without a header", |mut s| async move {
        let mut link = fanfare_conformance::socketio::Link::Polling(Box::new(s.polling().await?));
        link.connect("").await?;
        link.send_fatal(&["bAQID".into()]).await?;
        link.closes().await
    });
    let head = || Packet::from(format!(r#"451-["message",{PLACED}]"#));
    let two = || Packet::from(format!(r#"452-["message",{PLACED}]"#));
    run(
        CALM,
        [
            fatal("binary without a header", &[(&[1, 2, 3]).into()]),
            fatal("empty binary without a header", &[Packet::Binary(Vec::new())]),
            fatal("an event while one is owed", &[head(), r#"42["message",1]"#.into()]),
            fatal("41 while one is owed", &[head(), "41".into()]),
            fatal("a second header while one is owed", &[head(), head()]),
            fatal("an event while the second is owed", &[two(), (&[1]).into(), r#"42["message",1]"#.into()]),
            fatal("garbage while one is owed", &[head(), "4abc".into()]),
        ]
        .into_iter()
        .flatten()
        .chain([b_text]),
    );
    let after = Case::both("binary after the last attachment", |mut link| async move {
        link.connect("").await?;
        link.send_all(&[format!(r#"451-["message",{PLACED}]"#).into(), (&[1]).into()]).await?;
        link.expect(format!(r#"451-["message-back",{PLACED}]"#)).await?;
        link.expect(&[1]).await?;
        link.send_fatal(&[(&[2]).into()]).await?;
        link.closes().await
    });
    run(CALM, after);
}

#[test]
#[ignore = "needs a server"]
fn a_placeholder_out_of_range() {
    let numbers = ["1", "-1", "10", "null", "\"0\"", "{}", "1e300"];
    run(
        CALM,
        numbers.into_iter().flat_map(|number| {
            let head = format!(r#"451-["message",{{"_placeholder":true,"num":{number}}}]"#);
            fatal(&head, &[Packet::from(head.clone()), (&[1]).into()])
        }),
    );
}

#[test]
#[ignore = "needs a server"]
fn no_attachments_or_more_than_10() {
    run(
        CALM,
        each(&[
            r#"450-["message"]"#,
            r#"4511-["message"]"#,
            r#"45999999-["message"]"#,
            r#"45-["message"]"#,
            r#"45["message"]"#,
            "45",
            "451",
            "45abc-",
            r#"451.5-["message"]"#,
            r#"45-1-["message"]"#,
            "460-[]",
            "4611-[]",
            "46[]",
            r#"45a-["message"]"#,
        ]),
    );
    run(
        CALM,
        [
            fatal("a binary event that is no array", &["451-{}".into()]),
            fatal("a binary event with a bad name", &["451-[]".into()]),
        ]
        .into_iter()
        .flatten(),
    );
}

#[test]
#[ignore = "needs a server"]
fn an_ack_that_is_no_array() {
    run(CALM, each(&["431{}", r#"431"x""#, "431null", "431abc", "43{}", "431["]));
}

#[test]
#[ignore = "needs a server"]
fn the_namespaces_of_the_connection_close_with_it() {
    let both = Case::both("a fault in one", |mut link| async move {
        link.connect("").await?;
        link.connect("/custom,").await?;
        link.send_fatal(&["42/custom,[]".into()]).await?;
        link.closes().await
    });
    let before = case("what came before the fault in the same body is handled", |mut s| async move {
        let mut link = fanfare_conformance::socketio::Link::WebSocket(Box::new(s.websocket().await?));
        link.connect("").await?;
        link.send(r#"42["message",1]"#).await?;
        link.expect(r#"42["message-back",1]"#).await?;
        link.send_fatal(&["4abc".into(), r#"42["message",2]"#.into()]).await?;
        link.closes().await
    });
    let separator = case("a separator is text on WebSocket", |mut s| async move {
        let mut link = fanfare_conformance::socketio::Link::WebSocket(Box::new(s.websocket().await?));
        link.connect("").await?;
        link.send_fatal(&[format!(r#"42["message",1]{SEPARATOR}42["message",2]"#).into()]).await?;
        link.closes().await
    });
    run(CALM, both.into_iter().chain([before, separator]));
}
