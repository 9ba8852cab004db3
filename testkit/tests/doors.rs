//! Rules that hold at every native door, one dialogue each.

use fanfare_hub::{
    Arrival, CloseCode, Door, DoorRules, Edge, Heartbeat, Kit, Limits, Message, Outgoing, PlainPlace,
    Reading, SlowPolicy, SocketId,
};
use fanfare_kits::{Binary, Chat, Echo};
use fanfare_testkit::dialogue::{DEFLATE, Heard, House, Peer, compressed};
use fanfare_websocket::{Opcode, write_frame};
use serde_json::{Value, json};

const ECHO: u8 = 0;
const CHAT: u8 = 1;
const BINARY: u8 = 2;

fn doors() -> Vec<Door> {
    vec![Door::new(Echo.rules(), Echo), Door::new(Chat.rules(), Chat), Door::new(Binary.rules(), Binary)]
}

fn house(shards: u16) -> House {
    House::new(shards, &Limits::default(), doors)
}

/// A peer in the chat that has heard its welcome.
fn guest(house: &mut House, shard: usize) -> (Peer, String) {
    let peer = house.connect(shard, CHAT, &Arrival::default());
    let welcome = house.messages(peer).remove(0);
    (peer, welcome["clientId"].as_str().expect("a clientId").to_owned())
}

fn member(house: &mut House, shard: usize, room: &str) -> (Peer, String) {
    let (peer, id) = guest(house, shard);
    house.says(peer, &json!({"type": "join", "room": room}));
    house.heard(peer);
    (peer, id)
}

/// The one message heard since last asked.
#[track_caller]
fn only(house: &mut House, peer: Peer) -> Value {
    let mut messages = house.messages(peer);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

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
fn private_messages_find_their_way_between_shards() {
    let mut house = house(4);
    let (ann, ann_id) = guest(&mut house, 0);
    let (bob, bob_id) = guest(&mut house, 3);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "psst", "id": 1}));
    assert_eq!(only(&mut house, ann), json!({"type": "ack", "messageId": 1}));
    let heard = only(&mut house, bob);
    assert_eq!(
        (&heard["type"], &heard["from"], &heard["text"]),
        (&json!("private"), &json!(ann_id), &json!("psst"))
    );
    house.says(bob, &json!({"type": "private", "to": format!("guest-{ann_id}"), "text": "yes"}));
    assert_eq!(only(&mut house, ann)["text"], "yes");
    house.breaks(bob);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "still there?"}));
    assert_eq!(only(&mut house, ann)["message"], format!("Client {bob_id} not found"));
    // The slot is used again; the id is not.
    let (next, next_id) = guest(&mut house, 3);
    assert_ne!(next_id, bob_id);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "still there?"}));
    assert!(house.heard(next).is_empty());
}

#[test]
fn typing_is_told_once_and_ends_by_itself() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    let (bob, _) = member(&mut house, 1, "r");
    house.heard(ann);
    for _ in 0..3 {
        house.says(bob, &json!({"type": "typing", "room": "r", "isTyping": true}));
        house.pass(1_000);
    }
    assert_eq!(only(&mut house, ann)["isTyping"], true);
    house.pass(3_900);
    assert!(house.heard(ann).is_empty());
    house.pass(200);
    assert_eq!(only(&mut house, ann)["isTyping"], false);
    house.says(bob, &json!({"type": "typing", "room": "r", "isTyping": true}));
    house.breaks(bob);
    let heard: Vec<_> = house.messages(ann).iter().map(|message| message["type"].clone()).collect();
    assert_eq!(heard, ["typing", "typing", "userLeft"]);
}

