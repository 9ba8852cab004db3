//! The messages of a run: one frame made beforehand, in which only a number changes.

use crate::wire::{Kind, MASK, Wire, socketio};

/// Digits of a message's number, as far as its payload has room for them; sixteen to the power of so many messages are told
/// apart, and no server holds as many back.
const DIGITS: usize = 12;

/// What goes around a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    /// The payload is the message.
    Bare(Kind),
    /// It is the one text of an event, in this namespace.
    Event { namespace: &'a str },
    /// It is what somebody says in this room of the chat kit.
    Chat { room: &'a str },
    /// The same in a namespace of Socket.IO.
    ChatEvent { namespace: &'a str, room: &'a str },
}

/// A message that differs from the one before in its number only.
#[derive(Debug)]
pub(crate) struct Template {
    frame: Vec<u8>,
    /// The payload, but for its number.
    letters: Vec<u8>,
    /// Where the payload begins in the frame, and in the message that the frame holds.
    payload_at: usize,
    offset: usize,
    bytes: usize,
    /// What stands directly before and behind the payload in what comes back.
    before: &'static [u8],
    behind: &'static [u8],
    /// Where the payload began in the last message that came.
    found_at: usize,
}

impl Template {
    pub(crate) fn new(form: Form<'_>, bytes: usize) -> Self {
        let (kind, before, head, tail) = match form {
            Form::Bare(kind) => (kind, &b""[..], String::new(), ""),
            Form::Event { namespace } => {
                let head = format!("42{}[\"message\",\"", socketio::prefix(namespace));
                (Kind::Text, &b"\",\""[..], head, "\"]")
            }
            Form::Chat { room } => {
                let head = format!("{{\"type\":\"chat\",\"room\":{},\"text\":\"", json(room));
                (Kind::Text, &b"\"text\":\""[..], head, "\"}")
            }
            Form::ChatEvent { namespace, room } => {
                let prefix = socketio::prefix(namespace);
                let head = format!("42{prefix}[\"chat\",{{\"room\":{},\"text\":\"", json(room));
                (Kind::Text, &b"\"text\":\""[..], head, "\"}]")
            }
        };
        let behind = if before.is_empty() { &b""[..] } else { b"\"" };
        let letters: String = ('a'..='z').cycle().take(bytes).collect();
        let message = format!("{head}{letters}{tail}");
        let mut frame = Vec::new();
        Wire::WebSocket.write(&mut frame, kind, message.as_bytes());
        let payload_at = frame.len() - message.len() + head.len();
        let letters = letters.into_bytes();
        Self { frame, letters, payload_at, offset: head.len(), bytes, before, behind, found_at: 0 }
    }

    /// Appends the message of this number as the client sends it.
    pub(crate) fn write(&self, out: &mut Vec<u8>, number: u64) {
        let start = out.len() + self.payload_at;
        out.extend_from_slice(&self.frame);
        // The least significant digit comes first, so that what a short payload has room for differs.
        for (place, byte) in out[start..].iter_mut().take(self.digits()).enumerate() {
            let digit = (number >> (4 * place)) & 0xF;
            *byte = b"0123456789abcdef"[digit as usize] ^ MASK[(self.offset + place) % MASK.len()];
        }
    }

    /// How far the number of a message that came is from the one expected; `None` where it is no message of this run.
    pub(crate) fn distance(&mut self, message: &[u8], expected: u64) -> Option<u64> {
        let number = self.number(message)?;
        let numbers = 1_u64 << (4 * self.digits());
        Some(number.wrapping_sub(expected) % numbers)
    }

    fn number(&mut self, message: &[u8]) -> Option<u64> {
        let at = if self.is_at(message, self.found_at) { self.found_at } else { self.find(message)? };
        self.found_at = at;
        let (digits, letters) = message.get(at..at + self.bytes)?.split_at(self.digits());
        if *letters != self.letters[self.digits()..] {
            return None;
        }
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(u64::from(byte - b'0')),
            b'a'..=b'f' => Some(u64::from(byte - b'a' + 10)),
            _ => None,
        };
        digits.iter().rev().try_fold(0, |number, byte| Some((number << 4) | digit(byte)?))
    }

    fn digits(&self) -> usize {
        DIGITS.min(self.bytes)
    }

    /// Whether the payload begins here.
    fn is_at(&self, message: &[u8], at: usize) -> bool {
        let end = at + self.bytes;
        match self.before {
            [] => at == 0 && message.len() == self.bytes,
            before => {
                message.get(..at).is_some_and(|head| head.ends_with(before))
                    && message.get(end..).is_some_and(|tail| tail.starts_with(self.behind))
            }
        }
    }

    fn find(&self, message: &[u8]) -> Option<usize> {
        if self.before.is_empty() {
            return Some(0).filter(|at| self.is_at(message, *at));
        }
        let ends = message.windows(self.before.len()).enumerate();
        ends.filter(|(_, window)| *window == self.before)
            .map(|(start, _)| start + self.before.len())
            .find(|at| self.is_at(message, *at))
    }
}

