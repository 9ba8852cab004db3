//! Who waits and who goes when memory runs short.

use fanfare_hub::{Arrival, Limits, Reading, SlowPolicy};
use fanfare_testkit::dialogue::{Heard, House};
use fanfare_websocket::{Opcode, write_frame};
use serde_json::json;

use crate::common::{ECHO, doors, pump};

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
