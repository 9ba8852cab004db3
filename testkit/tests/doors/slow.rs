//! Those who do not take what they are sent.

use fanfare_hub::{
    Arrival, CloseCode, Door, DoorRules, Edge, Kit, Limits, Message, Payload, PlainPlace, SlowPolicy,
    SocketId,
};
use fanfare_testkit::dialogue::{Heard, House, Peer};
use fanfare_websocket::{Opcode, write_frame};
use serde_json::json;

use crate::common::{ECHO, binaries, house, pump};

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
fn what_is_sent_and_what_is_not_is_counted() {
    let (mut house, ..) = twenty_messages(SlowPolicy::DropOldest);
    assert_eq!(house.shard(0).counters().messages_sent, 2 + 2 * 20, "two welcomes, and twenty for each");
    let (mut house, ..) = twenty_messages(SlowPolicy::Disconnect);
    let counted = house.shard(0).counters();
    // Ten wait behind the one that has begun, as one piece; the next is one too many.
    assert_eq!((counted.messages_sent, counted.messages_dropped), (2 + 20 + 11, 2));
    assert_eq!((counted.bytes_dropped, counted.too_slow), (10 * 1_004, 1));
}

/// Gives 20,000 bytes of its own for each message.
#[derive(Clone, Copy)]
struct Giver;

impl Kit for Giver {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        if let Message::Binary(payload) = message {
            cx.send_binary(from, Payload::Owned(vec![payload[0]; 20_000]));
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

fn giver(slow: SlowPolicy) -> (House, Peer) {
    let limits = Limits { outbox_bytes: 100_000, ..Limits::default() };
    let rules = DoorRules { slow, ..DoorRules::default() };
    let mut house = House::new(1, &limits, move || vec![Door::new(rules.clone(), Giver)]);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    (house, peer)
}

#[test]
fn large_messages_are_dropped_whole() {
    let (mut house, peer) = giver(SlowPolicy::DropOldest);
    house.takes(peer, 500);
    for number in 0..20 {
        house.binary(peer, &[number]);
    }
    house.takes(peer, usize::MAX);
    let heard = house.heard(peer);
    // Behind the first, which has begun, five of 20,004 bytes fill the limit.
    assert_eq!(binaries(&heard), [0, 15, 16, 17, 18, 19]);
    assert!(heard.iter().all(|one| matches!(one, Heard::Binary(bytes) if bytes.len() == 20_000)));
    let counted = house.shard(0).counters();
    assert_eq!((counted.messages_dropped, counted.bytes_dropped), (14, 14 * 20_004));
}

#[test]
fn a_large_message_that_is_not_copied_is_one_message() {
    let (mut house, peer) = giver(SlowPolicy::Disconnect);
    for number in 0..3 {
        house.binary(peer, &[number]);
    }
    assert_eq!(binaries(&house.heard(peer)), [0, 1, 2]);
    assert_eq!(house.shard(0).counters().messages_sent, 1 + 3, "the welcome, and three");
    // And one too many for whoever does not take them.
    house.takes(peer, 500);
    for number in 0..7 {
        house.binary(peer, &[number]);
    }
    assert_eq!(house.shard(0).counters().too_slow, 1);
    assert_eq!(house.shard(0).counters().messages_sent, 4 + 6);
}

#[test]
fn pongs_that_nobody_reads_have_twice_the_limit() {
    let mut house = pump(SlowPolicy::Disconnect, 1 << 30);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    house.takes(peer, 500);
    house.says(peer, &json!({"type": "pump", "bytes": 1_000}));
    // Pongs of 127 bytes: 158 of them are 20,066, twice the limit of 10,000 and a little more.
    let mut ping = Vec::new();
    write_frame(&mut ping, Opcode::Ping, true, false, &[7; 125], Some([1, 2, 3, 4]));
    for _ in 0..158 {
        house.bytes(peer, &ping);
    }
    assert_eq!(house.shard(0).counters().too_slow, 0);
    house.bytes(peer, &ping);
    assert_eq!(house.shard(0).counters().too_slow, 1);
    house.takes(peer, usize::MAX);
    assert!(house.heard(peer).contains(&Heard::Close(1013)));
}

#[test]
fn a_close_comes_before_what_is_too_much_to_come() {
    let mut house = pump(SlowPolicy::DropOldest, 1 << 30);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    house.takes(peer, 500);
    house.says(peer, &json!({"type": "pump", "bytes": 1_000, "times": 30}));
    house.server_closes(peer, CloseCode::INTERNAL_ERROR);
    house.takes(peer, usize::MAX);
    let heard = house.heard(peer);
    assert_eq!(binaries(&heard), [0], "what had begun");
    assert!(heard.ends_with(&[Heard::Close(1011)]), "{heard:?}");
    let counters = house.shard(0).counters();
    assert_eq!((counters.messages_dropped, counters.bytes_dropped, counters.too_slow), (29, 29 * 1_004, 0));
}
