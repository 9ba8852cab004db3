//! A client over either transport: what is said and what must be heard is the same.

use super::{Meaning, Packet, Polling, WebSocket};
use crate::real::{Outcome, ensure};

/// An open session over either transport.
#[derive(Debug)]
pub enum Link {
    /// Over long-polling.
    Polling(Box<Polling>),
    /// Over WebSocket.
    WebSocket(Box<WebSocket>),
}

impl Link {
    /// Sends a packet.
    ///
    /// # Errors
    /// Where it can't be sent.
    pub async fn send(&mut self, packet: impl Into<Packet>) -> Outcome<()> {
        self.send_all(&[packet.into()]).await
    }

    /// Sends packets in one go: in one body, or in one segment.
    ///
    /// # Errors
    /// Where they can't be sent.
    pub async fn send_all(&mut self, packets: &[Packet]) -> Outcome<()> {
        match self {
            Self::Polling(polling) => polling.send(packets).await,
            Self::WebSocket(websocket) => websocket.send(packets).await,
        }
    }

    /// Sends what ends the session, whatever becomes of the request that carries it.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn send_fatal(&mut self, packets: &[Packet]) -> Outcome<()> {
        match self {
            Self::Polling(polling) => match polling.post(super::polling::body(packets).as_bytes()).await? {
                Some(answer) if answer.status != 200 && answer.status != 400 => {
                    Err(format!("the POST was answered with {}", answer.status))
                }
                _ => Ok(()),
            },
            Self::WebSocket(websocket) => {
                // It may be over before all is sent.
                let _ = websocket.send(packets).await;
                Ok(())
            }
        }
    }

    /// The next packet; `None` if the session is over.
    ///
    /// # Errors
    /// Where nothing comes in time.
    pub async fn next(&mut self) -> Outcome<Option<Packet>> {
        match self {
            Self::Polling(polling) => polling.next().await,
            Self::WebSocket(websocket) => websocket.next().await,
        }
    }

    /// This packet must come next.
    ///
    /// # Errors
    /// Where something else comes, or nothing.
    pub async fn expect(&mut self, packet: impl Into<Packet>) -> Outcome<()> {
        let wanted = packet.into();
        let found = self.next().await.map_err(|why| format!("{why}, where {wanted:?} was to come"))?;
        let same = match (&found, &wanted) {
            (Some(Packet::Text(found)), Packet::Text(wanted)) => {
                Meaning::owed(found) == Meaning::owed(wanted)
                    && Meaning::of(found, &[]) == Meaning::of(wanted, &[])
            }
            (found, wanted) => found.as_ref() == Some(wanted),
        };
        ensure(same, || format!("{found:?} came and not {wanted:?}"))
    }

    /// A packet with this meaning must come next, with whatever attachments carry it.
    ///
    /// # Errors
    /// Where something else comes, or nothing.
    pub async fn expect_meaning(&mut self, wanted: &Meaning) -> Outcome<()> {
        let Some(Packet::Text(text)) = self.next().await? else {
            return Err(format!("no text came, where {wanted:?} was to come"));
        };
        let mut attachments = Vec::new();
        while attachments.len() < Meaning::owed(&text) {
            match self.next().await? {
                Some(Packet::Binary(bytes)) => attachments.push(bytes),
                other => return Err(format!("{other:?} came and no attachment of {text}")),
            }
        }
        let found = Meaning::of(&text, &attachments);
        ensure(found == *wanted, || format!("{text} came with {attachments:?} and not {wanted:?}"))
    }

    /// A text must come next that begins so; gives the rest.
    ///
    /// # Errors
    /// Where something else comes, or nothing.
    pub async fn expect_start(&mut self, start: &str) -> Outcome<String> {
        match self.next().await? {
            Some(Packet::Text(text)) if text.starts_with(start) => Ok(text[start.len()..].to_owned()),
            other => Err(format!("{other:?} came and not {start}…")),
        }
    }

    /// Joins `/`, or a namespace given as `/custom,`; gives the sid. The application's `auth` has been taken.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn connect(&mut self, namespace: &str) -> Outcome<String> {
        self.send(format!("40{namespace}")).await?;
        let sid = self.expect_connected(namespace).await?;
        self.expect(format!("42{namespace}[\"auth\",{{}}]")).await?;
        Ok(sid)
    }

    /// The answer to a CONNECT must come next; gives the sid.
    ///
    /// # Errors
    /// Where it is something else.
    pub async fn expect_connected(&mut self, namespace: &str) -> Outcome<String> {
        let rest = self.expect_start(&format!("40{namespace}{{\"sid\":\"")).await?;
        let sid = rest.strip_suffix("\"}").ok_or_else(|| format!("more than a sid: {rest}"))?;
        is_sid(sid)?;
        Ok(sid.to_owned())
    }

    /// Nothing more comes, and the session is over.
    ///
    /// # Errors
    /// Where something comes, or it goes on.
    pub async fn closes(&mut self) -> Outcome<()> {
        match self.next().await.map_err(|why| format!("{why}, nor is it closed"))? {
            None => Ok(()),
            Some(packet) => Err(format!("{packet:?} came where the close was to come")),
        }
    }

    /// Nothing has come and, in `/`, events are still answered.
    ///
    /// # Errors
    /// Where it is not so.
    pub async fn lives(&mut self) -> Outcome<()> {
        self.send(r#"42991["message-with-ack","alive"]"#).await?;
        self.expect(r#"43991["alive"]"#).await
    }
}

/// 20 URL-safe characters.
///
/// # Errors
/// Where it is something else.
pub fn is_sid(sid: &str) -> Outcome<()> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ensure(sid.len() == 20 && sid.bytes().all(safe), || format!("no session id: {sid:?}"))
}
