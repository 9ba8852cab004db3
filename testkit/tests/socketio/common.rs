//! What the dialogues share.

use std::sync::Arc;

use fanfare_hub::{
    Dialect, Door, DoorRules, Edge, Kit, Limits, Message, Namespace, Parser, PlainPlace, Silent, SocketId,
};
use fanfare_kits::{Binary, Chat, Echo};
use fanfare_testkit::dialogue::{Heard, House, Peer, Session};

pub(crate) const CHAT: u8 = 0;
pub(crate) const SOCKETIO: u8 = 2;

/// Takes one message of a client and then no more, as where a handler waits for ever.
#[derive(Clone)]
struct Holds;

impl Kit for Holds {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, _: Message<'_>) {
        cx.hold(from);
        cx.busy(from, true);
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

fn namespace(name: &str) -> DoorRules {
    DoorRules { namespace: Some(Namespace::Named(name.into())), ..DoorRules::default() }
}

pub(crate) fn house_with(shards: u16, limits: &Limits) -> House {
    House::new(shards, limits, || {
        let engine = DoorRules {
            dialect: Dialect::SocketIo(Parser::Json),
            text_limit_bytes: 1 << 20,
            ..DoorRules::default()
        };
        let fits = Namespace::Fitting(Arc::new(|name| name.starts_with("/any-")));
        let events = |rules: DoorRules| DoorRules { dialect: Dialect::Events, ..rules };
        let any = events(DoorRules { namespace: Some(fits), ..DoorRules::default() });
        vec![
            Door::new(namespace("/chat"), Chat),
            Door::new(namespace("/binary"), Binary),
            Door::new(engine, Silent),
            Door::new(events(namespace("/")), Silent),
            Door::new(any, Silent),
            Door::new(events(namespace("/held")), Holds),
            Door::new(events(namespace("/echo")), Echo),
        ]
    })
}

pub(crate) fn house(shards: u16) -> House {
    house_with(shards, &Limits::default())
}

/// The packets of a polling body.
pub(crate) fn packets(body: &str) -> Vec<String> {
    body.split('\u{1e}').map(str::to_owned).collect()
}

/// Everything that the session gets without waiting.
pub(crate) fn drain(house: &mut House, session: &Session) -> Vec<String> {
    house.poll(session).expect("a poll").map(|body| packets(&body)).unwrap_or_default()
}

/// A session that polls and is in `/chat`.
pub(crate) fn polling_member(house: &mut House, shard: usize, room: &str) -> Session {
    let session = house.open_session(shard, SOCKETIO);
    let join = format!(r#"40/chat,{{"userName":"Pol"}}{}42/chat,["join",{{"room":"{room}"}}]"#, '\u{1e}');
    assert!(house.post(&session, &join).expect("a post"));
    let heard = drain(house, &session);
    assert!(heard[0].starts_with(r#"40/chat,{"sid":""#), "{heard:?}");
    assert!(heard.iter().any(|packet| packet.starts_with(r#"42/chat,["history""#)), "{heard:?}");
    session
}

/// A Socket.IO client over WebSocket that is in `/chat`.
pub(crate) fn websocket_member(house: &mut House, shard: usize, room: &str) -> Peer {
    let peer = house.connect_socketio(shard, SOCKETIO);
    house.text(peer, "40/chat,");
    house.text(peer, &format!(r#"42/chat,["join",{{"room":"{room}"}}]"#));
    assert!(texts(house, peer).iter().any(|packet| packet.starts_with(r#"42/chat,["history""#)));
    peer
}

/// The packets that a peer has heard as text.
pub(crate) fn texts(house: &mut House, peer: Peer) -> Vec<String> {
    let text = |heard| match heard {
        Heard::Text(text) => Some(text),
        _ => None,
    };
    house.heard(peer).into_iter().filter_map(text).collect()
}

/// What was said in the packets of `/chat` that are messages.
pub(crate) fn said(packets: &[String]) -> Vec<String> {
    let text = |packet: &String| {
        let json = packet.strip_prefix("42/chat,")?;
        let event: serde_json::Value = serde_json::from_str(json).expect("an event");
        (event[0] == "chat").then(|| event[1]["text"].as_str().expect("a text").to_owned())
    };
    packets.iter().filter_map(text).collect()
}
