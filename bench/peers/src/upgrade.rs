//! The opening handshake, for clients that are known to be right.

use std::io::{Error, ErrorKind};

use base64::Engine as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What is agreed on with a client that offers permessage-deflate: each message by itself, as our server has it.
pub(crate) const DEFLATE: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

pub(crate) async fn upgrade(stream: &mut TcpStream, deflates: bool) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    let request = String::from_utf8_lossy(&request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let key = key.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no key"))?;
    let accept = sha1_smol::Sha1::from(format!("{key}{GUID}")).digest().bytes();
    let accept = base64::engine::general_purpose::STANDARD.encode(accept);
    let extensions =
        if deflates { format!("Sec-WebSocket-Extensions: {DEFLATE}\r\n") } else { String::new() };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    );
    stream.write_all(answer.as_bytes()).await
}
