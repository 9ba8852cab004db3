//! What a turn sends, to whom first, and what a socket's answer means.

use std::io::ErrorKind;

use fanfare_hub::{Arrival, DeflateParameters, Readiness};

use crate::harness::{House, PLAIN, WRITABLE};

/// What a turn sends to one connection: a thirty-second part of what it sends to all together.
const PART_BYTES: usize = 256 << 10;

#[test]
fn an_interrupted_send_is_tried_again_in_its_turn() {
    let mut house = House::new(1);
    house.ask(0, 0, 1);
    house.ends(0).takes.push_back(Err(ErrorKind::Interrupted));
    house.turn(&[0]);
    assert_eq!((house.ends(0).sent_bytes, house.sends.borrow().len()), (3, 2));
}

#[test]
fn a_full_socket_is_sent_to_when_it_says_so_and_not_before() {
    for full in [Err(ErrorKind::WouldBlock), Ok(1)] {
        let mut house = House::new(1);
        house.ask(0, 0, 1);
        house.ends(0).takes.push_back(full);
        house.turn(&[0]);
        house.ask(0, 0, 1);
        house.turn(&[0]);
        assert_eq!(house.sends.borrow().len(), 1, "it was asked once");
        assert_eq!(house.shard.connections(), 1);
        house.turn_now(&[(0, WRITABLE)]);
        assert_eq!((house.ends(0).sent_bytes, house.sends.borrow().len()), (6, 2));
    }
}

#[test]
fn a_send_that_fails_is_the_end_of_the_connection() {
    let mut house = House::new(1);
    house.ask(0, 0, 1);
    house.ends(0).takes.push_back(Err(ErrorKind::BrokenPipe));
    house.turn(&[0]);
    assert_eq!((house.shard.connections(), house.links.len()), (0, 0));
    assert_eq!(house.removed, [house.pipes[0].0]);
}

/// Forty connections with 500 KB for each, of which nothing is sent yet; and that all of them take more.
fn forty_that_have_much_to_take() -> (House, Vec<(usize, Readiness)>) {
    let mut house = House::new(40);
    for connection in 0..40 {
        house.ask(connection, 250, 2);
        house.ends(connection).takes.push_back(Err(ErrorKind::WouldBlock));
        house.turn(&[connection]);
    }
    house.sends.borrow_mut().clear();
    (house, (0..40).map(|connection| (connection, WRITABLE)).collect())
}

#[test]
fn one_half_of_a_turn_is_for_those_who_came_last_and_the_other_for_those_who_have_waited() {
    // Half is left after the sixteenth, or a byte more: then it is still the turn of those who came last.
    for (sixteenth_bytes, then) in [(PART_BYTES, [0, 1]), (PART_BYTES - 1, [23, 0])] {
        let (mut house, writable) = forty_that_have_much_to_take();
        house.ends(24).takes.push_back(Ok(sixteenth_bytes));
        house.turn_now(&writable);
        let sends = house.sends.borrow().clone();
        assert!(sends[..16].iter().copied().eq((24..40).rev()), "{sends:?}");
        assert_eq!(sends[16..18], then);
    }
}

#[test]
fn a_turn_sends_while_a_byte_of_its_eight_mebibytes_is_left() {
    for (one_bytes, sends) in [(PART_BYTES, 32), (PART_BYTES - 1, 33)] {
        let (mut house, writable) = forty_that_have_much_to_take();
        house.ends(39).takes.push_back(Ok(one_bytes));
        house.turn_now(&writable);
        assert_eq!(house.sends.borrow().len(), sends);
        assert!(house.links.has_carry_over(), "the loop must not wait");
    }
}

#[test]
fn a_connection_is_sent_a_part_in_each_turn_and_others_are_read_between() {
    let mut house = House::new(2);
    house.ask(0, 250, 3);
    house.turn(&[0]);
    assert_eq!(house.ends(0).sent_bytes, PART_BYTES);
    assert!(house.links.has_carry_over(), "the loop must not wait");
    house.ask(1, 0, 1);
    house.turn(&[1]);
    assert_eq!((house.ends(0).sent_bytes, house.ends(1).sent_bytes), (2 * PART_BYTES, 3));
    house.turn(&[]);
    assert_eq!(house.ends(0).sent_bytes, 3 * (10 + (250 << 10)));
    assert_eq!(*house.sends.borrow(), [0, 1, 0, 0]);
    assert!(!house.links.has_carry_over());
}

