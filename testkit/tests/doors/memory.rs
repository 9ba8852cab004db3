//! Who waits and who goes when memory runs short.

use fanfare_hub::{Arrival, Limits, Outgoing, Reading, SlowPolicy};
use fanfare_testkit::dialogue::{Heard, House, Peer};
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

/// All but the last byte of a message of so many: no more memory is reserved than it takes.
fn nearly(message_bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Binary, true, false, &vec![0; message_bytes], Some([1, 2, 3, 4]));
    frame.pop();
    frame
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
    // Whoever has gone or been answered holds nothing, and makes nobody else one of the largest.
    let talker = house.connect(0, ECHO, &Arrival::default());
    for _ in 0..80 {
        house.text(talker, "x");
    }
    let arrival = Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() };
    for _ in 0..40 {
        let batched = house.connect(0, CHAT, &arrival);
        house.breaks(batched);
    }
    let [large, small] = [0, 0].map(|shard| house.connect(shard, ECHO, &Arrival::default()));
    assert_eq!(house.bytes(large, &nearly(3_600_000)), Reading::Paused);
    assert_eq!(house.bytes(small, &nearly(100_000)), Reading::More);
    assert_eq!(house.shard(0).counters().shed, 0);
}

/// What is short of memory: 800,000 bytes are four fifths of it.
fn a_megabyte() -> House {
    House::new(1, &Limits { memory_budget_bytes: 1_000_000, ..Limits::default() }, doors)
}

/// One more connection that has part of a message held for it, `held_bytes` in all. No turn has ended since.
fn holder(house: &mut House, held_bytes: usize) -> (Peer, Reading) {
    let mut other = a_megabyte();
    let probe = other.connect(0, ECHO, &Arrival::default());
    other.bytes(probe, &nearly(1_000));
    let beside = other.shard(0).held_bytes() - 1_000;
    let before = house.shard(0).held_bytes();
    let peer = house.connect(0, ECHO, &Arrival::default());
    let reading = house.bytes_before_a_turn(peer, &nearly(held_bytes - beside));
    assert_eq!(house.shard(0).held_bytes() - before, held_bytes);
    (peer, reading)
}

/// One who is owed `bytes` and takes none of them.
fn backlog(house: &mut House, bytes: usize) -> Peer {
    let peer = house.connect(0, ECHO, &Arrival::default());
    house.takes(peer, 0);
    house.server_sends(peer, &Outgoing::Binary(&vec![0; bytes]));
    peer
}

#[test]
fn whoever_holds_64_kibibytes_or_less_is_read_however_short_memory_is() {
    for (held_bytes, reading) in [(65_536, Reading::More), (65_537, Reading::Paused)] {
        let mut house = a_megabyte();
        backlog(&mut house, 850_000);
        assert_eq!(holder(&mut house, held_bytes).1, reading);
    }
}

#[test]
fn memory_is_short_past_four_fifths_of_the_budget() {
    for (total_bytes, reading) in [(800_000, Reading::More), (800_001, Reading::Paused)] {
        let mut house = a_megabyte();
        backlog(&mut house, 600_000);
        let left = total_bytes - house.shard(0).held_bytes();
        assert_eq!(holder(&mut house, left).1, reading);
    }
}

#[test]
fn past_the_budget_nobody_is_read_further_in_this_turn() {
    for (total_bytes, reading) in [(1_000_000, Reading::More), (1_000_001, Reading::Paused)] {
        let mut house = a_megabyte();
        assert_eq!(holder(&mut house, 850_000).1, Reading::Paused, "the largest waits sooner");
        let (peer, _) = holder(&mut house, total_bytes - 850_000);
        assert_eq!(house.reading(peer), reading);
    }
}

#[test]
fn after_a_standstill_of_ten_seconds_the_largest_go_until_three_fifths_are_held() {
    let mut house = a_megabyte();
    // What is left of the three fifths has the chunk for the Close frame, and its span.
    let smaller_bytes = (600_000 - 69_632 - 16) / 2;
    for _ in 0..2 {
        assert_eq!(holder(&mut house, smaller_bytes).1, Reading::More);
    }
    let (largest, reading) = holder(&mut house, 300_000);
    assert_eq!(reading, Reading::Paused);
    assert_eq!(house.shard(0).wake_at_ms(), Some(1_010_000), "it looks again without an event");
    house.pass(9_999);
    assert_eq!(house.shard(0).counters().shed, 0);
    house.pass(1);
    assert_eq!(house.shard(0).counters().shed, 1);
    assert_eq!(house.heard(largest), [Heard::Close(1013), Heard::Gone]);
    assert_eq!(house.shard(0).held_bytes(), 600_000 - 16, "the Close frame has gone");
}

#[test]
fn what_waits_to_be_sent_weighs_too() {
    let mut house = a_megabyte();
    let (half, _) = holder(&mut house, 400_000);
    let owed = backlog(&mut house, 450_000);
    let (last, _) = holder(&mut house, 200_000);
    house.settle();
    assert!(house.is_gone(owed), "it was the largest, and takes nothing");
    assert!(house.heard(half).is_empty() && house.heard(last).is_empty());
    assert_eq!(house.shard(0).counters().shed, 1);
}

#[test]
fn whoever_holds_nothing_is_not_sent_away() {
    let limits = Limits { memory_budget_bytes: 10_000, ..Limits::default() };
    let mut house = House::new(1, &limits, doors);
    let [bystander, speaker] = [0, 0].map(|shard| house.connect(shard, ECHO, &Arrival::default()));
    house.text(speaker, "its answer begins a chunk of the log, which is more than the budget");
    assert!(house.heard(speaker).contains(&Heard::Close(1013)));
    assert!(house.heard(bystander).is_empty());
    assert_eq!(house.shard(0).counters().shed, 1);
}

#[test]
fn those_who_wait_go_on_when_there_is_room_again() {
    let mut house = a_megabyte();
    let (first, _) = holder(&mut house, 450_000);
    let (second, reading) = holder(&mut house, 460_000);
    assert_eq!(reading, Reading::Paused);
    house.breaks(first);
    assert_eq!(house.reading(second), Reading::More);
    house.pass(20_000);
    assert_eq!(house.shard(0).counters().shed, 0);
}

#[test]
fn what_was_read_and_not_handled_is_counted() {
    let mut house = a_megabyte();
    let peer = house.connect(0, ECHO, &Arrival::default());
    let frame = [0x81, 0x81, 0, 0, 0, 0, b'x'];
    let before = house.shard(0).held_bytes();
    assert_eq!(house.bytes_before_a_turn(peer, &frame.repeat(1_000)), Reading::Later);
    let answers = 69_632 + 16;
    assert_eq!(house.shard(0).held_bytes() - before, answers + (1_000 - 256) * frame.len());
}

#[test]
fn what_is_under_way_between_shards_makes_memory_short_too() {
    let mut house = a_megabyte();
    assert_eq!(holder(&mut house, 300_000).1, Reading::More);
    house.shard(0).set_relay_bytes(400_000);
    assert_eq!(holder(&mut house, 310_000).1, Reading::Paused);
    let mut house = a_megabyte();
    assert_eq!(holder(&mut house, 300_000).1, Reading::More);
    house.shard(0).set_relay_bytes(100_000);
    assert_eq!(holder(&mut house, 310_000).1, Reading::More);
}
