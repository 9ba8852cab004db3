//! Opening handshakes: the upgrade (RFC 6455 §4.1), and the way into a namespace of Socket.IO.

use std::net::SocketAddr;

use crate::channel::Channel;
use crate::deflate;
use crate::wire::{Kind, Wire};

/// RFC 6455 §1.3's own example, with the answer that it calls for.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The opening handshake; returns what came behind the answer.
pub(crate) fn upgrade(
    channel: &mut Channel,
    path: &str,
    address: SocketAddr,
    deflates: bool,
) -> Result<Vec<u8>, String> {
    let offer = if deflates { deflate::OFFER } else { "" };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    );
    let sent = channel.write(request.as_bytes()).and_then(|_| channel.flush());
    sent.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let bytes = channel.read_some(&mut piece).map_err(|error| format!("no answer: {error}"))?;
        answer.extend_from_slice(&piece[..bytes]);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&answer[..end]).into_owned();
            if !head.starts_with("HTTP/1.1 101") || !head.contains(ACCEPT) {
                return Err(format!("no upgrade: {head}"));
            }
            if deflates && !deflate::is_agreed(&head) {
                return Err(format!("no permessage-deflate: {head}"));
            }
            return Ok(answer.split_off(end + 4));
        }
        if bytes == 0 {
            return Err("closed in the handshake".to_owned());
        }
    }
}

/// Waits for the session and goes into the namespace; `received` is what came behind the upgrade, and becomes what came behind
/// the server's answer.
pub(crate) fn join(channel: &mut Channel, received: &mut Vec<u8>) -> Result<(), String> {
    expect(channel, received, b"0{")?;
    say(channel, b"40")?;
    expect(channel, received, b"40{\"sid\"")
}

fn say(channel: &mut Channel, packet: &[u8]) -> Result<(), String> {
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, packet);
    channel.write(&frame).and_then(|_| channel.flush()).map_err(|error| error.to_string())
}

fn expect(channel: &mut Channel, received: &mut Vec<u8>, begins: &[u8]) -> Result<(), String> {
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
