//! Silence, closing, the end of a direction, a server that goes down.

use fanfare_hub::{Arrival, CloseCode, Heartbeat, Limits};
use fanfare_testkit::dialogue::{Heard, House};
use serde_json::json;

use crate::common::{BINARY, CHAT, doors, guest, house, member};

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
fn whoever_is_being_closed_is_not_listened_to() {
    let mut house = house(1);
    let [ann, bob] = [0, 0].map(|shard| house.connect(shard, BINARY, &Arrival::default()));
    house.heard(bob);
    house.server_closes(ann, CloseCode::GOING_AWAY);
    house.binary(ann, b"one more thing");
    assert!(house.heard(bob).is_empty());
}
