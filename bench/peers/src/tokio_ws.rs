//! tokio-websockets: what is there is written before one flush.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio_websockets::{Message, Payload, ServerBuilder};

use crate::Ended;
use crate::fanout::{Everyone, Place};

pub(crate) async fn echo(stream: TcpStream) -> Ended {
    let mut socket = ServerBuilder::new().serve(stream);
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
    let (place, mut queue) = Place::take(everyone);
    let (mut sink, mut source) = ServerBuilder::new().serve(stream).split();
    spawn_local(async move {
        while let Some(message) = queue.recv().await {
            let mut next = Some(message);
            while let Some(message) = next {
                if sink.feed(Message::binary(Payload::from(message))).await.is_err() {
                    return;
                }
                next = queue.try_recv().ok();
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
    });
    while let Some(message) = source.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            place.broadcast(&message.into_payload().into());
        }
    }
    Ok(())
}
