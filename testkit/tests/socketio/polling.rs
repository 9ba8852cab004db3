//! Sessions that poll: what they are owed, and when they end.

use fanfare_hub::{Limits, RequestError};
use fanfare_testkit::dialogue::Heard;
use serde_json::json;

use crate::common::{CHAT, SOCKETIO, drain, house, house_with, packets, polling_member, said};

#[test]
fn a_poll_waits_until_there_is_something() {
    let mut house = house(2);
    let session = polling_member(&mut house, 0, "r");
    assert_eq!(house.poll(&session), Ok(None), "it waits");
    let native = house.connect(1, CHAT, &fanfare_hub::Arrival::default());
    house.says(native, &json!({"type": "join", "room": "r"}));
    let body = house.polled(&session).expect("the poll is answered");
    assert!(packets(&body)[0].starts_with(r#"42/chat,["userJoined""#), "{body}");
    for number in 0..3 {
        house.says(native, &json!({"type": "chat", "room": "r", "text": number.to_string()}));
    }
    assert_eq!(
        said(&drain(&mut house, &session)),
        ["0", "1", "2"],
        "what came between two polls comes with the next"
    );
}

#[test]
fn a_second_poll_ends_the_session_with_word_to_the_first() {
    let mut house = house(1);
    let session = polling_member(&mut house, 0, "r");
    assert_eq!(house.poll(&session), Ok(None));
    assert_eq!(house.poll(&session), Err(RequestError::BadRequest));
    assert_eq!(house.polled(&session).as_deref(), Some("1"));
    assert!(house.is_over(&session));
    assert_eq!(house.poll(&session), Err(RequestError::UnknownSession));
}

#[test]
fn a_close_packet_ends_the_session_and_its_rooms_hear_of_it() {
    let mut house = house(2);
    let native = house.connect(1, CHAT, &fanfare_hub::Arrival::default());
    house.says(native, &json!({"type": "join", "room": "r"}));
    let session = polling_member(&mut house, 0, "r");
    house.heard(native);
    assert_eq!(house.poll(&session), Ok(None));
    assert_eq!(house.post(&session, "1"), Ok(true));
    assert_eq!(house.polled(&session).as_deref(), Some("6"));
    assert!(house.is_over(&session));
    assert_eq!(house.messages(native)[0]["type"], "userLeft");
    assert_eq!(house.shard(0).connections(), 0);
}

#[test]
fn a_session_that_is_not_polled_is_not_sent_more_than_its_limit() {
    let limits = Limits { outbox_bytes: 4_096, ..Limits::default() };
    let mut house = house_with(1, &limits);
    let session = polling_member(&mut house, 0, "r");
    let native = house.connect(0, CHAT, &fanfare_hub::Arrival::default());
    house.says(native, &json!({"type": "join", "room": "r"}));
    for _ in 0..20 {
        house.says(native, &json!({"type": "chat", "room": "r", "text": "x".repeat(1_000)}));
    }
    assert_eq!(house.shard(0).counters().too_slow, 1);
    assert_eq!(house.poll(&session).expect("its last").as_deref(), Some("1"));
    assert!(house.is_over(&session));
    let left = house.messages(native).into_iter().any(|message| message["type"] == "userLeft");
    assert!(left, "the others hear that it has gone");
}

#[test]
fn a_silent_session_ends_and_its_memory_with_it() {
    let mut house = house(1);
    let before = house.shard(0).held_bytes();
    let sessions: Vec<_> = (0..50).map(|_| polling_member(&mut house, 0, "r")).collect();
    assert_eq!(house.shard(0).connections(), 100);
    house.pass(25_100);
    // The ping waits for a poll that does not come.
    house.pass(20_100);
    house.pass(6_000);
    assert!(sessions.iter().all(|session| house.is_over(session)));
    assert_eq!((house.shard(0).connections(), house.shard(0).rooms_and_places()), (0, (0, 0)));
    // One chunk of the log is kept for the next messages.
    assert!(house.shard(0).held_bytes() <= before + 5 * 65_536, "{}", house.shard(0).held_bytes());
}

#[test]
fn whoever_answers_pings_lives() {
    let mut house = house(1);
    let session = polling_member(&mut house, 0, "r");
    for _ in 0..5 {
        house.pass(25_100);
        assert_eq!(drain(&mut house, &session), ["2"]);
        assert_eq!(house.post(&session, "3"), Ok(true));
    }
    assert!(!house.is_over(&session));
}

#[test]
fn a_long_body_has_its_share_of_each_turn_and_is_answered_at_its_end() {
    let mut house = house(1);
    let session = polling_member(&mut house, 0, "r");
    let event = r#"42/chat,["chat",{"room":"r","text":"x"}]"#;
    let body = vec![event; 1_000].join("\u{1e}");
    assert_eq!(house.post(&session, &body), Ok(true));
    let mut heard = Vec::new();
    while heard.len() < 1_000 {
        heard.extend(said(&drain(&mut house, &session)));
    }
    assert_eq!(heard.len(), 1_000);
}

#[test]
fn a_session_that_joins_no_namespace_ends() {
    let mut house = house(1);
    let session = house.open_session(0, SOCKETIO);
    assert_eq!(house.poll(&session), Ok(None));
    house.pass(25_100);
    assert_eq!(house.polled(&session).as_deref(), Some("2"));
    assert_eq!(house.post(&session, "3"), Ok(true));
    assert_eq!(house.poll(&session), Ok(None));
    house.pass(20_100);
    assert_eq!(house.polled(&session).as_deref(), Some("1"));
    assert!(house.is_over(&session));
    let websocket = house.connect_socketio(0, SOCKETIO);
    house.pass(26_000);
    house.text(websocket, "3");
    house.pass(20_000);
    assert!(house.heard(websocket).contains(&Heard::Close(1005)));
}

#[test]
fn a_session_that_is_not_read_lives_as_long_as_it_polls() {
    for polls in [true, false] {
        let mut house = house(1);
        let session = house.open_session(0, SOCKETIO);
        assert_eq!(house.post(&session, "40/held,"), Ok(true));
        assert!(drain(&mut house, &session)[0].starts_with("40/held,"));
        // More than is parked: what follows is not read, and the body is not answered.
        let event = format!(r#"42/held,["waits",{:?}]"#, "x".repeat(500_000));
        let mut answered = true;
        for _ in 0..12 {
            if answered {
                answered = house.post(&session, &event).expect("a post");
            }
        }
        assert!(!answered);
        if polls {
            assert_eq!(house.poll(&session), Ok(None));
        }
        // Looked at every 25 s.
        house.pass(200_000);
        assert_eq!(house.is_over(&session), !polls);
        assert_eq!(house.shard(0).counters().heartbeat_timeouts, u64::from(!polls));
    }
}
