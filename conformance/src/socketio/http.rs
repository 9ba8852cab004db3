//! One HTTP/1.1 connection: requests exactly as given, and what came back.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Duration;

use flate2::read::{GzDecoder, ZlibDecoder};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Cut, PATIENCE};
use crate::real::{Client, Outcome, Saying};

const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, out of its chunks; still compressed if it was.
    pub body: Vec<u8>,
}

impl Answer {
    /// The header of this name, of any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name));
        found.map(|header| header.1.as_str())
    }

    /// The body as text, decompressed where its header says so.
    ///
    /// # Errors
    /// Where it is not what the header says.
    pub fn text(&self) -> Outcome<String> {
        let mut plain = Vec::new();
        match self.header("content-encoding") {
            None => plain.clone_from(&self.body),
            Some("gzip") => drop(GzDecoder::new(&*self.body).read_to_end(&mut plain).saying("gzip")?),
            Some("deflate") => drop(ZlibDecoder::new(&*self.body).read_to_end(&mut plain).saying("deflate")?),
            Some(other) => return Err(format!("the body's encoding is {other}")),
        }
        String::from_utf8(plain).saying("the body")
    }
}

/// A connection that is kept for further requests.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    cut: Cut,
    early: Vec<u8>,
    spent: bool,
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn connect(address: SocketAddr, cut: Cut) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await.saying("connecting")?;
        stream.set_nodelay(true).saying("nodelay")?;
        Ok(Self { stream, cut, early: Vec::new(), spent: false })
    }

    /// It can take no further request.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// Sends a request without waiting for its answer. What a server does not want to hear to its end it may cut off; the answer
    /// tells.
    pub async fn send(&mut self, request: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.cut.send(&mut self.stream, request)).await;
        self.spent |= !matches!(sent, Ok(Ok(())));
    }

    /// The answer to what was sent; `None` if the connection ended without one.
    ///
    /// # Errors
    /// Where none comes in time, or it is no HTTP.
    pub async fn answer(&mut self) -> Outcome<Option<Answer>> {
        self.answer_within(PATIENCE).await
    }

    /// The same, where a server may take its time.
    ///
    /// # Errors
    /// Where none comes in time, or it is no HTTP.
    pub async fn answer_within(&mut self, limit: Duration) -> Outcome<Option<Answer>> {
        let answer = tokio::time::timeout(limit, self.read_answer()).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} ms", limit.as_millis())))
    }

    /// An answer, or the end, has begun to arrive.
    pub async fn is_answered(&mut self, limit: Duration) -> bool {
        let arriving = async {
            loop {
                let _ = self.stream.readable().await;
                match self.stream.try_read_buf(&mut self.early) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
        };
        tokio::time::timeout(limit, arriving).await.is_ok()
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub async fn ask(&mut self, request: &[u8]) -> Outcome<Option<Answer>> {
        self.send(request).await;
        self.answer().await
    }

    async fn read_answer(&mut self) -> Outcome<Option<Answer>> {
        let head = loop {
            if let Some(end) = self.early.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.early.split_off(end + 4);
                break std::mem::replace(&mut self.early, rest);
            }
            if self.early.len() > HEAD_BYTES_MAX {
                return Err("the head of the answer has no end".to_owned());
            }
            if !self.read_more().await {
                self.spent = true;
                return Ok(None);
            }
        };
        let (status, headers) = parse_head(&head)?;
        let mut answer = Answer { status, headers, body: Vec::new() };
        let closes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.spent |= closes;
        if status == 101 || status == 204 || status == 304 {
            return Ok(Some(answer));
        }
        let length = answer.header("content-length").map(str::parse);
        answer.body = match length {
            Some(length) => self.read_exactly(length.saying("content-length")?).await?,
            None if answer.header("transfer-encoding").is_some() => self.read_chunks().await?,
            None => {
                while self.read_more().await {}
                self.spent = true;
                std::mem::take(&mut self.early)
            }
        };
        Ok(Some(answer))
    }

    async fn read_exactly(&mut self, bytes: usize) -> Outcome<Vec<u8>> {
        while self.early.len() < bytes {
            if !self.read_more().await {
                return Err("the connection ended within a body".to_owned());
            }
        }
        let rest = self.early.split_off(bytes);
        Ok(std::mem::replace(&mut self.early, rest))
    }

    async fn read_chunks(&mut self) -> Outcome<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match self.early.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None if self.read_more().await => {}
                    None => return Err("the connection ended within a chunk".to_owned()),
                }
            };
            let line = self.read_exactly(end + 2).await?;
            let digits = String::from_utf8_lossy(&line[..end]).into_owned();
            let bytes = usize::from_str_radix(&digits, 16).saying("the length of a chunk")?;
            let chunk = self.read_exactly(bytes + 2).await?;
            if bytes == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..bytes]);
        }
    }

    /// False at the end of the stream, however it came.
    async fn read_more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.early).await, Ok(1..))
    }

    /// After a 101: the same connection as a WebSocket.
    ///
    /// # Errors
    /// Where what has come already is no WebSocket.
    pub fn into_websocket(self) -> Outcome<(Client, Cut)> {
        Client::over(self.stream, self.early).map(|client| (client, self.cut))
    }
}

fn parse_head(head: &[u8]) -> Outcome<(u16, Vec<(String, String)>)> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| format!("the answer begins with {first:?}"))?;
    let pair =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Ok((status, lines.filter_map(pair).take(HEADERS_MAX).collect()))
}
