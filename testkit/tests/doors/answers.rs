//! Who one is, and what comes back for what one says.

use fanfare_hub::{Arrival, Door, DoorRules, Limits, SlowPolicy};
use fanfare_testkit::dialogue::{Heard, House};
use serde_json::json;

use crate::common::{BINARY, CHAT, Panics, guest, house, member, only, pump};

#[test]
fn welcome_says_who_one_is() {
    let mut house = house(2);
    let peer = house.connect(1, CHAT, &Arrival::default());
    let welcome = only(&mut house, peer);
    let id = welcome["clientId"].as_str().expect("a clientId");
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["userId"], format!("guest-{id}"));
    assert_eq!(welcome["authentication"], "none");
    assert!(
        welcome["clientNumber"].as_u64().is_some_and(|number| number % 2 == 1),
        "of its own shard: {welcome}"
    );
}

#[test]
fn a_name_is_taken_and_an_id_is_not() {
    let mut house = house(1);
    let (peer, id) = guest(&mut house, 0);
    house.says(peer, &json!({"type": "auth", "token": null, "userId": "root", "userName": "Ann"}));
    let authenticated = only(&mut house, peer);
    assert_eq!(
        authenticated,
        json!({"type": "authenticated", "userId": format!("guest-{id}"), "userName": "Ann"})
    );
    house.says(peer, &json!({"type": "auth", "userName": "<b>", "id": 1}));
    let nack = only(&mut house, peer);
    assert_eq!((&nack["type"], &nack["code"]), (&json!("nack"), &json!("invalid_message")));
    // Whoever says no name keeps the one they have.
    house.says(peer, &json!({"type": "auth"}));
    assert_eq!(only(&mut house, peer)["userName"], "Ann");
}

#[test]
fn every_id_gets_one_answer_of_its_own_type() {
    let mut house = house(2);
    let (peer, _) = member(&mut house, 0, "r");
    for id in [json!(1), json!("1"), json!(1.5), json!("ä\"b")] {
        house.says(peer, &json!({"type": "chat", "room": "r", "text": "hi", "id": id}));
        let answers: Vec<_> =
            house.messages(peer).into_iter().filter(|message| message["type"] != "chat").collect();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!((&answers[0]["type"], &answers[0]["messageId"]), (&json!("ack"), &id));
    }
    for (message, code) in [
        (json!({"type": "nothing", "id": 7}), "unknown_type"),
        (json!({"type": "chat", "room": "other", "text": "x", "id": 8}), "forbidden"),
        (json!({"type": "chat", "room": "r", "text": "", "id": 9}), "invalid_message"),
        (json!({"type": "leave", "room": "other", "id": 10}), "not_found"),
        (json!({"type": "private", "to": "nobody", "text": "x", "id": 11}), "not_found"),
    ] {
        house.says(peer, &message);
        let nack = only(&mut house, peer);
        assert_eq!(
            (&nack["type"], &nack["code"], &nack["messageId"]),
            (&json!("nack"), &json!(code), &message["id"])
        );
    }
}

#[test]
fn without_an_id_a_refusal_is_an_error_that_names_what_is_wrong() {
    let mut house = house(1);
    let (peer, _) = member(&mut house, 0, "r");
    for (text, code, named) in [
        ("nonsense".to_owned(), "invalid_json", "Invalid message format"),
        ("[]".to_owned(), "invalid_message", "Invalid message format"),
        ("[".repeat(65) + &"]".repeat(65), "invalid_message", "64"),
        (json!({"type": "x"}).to_string(), "unknown_type", "x"),
        (json!({"type": "join", "room": ""}).to_string(), "invalid_message", "1 to 100"),
        (
            json!({"type": "private", "to": "bob", "text": "x"}).to_string(),
            "not_found",
            "Client bob not found",
        ),
        (
            json!({"type": "chat", "room": "r", "text": "x".repeat(4_001)}).to_string(),
            "invalid_message",
            "4001",
        ),
        (
            json!({"type": "batch", "messages": [{"type": "batch", "messages": []}]}).to_string(),
            "invalid_message",
            "batch",
        ),
    ] {
        house.text(peer, &text);
        let error = only(&mut house, peer);
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{text}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(named)), "{error}");
    }
}