#[test]
fn presence_lists_who_is_here_by_time_of_coming() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    house.says(ann, &json!({"type": "auth", "userName": "Ann"}));
    house.pass(1_000);
    let (bob, bob_id) = member(&mut house, 1, "r");
    house.heard(ann);
    house.says(ann, &json!({"type": "presence", "room": "r"}));
    let presence = only(&mut house, ann);
    assert_eq!((&presence["count"], &presence["users"][0]["userName"]), (&json!(2), &json!("Ann")));
    assert_eq!(presence["users"][1]["userId"], format!("guest-{bob_id}"));
    let since = |user: usize| presence["users"][user]["since"].as_u64().expect("a time");
    assert_eq!(since(1) - since(0), 1_000);
    house.says(bob, &json!({"type": "presence", "room": "elsewhere"}));
    assert_eq!(only(&mut house, bob)["code"], "forbidden");
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
fn a_connection_is_in_so_many_rooms_and_no_more() {
    let mut house = house(2);
    let (peer, _) = guest(&mut house, 0);
    for room in 0..128 {
        house.says(peer, &json!({"type": "join", "room": format!("room-{room}"), "id": room}));
    }
    house.heard(peer);
    house.says(peer, &json!({"type": "join", "room": "one-more", "id": 200}));
    assert_eq!(only(&mut house, peer)["code"], "forbidden");
    // One that it is in already is none more; one that it leaves makes room.
    house.says(peer, &json!({"type": "join", "room": "room-5", "id": 201}));
    assert_eq!(only(&mut house, peer)["type"], "ack");
    house.says(peer, &json!({"type": "leave", "room": "room-5"}));
    house.says(peer, &json!({"type": "join", "room": "one-more", "id": 202}));
    assert_eq!(house.messages(peer).last().expect("an answer")["type"], "ack");
    house.breaks(peer);
    assert_eq!([house.shard(0).rooms_and_places(), house.shard(1).rooms_and_places()], [(0, 0), (0, 0)]);
}

#[test]
fn binary_goes_to_those_who_take_it_and_word_of_it_to_the_others() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    let (bob, _) = member(&mut house, 1, "r");
    let cyd = house.connect(1, CHAT, &Arrival { wants_binary: true, ..Arrival::default() });
    house.says(cyd, &json!({"type": "join", "room": "r"}));
    for peer in [ann, bob, cyd] {
        house.heard(peer);
    }
    house.binary(ann, &[3, 9, 9, 9, 9, 2, 0, b'h', b'i']);
    assert!(
        matches!(&house.heard(cyd)[..], [Heard::Binary(chat)] if chat.ends_with(b"hi") && chat[1..5] != [9; 4])
    );
    assert_eq!(only(&mut house, bob)["text"], "hi");
    assert!(matches!(&house.heard(ann)[..], [Heard::Binary(_)]), "who sends binary gets binary");
    let header = br#"{"name":"a","mimeType":"b","size":3}"#;
    let file = [&[6, header.len() as u8, 0], &header[..], b"abc"].concat();
    house.binary(ann, &file);
    assert!(matches!(&house.heard(cyd)[..], [Heard::Binary(file)] if file.ends_with(b"abc")));
    assert_eq!(only(&mut house, bob)["type"], "file");
    assert_eq!(only(&mut house, ann)["type"], "file");
    house.binary(bob, &[1, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(house.heard(bob), [Heard::Binary(vec![2, 1, 2, 3, 4, 5, 6, 7, 8])]);
    house.binary(bob, &[0x42, 1]);
    assert_eq!(only(&mut house, bob)["code"], "invalid_message");
}

#[test]
fn at_the_binary_door_everyone_else_gets_the_bytes() {
    let mut house = house(2);
    let peers: Vec<_> = [0, 0, 1].map(|shard| house.connect(shard, BINARY, &Arrival::default())).into();
    for peer in &peers {
        house.heard(*peer);
    }
    house.binary(peers[0], b"bytes");
    assert!(house.heard(peers[0]).is_empty());
    for peer in &peers[1..] {
        assert_eq!(house.heard(*peer), [Heard::Binary(b"bytes".to_vec())]);
    }
    house.binary(peers[1], &[6, 200, 0]);
    assert_eq!(only(&mut house, peers[1])["code"], "invalid_message");
    assert!(house.heard(peers[2]).is_empty());
}

#[test]
fn messages_in_batches_for_those_who_ask() {
    let mut house = house(1);
    let (ann, _) = member(&mut house, 0, "r");
    let bob = house.connect(0, CHAT, &Arrival { batch_interval_ms: Some(100), ..Arrival::default() });
    house.says(bob, &json!({"type": "join", "room": "r"}));
    house.pass(150);
    let first = house.messages(bob);
    assert_eq!(first[0]["type"], "batch");
    for text in ["a", "b"] {
        house.says(ann, &json!({"type": "chat", "room": "r", "text": text}));
        house.pass(40);
    }
    assert!(house.heard(bob).is_empty());
    house.pass(40);
    let batch = only(&mut house, bob);
    let texts: Vec<_> =
        batch["messages"].as_array().expect("messages").iter().map(|one| one["text"].clone()).collect();
    assert_eq!(texts, ["a", "b"]);
    // Full batches do not wait, and the end does not lose one.
    for number in 0..300 {
        house.says(ann, &json!({"type": "chat", "room": "r", "text": number.to_string()}));
    }
    assert_eq!(only(&mut house, bob)["messages"].as_array().map(Vec::len), Some(256));
    house.shard(0).drain(1);
    house.pass(10);
    let last = house.messages(bob);
    let count: usize = last.iter().filter_map(|batch| batch["messages"].as_array()).map(Vec::len).sum();
    assert!(count >= 44, "{last:?}");
}

#[test]
fn a_silent_connection_is_pinged_and_then_given_up() {
    let limits =
        Limits { heartbeat: Heartbeat { interval_ms: 25_000, timeout_ms: 20_000 }, ..Limits::default() };
    let mut house = House::new(1, &limits, doors);
    let (silent, _) = member(&mut house, 0, "r");
    let (lively, _) = member(&mut house, 0, "r");
    house.heard(silent);
    for _ in 0..8 {
        house.pass(5_000);
        house.text(lively, &json!({"type": "ping", "timestamp": 5}).to_string());
    }
    let heard = house.heard(silent);
    assert_eq!(heard, [Heard::Ping]);
    assert!(!house.heard(lively).contains(&Heard::Ping), "who talks is not asked");
    house.pass(5_200);
    assert!(house.is_gone(silent));
    let left = house.messages(lively);
    assert!(left.iter().any(|message| message["type"] == "userLeft"), "{left:?}");
    assert_eq!(house.shard(0).counters().heartbeat_timeouts, 1);
}

#[test]
fn a_pong_is_life() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    for _ in 0..4 {
        house.pass(25_100);
        assert_eq!(house.heard(peer), [Heard::Ping]);
        house.bytes(peer, &[0x8a, 0x80, 0, 0, 0, 0]);
    }
    assert!(!house.is_gone(peer));
}

