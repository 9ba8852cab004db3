//! Opening handshakes: the upgrade (RFC 6455 §4.1), and the way into a namespace of Socket.IO.

use super::channel::{Channel, Patience};
use crate::failure::Failure;
use crate::wire::{Kind, Wire, deflate, socketio};

/// RFC 6455 §1.3's own example, with the answer that it calls for.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The longest answer to a handshake that is read, and as much of its body.
const ANSWER_LIMIT_BYTES: usize = 16 << 10;

/// What a server says while the handshake goes on.
pub(crate) struct Answers<'a> {
    channel: &'a mut Channel,
    patience: &'a Patience,
    received: Vec<u8>,
}

impl<'a> Answers<'a> {
    pub(crate) fn new(channel: &'a mut Channel, patience: &'a Patience) -> Self {
        Self { channel, patience, received: Vec::new() }
    }

    /// What came behind the handshake.
    pub(crate) fn rest(self) -> Vec<u8> {
        self.received
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.channel.write(bytes).and_then(|_| self.channel.flush()).map_err(Failure::Broken)
    }

    /// Reads more; how much came, 0 at the end.
    fn more(&mut self) -> Result<usize, Failure> {
        let mut piece = [0; 4096];
        let bytes = self.channel.read_patiently(&mut piece, self.patience)?;
        self.received.extend_from_slice(&piece[..bytes]);
        Ok(bytes)
    }
}

/// Asks for the upgrade, and reads the answer's head.
pub(crate) fn upgrade(
    answers: &mut Answers<'_>,
    path: &str,
    host: &str,
    deflates: bool,
) -> Result<(), Failure> {
    let failed = |what: &str| Failure::Handshake { what: what.to_owned() };
    let offer = if deflates { deflate::OFFER } else { "" };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    answers.say(request.as_bytes())?;
    loop {
        let bytes = answers.more()?;
        if let Some(end) = answers.received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&answers.received[..end]).into_owned();
            answers.received.drain(..end + 4);
            return judge(answers, &head, deflates);
        }
        if bytes == 0 {
            return Err(failed("the server ended the connection before it answered"));
        }
        if answers.received.len() > ANSWER_LIMIT_BYTES {
            return Err(failed("the server's answer has no end"));
        }
    }
}

fn judge(answers: &mut Answers<'_>, head: &str, deflates: bool) -> Result<(), Failure> {
    let first = head.lines().next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "));
    let Some(status) = status else {
        return Err(Failure::Handshake { what: "the server does not speak HTTP there".to_owned() });
    };
    if !status.starts_with("101") {
        let body = body(answers, header(head, "content-length"));
        return Err(Failure::Refused { status: status.to_owned(), body });
    }
    if header(head, "sec-websocket-accept") != Some(ACCEPT) {
        return Err(Failure::Handshake { what: "the server's Sec-WebSocket-Accept is wrong".to_owned() });
    }
    if deflates && !header(head, "sec-websocket-extensions").is_some_and(deflate::is_agreed) {
        let what = "the server does not agree to permessage-deflate, each message by itself".to_owned();
        return Err(Failure::Handshake { what });
    }
    Ok(())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// The beginning of a refusal's body. What does not come is not waited for twice: the refusal is known without it.
fn body(answers: &mut Answers<'_>, length: Option<&str>) -> String {
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(ANSWER_LIMIT_BYTES);
    while answers.received.len() < length.min(ANSWER_LIMIT_BYTES) {
        if !matches!(answers.more(), Ok(1..)) {
            break;
        }
    }
    String::from_utf8_lossy(&answers.received).into_owned()
}

/// Waits for the session and goes into the namespace.
pub(crate) fn join(answers: &mut Answers<'_>, namespace: &str) -> Result<(), Failure> {
    expect(answers, |packet| packet.starts_with(b"0{").then_some(Ok(())))?;
    let prefix = socketio::prefix(namespace);
    packet(answers, format!("40{prefix}").as_bytes())?;
    let (entered, refused) = (format!("40{prefix}{{\"sid\""), format!("44{prefix}"));
    expect(answers, |packet| {
        if let Some(reason) = packet.strip_prefix(refused.as_bytes()) {
            return Some(Err(Failure::Namespace { reason: String::from_utf8_lossy(reason).into_owned() }));
        }
        packet.starts_with(entered.as_bytes()).then_some(Ok(()))
    })
}

fn packet(answers: &mut Answers<'_>, packet: &[u8]) -> Result<(), Failure> {
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, packet);
    answers.say(&frame)
}

/// Reads packets up to the one that `judge` knows.
fn expect(
    answers: &mut Answers<'_>,
    judge: impl Fn(&[u8]) -> Option<Result<(), Failure>>,
) -> Result<(), Failure> {
    loop {
        if let Some((taken, payload)) = Wire::WebSocket.read(&answers.received) {
            let payload = payload.unwrap_or_default().to_vec();
            answers.received.drain(..taken);
            if let Some(judged) = judge(&payload) {
                return judged;
            }
            // socketioxide pings as soon as a session is open.
            if payload != socketio::PING {
                let what = format!("`{}` came instead of a session", String::from_utf8_lossy(&payload));
                return Err(Failure::Handshake { what });
            }
            packet(answers, socketio::PONG)?;
            continue;
        }
        if answers.more()? == 0 {
            return Err(Failure::Ended);
        }
    }
}
