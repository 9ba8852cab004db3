//! A Socket.IO client over long-polling.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::wire::SEPARATOR;
use super::{Answer, Cut, Http, Packet};
use crate::real::{Outcome, Saying, ensure};

/// A session over long-polling, with a connection for polls and one for what it sends, as browsers have them.
#[derive(Debug)]
pub struct Polling {
    /// Where the server is.
    pub address: SocketAddr,
    /// The first packet, `0{…}`.
    pub open: String,
    /// The session's id.
    pub sid: String,
    path: String,
    cut: Cut,
    polls: Option<Http>,
    posts: Option<Http>,
    inbox: VecDeque<Packet>,
    /// The server has said that it is over.
    over: bool,
    /// Questions after us are answered by themselves.
    pub answers_pings: bool,
}

/// A request in bytes. `headers` are whole lines.
#[must_use]
pub fn request(address: SocketAddr, method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n{headers}").into_bytes();
    if !body.is_empty() || method == "POST" {
        request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    request
}

impl Polling {
    /// Does the handshake.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn open(address: SocketAddr, path: &str, mut cut: Cut) -> Outcome<Self> {
        let mut http = Http::connect(address, cut.fork()).await?;
        let target = format!("{path}?EIO=4&transport=polling");
        let answer = http.ask(&request(address, "GET", &target, "", b"")).await?;
        let answer = answer.ok_or("the handshake was cut off")?;
        ensure(answer.status == 200, || format!("the handshake was answered with {}", answer.status))?;
        let open = answer.text()?;
        let facts: serde_json::Value =
            serde_json::from_str(open.strip_prefix('0').unwrap_or_default()).saying("the first packet")?;
        let sid = facts["sid"].as_str().ok_or("the first packet has no sid")?.to_owned();
        Ok(Self {
            address,
            open,
            sid,
            path: path.to_owned(),
            cut,
            polls: Some(http),
            posts: None,
            inbox: VecDeque::new(),
            over: false,
            answers_pings: true,
        })
    }

    /// The session's target with this transport.
    #[must_use]
    pub fn target(&self, transport: &str) -> String {
        format!("{}?EIO=4&transport={transport}&sid={}", self.path, self.sid)
    }

    /// Sends a poll and does not wait.
    ///
    /// # Errors
    /// Where there is no connection to send it on.
    pub async fn begin_poll(&mut self, headers: &str) -> Outcome<()> {
        let request = request(self.address, "GET", &self.target("polling"), headers, b"");
        let mut http = self.kept(true).await?;
        http.send(&request).await;
        self.polls = Some(http);
        Ok(())
    }

    /// The answer to [`Self::begin_poll`]; `None` if it was cut off.
    ///
    /// # Errors
    /// Where none comes in time.
    pub async fn end_poll(&mut self) -> Outcome<Option<Answer>> {
        let mut http = self.polls.take().ok_or("no poll is under way")?;
        let answer = http.answer().await?;
        self.polls = Some(http);
        Ok(answer)
    }

    /// The answer to the poll that is under way has begun to arrive.
    pub async fn is_answered(&mut self, limit: Duration) -> bool {
        match &mut self.polls {
            Some(http) => http.is_answered(limit).await,
            None => false,
        }
    }

    /// Gives up the poll that is under way.
    pub fn abort_poll(&mut self) {
        self.polls = None;
    }

    /// Takes new connections from now on: a server ends those that are not used.
    pub fn reconnect(&mut self) {
        self.polls = None;
        self.posts = None;
    }

    /// Polls once.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn poll(&mut self, headers: &str) -> Outcome<Answer> {
        self.begin_poll(headers).await?;
        self.end_poll().await?.ok_or_else(|| "the poll was cut off".to_owned())
    }

    /// Posts a body; `None` if the connection ended without an answer.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn post(&mut self, body: &[u8]) -> Outcome<Option<Answer>> {
        self.post_as("Content-Type: text/plain;charset=UTF-8\r\n", body).await
    }

    /// The same with other headers.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn post_as(&mut self, headers: &str, body: &[u8]) -> Outcome<Option<Answer>> {
        let request = request(self.address, "POST", &self.target("polling"), headers, body);
        let mut http = self.kept(false).await?;
        let answer = http.ask(&request).await?;
        self.posts = Some(http);
        Ok(answer)
    }

    /// Posts packets in one body, which must be taken.
    ///
    /// # Errors
    /// Where they are not.
    pub async fn send(&mut self, packets: &[Packet]) -> Outcome<()> {
        let answer = self.post(body(packets).as_bytes()).await?.ok_or("the POST was cut off")?;
        ensure(answer.status == 200 && answer.body == b"ok", || {
            format!("the POST was answered {} {:?}", answer.status, String::from_utf8_lossy(&answer.body))
        })
    }

    /// The next packet but noops; `None` if the session is over.
    ///
    /// # Errors
    /// Where nothing comes in time.
    pub async fn next(&mut self) -> Outcome<Option<Packet>> {
        loop {
            if let Some(packet) = self.inbox.pop_front() {
                match &packet {
                    Packet::Text(text) if text == "6" => continue,
                    Packet::Text(text) if text == "2" && self.answers_pings => {
                        self.send(&["3".into()]).await?;
                        continue;
                    }
                    Packet::Text(text) if text == "1" => self.over = true,
                    _ => return Ok(Some(packet)),
                }
            }
            if self.over {
                return Ok(None);
            }
            self.begin_poll("").await?;
            match self.end_poll().await? {
                Some(answer) if answer.status == 200 => self.inbox.extend(packets(&answer.text()?)?),
                _ => self.over = true,
            }
        }
    }

    async fn kept(&mut self, polls: bool) -> Outcome<Http> {
        let kept = if polls { self.polls.take() } else { self.posts.take() };
        match kept {
            Some(http) if !http.is_spent() => Ok(http),
            _ => Http::connect(self.address, self.cut.fork()).await,
        }
    }
}

/// The body that carries these packets.
#[must_use]
pub fn body(packets: &[Packet]) -> String {
    let encoded: Vec<String> = packets
        .iter()
        .map(|packet| match packet {
            Packet::Text(text) => text.clone(),
            Packet::Binary(bytes) => format!("b{}", BASE64_STANDARD.encode(bytes)),
        })
        .collect();
    encoded.join(&SEPARATOR.to_string())
}

/// The packets of a body.
///
/// # Errors
/// Where one is no base64.
pub fn packets(body: &str) -> Outcome<Vec<Packet>> {
    let decode = |packet: &str| match packet.strip_prefix('b') {
        Some(digits) => BASE64_STANDARD.decode(digits).map(Packet::Binary).saying("base64"),
        None => Ok(Packet::from(packet)),
    };
    body.split(SEPARATOR).map(decode).collect()
}
