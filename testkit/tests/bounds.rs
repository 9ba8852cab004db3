//! What a turn, a mailbox and a room's door bound, one dialogue each.

use fanfare_hub::{
    Arrival, Door, DoorRules, Edge, Kit, Limits, MAILBOX_BYTES_MAX, Message, Outgoing, PlainPlace, Reading,
    ShardId, SocketId,
};
use fanfare_kits::Chat;
use fanfare_testkit::dialogue::{House, Peer};
use serde_json::{Value, json};

fn chat(shards: u16, limits: &Limits) -> House {
    House::new(shards, limits, || vec![Door::new(Chat.rules(), Chat)])
}

/// A peer that has heard its welcome, and its id.
fn guest(house: &mut House, shard: usize) -> (Peer, String) {
    let peer = house.connect(shard, 0, &Arrival::default());
    let welcome = house.messages(peer).remove(0);
    (peer, welcome["clientId"].as_str().expect("a clientId").to_owned())
}

fn join(room: &str) -> Value {
    json!({"type": "join", "room": room})
}

#[test]
fn a_private_message_that_a_slow_client_cannot_be_given_is_refused() {
    let limits = Limits { outbox_bytes: 10_000, ..Limits::default() };
    let mut house = chat(2, &limits);
    let (slow, slow_id) = guest(&mut house, 0);
    let (speaker, _) = guest(&mut house, 1);
    house.takes(slow, 100);
    let answers: Vec<Value> = (0..10)
        .flat_map(|id| {
            let text = "x".repeat(3_000);
            house.says(speaker, &json!({"type": "private", "to": slow_id, "text": text, "id": id}));
            house.messages(speaker)
        })
        .collect();
    assert_eq!(answers.len(), 10, "one answer each: {answers:?}");
    let accepted = answers.iter().take_while(|answer| answer["type"] == "ack").count();
    assert!((3..=5).contains(&accepted), "{accepted} fit into 10,000 bytes behind the first");
    assert!(answers[accepted..].iter().all(|answer| answer["code"] == "not_found"), "{answers:?}");
}

#[test]
fn whoever_speaks_to_others_waits_while_a_mailbox_is_half_full() {
    let mut house = chat(2, &Limits::default());
    let (far, _) = guest(&mut house, 0);
    // Joins a room whose place lives on this shard, or not.
    let join_one = |house: &mut House, peer, at_home: bool| {
        let mut rooms = (0..50).map(|number| format!("{peer} {number}"));
        let found = rooms.find(|room| {
            let before = house.shard(0).rooms_and_places().1;
            house.says(peer, &join(room));
            (house.shard(0).rooms_and_places().1 > before) == at_home
        });
        found.expect("one of fifty")
    };
    let away = join_one(&mut house, far, false);
    let (near, _) = guest(&mut house, 0);
    let here = join_one(&mut house, near, true);
    let say = |room: &str| json!({"type": "chat", "room": room, "text": "hello"});
    let half = MAILBOX_BYTES_MAX / 2;
    house.shard(0).set_relay_bytes(half - 1_000);
    assert_eq!(house.says(far, &say(&away)), Reading::More);
    house.shard(0).set_relay_bytes(half);
    assert!(!house.shard(0).waits_for_mailboxes());
    assert_eq!(house.says(far, &say(&away)), Reading::Paused);
    assert!(house.shard(0).waits_for_mailboxes());
    assert_eq!(house.says(near, &say(&here)), Reading::More, "it tells nobody elsewhere");
    // They go on below a quarter, and not before.
    house.shard(0).set_relay_bytes(MAILBOX_BYTES_MAX / 4);
    house.pass(100);
    assert_eq!(house.reading(far), Reading::Paused);
    house.shard(0).set_relay_bytes(MAILBOX_BYTES_MAX / 4 - 1);
    house.pass(100);
    assert_eq!(house.reading(far), Reading::More);
    assert!(!house.shard(0).waits_for_mailboxes());
}

#[test]
fn a_turn_tells_of_so_many_departures_and_the_next_goes_on() {
    let mut house = chat(1, &Limits::default());
    let (witness, _) = guest(&mut house, 0);
    house.says(witness, &join("lobby"));
    let crowd: Vec<Peer> = (0..100)
        .map(|number| {
            let (peer, _) = guest(&mut house, 0);
            house.says(peer, &join("lobby"));
            for room in 0..20 {
                house.says(peer, &join(&format!("room {number} {room}")));
            }
            peer
        })
        .collect();
    house.heard(witness);
    assert_eq!(house.shard(0).rooms_and_places(), (2_001, 2_001));
    house.break_before_a_turn(0, &crowd);
    let left = house.shard(0).rooms_and_places().0;
    assert!((900..1_100).contains(&left), "{left} rooms are left after one turn");
    assert_eq!(house.shard(0).connections(), 101, "nobody's place is free before all know");
    house.settle();
    assert_eq!(house.shard(0).rooms_and_places(), (1, 1));
    assert_eq!(house.shard(0).connections(), 1);
    let left = house.messages(witness).iter().filter(|message| message["type"] == "userLeft").count();
    assert_eq!(left, 100);
}

