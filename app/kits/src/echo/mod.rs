//! `/echo`: text, binary and events of Socket.IO come back unchanged. For trying clients and for measuring.

use fanfare_hub::{
    Arguments, Dialect, DoorRules, Edge, Kit, Message, Outgoing, PlainPlace, SlowPolicy, SocketEvent,
    SocketId,
};

/// Sends every message back to where it came from. An event that wants an acknowledgement has its arguments back in that, and
/// any other comes back under its own name. A door has one dialect: one that takes events is a door of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

/// What a client may send to be sent back.
const MESSAGE_LIMIT_BYTES: usize = 64 << 20;

impl Kit for Echo {
    type Place = PlainPlace;

    #[inline]
    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        match message {
            Message::Text(text) => cx.send_text(from, text),
            Message::Binary(payload) => cx.send_binary(from, payload),
            Message::Event(event) => send_back(cx, from, &event),
            Message::Request(_) | Message::Acknowledged { .. } => {}
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

fn send_back(cx: &mut Edge<'_, Echo>, to: SocketId, event: &SocketEvent<'_>) {
    let arguments = Arguments { json: event.arguments, attachments: &event.attachments };
    let back = match event.id {
        Some(id) => Outgoing::Acknowledge { id, arguments },
        None => Outgoing::Emit { name: &event.name, arguments, id: None },
    };
    cx.send(to, &back);
}
