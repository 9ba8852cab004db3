//! Namespaces: coming, going, and both dialects in one room.

use fanfare_hub::{Arrival, Limits, NAMESPACES_PER_CONNECTION_MAX};
use fanfare_testkit::dialogue::{Heard, House, Peer, Session};
use serde_json::{Value, json};

use crate::common::{
    CHAT, SOCKETIO, drain, house, house_with, polling_member, said, texts, websocket_member,
};

#[test]
fn three_kinds_of_clients_hear_the_same_in_the_same_order() {
    for shards in [1, 2, 4] {
        let mut house = house(shards);
        let last = usize::from(shards) - 1;
        let native = house.connect(last, CHAT, &Arrival::default());
        house.says(native, &json!({"type": "join", "room": "r"}));
        let websocket = websocket_member(&mut house, 0, "r");
        let polling = polling_member(&mut house, last / 2, "r");
        house.heard(native);
        texts(&mut house, websocket);
        for number in 0..20 {
            house.says(native, &json!({"type": "chat", "room": "r", "text": format!("n{number}")}));
            house.text(websocket, &format!(r#"42/chat,["chat",{{"room":"r","text":"w{number}"}}]"#));
            let post = format!(r#"42/chat,["chat",{{"room":"r","text":"p{number}"}}]"#);
            house.post(&polling, &post).expect("a post");
        }
        let by_native: Vec<String> = house
            .messages(native)
            .iter()
            .filter(|message| message["type"] == "chat")
            .map(|message| message["text"].as_str().expect("a text").to_owned())
            .collect();
        assert_eq!(by_native.len(), 60);
        assert_eq!(said(&texts(&mut house, websocket)), by_native, "{shards} shards");
        assert_eq!(said(&drain(&mut house, &polling)), by_native, "{shards} shards");
    }
}

#[test]
fn an_id_is_an_acknowledgement_and_a_refusal_too() {
    let mut house = house(2);
    let peer = websocket_member(&mut house, 0, "r");
    house.text(peer, r#"42/chat,7["chat",{"room":"r","text":"hello"}]"#);
    let heard = texts(&mut house, peer);
    let answer = heard.iter().find_map(|packet| packet.strip_prefix("43/chat,7")).expect("an answer");
    let answer: Value = serde_json::from_str(answer).expect("JSON");
    assert_eq!((&answer[0]["ok"], answer[0]["id"].is_string()), (&json!(true), true));
    house.text(peer, r#"42/chat,8["chat",{"room":"elsewhere","text":"hello"}]"#);
    let refused = r#"43/chat,8[{"ok":false,"error":"Not in room elsewhere","code":"forbidden"}]"#;
    assert_eq!(texts(&mut house, peer), [refused]);
    house.text(peer, r#"42/chat,["chat",{"room":"elsewhere","text":"hello"}]"#);
    assert!(texts(&mut house, peer)[0].starts_with(r#"42/chat,["error",{"#));
    house.text(peer, r#"42/chat,9["ping",{"timestamp":1}]"#);
    assert!(texts(&mut house, peer)[0].contains("unknown_type"));
}

#[test]
fn an_echo_of_an_event_is_that_event_and_of_one_with_an_id_the_acknowledgement() {
    let mut house = house(2);
    let peer = house.connect_socketio(1, SOCKETIO);
    house.text(peer, "40/echo,");
    texts(&mut house, peer);
    house.text(peer, r#"42/echo,["message","hello",{"deep":[1]}]"#);
    assert_eq!(texts(&mut house, peer), [r#"42/echo,["message","hello",{"deep":[1]}]"#]);
    house.text(peer, r#"42/echo,7["message",1,null]"#);
    assert_eq!(texts(&mut house, peer), ["43/echo,7[1,null]"]);
    house.text(peer, r#"42/echo,["alone"]"#);
    assert_eq!(texts(&mut house, peer), [r#"42/echo,["alone"]"#]);
}

#[test]
fn whoever_leaves_a_namespace_leaves_its_rooms_and_may_come_again() {
    let mut house = house(2);
    let native = house.connect(1, CHAT, &Arrival::default());
    house.says(native, &json!({"type": "join", "room": "r"}));
    let peer = websocket_member(&mut house, 0, "r");
    house.heard(native);
    house.text(peer, "41/chat,");
    assert_eq!(house.messages(native)[0]["type"], "userLeft");
    house.says(native, &json!({"type": "chat", "room": "r", "text": "gone?"}));
    assert!(texts(&mut house, peer).is_empty());
    house.text(peer, "40/chat,");
    let heard = texts(&mut house, peer);
    assert!(
        heard[0].starts_with(r#"40/chat,{"sid":""#) && heard[1].starts_with(r#"42/chat,["welcome""#),
        "{heard:?}"
    );
    assert_eq!(house.shard(0).connections(), 2, "the session, and its part in the namespace");
}

#[test]
fn a_client_in_no_namespace_or_in_one_twice_is_closed() {
    for last in [r#"42/chat,["join",{"room":"r"}]"#, "41/chat,", "43/chat,1[]", "44/chat,{}"] {
        let mut house = house(1);
        let peer = house.connect_socketio(0, SOCKETIO);
        house.text(peer, last);
        assert!(house.heard(peer).contains(&Heard::Close(1005)), "{last}");
    }
    let mut house = house(1);
    let peer = house.connect_socketio(0, SOCKETIO);
    for _ in 0..2 {
        house.text(peer, "40/chat,");
    }
    assert!(house.heard(peer).contains(&Heard::Close(1005)));
    assert_eq!(house.shard(0).counters().misbehaved, 1);
}

#[test]
fn namespaces_that_are_not_there_cost_nothing() {
    let mut house = house(1);
    let peer = house.connect_socketio(0, SOCKETIO);
    let held = house.shard(0).held_bytes();
    for number in 0..10_000 {
        house.text(peer, &format!("40/none-{number},"));
    }
    let heard = texts(&mut house, peer);
    assert_eq!(heard.len(), 10_001);
    assert_eq!(heard[10_000], r#"44/none-9999,{"message":"Invalid namespace"}"#);
    assert_eq!(house.shard(0).connections(), 1);
    assert!(house.shard(0).held_bytes() <= held + 5 * 65_536);
}

#[test]
fn a_client_is_in_so_many_namespaces_at_once() {
    let mut house = house(1);
    let peer = house.connect_socketio(0, SOCKETIO);
    let join = |house: &mut House, number: usize| {
        house.text(peer, &format!("40/any-{number},"));
        texts(house, peer).pop().expect("an answer")
    };
    for number in 0..NAMESPACES_PER_CONNECTION_MAX {
        assert!(join(&mut house, number).starts_with(&format!("40/any-{number},{{\"sid\"")));
    }
    assert!(join(&mut house, 64).starts_with("44/any-64,"));
    house.text(peer, "41/any-0,");
    assert!(join(&mut house, 64).starts_with("40/any-64,"));
}

#[test]
fn an_event_that_nests_too_deep_is_refused_and_its_sender_told() {
    let mut house = house(1);
    let peer = websocket_member(&mut house, 0, "r");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    house.text(peer, &format!(r#"42/chat,5["chat",{{"text":{deep}}}]"#));
    let refused = r#"43/chat,5[{"ok":false,"error":"Invalid message format: nested deeper than 64 levels","code":"invalid_message"}]"#;
    assert_eq!(texts(&mut house, peer), [refused]);
    house.text(peer, &format!(r#"42/chat,["chat",{{"text":{deep}}}]"#));
    assert!(texts(&mut house, peer)[0].starts_with(r#"42/chat,["error",{"#));
    house.text(peer, r#"42/chat,["chat",{"room":"r","text":"still here"}]"#);
    assert_eq!(said(&texts(&mut house, peer)), ["still here"]);
}

#[test]
fn a_name_and_an_auth_payload_have_their_limits() {
    let mut house = house(1);
    let peer = house.connect_socketio(0, SOCKETIO);
    texts(&mut house, peer);
    let name = |bytes: usize| format!("/any-{}", "x".repeat(bytes - 5));
    house.text(peer, &format!("40{},", name(1_024)));
    assert!(texts(&mut house, peer)[0].starts_with("40/any-"));
    house.text(peer, &format!("40{},", name(1_025)));
    let refused = r#"{"message":"The name of a namespace has 1025 bytes; at most 1024 are allowed"}"#;
    assert_eq!(texts(&mut house, peer), [format!("44{},{refused}", name(1_025))]);
    let auth = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes - 8));
    house.text(peer, &format!("40/any-a,{}", auth(65_536)));
    assert!(texts(&mut house, peer)[0].starts_with("40/any-a,"));
    house.text(peer, &format!("40/any-b,{}", auth(65_537)));
    let refused = r#"44/any-b,{"message":"The auth payload has 65537 bytes; at most 65536 are allowed"}"#;
    assert_eq!(texts(&mut house, peer), [refused]);
}

#[test]
fn whoever_no_namespace_takes_in_is_closed_like_those_who_do_not_ask() {
    let mut house = house(1);
    let peer = house.connect_socketio(0, SOCKETIO);
    texts(&mut house, peer);
    house.text(peer, r#"40/chat,{"userName":""}"#);
    assert!(texts(&mut house, peer)[0].starts_with("44/chat,"));
    house.pass(26_000);
    house.text(peer, "3");
    house.pass(20_000);
    assert!(house.heard(peer).contains(&Heard::Close(1005)));
}

#[test]
fn whoever_reads_no_answer_is_not_answered_for_ever() {
    let mut house = house_with(1, &Limits { outbox_bytes: 4_096, ..Limits::default() });
    let peer = house.connect_socketio(0, SOCKETIO);
    house.takes(peer, 10);
    for _ in 0..1_000 {
        house.text(peer, "40/none,");
    }
    assert_eq!(house.shard(0).counters().too_slow, 1);
    house.pass(6_000);
    assert_eq!(house.shard(0).connections(), 0);
}

#[test]
fn a_packet_over_its_namespaces_limit_closes() {
    let mut house = house(1);
    let peer = websocket_member(&mut house, 0, "r");
    let long = "x".repeat(1 << 20);
    house.text(peer, &format!(r#"42/chat,["chat",{{"room":"r","text":"{long}"}}]"#));
    assert!(house.heard(peer).contains(&Heard::Close(1009)));
}

fn joined_binary(house: &mut House, shard: usize) -> (Peer, Session) {
    let peer = house.connect_socketio(shard, SOCKETIO);
    house.text(peer, "40/binary,");
    let session = house.open_session(shard, SOCKETIO);
    house.post(&session, "40/binary,").expect("a post");
    drain(house, &session);
    house.heard(peer);
    (peer, session)
}

#[test]
fn bytes_reach_everyone_in_the_form_that_each_takes() {
    let mut house = house(2);
    let native = house.connect(1, 1, &Arrival::default());
    let (peer, session) = joined_binary(&mut house, 0);
    house.heard(native);
    house.text(peer, r#"451-/binary,["binaryData",{"_placeholder":true,"num":0}]"#);
    house.binary(peer, b"\x09abc");
    let response = r#"451-/binary,["binaryResponse",{"_placeholder":true,"num":0}]"#;
    let own = house.heard(peer);
    assert_eq!(own, [Heard::Text(response.to_owned()), Heard::Binary(b"\x09abc".to_vec())]);
    assert_eq!(drain(&mut house, &session), [response, "bCWFiYw=="]);
    assert_eq!(house.heard(native), [Heard::Binary(b"\x09abc".to_vec())]);
    house.binary(native, b"\x09from");
    let event = r#"451-/binary,["binary",{"_placeholder":true,"num":0}]"#;
    assert_eq!(drain(&mut house, &session), [event, "bCWZyb20="]);
}

#[test]
fn a_stream_is_its_streamers_alone_and_ends_with_it() {
    let mut house = house(4);
    let (streamer, viewer) = joined_binary(&mut house, 0);
    let (other, _) = joined_binary(&mut house, 3);
    house.text(streamer, r#"42/binary,1["streamStart",{"id":"x","mimeType":"video/webm"}]"#);
    let started = r#"43/binary,1[{"ok":true,"success":true,"streamId":"x"}]"#;
    assert!(texts(&mut house, streamer).contains(&started.to_owned()));
    house.text(other, r#"42/binary,2["streamStart",{"id":"x"}]"#);
    assert!(texts(&mut house, other).iter().any(|packet| packet.contains("conflict")));
    house.post(&viewer, r#"42/binary,3["streamJoin",{"id":"x"}]"#).expect("a post");
    assert!(drain(&mut house, &viewer).iter().any(|packet| packet.starts_with("43/binary,3[{\"ok\":true")));
    house.post(&viewer, r#"42/binary,4["streamJoin",{"id":"none"}]"#).expect("a post");
    assert!(drain(&mut house, &viewer).iter().any(|packet| packet.contains("not_found")));
    let data = r#"["streamData",{"id":"x","seq":0,"data":{"_placeholder":true,"num":0}}]"#;
    house.text(streamer, &format!("451-/binary,{data}"));
    house.binary(streamer, b"chunk");
    assert_eq!(drain(&mut house, &viewer), [format!("451-/binary,{data}"), "bY2h1bms=".to_owned()]);
    house.text(other, &format!("451-/binary,5{data}"));
    house.binary(other, b"intruder");
    assert!(texts(&mut house, other).iter().any(|packet| packet.contains("forbidden")));
    house.breaks(streamer);
    let heard = drain(&mut house, &viewer);
    assert!(heard.contains(&r#"42/binary,["streamEnd",{"id":"x"}]"#.to_owned()), "{heard:?}");
}
