//! Before there is a session.

use std::time::{Duration, Instant};

use fanfare_conformance::real::{
    Client, Flags, Outcome, Saying, Seen, client_frame, ensure, http, refused_start,
};
use fanfare_websocket::Opcode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::trial::{Trial, all};

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
/// How much later than its limit something may happen on a busy machine.
const LATENESS: Duration = Duration::from_secs(3);

/// What is wrong, the request, and the status of the answer; 0 where closing without one is right too.
fn kinds() -> Vec<(&'static str, Vec<u8>, u16)> {
    let with = |line: &str, headers: &[&str]| {
        let mut request = format!("{line}\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request.into_bytes()
    };
    let (host, upgrade, connection) = ("Host: here", "Upgrade: websocket", "Connection: Upgrade");
    let version = "Sec-WebSocket-Version: 13";
    let get = "GET /echo HTTP/1.1";
    let long = format!("X-Long: {}", "a".repeat(64 << 10));
    let many: Vec<String> = (0..200).map(|number| format!("X-{number}: a")).collect();
    let mut crowd: Vec<&str> = vec![host, upgrade, connection, KEY, version];
    crowd.extend(many.iter().map(String::as_str));
    vec![
        ("POST", with("POST /echo HTTP/1.1", &[host, upgrade, connection, KEY, version]), 405),
        ("HTTP/1.0", with("GET /echo HTTP/1.0", &[host, upgrade, connection, KEY, version]), 505),
        ("no Host", with(get, &[upgrade, connection, KEY, version]), 400),
        ("two Hosts", with(get, &[host, host, upgrade, connection, KEY, version]), 400),
        ("no Upgrade", with(get, &[host, connection, KEY, version]), 426),
        ("another Upgrade", with(get, &[host, "Upgrade: h2c", connection, KEY, version]), 426),
        ("no Connection", with(get, &[host, upgrade, KEY, version]), 400),
        ("another Connection", with(get, &[host, upgrade, "Connection: keep-alive", KEY, version]), 400),
        ("no key", with(get, &[host, upgrade, connection, version]), 400),
        ("a short key", with(get, &[host, upgrade, connection, "Sec-WebSocket-Key: abc", version]), 400),
        (
            "no base64",
            with(get, &[host, upgrade, connection, "Sec-WebSocket-Key: dGhlIHNh*XBsZSBub25jZQ==", version]),
            400,
        ),
        ("two keys", with(get, &[host, upgrade, connection, KEY, KEY, version]), 400),
        ("no version", with(get, &[host, upgrade, connection, KEY]), 400),
        ("version 8", with(get, &[host, upgrade, connection, KEY, "Sec-WebSocket-Version: 8"]), 426),
        ("a body", with(get, &[host, upgrade, connection, KEY, version, "Content-Length: 5"]), 400),
        (
            "a malformed extension",
            with(get, &[host, upgrade, connection, KEY, version, "Sec-WebSocket-Extensions: a b"]),
            400,
        ),
        (
            "a repeated subprotocol",
            with(get, &[host, upgrade, connection, KEY, version, "Sec-WebSocket-Protocol: a, a"]),
            400,
        ),
        ("no such door", with("GET /nowhere HTTP/1.1", &[host, upgrade, connection, KEY, version]), 404),
        ("a head of 64 KiB", with(get, &[host, upgrade, connection, KEY, version, &long]), 431),
        ("200 headers", with(get, &crowd), 431),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 0),
        ("a frame first", client_frame(Opcode::Text, true, false, b"hello"), 0),
    ]
}

pub(crate) async fn broken(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &["--handshake-timeout-ms", "500"]).await?;
    let address = trial.server.address();
    let kinds = kinds();
    for (name, request, expected) in &kinds {
        let answer = http(address, request, Duration::from_secs(5)).await?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).unwrap_or(0);
        let right = status == *expected || (*expected == 0 && status == 400);
        ensure(right, || format!("{name}: answered {:?}, not {expected}", answer.lines().next()))?;
        let version = answer.to_lowercase().contains("sec-websocket-version: 13");
        ensure(status != 426 || version, || format!("{name}: 426 without our version"))?;
    }
    trial.all_closed(LATENESS).await?;
    trial.end(&format!("{} kinds refused", kinds.len())).await
}

