//! What a kit asks of its contexts, and what it is told.

use fanfare_hub::{
    Arrival, CloseCode, Door, DoorRules, Edge, ErrorCode, Event, Gone, Kit, Limits, Message, Outgoing,
    Payload, Place, PlaceContext, PlainPlace, Sender, ShardId, SocketId, body, home_of,
};
use fanfare_testkit::dialogue::{Heard, House, Peer};
use serde_json::{Value, json};

use crate::common::only;

/// Does what it is told in `do`, and tells what happens to it.
#[derive(Clone, Copy)]
struct Puppet;

impl Kit for Puppet {
    type Place = Stage;

    fn connected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        send(cx, socket, "connected", &json!({}));
    }

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        let Message::Request(request) = message else { return };
        let wanted: Value = serde_json::from_str(request.text).expect("checked by the hub");
        match wanted["do"].as_str().expect("something to do") {
            "tell the time" => {
                let now = cx.now();
                send(cx, from, "time", &json!({"ms": now.ms, "unixMs": now.unix_ms}));
            }
            "want binary" => cx.wants_binary(from),
            "offer both" => {
                let event = Event { name: "words", body: b"{}" };
                cx.everyone(None, &Outgoing::Either { binary: b"bytes", event: Some(event) });
            }
            "offer bytes alone" => {
                cx.everyone(None, &Outgoing::Either { binary: b"bytes", event: None });
            }
            "say text" => cx.everyone(None, &Outgoing::Text("plain words")),
            "give an id" => {
                let id = cx.fresh_id();
                cx.ack(&json!({"fresh": id}));
            }
            "refuse if asked" => cx.refuse_if_asked(ErrorCode::Forbidden, "No"),
            "begin to work" => cx.busy(from, true),
            "close" => cx.close(from, CloseCode::GOING_AWAY, "As you like"),
            "close and go on" => {
                cx.close(from, CloseCode::GOING_AWAY, "As you like");
                for length in [1, 100_000] {
                    cx.send_binary(from, Payload::Owned(vec![7; length]));
                    cx.send_binary(from, Payload::Borrowed(&vec![7; length]));
                }
                cx.send(from, &Outgoing::Binary(b"bytes"));
            }
            "post" => cx.post(wanted["room"].as_str().expect("a room"), from, wanted["at"].as_u64()),
            other => panic!("{other}?"),
        }
    }

    fn disconnected(&mut self, cx: &mut Edge<'_, Self>, _: SocketId, gone: Gone) {
        let body = body(&json!({"how": format!("{gone:?}")}));
        cx.everyone(None, &Outgoing::Event(Event { name: "disconnected", body: &body }));
    }

    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        cx.busy(socket, false);
    }

    fn place(&mut self, _: &str) -> Stage {
        Stage
    }
}

fn send(cx: &mut Edge<'_, Puppet>, to: SocketId, name: &str, members: &Value) {
    cx.send(to, &Outgoing::Event(Event { name, body: &body(members) }));
}

/// Asks for ticks at the times that its letters name, and tells of them.
struct Stage;

impl Place for Stage {
    type Letter = Option<u64>;

    fn letter(&mut self, cx: &mut PlaceContext<'_>, from: &Sender, at_ms: Option<u64>) {
        match at_ms {
            Some(at_ms) => cx.wake_at(at_ms),
            None => cx.ack(&json!({"user": from.user.client_id()})),
        }
    }

    fn tick(&mut self, cx: &mut PlaceContext<'_>) {
        let body = body(&json!({"ms": cx.now().ms}));
        cx.broadcast(None, &Outgoing::Event(Event { name: "tick", body: &body }));
    }
}

/// When the house's clock starts.
const START_MS: u64 = 1_000_000;

fn puppets(shards: u16) -> House {
    House::new(shards, &Limits::default(), || vec![Door::new(DoorRules::default(), Puppet)])
}

/// A peer that has heard its welcome and that the kit knows of it.
fn peer(house: &mut House, shard: usize) -> Peer {
    let peer = house.connect(shard, 0, &Arrival::default());
    let heard: Vec<Value> = house.messages(peer).into_iter().map(|message| message["type"].clone()).collect();
    assert_eq!(heard, ["welcome", "connected"]);
    peer
}

fn please(house: &mut House, peer: Peer, what: &str) {
    house.says(peer, &json!({"type": "please", "do": what}));
}

