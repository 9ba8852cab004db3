//! fastwebsockets: one write a message; it has no batched flush.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket, WebSocketError};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::Ended;
use crate::fanout::{Everyone, Place};

pub(crate) async fn echo(stream: TcpStream) -> Ended {
    let mut socket = FragmentCollector::new(WebSocket::after_handshake(stream, Role::Server));
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}

pub(crate) async fn broadcast(stream: TcpStream, everyone: Rc<RefCell<Everyone>>) -> Ended {
    let (place, mut queue) = Place::take(everyone);
    let socket = WebSocket::after_handshake(stream, Role::Server);
    let (mut reader, mut writer) = socket.split(TcpStream::into_split);
    spawn_local(async move {
        while let Some(message) = queue.recv().await {
            let frame = Frame::binary(Payload::Borrowed(&message));
            if writer.write_frame(frame).await.is_err() {
                return;
            }
        }
    });
    loop {
        // Nobody pings here, so nothing has to be answered.
        let frame = reader.read_frame::<_, WebSocketError>(&mut |_| async { Ok(()) }).await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => place.broadcast(&Bytes::copy_from_slice(&frame.payload)),
            _ => {}
        }
    }
}
