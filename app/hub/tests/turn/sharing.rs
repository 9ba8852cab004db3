//! What many are sent at once, beside what each of them is to hear.

use std::io::ErrorKind;

use fanfare_hub::{Arrival, DeflateParameters, Limits};
use proptest::prelude::*;

use crate::harness::{ENDED, House, LOST, PLAIN, READABLE, WRITABLE};

/// Of each kind of connection two: as they come, those who want bytes, those who have agreed to compression, and those who want
/// batches. What is said here is too short to be compressed, and nothing that would wait in a batch.
const CONNECTIONS: usize = 8;

/// What stands for a question and for a close among what is told.
const ASKED: u8 = 2;
const CLOSED: u8 = 3;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// To everybody, or to everybody else.
    Tell {
        speaker: usize,
        but_the_speaker: bool,
    },
    /// What only the speaker hears.
    Ask {
        speaker: usize,
    },
    /// It says its last, with a close frame or by ending its direction alone.
    Close {
        speaker: usize,
        frame: bool,
    },
    /// A socket takes so many bytes of the next send, or none at all.
    Slow {
        connection: usize,
        takes: usize,
    },
    Turn,
}

fn step(closes: u32) -> impl Strategy<Value = Step> {
    let connection = 0..CONNECTIONS;
    prop_oneof![
        closes => (connection.clone(), any::<bool>()).prop_map(|(speaker, frame)| Step::Close { speaker, frame }),
        16 => (connection.clone(), any::<bool>())
            .prop_map(|(speaker, but_the_speaker)| Step::Tell { speaker, but_the_speaker }),
        4 => connection.clone().prop_map(|speaker| Step::Ask { speaker }),
        4 => (connection, 0..9usize).prop_map(|(connection, takes)| Step::Slow { connection, takes }),
        8 => Just(Step::Turn),
    ]
}

fn house() -> House {
    let mut house = House::new(2);
    let deflate = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    for number in 2..CONNECTIONS {
        let arrival = Arrival {
            wants_binary: number / 2 == 1,
            deflate: (number / 2 == 2).then_some(deflate),
            batch_interval_ms: (number / 2 == 3).then_some(50),
            ..Arrival::default()
        };
        house.arrive(PLAIN, &arrival, &mut []);
    }
    house.settle();
    house
}

/// Plays it, against a list for each connection of what it is to hear.
fn play(mut house: House, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut expected = vec![Vec::new(); CONNECTIONS];
    // What a turn handles goes by connection; nothing comes after a close.
    let mut said: Vec<Vec<[u8; 2]>> = vec![Vec::new(); CONNECTIONS];
    let (mut closed, mut messages) = ([false; CONNECTIONS], 0);
    for (number, step) in steps.into_iter().chain([Step::Turn]).enumerate() {
        match step {
            // Nobody says anything after the last.
            Step::Tell { speaker, .. } | Step::Ask { speaker } | Step::Close { speaker, .. }
                if house.ends(speaker).ended => {}
            Step::Tell { speaker, but_the_speaker } => {
                let message =
                    [u8::from(but_the_speaker), u8::try_from(number).expect("fewer than 256 steps")];
                house.ends(speaker).input.extend([&[0x82, 0x82, 0, 0, 0, 0][..], &message].concat());
                said[speaker].push(message);
            }
            Step::Ask { speaker } => {
                house.ask(speaker, 0, 1);
                said[speaker].push([ASKED, 0]);
            }
            Step::Close { speaker, frame } => {
                if frame {
                    house.close(speaker);
                }
                house.ends(speaker).ended = true;
                said[speaker].push([CLOSED, u8::from(frame)]);
            }
            Step::Slow { connection, takes } => {
                let takes = if takes == 0 { Err(ErrorKind::WouldBlock) } else { Ok(takes) };
                house.ends(connection).takes.push_back(takes);
            }
            Step::Turn => {
                for (speaker, said) in said.iter_mut().enumerate() {
                    for [kind, what] in said.drain(..) {
                        if closed[speaker] {
                            continue;
                        }
                        match kind {
                            ASKED => {
                                expected[speaker].extend([0x82, 1, 7]);
                                messages += 1;
                            }
                            CLOSED => {
                                expected[speaker].extend(&[0x88, 0][..2 * usize::from(what)]);
                                closed[speaker] = true;
                            }
                            _ => {
                                let hears =
                                    |hearer: usize| !closed[hearer] && (kind == 0 || hearer != speaker);
                                for (_, expected) in
                                    expected.iter_mut().enumerate().filter(|(hearer, _)| hears(*hearer))
                                {
                                    expected.extend([0x82, 2, kind, what]);
                                    messages += 1;
                                }
                            }
                        }
                    }
                }
                house.now_ms += 1;
                let ready = |connection: usize| if house.ends(connection).ended { ENDED } else { READABLE };
                let ready: Vec<_> =
                    (0..CONNECTIONS).map(|connection| (connection, ready(connection))).collect();
                house.turn_now(&ready);
            }
        }
    }
    for _ in 0..100 {
        house.turn_now(&(0..CONNECTIONS).map(|connection| (connection, WRITABLE)).collect::<Vec<_>>());
    }
    for (connection, expected) in expected.iter().enumerate() {
        prop_assert_eq!(&house.ends(connection).sent, expected, "connection {}", connection);
    }
    let there = closed.iter().filter(|closed| !**closed).count();
    prop_assert_eq!(house.shard.connections(), there);
    prop_assert_eq!(house.shard.counters().messages_sent, messages);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Where everybody takes it in another form.
    #[test]
    fn everybody_hears_everything_once_and_in_order(steps in prop::collection::vec(step(0), 1..80)) {
        play(house(), steps)?;
    }

    /// Where all but one take the same bytes, so that what that one says is shared, and what the others say is not.
    #[test]
    fn with_one_who_differs_everybody_hears_everything_once_and_in_order(
        steps in prop::collection::vec(step(1), 1..80),
    ) {
        let mut house = House::new(CONNECTIONS - 1);
        house.arrive(PLAIN, &Arrival { wants_binary: true, ..Arrival::default() }, &mut []);
        house.settle();
        play(house, steps)?;
    }

    /// Where all of them take the same bytes, and some go meanwhile.
    #[test]
    fn everybody_alike_hears_everything_once_and_in_order(steps in prop::collection::vec(step(1), 1..80)) {
        play(House::new(CONNECTIONS), steps)?;
    }
}