#[test]
fn mail_is_read_though_one_has_much_to_be_sent() {
    let mut house = House::new(1);
    house.ask(0, 250, 40);
    house.turn(&[0]);
    let mut turns = 1;
    while house.links.has_carry_over() {
        assert!(house.shard.takes_mail(), "after {turns} turns");
        house.turn(&[]);
        turns += 1;
    }
    assert_eq!(house.ends(0).sent_bytes, 40 * (10 + (250 << 10)));
    assert!(turns >= 39, "{turns}");
}

#[test]
fn what_ends_with_a_part_is_sent_and_no_more_is_waited_for() {
    let mut house = House::new(1);
    house.ends(0).takes.push_back(Err(ErrorKind::WouldBlock));
    // A part to the byte.
    house.ask(0, 255, 1);
    house.ask(0, 0, (PART_BYTES - (255 << 10) - 10) / 3);
    house.turn(&[0]);
    while house.links.has_carry_over() {
        house.turn(&[]);
    }
    house.turn_now(&[(0, WRITABLE)]);
    assert_eq!((house.ends(0).sent_bytes, house.sends.borrow().len()), (PART_BYTES, 2));
    assert!(!house.links.has_carry_over());
    house.ask(0, 0, 1);
    house.turn(&[0]);
    assert_eq!((house.ends(0).sent_bytes, house.sends.borrow().len()), (PART_BYTES + 3, 3));
}

#[test]
fn the_answers_of_a_turn_are_one_piece() {
    let mut house = House::new(1);
    house.ask(0, 0, 16);
    house.ends(0).takes.push_back(Err(ErrorKind::WouldBlock));
    house.turn(&[0]);
    let socket = house.socket(0);
    assert_eq!(house.shard.outgoing_single(socket), Some(&[0x82, 1, 7].repeat(16)[..]));
}

#[test]
fn what_lies_in_pieces_is_sent_together() {
    let mut house = House::new(1);
    house.ask(0, 80, 3);
    house.turn(&[0]);
    assert_eq!(house.ends(0).sent_bytes, 3 * (10 + (80 << 10)));
    assert_eq!(house.sends.borrow().len(), 1);
}

#[test]
fn from_16_kibibytes_on_a_payload_is_sent_from_where_it_lies() {
    for (kibibytes, in_one_piece) in [(15, true), (16, false)] {
        let mut house = House::new(1);
        house.ask(0, kibibytes, 1);
        house.ends(0).takes.push_back(Err(ErrorKind::WouldBlock));
        house.turn(&[0]);
        let socket = house.socket(0);
        assert_eq!(house.shard.outgoing_single(socket).is_some(), in_one_piece, "{kibibytes} KiB");
    }
}

#[test]
fn a_large_payload_is_compressed_where_that_was_agreed() {
    let deflate = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let mut house = House::new(0);
    let arrival = Arrival { deflate: Some(deflate), ..Arrival::default() };
    let peer = house.arrive(PLAIN, &arrival, &mut []);
    house.ask(peer, 200, 1);
    house.settle();
    assert!(house.ends(peer).sent_bytes < 10 << 10, "{}", house.ends(peer).sent_bytes);
}

#[test]
fn a_socket_is_watched_from_the_first_time_on_that_it_takes_no_more() {
    let mut house = House::new(2);
    for takes in [Ok(2), Err(ErrorKind::WouldBlock)] {
        house.ends(1).takes.push_back(takes);
        house.ask(1, 0, 1);
        house.ask(0, 0, 1);
        house.turn(&[0, 1]);
        house.turn_now(&[(1, WRITABLE)]);
    }
    assert_eq!(house.links.next_unwatched(), Some(house.pipes[1].0));
    assert_eq!(house.links.next_unwatched(), None, "once, and nobody else");
}
