//! What travels, and how it is cut on its way.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::Random;
use crate::real::{Outcome, Saying};

/// What parts two packets in a body of long-polling.
pub const SEPARATOR: char = '\x1e';

/// An input goes in at most this many pieces: each may cost a millisecond.
const PIECES_MAX: usize = 12;

/// An Engine.IO packet: text with its type in front, or the bytes of a binary message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// As it travels, `42["a"]`.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl From<&str> for Packet {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Packet {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<const N: usize> From<&[u8; N]> for Packet {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Binary(bytes.to_vec())
    }
}

/// How bytes are delivered.
#[derive(Clone, Debug)]
pub enum Cut {
    /// In one go.
    Whole,
    /// In random pieces, each a segment of its own.
    Pieces(Random),
}

impl Cut {
    /// Sends all of it.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn send(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> Outcome<()> {
        let Self::Pieces(random) = self else {
            return stream.write_all(bytes).await.saying("sending");
        };
        let usual = (2 * bytes.len() / PIECES_MAX).max(2);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at((1 + random.below(usual)).min(rest.len()));
            stream.write_all(piece).await.saying("sending")?;
            rest = later;
            if random.once_in(2) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The next connection of the same client is cut elsewhere.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        match self {
            Self::Whole => Self::Whole,
            Self::Pieces(random) => Self::Pieces(Random::new(random.word())),
        }
    }
}
