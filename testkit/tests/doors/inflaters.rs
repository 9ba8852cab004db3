//! Compressed messages that stop half-way.

use fanfare_hub::{Arrival, Reading};
use fanfare_testkit::dialogue::{DEFLATE, Heard, compressed};
use fanfare_websocket::{Opcode, write_frame};

use crate::common::{ECHO, house};

/// The first bytes of a compressed text message, with what keeps it from being complete left out.
fn begun() -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Text, false, true, &[0x00, 5, 0, 0xfa, 0xff, b'a'], Some([1, 2, 3, 4]));
    frame
}

fn in_two(mut frame: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let end = frame.split_off(frame.len() - 1);
    (frame, end)
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
    assert_eq!(house.shard(0).counters().misbehaved, 63);
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
    assert_eq!(house.reading(honest), Reading::More, "its turn has come");
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
    assert_eq!(house.heard(honest), [Heard::Ping], "what it answers is not read yet");
    assert_eq!(house.reading(honest), Reading::More, "its turn has come");
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

#[test]
fn a_message_may_take_its_time_where_nobody_else_waits() {
    let mut house = house(1);
    let peer = house.connect(0, ECHO, &Arrival { deflate: Some(DEFLATE), ..Arrival::default() });
    house.bytes(peer, &begun());
    for _ in 0..20 {
        house.pass(3_000);
        let mut more = Vec::new();
        write_frame(&mut more, Opcode::Continuation, false, false, &[], Some([1, 2, 3, 4]));
        house.bytes(peer, &more);
    }
    assert!(house.heard(peer).is_empty() && !house.is_gone(peer));
}

#[test]
fn whole_messages_wait_too_when_all_inflaters_are_at_work() {
    let mut house = house(1);
    let arrival = Arrival { deflate: Some(DEFLATE), ..Arrival::default() };
    // More than a turn's share to inflate, so that each keeps its inflater into the next.
    let text = "x".repeat(100_000);
    let whole = compressed(text.as_bytes());
    let peers: Vec<_> = (0..100).map(|_| house.connect(0, ECHO, &arrival)).collect();
    let readings: Vec<_> = peers.iter().map(|peer| house.bytes_before_a_turn(*peer, &whole)).collect();
    let working = readings.iter().take_while(|reading| **reading == Reading::Later).count();
    assert!(working > 64, "{working}");
    assert!(readings[working..].iter().all(|reading| *reading == Reading::Paused) && working < 100);
    house.shard(0).finish_handling();
    assert_eq!(house.shard(0).next_resumed(), None, "none of them is free yet");
    house.settle();
    for peer in peers {
        assert_eq!(house.heard(peer), [Heard::Text(text.clone())]);
    }
}
