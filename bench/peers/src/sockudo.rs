//! sockudo-ws, batched: what is there is written before one flush. With permessage-deflate it is another type of socket.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use sockudo_ws::deflate::DeflateConfig;
use sockudo_ws::{CompressedWebSocketStream, Config, Error, Message, WebSocketStream};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::fanout::{Everyone, Place, send};
use crate::{Ended, MESSAGE_LIMIT_BYTES};

pub(crate) async fn serve(
    stream: TcpStream,
    deflates: bool,
    everyone: Option<Rc<RefCell<Everyone>>>,
) -> Ended {
    let configuration = Config {
        max_frame_size: MESSAGE_LIMIT_BYTES,
        max_message_size: MESSAGE_LIMIT_BYTES,
        // Longer than a measurement, so that none has pings in it.
        idle_timeout: 0,
        ping_interval: 0,
        ..Config::default()
    };
    if deflates {
        let deflate = DeflateConfig {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..DeflateConfig::default()
        };
        either(CompressedWebSocketStream::server(stream, configuration, deflate), everyone).await
    } else {
        either(WebSocketStream::server(stream, configuration), everyone).await
    }
}

async fn either<S>(socket: S, everyone: Option<Rc<RefCell<Everyone>>>) -> Ended
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + 'static,
{
    match everyone {
        Some(everyone) => broadcast(socket, everyone).await,
        None => echo(socket).await,
    }
}

async fn echo<S>(mut socket: S) -> Ended
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin,
{
    while let Some(message) = socket.next().await {
        let mut next = Some(message?);
        while let Some(message) = next {
            if payload(&message).is_some() {
                socket.feed(message).await?;
            }
            next = match socket.next().now_or_never() {
                Some(Some(message)) => Some(message?),
                Some(None) => return Ok(()),
                None => None,
            };
        }
        socket.flush().await?;
    }
    Ok(())
}

async fn broadcast<S>(socket: S, everyone: Rc<RefCell<Everyone>>) -> Ended
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Unpin + 'static,
{
    let (place, queue) = Place::take(everyone);
    let (sink, mut source) = socket.split();
    spawn_local(send(sink, queue, Message::Binary));
    while let Some(message) = source.next().await {
        if let Some(payload) = payload(&message?) {
            place.broadcast(payload);
        }
    }
    Ok(())
}

fn payload(message: &Message) -> Option<&Bytes> {
    match message {
        Message::Text(payload) | Message::Binary(payload) => Some(payload),
        _ => None,
    }
}
