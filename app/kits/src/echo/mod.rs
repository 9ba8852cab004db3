//! `/echo`: text and binary come back unchanged. For trying clients and for measuring.

use fanfare_hub::{Dialect, DoorRules, Edge, Kit, Message, PlainPlace, SlowPolicy, SocketId};

/// Sends every message back to where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

/// What a client may send to be sent back.
const MESSAGE_LIMIT_BYTES: usize = 64 << 20;

impl Kit for Echo {
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Text(text) => cx.send_text(from, text),
            Message::Binary(payload) => cx.send_binary(from, payload),
            Message::Request(_) | Message::Event(_) | Message::Acknowledged { .. } => {}
        }
    }

    fn rules(&self) -> DoorRules {
        DoorRules {
            dialect: Dialect::Plain,
            text_limit_bytes: MESSAGE_LIMIT_BYTES,
            binary_limit_bytes: MESSAGE_LIMIT_BYTES,
            slow: SlowPolicy::Disconnect,
            namespace: None,
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}
