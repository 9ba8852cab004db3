//! Socket.IO v5 over WebSocket, as far as the load speaks it: into the namespace `/`, and events with one text.

use std::io::{Read, Write};

use super::tls::Channel;
use super::wire::{Kind, Wire};

/// Where the servers have it.
pub(crate) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// The event with this text, which holds nothing that JSON would escape.
pub(crate) fn event(text: &[u8]) -> Vec<u8> {
    [b"42[\"message\",\"", text, b"\"]"].concat()
}

/// The text of an event of any name; `None` where a packet is no such event.
pub(crate) fn text(packet: &[u8]) -> Option<&[u8]> {
    let rest = packet.strip_prefix(b"42[\"")?.strip_suffix(b"\"]")?;
    let between = rest.windows(3).position(|three| three == b"\",\"")?;
    rest.get(between + 3..)
}

/// Whether a frame of this length may be an event: a ping is one byte long.
pub(crate) fn may_be_event(payload_bytes: usize) -> bool {
    payload_bytes > 1
}

/// Waits for the session and goes into the namespace; `received` is what came behind the upgrade, and becomes what came behind
/// the server's answer.
pub(crate) fn join<S: Read + Write>(channel: &mut Channel<S>, received: &mut Vec<u8>) -> Result<(), String> {
    expect(channel, received, b"0{")?;
    say(channel, b"40")?;
    expect(channel, received, b"40{\"sid\"")
}

fn say<S: Read + Write>(channel: &mut Channel<S>, packet: &[u8]) -> Result<(), String> {
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, packet);
    channel.write(&frame).and_then(|_| channel.flush()).map_err(|error| error.to_string())
}

fn expect<S: Read + Write>(
    channel: &mut Channel<S>,
    received: &mut Vec<u8>,
    begins: &[u8],
) -> Result<(), String> {
    let mut piece = [0; 1024];
    loop {
        if let Some((taken, packet)) = Wire::WebSocket.read(received) {
            let packet: Vec<u8> = packet.unwrap_or_default().to_vec();
            received.drain(..taken);
            if packet.starts_with(begins) {
                return Ok(());
            }
            // socketioxide pings as soon as a session is open.
            if packet != b"2" {
                return Err(format!("`{}` came in the handshake", String::from_utf8_lossy(&packet)));
            }
            say(channel, b"3")?;
            continue;
        }
        match channel.read_some(&mut piece).map_err(|error| format!("no answer: {error}"))? {
            0 => return Err("closed in the handshake".to_owned()),
            bytes => received.extend_from_slice(&piece[..bytes]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_text_comes_out_as_it_went_in() {
        assert_eq!(event(b"abc"), b"42[\"message\",\"abc\"]");
        assert_eq!(text(&event(b"abc")), Some(&b"abc"[..]));
        assert_eq!(text(b"42[\"message-back\",\"a-b\"]"), Some(&b"a-b"[..]));
        assert!(
            [&b"2"[..], b"40{\"sid\":\"x\"}", b"42[\"x\"]", b"42[\"x\",1]"]
                .map(text)
                .iter()
                .all(Option::is_none)
        );
        assert!(may_be_event(event(b"").len()) && !may_be_event(1));
    }
}
