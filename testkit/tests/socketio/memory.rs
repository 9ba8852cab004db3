//! What sessions hold when memory runs short.

use fanfare_hub::{Limits, Reading};
use fanfare_testkit::dialogue::{Heard, House, Peer};

use crate::common::{SOCKETIO, house_with};

const BUDGET_BYTES: usize = 4 << 20;

/// Announces an event with two attachments more than it sends, `each_bytes` long.
fn owes_attachments(house: &mut House, sent: usize, each_bytes: usize) -> Peer {
    let peer = house.connect_socketio(0, SOCKETIO);
    house.text(peer, "40/chat,");
    let places =
        (0..sent + 2).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect::<Vec<_>>();
    house.text(peer, &format!(r#"45{}-/chat,["files",{}]"#, places.len(), places.join(",")));
    house.heard(peer);
    for _ in 0..sent {
        house.binary(peer, &vec![7; each_bytes]);
    }
    peer
}

/// Memory runs short while `largest` holds most of it and nine others hold some, and it is paused as it says more: it goes,
/// and nobody else. Gives what is held then.
fn the_largest_goes_alone(
    largest: fn(&mut House) -> Peer,
    says_more: fn(&mut House, Peer) -> Reading,
) -> usize {
    let mut house = house_with(1, &Limits { memory_budget_bytes: BUDGET_BYTES, ..Limits::default() });
    let largest = largest(&mut house);
    let others: Vec<_> = (0..9).map(|_| owes_attachments(&mut house, 3, 80_000)).collect();
    assert!(house.shard(0).held_bytes() > BUDGET_BYTES / 5 * 4);
    assert_eq!(says_more(&mut house, largest), Reading::Paused);
    house.pass(11_000);
    assert!(house.heard(largest).contains(&Heard::Close(1013)));
    let stayed = others.iter().filter(|peer| !house.is_gone(**peer)).count();
    assert_eq!((stayed, house.shard(0).counters().shed), (9, 1));
    house.shard(0).held_bytes()
}

#[test]
fn attachments_come_back_with_whoever_is_sent_away_for_them_and_nobody_else_goes() {
    let held_bytes = the_largest_goes_alone(
        |house| owes_attachments(house, 3, 500_000),
        |house, largest| house.binary(largest, b"x"),
    );
    assert!(held_bytes <= BUDGET_BYTES / 5 * 3);
}

#[test]
fn what_is_parked_of_a_session_that_is_sent_away_counts_as_gone() {
    the_largest_goes_alone(
        |house| {
            let parks = house.connect_socketio(0, SOCKETIO);
            house.text(parks, "40/held,");
            for _ in 0..4 {
                house.text(parks, &format!(r#"42/held,["x","{}"]"#, "x".repeat(500_000)));
            }
            parks
        },
        |house, parks| house.text(parks, r#"42/held,["y"]"#),
    );
}
