//! A turn has an end, however many connections want something of it.

use std::io::ErrorKind;

use fanfare_hub::{Arrival, Limits, Readiness};

use crate::harness::{House, NATIVE};

#[test]
fn a_turn_sends_so_much_and_leaves_the_rest_to_the_next() {
    const ASKED_BYTES: usize = 240 << 10;
    let many = 100;
    let mut house = House::new(many + 1);
    for connection in 0..many {
        house.ask(connection, 240, 1);
    }
    house.turn(&(0..many).collect::<Vec<_>>());
    let first = house.sent_bytes();
    assert!(first < (9 << 20), "{first} bytes in one turn");
    assert!(house.links.has_carry_over(), "the loop must not wait");
    // Whoever asks little is answered at once, though most of the others still wait.
    house.ask(many, 0, 1);
    house.turn(&[many]);
    assert_eq!(house.ends(many).sent_bytes, 3);
    assert!(house.links.has_carry_over());
    for _ in 0..3 {
        house.turn(&[]);
    }
    assert!(!house.links.has_carry_over());
    for connection in 0..many {
        let sent = house.ends(connection).sent_bytes;
        assert!(sent > ASKED_BYTES, "{sent}");
    }
}

#[test]
fn those_who_have_waited_longest_come_too() {
    let mut house = House::new(200);
    for connection in 0..100 {
        house.ask(connection, 240, 1);
    }
    house.turn(&(0..100).collect::<Vec<_>>());
    // From now on there is always somebody newer.
    for round in 0..6 {
        let newer: Vec<usize> = (100..200).collect();
        for connection in &newer {
            house.ask(*connection, 40, 1);
        }
        house.turn(&newer);
        assert!(house.links.has_carry_over() || round > 0);
    }
    assert!((0..100).all(|connection| house.ends(connection).sent_bytes > 0));
}

#[test]
fn a_share_is_smaller_where_many_want_theirs() {
    let many = 2_000;
    let mut house = House::new(many + 1);
    for connection in 0..many {
        house.ask(connection, 0, 128);
    }
    house.turn(&(0..many).collect::<Vec<_>>());
    let mut turns = 0;
    while house.links.has_carry_over() && turns < 100 {
        let before = house.sent_bytes();
        house.turn(&[]);
        let answers = (house.sent_bytes() - before) / 3;
        assert!(answers < 8_192 + 256, "{answers} answers in turn {turns}");
        turns += 1;
        // Whoever asks for the first time does not stand behind the crowd.
        if turns % 8 == 0 {
            let before = house.ends(many).sent_bytes;
            house.ask(many, 0, 1);
            house.turn(&[many]);
            assert_eq!(house.ends(many).sent_bytes - before, 3);
        }
    }
    assert!((20..100).contains(&turns), "{turns} turns");
    assert!((0..many).all(|connection| house.ends(connection).sent_bytes == 3 * 128));
    // One alone has its whole share, once the crowd is a turn ago.
    house.turn(&[]);
    house.ask(0, 0, 300);
    let before = house.sent_bytes();
    house.turn(&[0]);
    assert_eq!((house.sent_bytes() - before) / 3, 256);
}

#[test]
fn half_messages_stay_within_the_budget() {
    const BUDGET_BYTES: usize = 16 << 20;
    let many = 200;
    let limits = Limits { memory_budget_bytes: BUDGET_BYTES, ..Limits::default() };
    let mut house = House::with(many, limits);
    // The head of a message of 16 MB, and 15 MB of it.
    let mut part = vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0xF4, 0x24, 0x00, 0, 0, 0, 0];
    part.resize(15_000_000, 9);
    for connection in 0..many {
        house.ends(connection).input.extend(&part[..1 << 20]);
    }
    let everybody: Vec<usize> = (0..many).collect();
    for turn in 0..40 {
        house.turn(if turn == 0 { &everybody } else { &[] });
        let held = house.shard.held_bytes();
        // Everybody may have a little, whatever the budget is.
        assert!(held < BUDGET_BYTES + many * (128 << 10), "{held} bytes in turn {turn}");
    }
    // Most wait and are not closed: there is room again when the others are done.
    assert!(house.shard.connections() > many / 2, "{}", house.shard.connections());
    assert!(house.shard.counters().shed < 100, "{}", house.shard.counters().shed);
    assert!(!house.links.has_carry_over(), "nobody is asked in vain");
    // The end of those who wait is noticed, though nobody reads them.
    let ended = Readiness { readable: true, writable: true, read_closed: true };
    for (token, _) in &house.pipes {
        house.links.ready(&mut house.shard, *token, ended);
    }
    house.turn(&[]);
    assert!(house.shard.held_bytes() < 1 << 20, "{}", house.shard.held_bytes());
}

#[test]
fn when_a_turn_has_not_told_of_all_departures_the_loop_does_not_wait() {
    let mut house = House::new(0);
    for _ in 0..20 {
        let connection = house.arrive(NATIVE, &Arrival::default(), &mut []);
        for room in 0..100 {
            let join = format!(r#"{{"type":"join","room":"{room:03}"}}"#);
            let mut frame = vec![0x81, 0x80 | u8::try_from(join.len()).expect("a short frame"), 0, 0, 0, 0];
            frame.extend_from_slice(join.as_bytes());
            house.ends(connection).input.extend(frame);
        }
    }
    house.settle();
    assert_eq!(house.shard.rooms_and_places(), (100, 100));
    for connection in 0..20 {
        house.ends(connection).fails.push_back(ErrorKind::ConnectionReset);
    }
    house.turn(&(0..20).collect::<Vec<_>>());
    assert_eq!(house.shard.connections(), 9, "each costs 101 of 1,024, and the last may cost more");
    house.settle();
    assert_eq!((house.shard.connections(), house.links.len()), (0, 0));
    assert_eq!(house.shard.rooms_and_places(), (0, 0));
}

#[test]
fn a_departure_counts_though_it_leaves_no_room() {
    let mut house = House::new(1_100);
    for connection in 0..1_100 {
        house.ends(connection).fails.push_back(ErrorKind::ConnectionReset);
    }
    house.turn(&(0..1_100).collect::<Vec<_>>());
    assert_eq!(house.shard.connections(), 1_100 - 1_024);
    house.turn(&[]);
    assert_eq!(house.shard.connections(), 0);
}