#[test]
fn a_kit_hears_of_who_comes_and_of_how_they_go() {
    let mut house = puppets(1);
    let witness = peer(&mut house, 0);
    let [breaks, closes, sent_away] = [0; 3].map(|shard| peer(&mut house, shard));
    house.breaks(breaks);
    assert_eq!(only(&mut house, witness), json!({"type": "disconnected", "how": "Lost"}));
    house.closes(closes, CloseCode::NORMAL);
    assert_eq!(
        only(&mut house, witness)["how"],
        format!("{:?}", Gone::ClosedByPeer(Some(CloseCode::NORMAL)))
    );
    please(&mut house, sent_away, "close");
    assert_eq!(house.heard(sent_away).last(), Some(&Heard::Close(1001)));
    let how = format!("{:?}", Gone::ClosedByServer(CloseCode::GOING_AWAY));
    assert_eq!(only(&mut house, witness)["how"], how);
    assert_eq!(house.shard(0).counters().connections, 4);
}

#[test]
fn what_a_kit_sends_after_it_has_closed_is_not_sent() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    let before = house.shard(0).counters();
    please(&mut house, peer, "close and go on");
    assert_eq!(house.heard(peer), [Heard::Close(1001)]);
    let after = house.shard(0).counters();
    assert_eq!(after.messages_sent, before.messages_sent);
    assert_eq!(after.messages_dropped, 0, "nobody was too slow for it");
}

#[test]
fn the_time_is_that_of_the_turn() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    house.pass(1_234);
    please(&mut house, peer, "tell the time");
    let time = json!({"type": "time", "ms": START_MS + 1_234, "unixMs": 1_700_000_001_234_u64});
    assert_eq!(only(&mut house, peer), time);
}

#[test]
fn bytes_go_to_those_who_want_them_on_every_shard() {
    let mut house = puppets(2);
    let [near, far, speaker] = [0, 1, 0].map(|shard| peer(&mut house, shard));
    please(&mut house, speaker, "offer both");
    for peer in [near, far] {
        assert_eq!(house.heard(peer), [Heard::Json(json!({"type": "words"}))]);
    }
    please(&mut house, speaker, "offer bytes alone");
    for peer in [near, far] {
        assert!(house.heard(peer).is_empty(), "there is nothing for whoever wants words");
        please(&mut house, peer, "want binary");
    }
    for what in ["offer both", "offer bytes alone"] {
        please(&mut house, speaker, what);
        for peer in [near, far] {
            assert_eq!(house.heard(peer), [Heard::Binary(b"bytes".to_vec())]);
        }
    }
}

#[test]
fn text_is_text_on_every_shard() {
    let mut house = puppets(2);
    let [near, far] = [0, 1].map(|shard| peer(&mut house, shard));
    please(&mut house, near, "say text");
    for peer in [near, far] {
        assert_eq!(house.heard(peer), [Heard::Text("plain words".to_owned())]);
    }
}

#[test]
fn an_id_is_given_once() {
    let mut house = puppets(2);
    let mut given = Vec::new();
    for shard in [0, 1] {
        let peer = peer(&mut house, shard);
        for id in 0..3 {
            house.pass(u64::from(id == 2));
            house.says(peer, &json!({"type": "please", "do": "give an id", "id": id}));
            let ack = only(&mut house, peer);
            let fresh = ack["fresh"].as_str().expect("an id").to_owned();
            given.push(fresh);
        }
    }
    // Their shard, and microseconds of Unix time, counted on.
    let ids = ["0-1700000000000001", "0-1700000000000002", "0-1700000000001001"];
    assert_eq!(given[..3], ids);
    let ids = ["1-1700000000001001", "1-1700000000001002", "1-1700000000002001"];
    assert_eq!(given[3..], ids);
}

#[test]
fn a_refusal_that_only_whoever_asked_hears() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    please(&mut house, peer, "refuse if asked");
    assert!(house.heard(peer).is_empty());
    house.says(peer, &json!({"type": "please", "do": "refuse if asked", "id": 1}));
    assert_eq!(only(&mut house, peer)["code"], "forbidden");
}

#[test]
fn the_end_of_a_peer_waits_for_the_kit_that_works_for_it() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    please(&mut house, peer, "begin to work");
    house.ends(peer);
    house.pass(20_000);
    assert!(!house.is_gone(peer));
    house.wakes(peer);
    assert!(house.is_gone(peer));
}

#[test]
fn so_does_a_drain() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    please(&mut house, peer, "begin to work");
    house.shard(0).drain(1);
    house.pass(20_000);
    assert!(house.heard(peer).is_empty());
    house.wakes(peer);
    house.pass(20);
    assert!(house.heard(peer).contains(&Heard::Close(1012)));
}

