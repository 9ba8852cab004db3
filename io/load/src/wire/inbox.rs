//! What a server sends, put together again: frames to messages (RFC 6455 §5), control frames answered.

use super::{Kind, Wire, head, socketio};
use crate::failure::Failure;

const FIN: u8 = 0x80;
const OPCODE: u8 = 0x0F;
const CONTINUATION: u8 = 0x0;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const MASKED: u8 = 0x80;

/// A close frame without a code (RFC 6455 §7.1.5).
const NO_CODE: u16 = 1005;

/// The bytes of a connection that are no whole message yet.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// A frame of which a part is there.
    partial: Vec<u8>,
    /// The frames before it of a message in several.
    fragments: Vec<u8>,
    /// Whether messages are packets of Engine.IO, which has a heartbeat of its own.
    engine: bool,
}

impl Inbox {
    pub(crate) fn new(wire: Wire, early: Vec<u8>) -> Self {
        Self { partial: early, engine: wire == Wire::SocketIo, ..Self::default() }
    }

    /// Gives each message that ends in these bytes to `take`, and appends what control frames want as an answer.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        answers: &mut Vec<u8>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        if self.partial.is_empty() {
            let taken = self.frames(bytes, answers, &mut take)?;
            self.partial.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        let mut whole = std::mem::take(&mut self.partial);
        whole.extend_from_slice(bytes);
        let taken = self.frames(&whole, answers, &mut take)?;
        whole.drain(..taken);
        self.partial = whole;
        Ok(())
    }

    fn frames(
        &mut self,
        bytes: &[u8],
        answers: &mut Vec<u8>,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some((payload_at, length)) = head(&bytes[taken..]) {
            let frame = &bytes[taken..];
            if frame[1] & MASKED != 0 {
                return Err(Failure::Misbehaved("a frame with a mask (RFC 6455 §5.1)"));
            }
            let Some(end) = payload_at.checked_add(length).filter(|end| *end <= frame.len()) else { break };
            self.frame(frame[0], &frame[payload_at..end], answers, take)?;
            taken += end;
        }
        Ok(taken)
    }

    fn frame(
        &mut self,
        first: u8,
        payload: &[u8],
        answers: &mut Vec<u8>,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        match first & OPCODE {
            CLOSE => return Err(closed(payload)),
            PING => Wire::WebSocket.write(answers, Kind::Pong, payload),
            opcode if opcode > CLOSE => {}
            opcode if first & FIN == 0 || opcode == CONTINUATION => {
                self.fragments.extend_from_slice(payload);
                if first & FIN != 0 {
                    let message = std::mem::take(&mut self.fragments);
                    return self.message(&message, answers, take);
                }
            }
            _ => return self.message(payload, answers, take),
        }
        Ok(())
    }

    fn message(
        &mut self,
        message: &[u8],
        answers: &mut Vec<u8>,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), Failure> {
        match message {
            socketio::PING if self.engine => Wire::WebSocket.write(answers, Kind::Text, socketio::PONG),
            socketio::END if self.engine => return Err(ended("the Engine.IO session was closed")),
            _ if self.engine && message.starts_with(socketio::DISCONNECT) => {
                return Err(ended("the server left the namespace"));
            }
            _ => take(message),
        }
        Ok(())
    }
}

fn ended(reason: &str) -> Failure {
    Failure::Closed { code: NO_CODE, reason: reason.to_owned() }
}

fn closed(payload: &[u8]) -> Failure {
    match payload {
        [high, low, reason @ ..] => Failure::Closed {
            code: u16::from_be_bytes([*high, *low]),
            reason: String::from_utf8_lossy(reason).into_owned(),
        },
        _ => Failure::Closed { code: NO_CODE, reason: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text in two frames with a ping between them, a binary message, and the close.
    const SAID: &[u8] = b"\x01\x03one\x89\x02hi\x80\x03two\x82\x01x\x88\x05\x03\xf4bye";

    #[test]
    fn however_the_bytes_are_cut_the_messages_are_the_same() {
        for piece in 1..SAID.len() {
            let mut inbox = Inbox::new(Wire::WebSocket, Vec::new());
            let (mut answers, mut messages) = (Vec::new(), Vec::new());
            let mut end = None;
            for bytes in SAID.chunks(piece) {
                let read = inbox.receive(bytes, &mut answers, |message| messages.push(message.to_vec()));
                end = read.err().or(end);
            }
            assert_eq!(messages, [&b"onetwo"[..], b"x"], "pieces of {piece}");
            let mut pong = Vec::new();
            Wire::WebSocket.write(&mut pong, Kind::Pong, b"hi");
            assert_eq!(answers, pong);
            assert!(
                matches!(&end, Some(Failure::Closed { code: 1012, reason }) if reason == "bye"),
                "{end:?}"
            );
        }
    }

    #[test]
    fn engine_io_has_a_heartbeat_of_its_own() {
        let mut inbox = Inbox::new(Wire::SocketIo, b"\x81".to_vec());
        let (mut answers, mut messages) = (Vec::new(), 0);
        inbox.receive(b"\x012\x81\x02ab", &mut answers, |_| messages += 1).unwrap();
        let mut pong = Vec::new();
        Wire::WebSocket.write(&mut pong, Kind::Text, b"3");
        assert_eq!((answers, messages), (pong, 1));
        let left = inbox.receive(b"\x81\x0841/chat,", &mut Vec::new(), |_| {});
        assert!(matches!(left, Err(Failure::Closed { .. })), "{left:?}");
    }

    #[test]
    fn a_length_that_never_comes_takes_no_memory_and_a_mask_ends_it() {
        let mut inbox = Inbox::default();
        inbox.receive(b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", &mut Vec::new(), |_| {}).unwrap();
        assert_eq!(inbox.partial.len(), 10);
        let masked = Inbox::default().receive(b"\x81\x80\0\0\0\0", &mut Vec::new(), |_| {});
        assert!(matches!(masked, Err(Failure::Misbehaved(_))));
    }
}
