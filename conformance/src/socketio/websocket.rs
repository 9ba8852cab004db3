//! A Socket.IO client over WebSocket.

use std::net::SocketAddr;

use fanfare_websocket::Opcode;

use super::{Answer, Cut, Http, PATIENCE, Packet};
use crate::real::{Client, Outcome, Seen, client_frame, ensure};

/// An established WebSocket connection to an Engine.IO server.
#[derive(Debug)]
pub struct WebSocket {
    client: Client,
    cut: Cut,
    /// Questions after us are answered by themselves.
    pub answers_pings: bool,
}

/// The request that opens a WebSocket at this target.
#[must_use]
pub fn handshake(address: SocketAddr, target: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

impl WebSocket {
    /// Does the handshake; the answer if it was refused.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn try_open(address: SocketAddr, target: &str, mut cut: Cut) -> Outcome<Result<Self, Answer>> {
        let mut http = Http::connect(address, cut.fork()).await?;
        let answer = http.ask(&handshake(address, target)).await?;
        let answer = answer.ok_or("the handshake was cut off")?;
        if answer.status != 101 {
            return Ok(Err(answer));
        }
        let (client, cut) = http.into_websocket()?;
        Ok(Ok(Self { client, cut, answers_pings: true }))
    }

    /// Does the handshake.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn open(address: SocketAddr, target: &str, cut: Cut) -> Outcome<Self> {
        let refused = |answer: Answer| format!("the WebSocket was refused with {}", answer.status);
        Self::try_open(address, target, cut).await?.map_err(refused)
    }

    /// Sends packets, each as a message.
    ///
    /// # Errors
    /// Where the connection is over.
    pub async fn send(&mut self, packets: &[Packet]) -> Outcome<()> {
        let mut wire = Vec::new();
        for packet in packets {
            wire.extend(match packet {
                Packet::Text(text) => client_frame(Opcode::Text, true, false, text.as_bytes()),
                Packet::Binary(bytes) => client_frame(Opcode::Binary, true, false, bytes),
            });
        }
        self.send_raw(&wire).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the connection is over.
    pub async fn send_raw(&mut self, wire: &[u8]) -> Outcome<()> {
        self.cut.send(self.client.stream(), wire).await
    }

    /// What comes next, whatever it is.
    ///
    /// # Errors
    /// Where nothing comes in time.
    pub async fn next_seen(&mut self) -> Outcome<Seen> {
        loop {
            let seen = self.client.next_within(PATIENCE).await?;
            match &seen {
                Seen::Text(text) if text == "2" && self.answers_pings => {
                    self.client.send_text("3").await?;
                }
                _ => return Ok(seen),
            }
        }
    }

    /// The next packet; `None` if the server has closed the connection.
    ///
    /// # Errors
    /// Where nothing comes in time.
    pub async fn next(&mut self) -> Outcome<Option<Packet>> {
        loop {
            return Ok(match self.next_seen().await? {
                Seen::Text(text) => Some(Packet::Text(text)),
                Seen::Binary(bytes) => Some(Packet::Binary(bytes)),
                Seen::Pong(_) => continue,
                Seen::Close(_) | Seen::End | Seen::Reset => None,
            });
        }
    }

    /// The server has handled everything that was sent before, or closed.
    ///
    /// # Errors
    /// Where neither comes in time, or something else comes.
    pub async fn barrier(&mut self) -> Outcome<()> {
        // Where it has closed already it answers nothing.
        let _ = self.send_raw(&client_frame(Opcode::Ping, true, false, b"barrier")).await;
        match self.next_seen().await? {
            Seen::Pong(_) | Seen::Close(_) | Seen::End | Seen::Reset => Ok(()),
            other => Err(format!("{other:?} came where nothing was to come")),
        }
    }

    /// Nothing has been sent, and the connection stands.
    ///
    /// # Errors
    /// Where it is not so.
    pub async fn is_silent(&mut self) -> Outcome<()> {
        self.send_raw(&client_frame(Opcode::Ping, true, false, b"silent")).await?;
        let seen = self.next_seen().await?;
        ensure(matches!(&seen, Seen::Pong(payload) if payload == b"silent"), || {
            format!("{seen:?} came where nothing was to come")
        })
    }
}