#[test]
fn a_kit_that_never_ends_has_half_a_minute_more_than_others() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    please(&mut house, peer, "begin to work");
    house.ends(peer);
    house.pass(34_900);
    assert!(!house.is_gone(peer), "half a minute, and five seconds");
    house.pass(200);
    assert!(house.is_gone(peer));
}

#[test]
fn a_close_does_not_wait_for_a_kit_at_work() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    please(&mut house, peer, "begin to work");
    house.server_closes(peer, CloseCode::GOING_AWAY);
    house.pass(5_100);
    assert!(house.is_gone(peer), "its peer has not answered the close frame");
}

#[test]
fn somebody_outside_its_turns_sends_through_the_shard() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    house.server_sends(peer, &Outgoing::Binary(b"from outside"));
    assert_eq!(house.heard(peer), [Heard::Binary(b"from outside".to_vec())]);
}

#[test]
fn a_place_without_ways_of_its_own_tells_of_who_comes_and_goes() {
    let mut house = puppets(1);
    let [stays, goes] = [0, 0].map(|shard| peer(&mut house, shard));
    for peer in [stays, goes] {
        house.says(peer, &json!({"type": "join", "room": "r"}));
    }
    assert_eq!(only(&mut house, stays)["type"], "userJoined");
    house.says(goes, &json!({"type": "leave", "room": "r"}));
    assert_eq!(only(&mut house, stays)["type"], "userLeft");
}

#[test]
fn a_letter_counts_for_its_size_unless_its_place_says_otherwise() {
    let mut house = puppets(2);
    let peer = peer(&mut house, 0);
    let room = ["a", "b", "c", "d"].into_iter().find(|room| home_of(room, 2) == ShardId(1)).expect("one");
    let letter = json!({"type": "please", "do": "post", "room": room});
    house.text_before_a_turn(peer, &letter.to_string());
    let (envelopes, bytes) = house.shard(0).take_envelopes(ShardId(1)).expect("the letter");
    assert_eq!((envelopes.len(), bytes), (1, 128 + 16));
}

#[test]
fn a_place_is_woken_once_at_the_earliest_time_it_asked_for() {
    let mut house = puppets(1);
    let peer = peer(&mut house, 0);
    house.says(peer, &json!({"type": "join", "room": "r"}));
    let ask = |house: &mut House, after_ms: u64| {
        let at_ms = START_MS + after_ms;
        house.says(peer, &json!({"type": "please", "do": "post", "room": "r", "at": at_ms}));
    };
    ask(&mut house, 10_000);
    ask(&mut house, 20_000);
    ask(&mut house, 5_000);
    house.pass(4_999);
    assert!(house.heard(peer).is_empty());
    house.pass(1);
    assert_eq!(only(&mut house, peer), json!({"type": "tick", "ms": START_MS + 5_000}));
    // The timers of the times that no longer count wake nobody, and do not keep the next from coming.
    ask(&mut house, 12_000);
    house.pass(6_999);
    assert!(house.heard(peer).is_empty());
    house.pass(10_000);
    assert_eq!(only(&mut house, peer), json!({"type": "tick", "ms": START_MS + 12_000}));
}

/// Refuses something when somebody comes, and when it is woken.
#[derive(Clone, Copy)]
struct Refuses;

impl Kit for Refuses {
    type Place = PlainPlace;

    fn connected(&mut self, cx: &mut Edge<'_, Self>, _: SocketId) {
        cx.refuse(ErrorCode::Forbidden, "Nobody has asked yet");
    }

    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {}

    fn woken(&mut self, cx: &mut Edge<'_, Self>, _: SocketId) {
        cx.refuse(ErrorCode::Forbidden, "What you waited for");
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

#[test]
fn what_a_kit_refuses_when_it_is_woken_is_told_to_the_one_it_was_woken_for() {
    let mut house = House::new(2, &Limits::default(), || vec![Door::new(DoorRules::default(), Refuses)]);
    let [other, waits] = [0, 0].map(|shard| house.connect(shard, 0, &Arrival::default()));
    // The last thing that the shard dealt with was another's: a letter to a place elsewhere.
    for room in ["a", "b", "c", "d"].into_iter().filter(|room| home_of(room, 2) == ShardId(1)) {
        house.says(other, &json!({"type": "join", "room": room}));
    }
    for peer in [other, waits] {
        house.heard(peer);
    }
    house.wakes(waits);
    assert!(house.heard(other).is_empty(), "it is nothing to it");
    house.connect(0, 0, &Arrival::default());
    assert!(house.heard(other).is_empty(), "nor is this");
    assert_eq!(only(&mut house, waits)["message"], "What you waited for");
}
