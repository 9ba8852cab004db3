//! A closed connection is read to its peer's end, within limits, so that its last bytes arrive.

use std::io::ErrorKind;

use fanfare_session::websocket::CloseCode;

use crate::harness::House;

/// What a lingering peer may still send.
const TOLERATED_BYTES: usize = 4 << 20;

/// What is sent at once; it divides the above.
const PIECE_BYTES: usize = 64 << 10;

/// One connection that was closed by its peer at 1,000 ms and lingers.
fn lingering() -> House {
    let mut house = House::new(1);
    house.now_ms = 999;
    house.close(0);
    house.turn(&[0]);
    assert_eq!(house.shard.connections(), 0, "the shard is done with it");
    assert!(house.ends(0).ended_by_us && house.removed.is_empty());
    house
}

#[test]
fn it_is_cut_after_two_seconds() {
    let mut house = lingering();
    assert_eq!(house.links.wake_at_ms(), Some(3_000));
    house.now_ms = 2_999;
    house.turn_now(&[]);
    assert_eq!((house.links.len(), house.removed.len()), (1, 0));
    house.now_ms = 3_000;
    house.turn_now(&[]);
    assert_eq!((house.links.len(), &house.removed[..]), (0, &[house.pipes[0].0][..]));
    assert_eq!(house.links.wake_at_ms(), None);
}

#[test]
fn it_goes_when_its_peer_ends_or_fails() {
    let mut house = lingering();
    house.ends(0).ended = true;
    house.turn(&[0]);
    assert_eq!(house.removed, [house.pipes[0].0]);
    let mut house = lingering();
    house.ends(0).fails.push_back(ErrorKind::ConnectionReset);
    house.turn(&[0]);
    assert_eq!(house.removed, [house.pipes[0].0]);
}

#[test]
fn nothing_to_read_and_an_interrupted_read_are_no_end() {
    let mut house = lingering();
    house.turn(&[0]);
    assert!(house.removed.is_empty());
    house.ends(0).fails.push_back(ErrorKind::Interrupted);
    house.ends(0).input.push(0);
    house.turn(&[0]);
    assert!(house.ends(0).input.is_empty());
    assert!(house.removed.is_empty());
}

#[test]
fn it_may_send_four_mebibytes_and_no_byte_more() {
    let mut house = lingering();
    for _ in 0..TOLERATED_BYTES / PIECE_BYTES - 1 {
        house.ends(0).input = vec![0; PIECE_BYTES];
        house.turn(&[0]);
    }
    house.ends(0).input = vec![0; PIECE_BYTES - 1];
    house.turn(&[0]);
    house.ends(0).input = vec![0];
    house.turn(&[0]);
    assert!(house.removed.is_empty());
    house.ends(0).input = vec![0];
    house.turn(&[0]);
    assert_eq!(house.removed, [house.pipes[0].0]);
}

#[test]
fn what_its_peer_sends_is_not_listened_to() {
    let mut house = lingering();
    let sent = house.ends(0).sent_bytes;
    house.ask(0, 1, 1);
    house.turn(&[0]);
    house.turn(&[]);
    assert_eq!(house.ends(0).sent_bytes, sent);
}

#[test]
fn its_time_is_not_that_of_the_next_one_in_its_place() {
    let mut house = lingering();
    house.ends(0).ended = true;
    house.turn(&[0]);
    let next = house.connect(&mut []);
    assert_eq!(house.pipes[next].0, house.pipes[0].0, "the token is used again");
    house.now_ms = 3_000;
    house.turn_now(&[]);
    assert_eq!(house.links.len(), 1);
    house.ask(next, 0, 1);
    house.turn(&[next]);
    assert_eq!(house.ends(next).sent_bytes, 3);
}

#[test]
fn a_turn_closes_so_many_and_the_next_goes_on() {
    let many = 130;
    let mut house = House::new(many);
    for connection in 0..many {
        house.ends(connection).fails.push_back(ErrorKind::ConnectionReset);
    }
    house.turn(&(0..many).collect::<Vec<_>>());
    assert_eq!((house.removed.len(), house.links.has_carry_over()), (64, true));
    house.turn(&[]);
    assert_eq!((house.removed.len(), house.links.has_carry_over()), (128, true));
    house.turn(&[]);
    assert_eq!((house.removed.len(), house.links.has_carry_over()), (130, false));
}

#[test]
fn one_that_was_not_read_when_it_was_closed_is_read_to_its_end_too() {
    let mut house = House::new(1);
    // Text holds it, so that what follows waits unread.
    house.ends(0).input.extend([0x81, 0x81, 0, 0, 0, 0, b'x'].repeat(2));
    house.turn(&[0]);
    let socket = house.socket(0);
    house.shard.close(socket, CloseCode::NORMAL, "");
    house.now_ms += 10_000;
    house.turn(&[]);
    assert_eq!((house.shard.connections(), house.links.len()), (0, 1), "it lingers");
    house.ends(0).input.push(0);
    house.ends(0).ended = true;
    house.turn(&[0]);
    assert_eq!(house.removed, [house.pipes[0].0]);
}