#[test]
fn closing_takes_both_orders_and_has_a_time_limit() {
    let mut house = house(1);
    let (first, _) = guest(&mut house, 0);
    house.closes(first, CloseCode::NORMAL);
    assert_eq!(house.heard(first), [Heard::Close(1000), Heard::Gone]);
    let (second, _) = guest(&mut house, 0);
    house.shard(0).drain(1);
    house.pass(10);
    let heard = house.heard(second);
    assert!(
        matches!(&heard[..], [Heard::Json(reconnect), Heard::Close(1012)] if reconnect["type"] == "reconnect"),
        "{heard:?}"
    );
    // It goes on talking, and nobody answers; then it answers.
    house.text(second, "{}");
    assert!(house.heard(second).is_empty());
    house.closes(second, CloseCode::SERVICE_RESTART);
    assert_eq!(house.heard(second), [Heard::Gone]);
    let (third, _) = guest(&mut house, 0);
    house.shard(0).drain(1);
    house.pass(4_900);
    assert!(!house.is_gone(third));
    house.pass(300);
    assert!(house.is_gone(third), "who does not answer a close frame is dropped after 5 s");
}

#[test]
fn what_was_asked_before_the_end_is_answered() {
    let mut house = house(2);
    let (peer, _) = member(&mut house, 0, "r");
    house.says(peer, &json!({"type": "chat", "room": "r", "text": "last words", "id": 1}));
    house.ends(peer);
    let kinds: Vec<_> = house.heard(peer);
    assert!(
        matches!(&kinds[..], [Heard::Json(_), Heard::Json(ack), Heard::Gone] if ack["type"] == "ack"),
        "{kinds:?}"
    );
}