/// A text as JSON has it.
pub(crate) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The message that a server sees in a client's frame.
    fn seen(template: &Template, number: u64) -> Vec<u8> {
        let mut frame = Vec::new();
        template.write(&mut frame, number);
        let mask_at = frame.windows(4).position(|four| four == MASK).unwrap();
        let payload = frame[mask_at + 4..].iter().zip(MASK.iter().cycle());
        payload.map(|(byte, mask)| byte ^ mask).collect()
    }

    #[test]
    fn a_server_sees_the_form_and_the_number() {
        let chat = Form::ChatEvent { namespace: "/chat", room: "a\"b" };
        for (form, message) in [
            (Form::Bare(Kind::Binary), "fe1000000000m"),
            (Form::Event { namespace: "/" }, "42[\"message\",\"fe1000000000m\"]"),
            (Form::Event { namespace: "/echo" }, "42/echo,[\"message\",\"fe1000000000m\"]"),
            (Form::Chat { room: "r" }, "{\"type\":\"chat\",\"room\":\"r\",\"text\":\"fe1000000000m\"}"),
            (chat, "42/chat,[\"chat\",{\"room\":\"a\\\"b\",\"text\":\"fe1000000000m\"}]"),
        ] {
            let mut template = Template::new(form, 13);
            assert_eq!(String::from_utf8_lossy(&seen(&template, 0x1EF)), *message);
            assert_eq!(template.distance(message.as_bytes(), 0x1EF), Some(0));
            assert_eq!(template.distance(message.as_bytes(), 0x1EE), Some(1));
        }
    }

    #[test]
    fn what_comes_back_may_be_dressed_otherwise() {
        let mut template = Template::new(Form::Event { namespace: "/" }, 4);
        for (message, distance) in [
            ("42[\"message-back\",\"5000\"]", Some(0)),
            ("42/n,[\"m\",\"7000\"]", Some(2)),
            ("42[\"m\",\"700\"]", None),
            ("42[\"m\",\"7x00\"]", None),
            ("40{\"sid\":\"x\"}", None),
        ] {
            assert_eq!(template.distance(message.as_bytes(), 5), distance, "{message}");
        }
        let mut chat = Template::new(Form::Chat { room: "r" }, 2);
        let message = b"{\"type\":\"chat\",\"id\":\"1\",\"text\":\"a0\",\"timestamp\":1}";
        assert_eq!(chat.distance(message, 9), Some(1));
    }

    #[test]
    fn a_short_payload_tells_near_messages_apart() {
        let mut template = Template::new(Form::Bare(Kind::Text), 1);
        let message = seen(&template, 0x123);
        assert_eq!(message, b"3");
        assert_eq!(
            (template.distance(&message, 0x123), template.distance(&message, 0x122)),
            (Some(0), Some(1))
        );
    }
}
