//! Bodies that are too large, or never finished.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Flags, Outcome, Saying, ensure, mebibytes};
use fanfare_conformance::socketio::{Cut, PATH, Polling};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::packets::chatting;
use crate::trial::{Trial, all};

/// What the server takes.
const LIMIT_BYTES: usize = 16 << 20;

/// How long a body may stand still is 10 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What came of a body: its answer's status, and how much of it was sent before.
struct Posted {
    status: Option<u16>,
    sent: usize,
    after: Duration,
}

/// Sends the head, then `piece` again and again up to `most` bytes, until the server answers or ends.
async fn post(address: SocketAddr, head: &str, piece: &[u8], most: usize) -> Outcome<Posted> {
    let mut stream = TcpStream::connect(address).await.saying("connecting")?;
    let began = Instant::now();
    let mut answer = Vec::new();
    let (mut sent, mut at, mut closed) = (0, 0, false);
    let wire = [head.as_bytes(), piece].concat();
    let talking = async {
        loop {
            let done = sent >= most || closed;
            tokio::select! {
                read = stream.readable() => read.saying("waiting")?,
                write = stream.writable(), if !done => write.saying("waiting")?,
            }
            match stream.try_read_buf(&mut answer) {
                Ok(0) => return Ok::<_, String>(()),
                Ok(_) => {
                    // The rest of the answer, as far as it comes.
                    let _ =
                        tokio::time::timeout(Duration::from_millis(200), stream.read_buf(&mut answer)).await;
                    return Ok(());
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return Ok(()),
            }
            while sent < most && !closed {
                let end = wire.len().min(at + most - sent);
                match stream.try_write(&wire[at..end]) {
                    Ok(bytes) => {
                        (at, sent) = (at + bytes, sent + bytes);
                        if at == wire.len() {
                            at = head.len();
                        }
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    // It listens no more; what it has said comes.
                    Err(_) => closed = true,
                }
            }
        }
    };
    tokio::time::timeout(ANSWER_LIMIT, talking)
        .await
        .map_err(|_| format!("not answered after {sent} bytes"))??;
    let status = String::from_utf8_lossy(&answer).split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Posted { status, sent, after: began.elapsed() })
}

pub(crate) async fn too_large(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(10, 200);
    let piece = Arc::new(vec![b'x'; 64 << 10]);
    let posted = all(count, move |number| {
        let piece = Arc::clone(&piece);
        async move {
            let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
            let line = format!("POST {} HTTP/1.1\r\nHost: {address}\r\n", polling.target("polling"));
            let posted = if number.is_multiple_of(2) {
                let head = format!("{line}Content-Length: {}\r\n\r\n", 100_000_000);
                let posted = post(address, &head, &piece, 100_000_000).await?;
                ensure(posted.sent < 50_000_000, || format!("{} bytes of it were taken", posted.sent))?;
                posted
            } else {
                let head = format!("{line}Transfer-Encoding: chunked\r\n\r\n");
                let chunk = [b"10000\r\n", &piece[..], b"\r\n"].concat();
                let posted = post(address, &head, &chunk, 100_000_000).await?;
                ensure(posted.sent < LIMIT_BYTES + (16 << 20), || {
                    format!("{} bytes of it were taken", posted.sent)
                })?;
                posted
            };
            // The limit on all bodies together may come before the limit on one.
            let right = [Some(413), Some(503)];
            ensure(right.contains(&posted.status), || format!("answered with {:?}", posted.status))?;
            if posted.status == Some(413) {
                // The body counts for nothing, and the session goes on.
                polling.send(&["40/chat,".into()]).await?;
                polling.next().await?.ok_or("the session is over")?;
                polling.send(&["1".into()]).await?;
            }
            Ok(posted)
        }
    })
    .await?;
    let refused = posted.iter().filter(|posted| posted.status == Some(413)).count();
    ensure(refused > count / 4, || format!("only {refused} of {count} were answered with 413"))?;
    let most = posted.iter().map(|posted| posted.sent).max().unwrap_or_default();
    trial.all_closed(Duration::from_secs(20)).await?;
    trial
        .end(&format!(
            "{count}, half announced and half in chunks: {refused} answered with 413 and their sessions live on, {} with 503; at most {} of one were taken",
            count - refused,
            mebibytes(most)
        ))
        .await
}

pub(crate) async fn stalled(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(60, 1_000);
    let piece = Arc::new(vec![b'x'; 64 << 10]);
    let stalling = tokio::spawn(all(count, move |_| {
        let piece = Arc::clone(&piece);
        async move {
            let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
            let head = format!(
                "POST {} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 16000000\r\n\r\n",
                polling.target("polling")
            );
            let posted = post(address, &head, &piece, 15_900_000).await?;
            if posted.status == Some(503) {
                // It may say less, and here it does.
                polling.reconnect();
                polling.send(&["1".into()]).await?;
            }
            Ok(posted)
        }
    }));
    let mut honest = chatting(address, true).await?;
    let mut served = 0;
    while !stalling.is_finished() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        trial.server.serves().await.map_err(|why| format!("meanwhile: {why}"))?;
        // Who posts something of an ordinary size is not refused.
        let text = "x".repeat(2_000);
        let said = format!(r#"42/chat,{served}["chat",{{"room":"posts","text":"{text}"}}]"#);
        honest.send(said).await.map_err(|why| format!("an honest post meanwhile: {why}"))?;
        honest.expect_start(&format!("43/chat,{served}[")).await?;
        served += 1;
    }
    ensure(served > 0, || "nothing honest was said meanwhile".to_owned())?;
    honest.send("1").await?;
    let posted = stalling.await.map_err(|error| error.to_string())??;
    let with = |status| posted.iter().filter(|posted| posted.status == status).count();
    let (stood_still, full) = (with(Some(408)), with(Some(503)));
    ensure(stood_still + full == count, || {
        let other = posted.iter().find(|posted| !matches!(posted.status, Some(408 | 503)));
        format!("one was answered with {:?}", other.map(|posted| (posted.status, posted.sent)))
    })?;
    let last = posted.iter().map(|posted| posted.after).max().unwrap_or_default();
    trial.all_closed(Duration::from_secs(30)).await?;
    trial
        .end(&format!(
            "{count}: {stood_still} answered with 408 after standing still, {full} with 503 while too much was under way, the last after {last:.1?}; {served} fresh round trips and honest posts meanwhile"
        ))
        .await
}