#[test]
fn broken_frames_and_long_messages_have_their_codes() {
    for (bytes, code) in [
        (vec![0x81, 1, b'x'], 1002),
        (vec![0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
        (vec![0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4], 1009),
        (vec![0x82, 0xff, 0, 0, 0, 0, 0x80, 0, 0, 0, 1, 2, 3, 4], 1009),
    ] {
        let mut house = house(1);
        let (peer, _) = guest(&mut house, 0);
        assert_eq!(house.bytes(peer, &bytes), Reading::Done);
        assert_eq!(house.heard(peer), [Heard::Close(code), Heard::Gone]);
        assert_eq!(house.shard(0).counters().misbehaved, 1);
    }
}

#[test]
fn long_messages_are_compressed_for_those_who_agreed() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival { deflate: Some(DEFLATE), ..Arrival::default() });
    let text = "compress me ".repeat(1_000);
    house.bytes(peer, &compressed(text.as_bytes()));
    assert_eq!(house.heard(peer), [Heard::Text(text)]);
}

/// Sends everyone who is there as many bytes as it is told.
#[derive(Clone, Copy)]
struct Pump;

impl Kit for Pump {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, _: SocketId, message: Message<'_>) {
        if let Message::Request(request) = message {
            let wanted: Value = serde_json::from_str(request.text).expect("checked by the hub");
            assert!(wanted["panic"].is_null(), "as asked");
            let bytes =
                wanted["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
            for number in 0..wanted["times"].as_u64().unwrap_or(1) {
                let number = wanted["first"].as_u64().unwrap_or(number) % 256;
                let number = u8::try_from(number).unwrap_or_default();
                cx.everyone(None, &Outgoing::Binary(&vec![number; bytes]));
            }
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

fn pump(slow: SlowPolicy, memory_budget_bytes: usize) -> House {
    let limits = Limits { outbox_bytes: 10_000, memory_budget_bytes, ..Limits::default() };
    House::new(1, &limits, move || vec![Door::new(DoorRules { slow, ..DoorRules::default() }, Pump)])
}

fn binaries(heard: &[Heard]) -> Vec<u8> {
    heard
        .iter()
        .filter_map(|heard| if let Heard::Binary(bytes) = heard { bytes.first().copied() } else { None })
        .collect()
}

/// One who reads and one who does not, after twenty messages of 1,000 bytes.
fn twenty_messages(slow: SlowPolicy) -> (House, Peer, Peer) {
    let mut house = pump(slow, 1 << 30);
    let peers = [0, 0].map(|shard| house.connect(shard, 0, &Arrival::default()));
    for peer in peers {
        house.heard(peer);
    }
    house.takes(peers[1], 500);
    for number in 0..20 {
        house.says(peers[0], &json!({"type": "pump", "bytes": 1_000, "first": number}));
    }
    assert_eq!(binaries(&house.heard(peers[0])), (0..20).collect::<Vec<u8>>(), "who reads loses nothing");
    (house, peers[0], peers[1])
}

#[test]
fn a_slow_client_is_closed_where_a_gap_would_be_a_lie() {
    let (mut house, _, slow) = twenty_messages(SlowPolicy::Disconnect);
    house.takes(slow, usize::MAX);
    let heard = house.heard(slow);
    assert_eq!(binaries(&heard), [0], "what had begun is finished, and nothing else is sent");
    assert!(heard.ends_with(&[Heard::Close(1013), Heard::Gone]));
    assert_eq!(house.shard(0).counters().too_slow, 1);
}

#[test]
fn a_slow_client_loses_the_oldest_or_all_but_the_newest_and_it_is_counted() {
    for (slow, kept, dropped) in [
        // Behind the first, which has begun, 10 messages of 1,004 bytes fill the limit.
        (SlowPolicy::DropOldest, [0].into_iter().chain(10..20).collect::<Vec<u8>>(), 9),
        (SlowPolicy::KeepNewest, vec![0, 11, 12, 13, 14, 15, 16, 17, 18, 19], 10),
    ] {
        let (mut house, _, peer) = twenty_messages(slow);
        house.takes(peer, usize::MAX);
        let heard = binaries(&house.heard(peer));
        let counted = house.shard(0).counters();
        assert_eq!(heard.len() as u64 + counted.messages_dropped, 20, "{slow:?}: {heard:?}");
        assert_eq!(heard.first(), Some(&0), "a message that has begun is finished");
        assert_eq!(heard.last(), Some(&19));
        assert_eq!((heard, counted.messages_dropped), (kept, dropped), "{slow:?}");
        assert_eq!(counted.bytes_dropped, dropped * 1_004);
    }
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

/// The head of a binary frame of `length` bytes, and `sent` of them.
fn unfinished(length: u32, sent: usize) -> Vec<u8> {
    let mut bytes = vec![0x82, 0xff, 0, 0, 0, 0];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.resize(bytes.len() + sent, 0);
    bytes
}

#[test]
fn when_memory_runs_short_the_largest_wait_and_then_go() {
    let mut house = pump(SlowPolicy::Disconnect, 4 << 20);
    let large: Vec<_> = (0..4).map(|_| house.connect(0, 0, &Arrival::default())).collect();
    let small = house.connect(0, 0, &Arrival::default());
    for peer in large.iter().chain([&small]) {
        house.heard(*peer);
    }
    for peer in &large {
        house.bytes(*peer, &unfinished(16 << 20, 900_000));
    }
    let readings: Vec<_> = large.iter().map(|peer| house.reading(*peer)).collect();
    assert!(readings.contains(&Reading::Paused), "{readings:?}");
    assert!(house.shard(0).held_bytes() <= 4 << 20);
    assert_eq!(house.says(small, &json!({"type": "pump", "bytes": 1})), Reading::More, "small ones go on");
    house.pass(11_000);
    assert!(house.shard(0).counters().shed >= 1, "those who wait for each other would wait for ever");
    let gone = large.iter().filter(|peer| house.is_gone(**peer)).count();
    assert!((1..4).contains(&gone), "{gone} had to go");
    for peer in large.into_iter().filter(|peer| house.is_gone(*peer)).collect::<Vec<_>>() {
        assert!(house.heard(peer).contains(&Heard::Close(1013)));
    }
}

#[test]
fn past_the_budget_the_largest_goes_at_once() {
    let mut house = pump(SlowPolicy::Disconnect, 1 << 20);
    let (large, small) = (house.connect(0, 0, &Arrival::default()), house.connect(0, 0, &Arrival::default()));
    house.bytes(small, &unfinished(1 << 20, 60_000));
    house.bytes(large, &unfinished(16 << 20, 1_500_000));
    assert!(house.heard(large).contains(&Heard::Close(1013)));
    assert!(!house.is_gone(small));
    assert!(house.shard(0).held_bytes() < 300_000);
}

#[test]
fn compressed_messages_share_the_inflaters_and_must_go_on() {
    let mut house = house(1);
    let arrival = Arrival { deflate: Some(DEFLATE), ..Arrival::default() };
    let text = "x".repeat(2_000);
    let whole = compressed(text.as_bytes());
    let peers: Vec<_> = (0..65).map(|_| house.connect(0, ECHO, &arrival)).collect();
    for peer in &peers[..64] {
        house.bytes(*peer, &whole[..whole.len() - 3]);
    }
    let (start, end) = in_two(whole.clone());
    assert_eq!(house.bytes(peers[64], &start), Reading::Paused, "the 65th waits");
    house.bytes(peers[0], &whole[whole.len() - 3..]);
    assert_eq!(house.heard(peers[0]), [Heard::Text(text.clone())]);
    house.bytes(peers[64], &end);
    assert_eq!(house.heard(peers[64]), [Heard::Text(text)], "its turn has come");
    house.pass(5_200);
    for peer in &peers[1..64] {
        assert!(house.heard(*peer).contains(&Heard::Close(1008)), "five seconds without a byte");
    }
    assert!(!house.is_gone(peers[0]) && !house.is_gone(peers[64]));
}

#[test]
fn a_turn_gives_one_connection_its_share() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival::default());
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    assert_eq!(house.bytes(peer, &frame.repeat(63)), Reading::More);
    assert_eq!(house.bytes(peer, &frame.repeat(65)), Reading::Later);
    assert_eq!(house.heard(peer).len(), 63 + 65, "and the rest in the next");
    let bomb = compressed(&vec![b'x'; 300_000]);
    let peer = house.connect(0, ECHO, &Arrival { deflate: Some(DEFLATE), ..Arrival::default() });
    assert_eq!(house.bytes(peer, &bomb), Reading::Later, "inflating has its share too");
    assert!(matches!(&house.heard(peer)[..], [Heard::Text(text)] if text.len() == 300_000));
}

#[test]
fn one_turn_may_have_more_for_a_client_than_may_wait() {
    let mut house = pump(SlowPolicy::Disconnect, 1 << 30);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    house.says(peer, &json!({"type": "pump", "bytes": 1_000, "times": 100}));
    assert_eq!(binaries(&house.heard(peer)).len(), 100, "who has refused nothing is not slow");
}

#[test]
fn a_large_answer_is_sent_to_its_end_while_somebody_takes_it() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival::default());
    house.takes(peer, 10_000);
    house.binary(peer, &vec![7; 100_000]);
    house.ends(peer);
    for _ in 0..5 {
        house.pass(4_000);
        house.takes(peer, 10_000);
    }
    assert!(!house.is_gone(peer), "it goes on taking");
    house.pass(5_200);
    assert!(house.is_gone(peer), "and then it does not");
}

