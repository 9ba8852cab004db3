//! `/echo`: text and binary come back unchanged. For trying clients and for measuring.

use fanfare_hub::{Dialect, Door, DoorRules, Edge, Kit, Message, PlainPlace, SlowPolicy, SocketId};

/// Sends every message back to where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Echo {
    /// The kit with the rules of its door: no dialect, messages to `message_limit_bytes`.
    #[must_use]
    pub fn door(message_limit_bytes: usize) -> Door {
        let rules = DoorRules {
            dialect: Dialect::Plain,
            text_limit_bytes: message_limit_bytes,
            binary_limit_bytes: message_limit_bytes,
            slow: SlowPolicy::Disconnect,
        };
        Door::new(rules, Self)
    }
}

impl Kit for Echo {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Text(text) => cx.send_text(from, text),
            Message::Binary(payload) => cx.send_binary(from, payload),
            Message::Request(_) => {}
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}
