//! Exactly one answer for each id, also for messages that cannot be read, and whatever a slow client is dropped.

use fanfare_hub::SlowPolicy;
use serde_json::json;

use crate::common::{binaries, guest, house, only, pump};

#[test]
fn a_message_that_cannot_be_read_is_answered_by_its_id() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    for text in [r#"{"id":7}"#, r#"{"type":5,"id":7}"#, r#"{"type":"ping","id":7,"seq":0}"#] {
        house.text(peer, text);
        let answer = only(&mut house, peer);
        assert_eq!((&answer["type"], &answer["messageId"]), (&json!("nack"), &json!(7)), "{text}");
        assert_eq!(answer["code"], "invalid_message");
    }
    house.text(peer, r#"{"type":5,"id":{}}"#);
    assert_eq!(only(&mut house, peer)["type"], "error", "this id is none that could be answered");
}

#[test]
fn a_refusal_does_not_take_the_answer_that_is_owed() {
    let mut house = house(4);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, r#"{"type":"ping","timestamp":0,"seq":1}"#);
    for seq in 3..67 {
        house.text(peer, &format!(r#"{{"type":"ping","timestamp":0,"seq":{seq}}}"#));
    }
    house.heard(peer);
    for room in 0..20 {
        // Wherever the room's place is, its answer is the only one.
        house.text_before_a_turn(peer, &format!(r#"{{"type":"join","room":"{room}","id":"a"}}"#));
        house.text_before_a_turn(peer, r#"{"type":"ping","seq":500,"id":"a"}"#);
        house.text_before_a_turn(peer, r#"{"type":5,"id":"a"}"#);
        house.settle();
        let messages = house.messages(peer);
        let joined = messages.iter().filter(|message| message["type"] == "ack").count();
        let refused = messages.iter().filter(|message| message["type"] == "nack").count();
        let errors = messages.iter().filter(|message| message["type"] == "error").count();
        // At home the join is answered at once, and the id is free for the two others.
        assert!(
            (joined, refused, errors) == (1, 0, 2) || (joined, refused, errors) == (1, 2, 0),
            "{messages:?}"
        );
    }
}

#[test]
fn a_seq_belongs_to_the_messages_of_a_batch_and_not_to_it() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, r#"{"type":"batch","messages":[],"seq":1,"id":1}"#);
    let answer = only(&mut house, peer);
    assert_eq!((&answer["type"], &answer["code"]), (&json!("nack"), &json!("invalid_message")));
    house.text(peer, r#"{"type":"ping","timestamp":3,"seq":5}"#);
    assert_eq!(only(&mut house, peer)["type"], "pong", "the refused one has not set the start");
}

#[test]
fn no_policy_drops_an_answer() {
    for slow in [SlowPolicy::KeepNewest, SlowPolicy::DropOldest] {
        let mut house = pump(slow, 1 << 30);
        let [speaker, deaf] = [0, 0].map(|shard| house.connect(shard, 0, &fanfare_hub::Arrival::default()));
        house.heard(deaf);
        house.takes(deaf, 500);
        for number in 0..20 {
            house.says(speaker, &json!({"type": "pump", "bytes": 1_000, "first": number}));
            house.says(deaf, &json!({"type": "pump", "bytes": 0, "times": 0, "id": number}));
        }
        house.takes(deaf, usize::MAX);
        let heard = house.heard(deaf);
        let acks = heard.iter().filter_map(|heard| match heard {
            fanfare_testkit::dialogue::Heard::Json(message) => message["messageId"].as_u64(),
            _ => None,
        });
        assert_eq!(acks.collect::<Vec<_>>(), (0..20).collect::<Vec<u64>>(), "{slow:?}");
        assert!(binaries(&heard).len() < 20, "the others were");
        assert!(house.shard(0).counters().messages_dropped > 0);
    }
}

#[test]
fn answers_that_nobody_reads_have_a_limit_too() {
    let mut house = pump(SlowPolicy::KeepNewest, 1 << 30);
    let deaf = house.connect(0, 0, &fanfare_hub::Arrival::default());
    house.takes(deaf, 0);
    let mut asked = 0;
    while house.shard(0).counters().too_slow == 0 && asked < 2_000 {
        house.says(deaf, &json!({"type": "pump", "bytes": 0, "times": 0, "id": 1_000 + asked}));
        asked += 1;
    }
    // Twice the 10,000 bytes that others may leave unread, at 33 bytes an answer.
    assert!((600..630).contains(&asked), "{asked} answers");
    assert_eq!(house.shard(0).counters().too_slow, 1);
    assert!(house.shard(0).held_bytes() < 200_000, "{}", house.shard(0).held_bytes());
}