#[test]
fn who_comes_while_the_server_goes_down_is_sent_on() {
    let mut house = house(1);
    house.shard(0).drain(1_000);
    let peer = house.connect(0, CHAT, &Arrival::default());
    assert!(house.heard(peer).contains(&Heard::Close(1012)));
}

#[test]
fn an_answer_from_another_shard_finds_the_peer_that_has_ended() {
    let mut house = house(2);
    let room = ["a", "b", "c", "d"]
        .into_iter()
        .find(|room| fanfare_hub::home_of(room, 2).0 == 1)
        .expect("one of them");
    let (peer, _) = member(&mut house, 0, room);
    house.says_and_ends(peer, &json!({"type": "chat", "room": room, "text": "last words", "id": 1}));
    let heard = house.heard(peer);
    assert!(
        matches!(&heard[..], [Heard::Json(_), Heard::Json(ack), Heard::Gone] if ack["type"] == "ack"),
        "{heard:?}"
    );
}

#[test]
fn text_has_a_limit_of_its_own() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, &"x".repeat(1 << 20));
    assert_eq!(only(&mut house, peer)["code"], "invalid_json");
    house.text(peer, &"x".repeat((1 << 20) + 1));
    assert_eq!(house.heard(peer), [Heard::Close(1009), Heard::Gone]);
}

