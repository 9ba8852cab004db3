//! tokio-websockets: what is there is written before one flush.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio_websockets::{Config, Limits, Message, Payload, ServerBuilder, WebSocketStream};

use crate::fanout::{Everyone, Place, send};
use crate::{Ended, MESSAGE_LIMIT_BYTES};

fn socket(stream: TcpStream) -> WebSocketStream<TcpStream> {
    // One frame a message, as the others have it; by itself it cuts them at 4 MiB.
    let configuration = Config::default().frame_size(MESSAGE_LIMIT_BYTES);
    let limits = Limits::default().max_payload_len(Some(MESSAGE_LIMIT_BYTES));
    ServerBuilder::new().config(configuration).limits(limits).serve(stream)
}

pub(crate) async fn echo(stream: TcpStream) -> Ended {
    let mut socket = socket(stream);
    let mut turn = Vec::new();
    while let Some(message) = socket.next().await {
        turn.push(message?);
        // It flushes whenever it reads, so everything that is there is read before the first is written.
        while let Some(message) = socket.next().now_or_never() {
            let Some(message) = message else { return Ok(()) };
            turn.push(message?);
        }
        for message in turn.drain(..).filter(|message| message.is_text() || message.is_binary()) {
            socket.feed(message).await?;
        }
        socket.flush().await?;
    }
    Ok(())
}

pub(crate) async fn broadcast(stream: TcpStream, everyone: Rc<RefCell<Everyone>>) -> Ended {
    let (place, queue) = Place::take(everyone);
    let (sink, mut source) = socket(stream).split();
    spawn_local(send(sink, queue, |message| Message::binary(Payload::from(message))));
    while let Some(message) = source.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            place.broadcast(&message.into_payload().into());
        }
    }
    Ok(())
}
