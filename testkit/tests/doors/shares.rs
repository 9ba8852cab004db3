//! What one connection may ask of the server: its limits, its share of a turn, its time.

use fanfare_hub::{
    Arrival, Door, DoorRules, Edge, Kit, Limits, MAILBOX_BYTES_MAX, Message, PlainPlace, Reading, ShardId,
    SocketId,
};
use fanfare_testkit::dialogue::{DEFLATE, Heard, House, compressed};
use fanfare_websocket::{Opcode, write_frame};
use serde_json::json;

use crate::common::{BINARY, ECHO, guest, house, only};

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
fn text_has_a_limit_of_its_own() {
    let mut house = house(1);
    let (peer, _) = guest(&mut house, 0);
    house.text(peer, &"x".repeat(1 << 20));
    assert_eq!(only(&mut house, peer)["code"], "invalid_json");
    house.text(peer, &"x".repeat((1 << 20) + 1));
    assert_eq!(house.heard(peer), [Heard::Close(1009), Heard::Gone]);
}

#[test]
fn a_turn_gives_one_connection_its_share() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival::default());
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    assert_eq!(house.bytes(peer, &frame.repeat(255)), Reading::More);
    assert_eq!(house.bytes(peer, &frame.repeat(257)), Reading::Later);
    assert_eq!(house.heard(peer).len(), 255 + 257, "and the rest in the next");
    // What has to be parsed counts for four.
    let (peer, _) = guest(&mut house, 0);
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Text, true, false, br#"{"type":"?","id":1}"#, Some([1, 2, 3, 4]));
    assert_eq!(house.bytes(peer, &frame.repeat(63)), Reading::More);
    assert_eq!(house.bytes(peer, &frame.repeat(65)), Reading::Later);
    let bomb = compressed(&vec![b'x'; 300_000]);
    let peer = house.connect(0, ECHO, &Arrival { deflate: Some(DEFLATE), ..Arrival::default() });
    assert_eq!(house.bytes(peer, &bomb), Reading::Later, "inflating has its share too");
    assert!(matches!(&house.heard(peer)[..], [Heard::Text(text)] if text.len() == 300_000));
}

#[test]
fn whoever_has_filled_a_mailbox_waits_until_it_is_taken() {
    let mut house = house(2);
    let [speaker, _] = [0, 1].map(|shard| house.connect(shard, BINARY, &Arrival::default()));
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Binary, true, false, &vec![7; MAILBOX_BYTES_MAX / 2], Some([1, 2, 3, 4]));
    assert_eq!(house.bytes_before_a_turn(speaker, &frame), Reading::Paused);
    house.shard(0).finish_handling();
    assert_eq!(house.shard(0).next_resumed(), None);
    let (envelopes, bytes) = house.shard(0).take_envelopes(ShardId(1)).expect("the message");
    assert_eq!((envelopes.len(), bytes), (1, MAILBOX_BYTES_MAX / 2 + 128));
    house.shard(0).finish_handling();
    assert!(house.shard(0).next_resumed().is_some());
    // What has been taken counts no more: the next waits for what is in the mailboxes, and for itself.
    let one = b"x";
    for (elsewhere, reading) in
        [(MAILBOX_BYTES_MAX / 2 - 130, Reading::More), (MAILBOX_BYTES_MAX / 2 - 129, Reading::Paused)]
    {
        house.shard(0).set_relay_bytes(elsewhere);
        assert_eq!(house.binary(speaker, one), reading, "{elsewhere} bytes");
    }
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
fn the_end_of_one_who_is_held_counts_once_it_is_let_go() {
    let mut house = House::new(1, &Limits::default(), || vec![Door::new(DoorRules::default(), Holder)]);
    let peer = house.connect(0, 0, &Arrival::default());
    house.says(peer, &json!({"type": "hold"}));
    house.ends(peer);
    assert!(!house.is_gone(peer));
    house.wakes(peer);
    assert!(house.is_gone(peer));
}

#[test]
fn a_drain_does_not_wait_for_one_who_is_held_and_has_said_nothing_since() {
    let mut house = House::new(1, &Limits::default(), || vec![Door::new(DoorRules::default(), Holder)]);
    let peer = house.connect(0, 0, &Arrival::default());
    house.says(peer, &json!({"type": "hold"}));
    house.shard(0).drain(1);
    house.pass(10);
    assert!(house.heard(peer).contains(&Heard::Close(1012)));
}

#[test]
fn silence_is_no_fault_while_a_connection_is_not_read() {
    let mut house = House::new(1, &Limits::default(), || vec![Door::new(DoorRules::default(), Holder)]);
    let peer = house.connect(0, 0, &Arrival::default());
    house.heard(peer);
    assert_eq!(house.says(peer, &json!({"type": "hold"})), Reading::Paused);
    house.pass(200_000);
    // It is asked all the same: where nobody is there any more, that is the only way to hear of it.
    assert_eq!(house.heard(peer), vec![Heard::Ping; 7]);
    assert!(!house.is_gone(peer), "silence is not the peer's");
    house.wakes(peer);
    house.pass(24_000);
    assert!(house.heard(peer).is_empty(), "it has its whole interval again");
    house.pass(2_000);
    assert_eq!(house.heard(peer), [Heard::Ping]);
    house.pass(20_000);
    assert!(house.is_gone(peer));
}