#[test]
fn whoever_is_being_closed_is_not_listened_to() {
    let mut house = house(1);
    let [ann, bob] = [0, 0].map(|shard| house.connect(shard, BINARY, &Arrival::default()));
    house.heard(bob);
    house.server_closes(ann, CloseCode::GOING_AWAY);
    house.binary(ann, b"one more thing");
    assert!(house.heard(bob).is_empty());
}

/// Reads a connection no further when it is told to, until it is woken.
#[derive(Clone, Copy)]
struct Holder;

impl Kit for Holder {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, _: Message<'_>) {
        cx.hold(from);
    }

    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        cx.release(socket);
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

#[test]
fn the_heartbeat_rests_while_a_connection_is_not_read() {
    let mut house = House::new(1, &Limits::default(), || vec![Door::new(DoorRules::default(), Holder)]);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    assert_eq!(house.says(peer, &json!({"type": "hold"})), Reading::Paused);
    house.pass(200_000);
    assert!(house.heard(peer).is_empty(), "silence is not the peer's");
    house.wakes(peer);
    house.pass(24_000);
    assert!(house.heard(peer).is_empty(), "it has its whole interval again");
    house.pass(2_000);
    assert_eq!(house.heard(peer), [Heard::Ping]);
    house.pass(20_000);
    assert!(house.is_gone(peer));
}

