//! A client on a real socket, built on the core's frames.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use fanfare_websocket::{
    DeflateParameters, InflaterPool, Misbehaved, Opcode, Read, ReadContext, Reader, Role, write_frame,
};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Outcome, Saying};

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
const MESSAGE_LIMIT_BYTES: usize = 128 << 20;
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a connection and its handshake may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

thread_local! {
    /// One buffer for all clients of a thread: five thousand of them each with their own would be most of our memory.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 << 10]);
}

/// What a client was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A Close frame with its code.
    Close(Option<u16>),
    /// The end of the stream.
    End,
    /// The connection was reset.
    Reset,
}

/// One connection. Dropping it closes the socket without a Close frame.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    reader: Reader,
    inflaters: InflaterPool,
    seen: VecDeque<Seen>,
}

/// How to connect.
#[derive(Default)]
struct Way {
    headers: &'static str,
    receive_bytes: Option<u32>,
    from: Option<[u8; 4]>,
}

/// A client's frame, masked.
#[must_use]
pub fn client_frame(opcode: Opcode, fin: bool, rsv1: bool, payload: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(payload.len() + 14);
    write_frame(&mut wire, opcode, fin, rsv1, payload, Some(MASK));
    wire
}

impl Client {
    /// Connects and does the handshake.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn connect(address: SocketAddr, path: &str) -> Outcome<Self> {
        Self::connect_with(address, path, &Way::default()).await
    }

    /// The same, from the local address 127.0.0.1, .2 …: each has its own ports.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn connect_from(number: usize, address: SocketAddr, path: &str) -> Outcome<Self> {
        let last = u8::try_from(number % 16 + 1).unwrap_or(1);
        Self::connect_with(address, path, &Way { from: Some([127, 0, 0, last]), ..Way::default() }).await
    }

    /// The same, with permessage-deflate agreed to; what it sends compressed is the caller's affair.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn connect_deflate(address: SocketAddr, path: &str) -> Outcome<Self> {
        let headers = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n";
        let client = Self::connect_with(address, path, &Way { headers, ..Way::default() }).await?;
        let deflate = DeflateParameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        };
        Ok(Self { reader: Reader::new(Role::Client, Some(&deflate)), ..client })
    }

    /// The same, with a receive buffer of this size: a client that does not read is slow sooner.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn connect_narrow(address: SocketAddr, path: &str, receive_bytes: u32) -> Outcome<Self> {
        let way = Way { receive_bytes: Some(receive_bytes), ..Way::default() };
        Self::connect_with(address, path, &way).await
    }

    async fn connect_with(address: SocketAddr, path: &str, way: &Way) -> Outcome<Self> {
        let headers = way.headers;
        let connecting = async {
            let socket = TcpSocket::new_v4().saying("a socket")?;
            if let Some(bytes) = way.receive_bytes {
                socket.set_recv_buffer_size(bytes).saying("the receive buffer")?;
            }
            if let Some(from) = way.from {
                socket.bind(SocketAddr::from((from, 0))).saying("the local address")?;
            }
            let mut stream = socket.connect(address).await.saying("connecting")?;
            stream.set_nodelay(true).saying("nodelay")?;
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
            );
            stream.write_all(request.as_bytes()).await.saying("sending the handshake")?;
            let (head, early) = read_head(&mut stream).await?;
            if !head.starts_with("HTTP/1.1 101 ") || !head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
                return Err(format!(
                    "the handshake was answered: {}",
                    head.lines().next().unwrap_or("nothing")
                ));
            }
            Self::over(stream, early)
        };
        tokio::time::timeout(CONNECT_LIMIT, connecting)
            .await
            .unwrap_or_else(|_| Err("no handshake within 30 s".to_owned()))
    }

    /// Goes on where a handshake ended, with what had come after it.
    ///
    /// # Errors
    /// Where that is no WebSocket.
    pub fn over(stream: TcpStream, mut early: Vec<u8>) -> Outcome<Self> {
        let mut client = Self {
            stream,
            reader: Reader::new(Role::Client, None),
            inflaters: InflaterPool::new(1, 1),
            seen: VecDeque::new(),
        };
        client.take(&mut early)?;
        Ok(client)
    }

    /// The socket, for who sends in a manner of its own.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.stream.write_all(bytes).await.saying("sending")
    }

    /// Sends what fits at once; says how much.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> Outcome<usize> {
        match self.stream.try_write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(format!("sending: {error}")),
        }
    }

    /// Sends a whole text message.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn send_text(&mut self, text: &str) -> Outcome<()> {
        self.send_raw(&client_frame(Opcode::Text, true, false, text.as_bytes())).await
    }

    /// Sends a whole binary message.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn send_binary(&mut self, payload: &[u8]) -> Outcome<()> {
        self.send_raw(&client_frame(Opcode::Binary, true, false, payload)).await
    }

    /// What comes next.
    pub async fn next(&mut self) -> Seen {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return seen;
            }
            if self.stream.readable().await.is_err() {
                return Seen::Reset;
            }
            let read = BUFFER.with_borrow_mut(|buffer| match self.stream.try_read(buffer) {
                Ok(0) => Err(Seen::End),
                Ok(bytes) => self.take(&mut buffer[..bytes]).map_err(|_| Seen::Reset),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
                Err(_) => Err(Seen::Reset),
            });
            if let Err(end) = read {
                return end;
            }
        }
    }

    /// What comes within this time.
    ///
    /// # Errors
    /// Where nothing comes.
    pub async fn next_within(&mut self, limit: Duration) -> Outcome<Seen> {
        let late = format!("nothing came within {} ms", limit.as_millis());
        tokio::time::timeout(limit, self.next()).await.map_err(|_| late)
    }

    /// Reads until the connection is over: the code of the Close frame if there was one, and the end.
    ///
    /// # Errors
    /// Where it does not end in time.
    pub async fn until_over(&mut self, limit: Duration) -> Outcome<(Option<u16>, Seen)> {
        let reading = async {
            let mut code = None;
            loop {
                match self.next().await {
                    Seen::Close(closed) => code = closed,
                    end @ (Seen::End | Seen::Reset) => return (code, end),
                    _ => {}
                }
            }
        };
        let late = format!("not closed within {} ms", limit.as_millis());
        tokio::time::timeout(limit, reading).await.map_err(|_| late)
    }

    /// Reads until a text message has this in it.
    ///
    /// # Errors
    /// Where none comes in time, or the connection ends.
    pub async fn until_text(&mut self, part: &str, limit: Duration) -> Outcome<String> {
        let reading = async {
            loop {
                match self.next().await {
                    Seen::Text(text) if text.contains(part) => return Ok(text),
                    Seen::Text(_) | Seen::Binary(_) | Seen::Pong(_) => {}
                    end => return Err(format!("{end:?} before {part:?}")),
                }
            }
        };
        tokio::time::timeout(limit, reading)
            .await
            .unwrap_or_else(|_| Err(format!("no {part:?} within {} ms", limit.as_millis())))
    }

    /// Joins a room and waits until the server says so.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn join(&mut self, room: &str) -> Outcome<()> {
        self.send_text(&format!(r#"{{"type":"join","room":"{room}","id":"join"}}"#)).await?;
        self.until_text(r#""messageId":"join""#, CONNECT_LIMIT).await.map(drop)
    }

    /// Ends our direction and goes on reading.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn half_close(&mut self) -> Outcome<()> {
        self.stream.shutdown().await.saying("half-closing")
    }

    /// Sends bytes with our direction's end in their last segment.
    ///
    /// # Errors
    /// As the socket's, in words.
    pub async fn send_and_half_close(&mut self, bytes: &[u8]) -> Outcome<()> {
        SockRef::from(&self.stream).set_tcp_cork(true).saying("corking")?;
        self.send_raw(bytes).await?;
        self.half_close().await
    }

    /// Cuts the connection with a reset.
    pub fn reset(self) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    fn take(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let (mut at, mut again) = (0, true);
        let mut pongs = Vec::new();
        while at < bytes.len() || again {
            let mut cx = ReadContext {
                message_limit_bytes: MESSAGE_LIMIT_BYTES,
                inflaters: &mut self.inflaters,
                inflate_budget_bytes: 1 << 20,
            };
            let (taken, read) = self
                .reader
                .read(&mut bytes[at..], &mut cx)
                .map_err(|misbehaved| misbehaved_words(&misbehaved))?;
            again = matches!(read, Read::Yield);
            at += taken;
            let seen = match read {
                Read::Text(text) => Seen::Text(text.into_owned()),
                Read::Binary(payload) => Seen::Binary(payload.into_owned()),
                Read::Pong(payload) => Seen::Pong(payload.into_owned()),
                Read::Close(why) => Seen::Close(why.map(|(code, _)| code.get())),
                Read::Ping(payload) => {
                    pongs.extend(client_frame(Opcode::Pong, true, false, &payload));
                    continue;
                }
                Read::NeedMore | Read::Yield | Read::NoInflater { .. } => continue,
            };
            let closed = matches!(seen, Seen::Close(_));
            self.seen.push_back(seen);
            if closed {
                break;
            }
        }
        if !pongs.is_empty() {
            self.try_send_raw(&pongs)?;
        }
        Ok(())
    }
}

fn misbehaved_words(misbehaved: &Misbehaved) -> String {
    format!("the server broke the protocol: {misbehaved}")
}

async fn read_head(stream: &mut TcpStream) -> Outcome<(String, Vec<u8>)> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let early = read.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&read).into_owned(), early));
        }
        if read.len() > HEAD_BYTES_MAX {
            return Err("the answer to the handshake has no end".to_owned());
        }
        let mut piece = [0; 512];
        match stream.read(&mut piece).await.saying("reading the answer to the handshake")? {
            0 => return Err("the connection ended before the handshake was answered".to_owned()),
            bytes => read.extend_from_slice(&piece[..bytes]),
        }
    }
}

/// Sends a request as it is and reads the answer to its end, or until nothing comes for this long.
///
/// # Errors
/// Where there is no connection.
pub async fn http(address: SocketAddr, request: &[u8], limit: Duration) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await.saying("connecting")?;
    // A server that refuses early may have closed before all is sent; the answer says so.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(Ok(bytes @ 1..)) = tokio::time::timeout(limit, stream.read(&mut piece)).await {
        answer.extend_from_slice(&piece[..bytes]);
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
