//! A kit of one's own: in each room a button, and how often it was pressed, at `/button`.
//!
//! `cargo run --release -p fanfare --example kit`, and then any WebSocket client:
//!
//! ```json
//! {"type":"join","room":"lobby"}
//! {"type":"press","id":1}
//! ```

use std::collections::BTreeMap;

use fanfare::hub::{
    Edge, ErrorCode, Event, Kit, Message, Outgoing, Place, PlaceContext, Sender, SocketId, body,
};
use fanfare::{App, ServeError, Server};

/// The edge: each shard has a clone of it, for the connections that it has. Joining and leaving rooms is the hub's work.
#[derive(Clone)]
struct Button;

impl Kit for Button {
    type Place = Presses;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: Message<'_>) {
        // `request.text` is the whole JSON text, for a message with members of its own.
        let Message::Request(request) = message else { return };
        match (&*request.kind, cx.last_joined(from)) {
            ("press", Some(room)) => cx.post(&room, from, Press),
            ("press", None) => cx.refuse(ErrorCode::Forbidden, "Join a room first"),
            (unknown, _) => cx.refuse(ErrorCode::UnknownType, &format!("Unknown message type: {unknown}")),
        }
    }

    fn place(&mut self, _room: &str) -> Presses {
        Presses(0)
    }
}

/// The place: one for each room, wherever the members are connected, so that there is one count.
struct Presses(u64);

/// What the edge sends the place.
struct Press;

impl Place for Presses {
    type Letter = Press;

    fn letter(&mut self, cx: &mut PlaceContext<'_>, _from: &Sender, Press: Press) {
        self.0 += 1;
        // Whatever serde serialises to a JSON object will do.
        let count = BTreeMap::from([("count", self.0)]);
        cx.broadcast(None, &Outgoing::Event(Event { name: "pressed", body: &body(&count) }));
        cx.ack(&count);
    }
}

#[expect(clippy::print_stdout, reason = "an example says where it listens")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), ServeError> {
    let running = Server::bind("127.0.0.1:3000").start(App::new().mount("/button", Button))?;
    println!("listening on ws://{}/button", running.address());
    running.wait().await
}