#[test]
fn the_largest_seq_is_a_number_like_any_other_past_the_limit() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, &format!(r#"{{"type":"ping","seq":{}}}"#, u64::MAX));
    assert_eq!(only(&mut house, peer)["code"], "invalid_message");
}

/// The first bytes of a compressed text message, with what keeps it from being complete left out.
fn begun() -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Text, false, true, &[0x00, 5, 0, 0xfa, 0xff, b'a'], Some([1, 2, 3, 4]));
    frame
}

#[test]
fn pings_do_not_keep_an_inflater() {
    let mut house = house(1);
    let arrival = Arrival { deflate: Some(DEFLATE), ..Arrival::default() };
    let holders: Vec<_> = (0..64).map(|_| house.connect(0, ECHO, &arrival)).collect();
    for peer in &holders {
        house.bytes(*peer, &begun());
    }
    let honest = house.connect(0, ECHO, &arrival);
    let (start, end) = in_two(compressed(b"let me through"));
    assert_eq!(house.bytes(honest, &start), Reading::Paused);
    for _ in 0..2 {
        house.pass(3_000);
        for peer in &holders {
            house.bytes(*peer, &[0x89, 0x80, 0, 0, 0, 0]);
        }
    }
    house.bytes(honest, &end);
    assert_eq!(house.heard(honest), [Heard::Text("let me through".to_owned())]);
    assert!(holders.iter().all(|peer| house.is_gone(*peer)));
}

#[test]
fn neither_does_a_byte_now_and_then_while_others_wait() {
    let mut house = house(1);
    let arrival = Arrival { deflate: Some(DEFLATE), ..Arrival::default() };
    let holders: Vec<_> = (0..64).map(|_| house.connect(0, ECHO, &arrival)).collect();
    for peer in &holders {
        house.bytes(*peer, &begun());
    }
    let honest = house.connect(0, ECHO, &arrival);
    let (start, end) = in_two(compressed(b"let me through"));
    house.bytes(honest, &start);
    for _ in 0..12 {
        house.pass(3_000);
        for peer in &holders {
            let mut more = Vec::new();
            write_frame(&mut more, Opcode::Continuation, false, false, &[], Some([1, 2, 3, 4]));
            house.bytes(*peer, &more);
        }
    }
    house.bytes(honest, &end);
    assert_eq!(house.heard(honest), [Heard::Text("let me through".to_owned())]);
}

#[test]
fn a_message_that_has_arrived_whole_does_not_wait_for_an_inflater() {
    let mut house = house(1);
    let arrival = Arrival { deflate: Some(DEFLATE), ..Arrival::default() };
    for _ in 0..200 {
        let holder = house.connect(0, ECHO, &arrival);
        house.bytes(holder, &begun());
    }
    let honest = house.connect(0, ECHO, &arrival);
    for _ in 0..100 {
        house.bytes(honest, &compressed(b"let me through"));
        assert_eq!(house.heard(honest), [Heard::Text("let me through".to_owned())]);
    }
}

fn in_two(mut frame: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let end = frame.split_off(frame.len() - 1);
    (frame, end)
}

#[test]
fn memory_comes_back_from_one_who_hardly_takes_what_it_has_begun() {
    let limits = Limits { memory_budget_bytes: 4 << 20, ..Limits::default() };
    let mut house = House::new(1, &limits, doors);
    let slow = house.connect(0, ECHO, &Arrival::default());
    house.takes(slow, 1_000);
    house.binary(slow, &vec![1; 3 << 20]);
    let honest = house.connect(0, ECHO, &Arrival::default());
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Binary, true, false, &vec![2; 1_200_000], Some([1, 2, 3, 4]));
    house.bytes(honest, &frame[..1_150_000]);
    house.pass(100);
    house.bytes(honest, &frame[1_150_000..]);
    house.pass(20_000);
    assert!(house.is_gone(slow), "the largest goes");
    assert!(matches!(&house.heard(honest)[..], [Heard::Binary(bytes), ..] if bytes.len() == 1_200_000));
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

#[derive(Clone, Copy)]
struct Panics;

impl Kit for Panics {
    type Place = PlainPlace;

    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {
        panic!("on purpose");
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}
