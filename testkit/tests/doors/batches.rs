//! The forms of what is sent: in batches, compressed.

use fanfare_hub::{Arrival, Event, Limits, Outgoing};
use fanfare_testkit::dialogue::{DEFLATE, Heard, House, compressed};
use serde_json::{Value, json};

use crate::common::{CHAT, ECHO, doors, house, member, only};

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
fn long_messages_are_compressed_for_those_who_agreed() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival { deflate: Some(DEFLATE), ..Arrival::default() });
    let text = "compress me ".repeat(1_000);
    house.bytes(peer, &compressed(text.as_bytes()));
    assert_eq!(house.heard(peer), [Heard::Text(text)]);
}

#[test]
fn a_batch_of_one_who_has_gone_is_not_that_of_the_next() {
    let mut house = house(1);
    let arrival = Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() };
    let gone = house.connect(0, CHAT, &arrival);
    house.breaks(gone);
    house.pass(500);
    let next = house.connect(0, CHAT, &arrival);
    house.pass(999);
    assert!(house.heard(next).is_empty(), "the time of the first has come, and it was not this one's");
    house.pass(1);
    assert_eq!(only(&mut house, next)["messages"][0]["type"], "welcome");
}

#[test]
fn a_batch_that_fills_the_outbox_does_not_wait() {
    let limits = Limits { outbox_bytes: 1_000, ..Limits::default() };
    let mut house = House::new(1, &limits, doors);
    let peer = house.connect(0, CHAT, &Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() });
    house.pass(1_000);
    house.heard(peer);
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(500));
    let event = Outgoing::Event(Event { name: "said", body: body.as_bytes() });
    house.server_sends(peer, &event);
    assert!(house.heard(peer).is_empty());
    house.server_sends(peer, &event);
    assert_eq!(only(&mut house, peer)["messages"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_batch_goes_before_the_bytes_that_cannot_stand_in_it() {
    let mut house = house(1);
    let arrival =
        |wants_binary| Arrival { batch_interval_ms: Some(1_000), wants_binary, ..Arrival::default() };
    let [words, bytes] = [false, true].map(|wants_binary| house.connect(0, CHAT, &arrival(wants_binary)));
    let both = Outgoing::Either { binary: b"bytes", event: Some(Event { name: "words", body: b"{}" }) };
    for peer in [words, bytes] {
        house.server_sends(peer, &both);
    }
    assert!(house.heard(words).is_empty(), "an event can wait in it");
    let heard = house.heard(bytes);
    assert!(
        matches!(&heard[..], [Heard::Json(batch), Heard::Binary(_)] if batch["messages"][0]["type"] == "welcome"),
        "{heard:?}"
    );
    house.pass(1_000);
    let types: Vec<Value> = only(&mut house, words)["messages"]
        .as_array()
        .expect("a batch")
        .iter()
        .map(|one| one["type"].clone())
        .collect();
    assert_eq!(types, ["welcome", "words"]);
}
