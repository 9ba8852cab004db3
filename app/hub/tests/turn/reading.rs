//! How far a transport is read.

use std::io::ErrorKind;

use fanfare_hub::{Limits, READ_BUFFER_BYTES, Share};

use crate::harness::{ENDED, House, READABLE};

/// The head of a binary message of 16 MB.
const LARGE: [u8; 14] = [0x82, 0xFF, 0, 0, 0, 0, 0, 0xF4, 0x24, 0x00, 0, 0, 0, 0];

/// So many bytes, the first of a large message.
fn begun(bytes: usize) -> Vec<u8> {
    let mut begun = LARGE.to_vec();
    begun.resize(bytes, 0);
    begun
}

/// One connection that has not been read since it came.
fn one() -> House {
    let house = House::new(1);
    house.ends(0).reads = 0;
    house
}

#[test]
fn a_short_read_is_the_last_until_the_next_event() {
    for (bytes, reads) in [(READ_BUFFER_BYTES - 1, 1), (READ_BUFFER_BYTES, 2), (READ_BUFFER_BYTES + 1, 2)] {
        let mut house = one();
        house.ends(0).input = begun(bytes);
        house.turn(&[0]);
        assert_eq!(house.ends(0).reads, reads, "{bytes} bytes");
        assert!(house.ends(0).input.is_empty());
        house.turn(&[]);
        assert_eq!(house.ends(0).reads, reads, "nobody reads without an event");
    }
}

#[test]
fn a_turn_reads_a_connection_s_share_and_the_next_goes_on() {
    let share = Share::default().read_bytes;
    let mut house = one();
    house.ends(0).input = begun(2 * share + 1);
    house.turn(&[0]);
    assert_eq!(house.ends(0).input.len(), share + 1);
    assert!(house.links.has_carry_over());
    house.turn(&[]);
    assert_eq!(house.ends(0).input.len(), 1);
    house.turn(&[]);
    assert_eq!(house.ends(0).input.len(), 0);
    assert!(!house.links.has_carry_over());
}

#[test]
fn an_interrupted_read_is_tried_again() {
    let mut house = one();
    house.ask(0, 0, 1);
    house.ends(0).fails.extend([ErrorKind::Interrupted, ErrorKind::Interrupted]);
    house.turn(&[0]);
    assert_eq!(house.ends(0).reads, 3);
    assert_eq!(house.ends(0).sent_bytes, 3);
}

#[test]
fn a_read_that_fails_is_the_end_of_the_connection() {
    let mut house = one();
    house.ends(0).fails.push_back(ErrorKind::ConnectionReset);
    house.turn(&[0]);
    assert_eq!((house.shard.connections(), house.links.len()), (0, 0));
    assert_eq!(house.removed, [house.pipes[0].0], "and it does not linger");
}

#[test]
fn an_event_that_finds_nothing_changes_nothing() {
    let mut house = one();
    house.turn(&[0]);
    assert_eq!((house.shard.connections(), house.links.len()), (1, 1));
    house.ask(0, 0, 1);
    house.turn(&[0]);
    assert_eq!(house.ends(0).sent_bytes, 3);
}

#[test]
fn where_the_end_has_come_everything_before_it_is_read() {
    let mut house = one();
    house.ask(0, 0, 1);
    house.ends(0).ended = true;
    house.turn_now(&[(0, ENDED)]);
    assert_eq!(house.ends(0).reads, 2, "a short read, and the end");
    assert_eq!(house.ends(0).sent_bytes, 3, "what was asked before it is answered");
    assert_eq!(house.removed, [house.pipes[0].0]);
    assert!(house.ends(0).ended_by_us);
}

#[test]
fn the_end_of_one_who_waits_for_memory_does_not_wait() {
    let limits = Limits { memory_budget_bytes: 300 << 10, ..Limits::default() };
    for (event, shed) in [(READABLE, 0), (ENDED, 1)] {
        let mut house = House::with(1, limits.clone());
        house.ends(0).input = begun(1 << 20);
        house.turn_now(&[(0, event)]);
        house.turn(&[]);
        house.turn(&[]);
        assert!(!house.links.has_carry_over());
        assert_eq!(house.shard.counters().shed, shed);
        assert_eq!(
            house.ends(0).input.is_empty(),
            shed == 1,
            "who waits is not read, who has to go is heard out"
        );
    }
}

#[test]
fn whoever_is_held_is_read_from_where_it_stood_once_it_is_let_go() {
    let mut house = one();
    house.ends(0).input.extend([0x81, 0x81, 0, 0, 0, 0, b'x']);
    house.ask(0, 0, 1);
    house.turn(&[0]);
    house.ask(0, 0, 1);
    house.turn(&[0]);
    assert_eq!(house.ends(0).sent_bytes, 0);
    assert_eq!(house.ends(0).input.len(), 7, "nobody reads it");
    let socket = house.socket(0);
    house.shard.woken(socket);
    house.turn(&[]);
    house.turn(&[]);
    assert_eq!(house.ends(0).sent_bytes, 6);
    assert!(house.ends(0).input.is_empty());
}

