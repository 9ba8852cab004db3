//! What many are sent at once, beside what each of them is to hear.

use std::io::ErrorKind;

use fanfare_hub::{Arrival, DeflateParameters};
use proptest::prelude::*;

use crate::harness::{House, PLAIN, WRITABLE};

/// Of each kind of connection two: as they come, those who want bytes, those who have agreed to compression, and those who want
/// batches. What is said here is too short to be compressed, and nothing that would wait in a batch.
const CONNECTIONS: usize = 8;

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
    /// A socket takes so many bytes of the next send, or none at all.
    Slow {
        connection: usize,
        takes: usize,
    },
    Turn,
}

fn step() -> impl Strategy<Value = Step> {
    let connection = 0..CONNECTIONS;
    prop_oneof![
        4 => (connection.clone(), any::<bool>())
            .prop_map(|(speaker, but_the_speaker)| Step::Tell { speaker, but_the_speaker }),
        1 => connection.clone().prop_map(|speaker| Step::Ask { speaker }),
        1 => (connection, 0..9usize).prop_map(|(connection, takes)| Step::Slow { connection, takes }),
        2 => Just(Step::Turn),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Against a list for each connection of what it is to hear.
    #[test]
    fn everybody_hears_everything_once_and_in_order(steps in prop::collection::vec(step(), 1..80)) {
        let mut house = house();
        let mut expected = vec![Vec::new(); CONNECTIONS];
        // What a turn handles goes by connection.
        let mut said: Vec<Vec<[u8; 2]>> = vec![Vec::new(); CONNECTIONS];
        for (number, step) in steps.into_iter().chain([Step::Turn]).enumerate() {
            match step {
                Step::Tell { speaker, but_the_speaker } => {
                    let message = [u8::from(but_the_speaker), u8::try_from(number).unwrap()];
                    house.ends(speaker).input.extend([&[0x82, 0x82, 0, 0, 0, 0][..], &message].concat());
                    said[speaker].push(message);
                }
                Step::Ask { speaker } => {
                    house.ask(speaker, 0, 1);
                    // Nothing that anybody tells.
                    said[speaker].push([2, 0]);
                }
                Step::Slow { connection, takes } => {
                    let takes = if takes == 0 { Err(ErrorKind::WouldBlock) } else { Ok(takes) };
                    house.ends(connection).takes.push_back(takes);
                }
                Step::Turn => {
                    for (speaker, said) in said.iter_mut().enumerate() {
                        for [kind, what] in said.drain(..) {
                            for (hearer, expected) in expected.iter_mut().enumerate() {
                                match kind {
                                    2 if hearer == speaker => expected.extend([0x82, 1, 7]),
                                    1 if hearer == speaker => {}
                                    2 => {}
                                    _ => expected.extend([0x82, 2, kind, what]),
                                }
                            }
                        }
                    }
                    house.turn(&(0..CONNECTIONS).collect::<Vec<_>>());
                }
            }
        }
        for _ in 0..100 {
            house.turn_now(&(0..CONNECTIONS).map(|connection| (connection, WRITABLE)).collect::<Vec<_>>());
        }
        for (connection, expected) in expected.iter().enumerate() {
            prop_assert_eq!(&house.ends(connection).sent, expected, "connection {}", connection);
        }
        prop_assert_eq!(house.shard.connections(), CONNECTIONS);
    }
}
