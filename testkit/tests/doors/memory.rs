//! Who waits and who goes when memory runs short.

use fanfare_hub::{Arrival, Limits, Reading, SlowPolicy};
use fanfare_testkit::dialogue::{Heard, House};
use fanfare_websocket::{Opcode, write_frame};
use serde_json::json;

use crate::common::{CHAT, ECHO, doors, house, pump};

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
fn what_is_held_is_counted_and_goes_with_its_connection() {
    let mut house = house(1);
    let before = house.shard(0).held_bytes();
    let half = house.connect(0, ECHO, &Arrival::default());
    house.bytes(half, &unfinished(1 << 20, 300_000));
    let held = house.shard(0).held_bytes();
    assert!((300_000..610_000).contains(&(held - before)), "{held}");
    house.breaks(half);
    let log_bytes = house.shard(0).held_bytes();
    assert!(log_bytes <= 1 << 16, "{log_bytes}: one chunk of the log at most");
    let arrival = Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() };
    let batched = house.connect(0, CHAT, &arrival);
    assert!(house.shard(0).held_bytes() > log_bytes, "its welcome waits in its batch");
    house.breaks(batched);
    assert_eq!(house.shard(0).held_bytes(), log_bytes);
}

#[test]
fn those_who_hold_less_than_most_are_read_though_memory_is_short() {
    let limits = Limits { memory_budget_bytes: 4 << 20, ..Limits::default() };
    let mut house = House::new(1, &limits, doors);
    // Whoever has gone holds nothing, and makes nobody else one of the largest.
    let arrival = Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() };
    for _ in 0..40 {
        let batched = house.connect(0, CHAT, &arrival);
        house.breaks(batched);
    }
    let [large, small] = [0, 0].map(|shard| house.connect(shard, ECHO, &Arrival::default()));
    assert_eq!(house.bytes(large, &unfinished(16 << 20, 3_600_000)), Reading::Paused);
    assert_eq!(house.bytes(small, &unfinished(1 << 20, 100_000)), Reading::More);
}