#[test]
fn what_came_with_the_request_comes_first() {
    let mut house = House::new(0);
    let early = house.connect(&mut [0x82, 0x81, 0, 0, 0, 0, 1]);
    house.ask(early, 0, 1);
    house.turn(&[]);
    house.turn(&[]);
    assert_eq!(house.ends(early).sent_bytes, 4 + 1_024 + 3);
    // Also where that was more than a share.
    let early = house.connect(&mut [0x82, 0x81, 0, 0, 0, 0, 0].repeat(600));
    house.turn(&[]);
    assert_eq!(house.ends(early).sent_bytes, 3 * 512, "two shares: that of its coming, and that of the turn");
}

#[test]
fn a_transport_is_found_by_its_token_for_as_long_as_it_is_held() {
    let mut house = House::new(0);
    assert!(house.links.is_empty());
    let [first, second] = [house.connect(&mut []), house.connect(&mut [])];
    assert_eq!((house.links.len(), house.links.is_empty()), (2, false));
    let token = house.pipes[second].0;
    assert_eq!(house.links.transport(token).map(|pipe| pipe.number), Some(second));
    house.ends(second).fails.push_back(ErrorKind::ConnectionReset);
    house.turn(&[first, second]);
    assert!(house.links.transport(token).is_none());
    assert_eq!((house.links.len(), house.links.is_empty()), (1, false));
}

#[test]
fn the_end_of_one_who_is_held_or_has_been_sent_away_sends_nobody_away() {
    let mut house = one();
    house.ends(0).input.extend([0x81, 0x81, 0, 0, 0, 0, b'x']);
    house.turn(&[0]);
    house.turn_now(&[(0, ENDED)]);
    assert_eq!(
        (house.shard.counters().shed, house.shard.connections()),
        (0, 1),
        "it is held, and not for memory"
    );
    let limits = Limits { memory_budget_bytes: 300 << 10, ..Limits::default() };
    let mut house = House::with(1, limits);
    house.ends(0).input = begun(1 << 20);
    house.turn(&[0]);
    house.turn_now(&[(0, ENDED), (0, ENDED)]);
    assert_eq!(house.shard.counters().shed, 1, "it is sent away once");
}

/// What a kit waits for may never come, and nothing else would end such a connection.
#[test]
fn whoever_hangs_up_while_held_goes_half_a_minute_later() {
    let mut house = one();
    house.ends(0).input.extend([0x81, 0x81, 0, 0, 0, 0, b'x']);
    house.turn(&[0]);
    house.ask(0, 0, 1);
    house.ends(0).ended = true;
    house.turn_now(&[(0, ENDED), (0, ENDED)]);
    let hung_up_ms = house.now_ms;
    house.now_ms = hung_up_ms + 29_999;
    house.turn_now(&[]);
    assert_eq!((house.shard.connections(), house.removed.len()), (1, 0));
    house.now_ms = hung_up_ms + 30_000;
    house.turn_now(&[]);
    house.settle();
    assert_eq!((house.shard.connections(), house.removed.len(), house.shard.timers()), (0, 1, 0));
}

#[test]
fn whoever_is_let_go_in_time_is_heard_out_although_he_hung_up() {
    let mut house = one();
    house.ends(0).input.extend([0x81, 0x81, 0, 0, 0, 0, b'x']);
    house.turn(&[0]);
    house.ask(0, 0, 1);
    house.ends(0).ended = true;
    house.turn_now(&[(0, ENDED)]);
    house.now_ms += 29_000;
    let socket = house.socket(0);
    house.shard.woken(socket);
    house.turn(&[]);
    house.settle();
    assert_eq!(house.ends(0).sent_bytes, 2 + 3, "a ping, and the answer to what it said last");
    house.now_ms += 2_000;
    house.turn_now(&[]);
    house.settle();
    assert_eq!((house.shard.connections(), house.removed.len()), (0, 1));
}

/// A frame of so many bytes that mask nothing and whose first asks for an answer of a KiB.
fn long_frame(first: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![first, 0xFF];
    bytes.extend((length as u64).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.push(1);
    bytes.resize(14 + length, 0);
    bytes
}

#[test]
fn what_comes_behind_a_long_frame_is_read_after_it_however_it_is_cut() {
    let whole = long_frame(0x82, 300_000);
    // Its buffer has more space than is left of it, once the first read is there.
    let fragment = [long_frame(0x02, 135_200), vec![0x80, 0x81, 0, 0, 0, 0, 0]].concat();
    for long in [whole, fragment] {
        let bytes = [&long[..], &[0x82, 0x81, 0, 0, 0, 0, 0].repeat(3)].concat();
        for piece in [1_000, 65_536, 70_000, 131_072, 150_000, long.len() - 3, long.len() + 4, bytes.len()] {
            let mut house = one();
            for part in bytes.chunks(piece) {
                house.ends(0).input.extend(part);
                house.turn(&[0]);
            }
            while house.links.has_carry_over() {
                house.turn(&[]);
            }
            assert!(house.ends(0).input.is_empty(), "pieces of {piece}");
            assert_eq!(house.ends(0).sent_bytes, 1_024 + 4 + 3 * 3, "pieces of {piece}");
        }
    }
}
