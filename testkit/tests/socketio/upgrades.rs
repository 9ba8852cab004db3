//! From polling to WebSocket: nothing is lost, nothing overtakes.

use fanfare_hub::Arrival;
use fanfare_testkit::dialogue::{Heard, House, Peer};
use fanfare_testkit::simulation::Random;
use serde_json::json;

use crate::common::{CHAT, drain, house, packets, polling_member, said, texts};

#[test]
fn a_waiting_poll_gets_a_noop_and_the_rest_comes_over_the_websocket() {
    let mut house = house(2);
    let session = polling_member(&mut house, 0, "r");
    assert_eq!(house.poll(&session), Ok(None));
    let websocket = house.probe(&session);
    assert_eq!(house.polled(&session), None, "nothing has been said yet");
    house.text(websocket, "2probe");
    assert_eq!(texts(&mut house, websocket), ["3probe"]);
    assert_eq!(house.polled(&session).as_deref(), Some("6"));
    house.post(&session, r#"42/chat,["chat",{"room":"r","text":"before"}]"#).expect("a post");
    house.text(websocket, "5");
    let heard = texts(&mut house, websocket);
    assert_eq!(said(&heard), ["before"], "{heard:?}");
    house.text(websocket, r#"42/chat,["chat",{"room":"r","text":"after"}]"#);
    assert_eq!(said(&texts(&mut house, websocket)), ["after"]);
    assert!(house.poll(&session).is_err(), "it has a WebSocket now");
    assert!(house.post(&session, "3").is_err());
    let second = house.probe(&session);
    assert!(house.heard(second).iter().any(|heard| matches!(heard, Heard::Close(_))));
}

#[test]
fn what_follows_the_upgrade_in_the_same_bytes_is_handled() {
    let mut house = house(1);
    let session = polling_member(&mut house, 0, "r");
    let websocket = house.probe(&session);
    let mut bytes = Vec::new();
    for text in ["2probe", "5", r#"42/chat,["chat",{"room":"r","text":"at once"}]"#] {
        use fanfare_websocket::{Opcode, write_frame};
        write_frame(&mut bytes, Opcode::Text, true, false, text.as_bytes(), Some([1, 2, 3, 4]));
    }
    house.bytes(websocket, &bytes);
    assert_eq!(said(&texts(&mut house, websocket)), ["at once"]);
}

#[test]
fn a_probe_that_goes_no_further_leaves_the_session_as_it_is() {
    let mut house = house(1);
    let session = polling_member(&mut house, 0, "r");
    let websocket = house.probe(&session);
    house.text(websocket, "2probe");
    house.pass(10_200);
    assert!(house.heard(websocket).iter().any(|heard| matches!(heard, Heard::Close(_))));
    house.post(&session, r#"42/chat,["chat",{"room":"r","text":"still here"}]"#).expect("a post");
    let heard = drain(&mut house, &session);
    assert_eq!(said(&heard), ["still here"]);
}

/// Somebody talks all the time while a session polls, is probed, upgrades and goes on: what it hears is every message, once and in
/// order, however it gets them.
fn upgrade_in_mid_traffic(seed: u64, shards: u16) {
    let mut random = Random::new(seed);
    let mut house = house(shards);
    let last = usize::from(shards) - 1;
    let session = polling_member(&mut house, 0, "r");
    let speaker = house.connect(last, CHAT, &Arrival::default());
    house.says(speaker, &json!({"type": "join", "room": "r"}));
    let (mut heard, mut waits, mut websocket, mut upgraded) = (Vec::new(), false, None::<Peer>, false);
    let mut note = |packets: &[String]| heard.extend(said(packets));
    let mut number = 0;
    while number < 60 {
        match random.below(6) {
            0..=2 => {
                house.says(speaker, &json!({"type": "chat", "room": "r", "text": number.to_string()}));
                number += 1;
            }
            3 if !waits && !upgraded => match house.poll(&session).expect("a poll") {
                Some(body) => note(&packets(&body)),
                None => waits = true,
            },
            4 if websocket.is_none() && number > 10 => websocket = Some(probed(&mut house, &session)),
            5 if number > 30 && !upgraded => {
                let websocket = *websocket.get_or_insert_with(|| probed(&mut house, &session));
                house.text(websocket, "5");
                upgraded = true;
            }
            _ => house.pass(20),
        }
        if let Some(body) = house.polled(&session) {
            waits = false;
            note(&packets(&body));
        }
        if let Some(websocket) = websocket.filter(|_| upgraded) {
            note(&texts(&mut house, websocket));
        }
    }
    if !upgraded {
        note(&drain(&mut house, &session));
    }
    let expected: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    assert_eq!(heard, expected, "seed {seed}, {shards} shards, upgraded {upgraded}");
}

fn probed(house: &mut House, session: &fanfare_testkit::dialogue::Session) -> Peer {
    let websocket = house.probe(session);
    house.text(websocket, "2probe");
    assert_eq!(texts(house, websocket), ["3probe"]);
    websocket
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_by_an_upgrade() {
    for seed in 0..300 {
        for shards in [1, 2, 4] {
            upgrade_in_mid_traffic(seed, shards);
        }
    }
}
