//! tungstenite under tokio-tungstenite: a 4 KiB read buffer (its default is 128 KiB a connection), and what is there is
//! written before one flush.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::fanout::{Everyone, Place, send};
use crate::{Ended, MESSAGE_LIMIT_BYTES};

async fn socket(stream: TcpStream) -> WebSocketStream<TcpStream> {
    let configuration = WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        .max_frame_size(Some(MESSAGE_LIMIT_BYTES))
        .max_message_size(Some(MESSAGE_LIMIT_BYTES));
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(configuration)).await
}

pub(crate) async fn echo(stream: TcpStream) -> Ended {
    let mut socket = socket(stream).await;
    while let Some(message) = socket.next().await {
        let mut next = Some(message?);
        while let Some(message) = next {
            if message.is_text() || message.is_binary() {
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

pub(crate) async fn broadcast(stream: TcpStream, everyone: Rc<RefCell<Everyone>>) -> Ended {
    let (place, queue) = Place::take(everyone);
    let (sink, mut source) = socket(stream).await.split();
    spawn_local(send(sink, queue, Message::Binary));
    while let Some(message) = source.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            place.broadcast(&message.into_data());
        }
    }
    Ok(())
}