#[test]
fn a_bad_message_of_a_batch_does_not_stop_the_others() {
    let mut house = house(1);
    let (peer, _) = member(&mut house, 0, "r");
    let say = |text: &str, id: u64| json!({"type": "chat", "room": "r", "text": text, "id": id});
    house.says(
        peer,
        &json!({"type": "batch", "id": 9, "messages": [say("a", 1), 5, say("", 2), say("b", 3)]}),
    );
    let heard = house.messages(peer);
    let kinds: Vec<_> = heard.iter().map(|message| message["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["chat", "ack", "error", "nack", "chat", "ack", "ack"], "{heard:?}");
    assert_eq!(heard[6]["messageId"], 9);
}

#[test]
fn an_ordered_stream_waits_for_what_is_missing() {
    let mut house = house(1);
    let (peer, _) = member(&mut house, 0, "r");
    let say = |seq: u64| json!({"seq": seq, "type": "chat", "room": "r", "text": seq.to_string()});
    for seq in [4, 6, 5, 5, 4, 8] {
        house.says(peer, &say(seq));
    }
    let texts: Vec<_> = house.messages(peer).into_iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, [json!("4"), json!("5"), json!("6")]);
    for seq in 9..72 {
        house.says(peer, &say(seq));
    }
    assert!(house.messages(peer).is_empty());
    house.says(peer, &say(72));
    assert_eq!(only(&mut house, peer)["code"], "rate_limited");
    house.says(peer, &say(7));
    assert_eq!(house.messages(peer).len(), 65);
}

#[test]
fn the_same_client_message_id_is_said_once() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    let (bob, _) = member(&mut house, 1, "r");
    house.heard(ann);
    let message = |id: u64| json!({"type": "chat", "room": "r", "text": "x", "clientMessageId": "0123456789abcdef", "id": id});
    house.says(ann, &message(1));
    let first = house.messages(ann).pop().expect("an ack");
    house.pass(500);
    house.says(ann, &message(2));
    let second = only(&mut house, ann);
    assert_eq!((&first["id"], &first["timestamp"]), (&second["id"], &second["timestamp"]));
    house.says(bob, &message(3));
    assert_eq!(house.messages(bob).len(), 3, "another user's is another message, and both hear it");
}

#[test]
fn a_panic_costs_its_message_and_nothing_else() {
    let mut house = pump(SlowPolicy::Disconnect, 1 << 30);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    house.says(peer, &json!({"type": "pump", "panic": true, "id": 1}));
    let nack = only(&mut house, peer);
    assert_eq!((&nack["type"], &nack["code"]), (&json!("nack"), &json!("internal")));
    house.says(peer, &json!({"type": "pump", "bytes": 1, "id": 2}));
    assert!(matches!(&house.heard(peer)[..], [Heard::Binary(_), Heard::Json(ack)] if ack["messageId"] == 2));
    assert_eq!(house.shard(0).counters().panics, 1);
}

#[test]
fn a_plain_door_whose_kit_panics_closes_with_1011() {
    let mut house = House::new(1, &Limits::default(), || {
        let rules = DoorRules { dialect: fanfare_hub::Dialect::Plain, ..DoorRules::default() };
        vec![Door::new(rules, Panics)]
    });
    let peer = house.connect(0, 0, &Arrival::default());
    house.text(peer, "x");
    assert_eq!(house.heard(peer), [Heard::Close(1011)]);
}

#[test]
fn the_largest_seq_is_a_number_like_any_other_past_the_limit() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, &format!(r#"{{"type":"ping","seq":{}}}"#, u64::MAX));
    assert_eq!(only(&mut house, peer)["code"], "invalid_message");
}

#[test]
fn a_receipt_is_taken_without_a_word() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.says(peer, &json!({"type": "received", "lastSeq": 7}));
    assert!(house.heard(peer).is_empty());
}

#[test]
fn messages_are_counted() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, "nonsense");
    house.says(peer, &json!({"type": "ping"}));
    for _ in 0..3 {
        house.binary(peer, &[1, 1, 2, 3, 4, 5, 6, 7, 8]);
    }
    assert_eq!(house.shard(0).counters().messages_received, 5);
    assert_eq!(house.shard(0).counters().messages_sent, 1 + 5, "the welcome, and an answer to each");
}

#[test]
fn private_messages_have_1_to_4000_characters() {
    let mut house = house(1);
    let (peer, id) = guest(&mut house, 0);
    for (chars, heard) in [(0, "nack"), (1, "private"), (4_000, "private"), (4_001, "nack")] {
        house.says(peer, &json!({"type": "private", "to": id, "text": "ä".repeat(chars), "id": chars}));
        assert_eq!(house.messages(peer)[0]["type"], heard, "{chars} characters");
    }
}

#[test]
fn an_id_from_another_door_or_of_no_shard_is_nobody_here() {
    let (_, of_a_third_shard) = guest(&mut house(3), 2);
    let mut house = house(2);
    let (ann, _) = guest(&mut house, 0);
    let at_another_door = house.connect(1, BINARY, &Arrival::default());
    let welcome = only(&mut house, at_another_door);
    for to in [welcome["clientId"].as_str().expect("an id"), &of_a_third_shard] {
        house.says(ann, &json!({"type": "private", "to": to, "text": "psst", "id": 1}));
        assert_eq!(only(&mut house, ann)["code"], "not_found");
    }
    assert!(house.heard(at_another_door).is_empty());
}

#[test]
fn a_ping_is_answered_with_its_own_timestamp() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    for (ping, timestamp) in [
        (json!({"type": "ping", "timestamp": 1.5}), json!(1.5)),
        (json!({"type": "ping", "timestamp": "any"}), json!("any")),
        (json!({"type": "ping"}), json!(null)),
    ] {
        house.says(peer, &ping);
        assert_eq!(only(&mut house, peer), json!({"type": "pong", "timestamp": timestamp}));
    }
    house.bytes(peer, &[0x89, 0x81, 0, 0, 0, 0, 7]);
    assert_eq!(house.heard(peer), [Heard::Pong(vec![7])], "and so is a ping frame");
}
