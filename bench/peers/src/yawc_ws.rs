//! yawc: what is there is written before one flush.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use yawc::frame::{Frame, OpCode};
use yawc::{DeflateOptions, Options, Role, WebSocket};

use crate::fanout::{Everyone, Place, send};
use crate::upgrade::DEFLATE;
use crate::{Ended, MESSAGE_LIMIT_BYTES};

fn socket(stream: TcpStream, deflates: bool) -> yawc::Result<WebSocket<TcpStream>> {
    let options = Options {
        check_utf8: true,
        compression: deflates.then(DeflateOptions::default),
        ..Options::default().with_limits(MESSAGE_LIMIT_BYTES, 2 * MESSAGE_LIMIT_BYTES)
    };
    WebSocket::from_stream_with_extensions(stream, Role::Server, deflates.then_some(DEFLATE), options)
}

pub(crate) async fn echo(stream: TcpStream, deflates: bool) -> Ended {
    let mut socket = socket(stream, deflates)?;
    while let Some(frame) = socket.next().await {
        let mut next = Some(frame);
        while let Some(frame) = next {
            if is_message(&frame) {
                socket.feed(frame).await?;
            }
            next = match socket.next().now_or_never() {
                Some(Some(frame)) => Some(frame),
                Some(None) => return Ok(()),
                None => None,
            };
        }
        socket.flush().await?;
    }
    Ok(())
}

pub(crate) async fn broadcast(stream: TcpStream, deflates: bool, everyone: Rc<RefCell<Everyone>>) -> Ended {
    let (place, queue) = Place::take(everyone);
    let (sink, mut source) = socket(stream, deflates)?.split();
    spawn_local(send(sink, queue, Frame::binary));
    while let Some(frame) = source.next().await {
        if is_message(&frame) {
            place.broadcast(frame.payload());
        }
    }
    Ok(())
}

fn is_message(frame: &Frame) -> bool {
    matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
}
