//! The answer for those who may not even ask: without a parser, and without a place for long.

use std::net::Shutdown;
use std::time::Duration;

use hyper::StatusCode;
use tokio::net::TcpStream;

use crate::admission::Refusal;
use crate::answers::RETRY_AFTER_SECONDS;
use crate::http::HEAD_BYTES_MAX;

/// How long somebody who is turned away may take to hear it.
const TURN_AWAY_LIMIT: Duration = Duration::from_secs(1);

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Total(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::PerAddress(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }
}

/// Says why, and closes once the client has heard it or a second has gone.
pub(crate) async fn turn_away(stream: TcpStream, refusal: Refusal) {
    // Whether it was heard is the client's affair.
    let _ = tokio::time::timeout(TURN_AWAY_LIMIT, answer(stream, refusal)).await;
}

async fn answer(stream: TcpStream, refusal: Refusal) -> std::io::Result<()> {
    let reason = format!("{refusal}\n");
    let answer = format!(
        "HTTP/1.1 {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         retry-after: {RETRY_AFTER_SECONDS}\r\nconnection: close\r\n\r\n{reason}",
        refusal.status(),
        reason.len(),
    );
    stream.writable().await?;
    // A new socket has room for it.
    stream.try_write(answer.as_bytes())?;
    socket2::SockRef::from(&stream).shutdown(Shutdown::Write)?;
    // Closing over what has not been read would take the answer back.
    let (mut asked, mut bytes) = ([0; 1024], 0);
    while bytes < HEAD_BYTES_MAX {
        stream.readable().await?;
        match stream.try_read(&mut asked) {
            Ok(0) => break,
            Ok(more) => bytes += more,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn the_answer_names_the_limit_and_arrives_whatever_was_asked() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).expect("a connection");
            stream.write_all(b"GET /chat HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer and its end");
            answer
        });
        let (stream, _) = listener.accept().await.expect("the client");
        turn_away(stream, Refusal::PerAddress(1_000)).await;
        let answer = client.join().expect("the client");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{head}");
        assert!(head.contains("retry-after: 5") && head.contains(&format!("content-length: {}", body.len())));
        assert_eq!(body, "Your address has 1000 connections, its limit\n");
    }
}
