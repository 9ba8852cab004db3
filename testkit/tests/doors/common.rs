//! Doors, peers and kits that the dialogues share.

use fanfare_hub::{
    Arrival, Door, DoorRules, Edge, Kit, Limits, Message, Outgoing, PlainPlace, SlowPolicy, SocketId,
};
use fanfare_kits::{Binary, Chat, Echo};
use fanfare_testkit::dialogue::{Heard, House, Peer};
use serde_json::{Value, json};

pub(crate) const ECHO: u8 = 0;
pub(crate) const CHAT: u8 = 1;
pub(crate) const BINARY: u8 = 2;

pub(crate) fn doors() -> Vec<Door> {
    vec![Door::new(Echo.rules(), Echo), Door::new(Chat.rules(), Chat), Door::new(Binary.rules(), Binary)]
}

pub(crate) fn house(shards: u16) -> House {
    House::new(shards, &Limits::default(), doors)
}

/// A peer in the chat that has heard its welcome.
pub(crate) fn guest(house: &mut House, shard: usize) -> (Peer, String) {
    let peer = house.connect(shard, CHAT, &Arrival::default());
    let welcome = house.messages(peer).remove(0);
    (peer, welcome["clientId"].as_str().expect("a clientId").to_owned())
}

pub(crate) fn member(house: &mut House, shard: usize, room: &str) -> (Peer, String) {
    let (peer, id) = guest(house, shard);
    house.says(peer, &json!({"type": "join", "room": room}));
    house.heard(peer);
    (peer, id)
}

/// The one message heard since last asked.
#[track_caller]
pub(crate) fn only(house: &mut House, peer: Peer) -> Value {
    let mut messages = house.messages(peer);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.remove(0)
}

/// Sends everyone who is there as many bytes as it is told.
#[derive(Clone, Copy)]
pub(crate) struct Pump;

impl Kit for Pump {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, _: SocketId, message: Message<'_>) {
        if let Message::Request(request) = message {
            let wanted: Value = serde_json::from_str(request.text).expect("checked by the hub");
            assert!(wanted["panic"].is_null(), "as asked");
            let bytes =
                wanted["bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
            for number in 0..wanted["times"].as_u64().unwrap_or(1) {
                let number = wanted["first"].as_u64().unwrap_or(number) % 256;
                let number = u8::try_from(number).unwrap_or_default();
                cx.everyone(None, &Outgoing::Binary(&vec![number; bytes]));
            }
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

pub(crate) fn pump(slow: SlowPolicy, memory_budget_bytes: usize) -> House {
    let limits = Limits { outbox_bytes: 10_000, memory_budget_bytes, ..Limits::default() };
    House::new(1, &limits, move || vec![Door::new(DoorRules { slow, ..DoorRules::default() }, Pump)])
}

pub(crate) fn binaries(heard: &[Heard]) -> Vec<u8> {
    heard
        .iter()
        .filter_map(|heard| if let Heard::Binary(bytes) = heard { bytes.first().copied() } else { None })
        .collect()
}

#[derive(Clone, Copy)]
pub(crate) struct Panics;

impl Kit for Panics {
    type Place = PlainPlace;

    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {
        panic!("on purpose");
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}