/// How long after `began` the server closes.
async fn until_closed(stream: &mut TcpStream, began: Instant) -> Outcome<Duration> {
    let mut piece = [0; 512];
    while let Ok(1..) = stream.read(&mut piece).await {}
    Ok(began.elapsed())
}

pub(crate) async fn slow(flags: &Flags) -> Outcome<String> {
    let limit = flags.pick(Duration::from_millis(500), Duration::from_secs(10));
    let trial = Trial::start(flags, &["--handshake-timeout-ms", &limit.as_millis().to_string()]).await?;
    let address = trial.server.address();
    let count = flags.pick(50, 500);
    let closed = all(count, move |_| async move {
        let began = Instant::now();
        let mut stream = TcpStream::connect(address).await.saying("connecting")?;
        let request = format!("GET /echo HTTP/1.1\r\nHost: here\r\n{KEY}\r\nX-Slow: {}", "a".repeat(1_000));
        let (mut reader, mut writer) = stream.split();
        let mut piece = [0; 512];
        for byte in request.as_bytes() {
            tokio::select! {
                read = reader.read(&mut piece) => match read {
                    Ok(1..) => {}
                    _ => break,
                },
                () = tokio::time::sleep(limit / 50) => if writer.write_all(&[*byte]).await.is_err() { break },
            }
        }
        Ok(began.elapsed())
    })
    .await?;
    let last = closed.iter().max().copied().unwrap_or_default();
    let first = closed.iter().min().copied().unwrap_or_default();
    ensure(first + Duration::from_millis(50) >= limit && last <= limit + LATENESS, || {
        format!("closed after {first:?} to {last:?} instead of {limit:?}")
    })?;
    trial.all_closed(LATENESS).await?;
    trial.end(&format!("{count} closed after {first:.1?} to {last:.1?}, limit {limit:?}")).await
}

pub(crate) async fn only_tcp(flags: &Flags) -> Outcome<String> {
    let limit = flags.pick(Duration::from_millis(500), Duration::from_secs(10));
    let trial = Trial::start(flags, &["--handshake-timeout-ms", &limit.as_millis().to_string()]).await?;
    let address = trial.server.address();
    let count = flags.pick(300, 3_000);
    let closed = all(count, move |_| async move {
        let mut stream = TcpStream::connect(address).await.saying("connecting")?;
        until_closed(&mut stream, Instant::now()).await
    })
    .await?;
    let last = closed.iter().max().copied().unwrap_or_default();
    ensure(last <= limit + LATENESS, || format!("closed after {last:?} instead of {limit:?}"))?;
    trial.all_closed(LATENESS).await?;
    trial.end(&format!("{count} closed, the last after {last:.1?}, limit {limit:?}")).await
}

/// Slow is not wrong: each message arrives.
pub(crate) async fn slow_drip(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let (count, rest) = flags.pick((50, Duration::from_millis(10)), (500, Duration::from_millis(200)));
    all(count, move |number| async move {
        let mut client = Client::connect(address, "/echo").await?;
        let message = format!("drip {number:040}").into_bytes();
        for byte in client_frame(Opcode::Binary, true, false, &message) {
            client.send_raw(&[byte]).await?;
            tokio::time::sleep(rest).await;
        }
        let echo = client.next_within(Duration::from_secs(10)).await?;
        ensure(echo == Seen::Binary(message), || format!("{echo:?} came back"))
    })
    .await?;
    trial.all_closed(LATENESS).await?;
    trial.end(&format!("{count} messages of 50 bytes, a byte each {rest:?}, all came back")).await
}

pub(crate) async fn second_server(flags: &Flags) -> Outcome<String> {
    let mut said_last = String::new();
    for shards in ["1", "2"] {
        let trial = Trial::start(flags, &["--shards", shards]).await?;
        let port = trial.server.address().port();
        for second in ["1", "2"] {
            let (code, said) = refused_start(&flags.server, port, &["--shards", second]).await?;
            ensure(code.is_some_and(|code| code != 0), || format!("the second one ended with {code:?}"))?;
            let named = said.contains(&format!("127.0.0.1:{port}"));
            ensure(named, || format!("what it says names no address: {said}"))?;
            said_last = format!("exit code {}, {}", code.unwrap_or_default(), said.trim());
        }
        trial.end("").await?;
    }
    Ok(format!("refused with 1 and 2 shards on either side: {said_last}"))
}
