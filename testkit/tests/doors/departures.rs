//! Silence, closing, the end of a direction, a server that goes down.

use fanfare_hub::{Arrival, CloseCode, Heartbeat, Limits, Outgoing, Reading, ShardId};
use fanfare_testkit::dialogue::{Heard, House};
use serde_json::json;

use crate::common::{BINARY, CHAT, ECHO, doors, guest, house, member, only};

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

#[test]
fn a_drain_takes_a_tenth_of_a_second_for_each_and_no_longer_than_it_may() {
    // Connections that went before do not count, and never more than what was asked for.
    for (connections, gone, within_ms, least_ms, most_ms) in
        [(100, 0, 60_000, 8_000, 10_000), (30, 27, 60_000, 1, 300), (100, 0, 500, 400, 500)]
    {
        let mut house = house(1);
        let peers: Vec<_> = (0..connections).map(|_| guest(&mut house, 0).0).collect();
        for peer in &peers[..gone] {
            house.breaks(*peer);
        }
        house.shard(0).drain(within_ms);
        let is_told = |house: &mut House| {
            peers[gone..].iter().filter(|peer| house.heard(**peer).contains(&Heard::Close(1012))).count()
        };
        house.pass(least_ms);
        let early = is_told(&mut house);
        assert!(early < connections - gone, "somebody stays longer than {least_ms} ms");
        house.pass(most_ms - least_ms);
        assert_eq!(early + is_told(&mut house), connections - gone, "nobody longer than {most_ms} ms");
    }
}

#[test]
fn whoever_is_sent_away_is_asked_to_come_back_at_some_time_within_five_seconds() {
    let mut house = house(1);
    let peers: Vec<_> = (0..50).map(|_| guest(&mut house, 0).0).collect();
    let plain = house.connect(0, ECHO, &Arrival::default());
    house.shard(0).drain(1);
    house.pass(10);
    let after: Vec<u64> =
        peers.iter().map(|peer| house.messages(*peer)[0]["afterMs"].as_u64().expect("a time")).collect();
    assert!(after.iter().all(|ms| *ms < 5_000), "{after:?}");
    assert!(after.iter().any(|ms| *ms < 1_000) && after.iter().any(|ms| *ms > 4_000), "{after:?}");
    assert_eq!(house.heard(plain), [Heard::Close(1012)], "at a plain door nobody would understand it");
}

/// A room whose place lives on the second of two shards.
fn far_room() -> &'static str {
    let mut rooms = ["a", "b", "c", "d"].into_iter();
    rooms.find(|room| fanfare_hub::home_of(room, 2).0 == 1).expect("one of them")
}

#[test]
fn a_drain_waits_for_the_answers_that_are_owed() {
    let mut house = house(2);
    let (peer, _) = member(&mut house, 0, far_room());
    let last_words = json!({"type": "chat", "room": far_room(), "text": "last words", "id": 1});
    house.text_before_a_turn(peer, &last_words.to_string());
    let (under_way, _) = house.shard(0).take_envelopes(ShardId(1)).expect("the letter");
    house.shard(0).drain(1);
    house.pass(4_000);
    assert!(house.heard(peer).is_empty());
    house.shard(1).deliver(under_way);
    house.settle();
    house.pass(20);
    let heard = house.heard(peer);
    assert!(
        matches!(&heard[..], [Heard::Json(_), Heard::Json(ack), Heard::Json(_), Heard::Close(1012)] if ack["type"] == "ack"),
        "{heard:?}"
    );
}

#[test]
fn what_was_said_before_the_end_is_answered_though_it_was_more_than_a_share() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival::default());
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    assert_eq!(house.bytes_before_a_turn(peer, &frame.repeat(300)), Reading::Later);
    house.ends(peer);
    assert_eq!(house.heard(peer).len(), 300 + 1, "and then it is gone");
    assert!(house.is_gone(peer));
}

#[test]
fn an_answer_does_not_go_to_the_next_one_in_the_place_of_who_asked() {
    let mut house = house(2);
    let (asker, _) = guest(&mut house, 0);
    let (_, far_id) = guest(&mut house, 1);
    house.says(asker, &json!({"type": "private", "to": far_id, "text": "there?", "id": 1}));
    assert_eq!(only(&mut house, asker)["type"], "ack");
    house.text_before_a_turn(asker, &json!({"type": "private", "to": far_id, "text": "x"}).to_string());
    let (under_way, _) = house.shard(0).take_envelopes(ShardId(1)).expect("the message");
    house.breaks(asker);
    let (next, _) = guest(&mut house, 0);
    house.breaks(1);
    house.shard(1).deliver(under_way);
    house.settle();
    assert!(house.heard(next).is_empty(), "that the other is gone is no news for it");
}

#[test]
fn nothing_is_sent_after_a_close_frame() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival::default());
    house.server_closes(peer, CloseCode::GOING_AWAY);
    house.server_sends(peer, &Outgoing::Binary(b"one more thing"));
    assert_eq!(house.heard(peer), [Heard::Close(1001)]);
    // Nor what was asked for in the same breath as the close.
    let batched = house.connect(0, CHAT, &Arrival { batch_interval_ms: Some(10), ..Arrival::default() });
    house.pass(10);
    house.heard(batched);
    house.server_closes(batched, CloseCode::GOING_AWAY);
    assert_eq!(house.heard(batched), [Heard::Close(1001)], "an empty batch is not sent");
}

#[test]
fn whoever_has_ended_waits_five_seconds_for_an_answer_that_does_not_come() {
    let mut house = house(2);
    let (peer, _) = member(&mut house, 0, far_room());
    // The wheel goes in steps of 64 ms: so its step is at the end of the five seconds.
    house.pass(56);
    let last_words = json!({"type": "chat", "room": far_room(), "text": "last words", "id": 1});
    house.text_before_a_turn(peer, &last_words.to_string());
    let lost = house.shard(0).take_envelopes(ShardId(1)).expect("the letter");
    house.ends(peer);
    house.pass(4_999);
    assert!(!house.is_gone(peer));
    house.pass(1);
    assert!(house.is_gone(peer));
    drop(lost);
}