#[test]
fn leaves_under_way_are_bounded_and_say_so() {
    let mut house = chat(4, &Limits::default());
    let (peer, _) = guest(&mut house, 0);
    let messages: Vec<Value> =
        (0..66).flat_map(|_| [join("lobby"), json!({"type": "leave", "room": "lobby"})]).collect();
    // A place on another shard answers none of them before all have been said; one on this shard, each at once.
    let batch = json!({"type": "batch", "messages": messages});
    let rooms = (0..).map(|number| format!("room {number}"));
    let refused = rooms.take(8).filter_map(|room| {
        house.text(peer, &batch.to_string().replace("lobby", &room));
        house.messages(peer).into_iter().find(|message| message["type"] == "error")
    });
    let refused: Vec<Value> = refused.collect();
    assert!(!refused.is_empty());
    for error in refused {
        assert_eq!(error["code"], "rate_limited");
        assert!(
            error["message"].as_str().is_some_and(|text| text.starts_with("64 leaves of room")),
            "{error}"
        );
    }
}

#[test]
fn mail_for_another_shard_comes_in_pieces() {
    let mut house = chat(2, &Limits::default());
    let peers: Vec<Peer> = (0..30).map(|_| guest(&mut house, 0).0).collect();
    for peer in &peers {
        for room in 0..120 {
            let join = json!({"type": "join", "room": format!("{peer} {room}"), "id": room});
            house.text_before_a_turn(*peer, &join.to_string());
        }
    }
    let mut pieces = Vec::new();
    while let Some((envelopes, bytes)) = house.shard(0).take_envelopes(ShardId(1)) {
        assert!(bytes > envelopes.len());
        pieces.push(envelopes.len());
        house.shard(1).deliver(envelopes);
    }
    let (last, others) = pieces.split_last().expect("mail");
    assert!(!others.is_empty() && others.iter().all(|count| *count == 1_024) && *last <= 1_024, "{pieces:?}");
    house.settle();
    for peer in peers {
        let joined = house.messages(peer).iter().filter(|message| message["type"] == "ack").count();
        assert_eq!(joined, 120);
    }
}

#[test]
fn rooms_take_at_most_half_of_the_memory_budget() {
    // Half of it is 496 rooms of one member, and all but a little of one more.
    let half = 496 * (896 + 160) + 800;
    let limits = Limits { memory_budget_bytes: 2 * half, ..Limits::default() };
    let mut house = chat(1, &limits);
    let (ann, _) = guest(&mut house, 0);
    let (bob, _) = guest(&mut house, 0);
    // Coming and going leaves nothing behind that counts.
    for _ in 0..100 {
        house.says(bob, &join("lobby"));
        house.says(bob, &json!({"type": "leave", "room": "lobby"}));
    }
    house.heard(bob);
    let peers: Vec<Peer> = (0..3).map(|_| guest(&mut house, 0).0).chain([ann]).collect();
    let mut granted = 0;
    'all: for peer in peers {
        for room in 0..125 {
            house.says(peer, &json!({"type": "join", "room": format!("{peer} {room}"), "id": room}));
            let messages = house.messages(peer);
            let answer = messages.iter().find(|message| message["messageId"] == room).expect("an answer");
            if answer["type"] != "ack" {
                assert_eq!(answer["code"], "unavailable");
                assert!(answer["error"].as_str().is_some_and(|text| text.contains("memory")), "{answer}");
                break 'all;
            }
            granted += 1;
        }
    }
    assert_eq!(granted, 496);
    // What a room's last member gives back serves the next, also where its connection breaks.
    house.says(ann, &json!({"type": "leave", "room": format!("{ann} 0")}));
    house.says(bob, &json!({"type": "join", "room": "bob's", "id": 1}));
    assert!(house.messages(bob).iter().any(|message| message["type"] == "ack"));
    house.breaks(ann);
    for room in 0..100 {
        house.says(bob, &json!({"type": "join", "room": format!("bob's {room}"), "id": room}));
    }
    assert_eq!(house.messages(bob).iter().filter(|message| message["type"] == "ack").count(), 100);
}

#[test]
fn a_room_that_comes_and_goes_leaves_no_timers() {
    let mut house = chat(1, &Limits::default());
    let (peer, _) = guest(&mut house, 0);
    for number in 0..200 {
        let room = format!("room {}", number % 3);
        house.says(peer, &join(&room));
        house.says(peer, &json!({"type": "typing", "room": room, "isTyping": true}));
        assert_eq!(house.shard(0).timers(), 1);
        house.says(peer, &json!({"type": "leave", "room": room}));
        house.pass(7);
    }
    assert_eq!(house.shard(0).timers(), 0);
}