#[test]
fn whoever_comes_in_the_middle_of_a_turn_hears_nothing_of_what_was_said_before() {
    let mut house = House::new(3);
    house.ends(0).input.extend([0x82, 0x82, 0, 0, 0, 0, 0, 1]);
    house.begin_turn(&[(0, READABLE)]);
    let newcomer = house.connect(&mut [0x82, 0x82, 0, 0, 0, 0, 0, 2]);
    house.finish_turn();
    assert_eq!(house.ends(newcomer).sent, [0x82, 2, 0, 2]);
    assert_eq!(house.ends(1).sent, [0x82, 2, 0, 1, 0x82, 2, 0, 2]);
}

#[test]
fn what_is_shared_is_one_send_for_each_and_is_in_no_outbox() {
    let mut house = House::new(4);
    house.settle();
    house.sends.borrow_mut().clear();
    for number in 0..3 {
        house.ends(0).input.extend([0x82, 0x82, 0, 0, 0, 0, 1, number]);
    }
    house.ask(3, 0, 1);
    house.turn(&[0, 3]);
    let told = [[0x82, 2, 1, 0], [0x82, 2, 1, 1], [0x82, 2, 1, 2]].concat();
    for hearer in [1, 2] {
        assert_eq!(house.ends(hearer).sent, told);
    }
    assert_eq!(house.ends(3).sent, [&told[..], &[0x82, 1, 7]].concat(), "in the order in which it was said");
    assert!(house.ends(0).sent.is_empty());
    let mut sends = house.sends.borrow().clone();
    sends.sort_unstable();
    assert_eq!(sends, [1, 2, 3]);
    assert_eq!(house.shard.counters().messages_sent, 3 * 3 + 1);
}

#[test]
fn nothing_is_offered_to_a_socket_that_has_failed_meanwhile() {
    let mut house = House::new(3);
    house.sends.borrow_mut().clear();
    house.ends(0).input.extend([0x82, 0x82, 0, 0, 0, 0, 0, 1]);
    house.ends(1).fails.push_back(ErrorKind::ConnectionReset);
    house.turn(&[0, 1]);
    assert_eq!(house.shard.connections(), 2);
    let mut sends = house.sends.borrow().clone();
    sends.sort_unstable();
    assert_eq!(sends, [0, 2]);
}

#[test]
fn that_a_socket_does_not_take_what_is_shared_is_told_in_the_same_turn() {
    let mut house = House::new(3);
    house.tells_of_the_lost.set(true);
    house.ends(0).input.extend([0x82, 0x82, 0, 0, 0, 0, 0, 1]);
    house.ends(1).takes.push_back(Err(ErrorKind::ConnectionReset));
    house.turn(&[0]);
    for hearer in [0, 2] {
        assert_eq!(house.ends(hearer).sent, [0x82, 2, 0, 1, 0x82, 1, LOST]);
    }
    assert!(!house.links.has_carry_over());
}

#[test]
fn whoever_is_cut_off_for_what_is_shared_is_sent_nothing_of_somebody_else() {
    let (pingers, slow) = (1..=70u8, 71);
    let mut house = House::with(72, Limits { outbox_bytes: 1, ..Limits::default() });
    house.ends(slow).takes.push_back(Err(ErrorKind::WouldBlock));
    for _ in 0..2 {
        house.ask(slow, 0, 1);
        // What lies between in the log keeps the two answers apart.
        house.ask(0, 0, 1);
        house.turn(&[slow, 0]);
    }
    house.ends(0).sent.clear();
    house.ends(0).input.extend([0x82, 0x82, 0, 0, 0, 0, 0, 1]);
    for pinger in pingers.clone() {
        house.ends(usize::from(pinger)).input.extend([0x89, 0x81, 0, 0, 0, 0, pinger]);
    }
    house.turn(&(0..71).collect::<Vec<_>>());
    for pinger in pingers {
        let heard = house.ends(usize::from(pinger)).sent.clone();
        assert_eq!(heard, [0x82, 2, 0, 1, 0x8A, 1, pinger], "{pinger}");
    }
    house.turn_now(&[(slow, WRITABLE)]);
    let heard = house.ends(slow).sent.clone();
    assert_eq!(heard[..4], [0x88, 10, 0x03, 0xF5], "1013: {heard:?}");
    assert_eq!((house.shard.counters().too_slow, heard.len()), (1, 12));
}
