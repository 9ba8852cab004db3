//! What a turn sends, to whom first, and what a socket's answer means.

use std::io::ErrorKind;

use fanfare_hub::{Arrival, DeflateParameters};

use crate::harness::{House, PLAIN, WRITABLE};

/// What a turn sends to all together.
const TURN_BYTES: usize = 8 << 20;

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

/// Four connections with 10 MB for each, of which nothing is sent yet.
fn four_that_have_much_to_take() -> House {
    let mut house = House::new(4);
    for connection in 0..4 {
        house.ask(connection, 250, 40);
        house.ends(connection).takes.push_back(Err(ErrorKind::WouldBlock));
        house.turn(&[connection]);
    }
    house.sends.borrow_mut().clear();
    house
}

#[test]
fn one_half_of_a_turn_is_for_those_who_came_last_and_the_other_for_those_who_have_waited() {
    let writable = [0, 1, 2, 3].map(|connection| (connection, WRITABLE));
    for (first_bytes, order) in [
        // More than half is left: the next of those who came last.
        (TURN_BYTES / 2 - 1, [3, 2, 0, 1]),
        // Half is left: the one that has waited longest.
        (TURN_BYTES / 2, [3, 0, 1, 2]),
    ] {
        let mut house = four_that_have_much_to_take();
        house.ends(3).takes.push_back(Ok(first_bytes));
        for connection in 0..3 {
            house.ends(connection).takes.push_back(Ok(1_000));
        }
        house.turn_now(&writable);
        assert_eq!(*house.sends.borrow(), order, "after {first_bytes} bytes");
        assert!(!house.links.has_carry_over(), "the others' sockets are full");
    }
}

#[test]
fn a_turn_sends_while_a_byte_of_its_eight_mebibytes_is_left() {
    let writable = [0, 1, 2, 3].map(|connection| (connection, WRITABLE));
    for (second_bytes, order) in [(TURN_BYTES / 2 - 1, &[3, 0, 1][..]), (TURN_BYTES / 2, &[3, 0])] {
        let mut house = four_that_have_much_to_take();
        house.ends(3).takes.push_back(Ok(TURN_BYTES / 2));
        house.ends(0).takes.push_back(Ok(second_bytes));
        house.ends(1).takes.push_back(Ok(1_000));
        house.turn_now(&writable);
        assert_eq!(*house.sends.borrow(), order);
        assert!(house.links.has_carry_over(), "the loop must not wait");
    }
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
    house.ask(0, 200, 3);
    house.turn(&[0]);
    assert_eq!(house.ends(0).sent_bytes, 3 * (10 + (200 << 10)));
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