#[test]
fn a_batch_has_one_timer_however_often_it_is_full() {
    let mut house = chat(1, &Limits::default());
    let arrival = Arrival { batch_interval_ms: Some(1_000), ..Arrival::default() };
    let peer = house.connect(0, 0, &arrival);
    for _ in 0..2_000 {
        house.says(peer, &json!({"type": "ping", "timestamp": 1}));
        assert!(house.shard(0).timers() <= 1);
    }
    house.pass(1_000);
    assert_eq!(house.shard(0).timers(), 0);
}

#[test]
fn whoever_tells_many_waits_until_they_have_been_offered_it() {
    let mut house = chat(1, &Limits::default());
    let peers: Vec<Peer> = (0..20).map(|_| guest(&mut house, 0).0).collect();
    for peer in &peers {
        house.says(*peer, &join("hall"));
    }
    peers.iter().for_each(|peer| drop(house.heard(*peer)));
    let say = |text: &str| json!({"type": "chat", "room": "hall", "text": text}).to_string();
    // A text of 4,000 bytes is 80 kB for twenty; no turn comes in between.
    let mut said = 0;
    while house.reading(peers[0]) != Reading::Paused {
        house.text_before_a_turn(peers[0], &say(&"x".repeat(3_990)));
        said += 1;
        assert!(said < 200, "still read after {said} texts");
    }
    assert!((95..110).contains(&said), "8 MiB are about 103 texts to twenty: {said}");
    assert!(!house.shard(0).takes_mail(), "what other shards have for them waits too");
    // Whoever speaks to themselves goes on.
    house.text_before_a_turn(peers[1], r#"{"type":"ping","timestamp":1}"#);
    assert_eq!(house.reading(peers[1]), Reading::More);
    house.settle();
    assert_eq!(house.reading(peers[0]), Reading::More);
    for peer in peers {
        let heard = house.messages(peer);
        assert_eq!(heard.iter().filter(|message| message["type"] == "chat").count(), said);
    }
}

#[test]
fn whoever_comes_again_while_a_leave_is_under_way_hears_what_is_said_until_the_next() {
    let mut house = chat(2, &Limits::default());
    let (peer, _) = guest(&mut house, 0);
    let (witness, _) = guest(&mut house, 1);
    let mut rooms = (0..50).map(|number| format!("room {number}"));
    let away = rooms.find(|room| {
        house.says(witness, &join(room));
        house.shard(1).rooms_and_places().1 > 0
    });
    let room = away.expect("one of fifty lives on the second shard");
    house.messages(witness);
    let leave = json!({"type": "leave", "room": room}).to_string();
    for text in [&join(&room).to_string(), &leave, &join(&room).to_string()] {
        house.text_before_a_turn(peer, text);
    }
    let (asked, _) = house.shard(0).take_envelopes(ShardId(1)).expect("in, out, in");
    house.shard(1).deliver(asked);
    let (answered, _) = house.shard(1).take_envelopes(ShardId(0)).expect("admitted, dismissed, admitted");
    // Out again, before it has heard of any of it; and meanwhile somebody speaks.
    house.text_before_a_turn(peer, &leave);
    house.text_before_a_turn(
        witness,
        &json!({"type": "chat", "room": room, "text": "still here?"}).to_string(),
    );
    house.shard(0).deliver(answered);
    house.settle();
    let said = house.messages(peer).iter().filter(|message| message["text"] == "still here?").count();
    assert_eq!(said, 1, "its second leave was not there yet");
    house.says(witness, &json!({"type": "chat", "room": room, "text": "gone?"}));
    assert!(house.messages(peer).is_empty());
}

/// Tells everybody whatever it hears; when it is woken it wants no more for now, and the next time it goes on.
#[derive(Default)]
struct Moody {
    holds: bool,
}

impl Kit for Moody {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {
        cx.everyone(None, &Outgoing::Binary(b"heard"));
    }

    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        self.holds = !self.holds;
        if self.holds { cx.hold(socket) } else { cx.release(socket) }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

#[test]
fn whom_the_kit_holds_is_not_read_because_a_mailbox_is_empty_again() {
    let doors = || vec![Door::new(DoorRules::default(), Moody::default())];
    let mut house = House::new(2, &Limits::default(), doors);
    let peer = house.connect(0, 0, &Arrival::default());
    house.shard(0).set_relay_bytes(MAILBOX_BYTES_MAX / 2);
    assert_eq!(house.says(peer, &json!({"type": "anything"})), Reading::Paused);
    house.wakes(peer);
    house.shard(0).set_relay_bytes(0);
    house.pass(10);
    assert_eq!(house.reading(peer), Reading::Paused);
    house.wakes(peer);
    assert_eq!(house.reading(peer), Reading::More);
}
