//! Going down while many talk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanfare_conformance::real::{
    Client, Flags, Outcome, Probe, Saying, Seen, Server, View, check_room, ensure,
};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::trial::all;

const ROOMS: usize = 20;
const SAY_EACH: Duration = Duration::from_millis(300);

/// How one client went.
struct Leave {
    room: usize,
    view: View,
    reconnect: bool,
    code: Option<u16>,
    after: Duration,
    end: Seen,
}

pub(crate) async fn drain(flags: &Flags) -> Outcome<String> {
    let seconds = flags.pick(2, 15);
    let mut server = Server::start(&flags.server, &["--drain-seconds", &seconds.to_string()]).await?;
    let address = server.address();
    let probe = Probe::start(address);
    let count = 500;
    let joined = Arc::new(AtomicUsize::new(0));
    let (told, telling) = tokio::sync::watch::channel(None::<Instant>);
    let leaving = tokio::spawn(all(count, {
        let joined = Arc::clone(&joined);
        move |number| talk(address, number, Arc::clone(&joined), telling.clone())
    }));
    while joined.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ensure(!leaving.is_finished(), || "not everybody could join".to_owned())?;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A balancer's connection from before: the only one that can still ask.
    let mut balancer = TcpStream::connect(address).await.saying("the balancer")?;
    ensure(ready(&mut balancer).await? == "200", || "not ready while it serves".to_owned())?;
    let delays = probe.finish()?;
    told.send_replace(Some(Instant::now()));
    server.terminate()?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status = ready(&mut balancer).await?;
    ensure(status == "503", || format!("/health/ready says {status} while it drains"))?;
    let fresh = Client::connect(address, "/chat").await;
    ensure(fresh.is_err(), || "a new connection was let in".to_owned())?;
    let leaves = leaving.await.map_err(|error| error.to_string())??;
    let status = server.until_ended(Duration::from_secs(seconds + 6)).await?;
    ensure(status.code() == Some(0), || format!("it ended with {status}"))?;
    server.log_is_clean()?;
    let spread = judge(&leaves, Duration::from_secs(seconds))?;
    let mut messages = 0;
    for room in 0..ROOMS {
        let views: Vec<View> =
            leaves.iter().filter(|leave| leave.room == room).map(|leave| leave.view.clone()).collect();
        messages += check_room(&views).map_err(|why| format!("room {room}: {why}"))?;
    }
    Ok(format!(
        "{count} told and closed with 1012, by quarters of {seconds} s {spread}; {messages} messages, nobody missed one of its piece; before that {delays}"
    ))
}

/// Everybody got the hint and 1012; the quarters of the drain in which they went.
fn judge(leaves: &[Leave], within: Duration) -> Outcome<String> {
    let wrong =
        leaves.iter().find(|leave| !leave.reconnect || leave.code != Some(1012) || leave.end != Seen::End);
    if let Some(leave) = wrong {
        return Err(format!(
            "after {:?}: reconnect {}, code {:?}, {:?}",
            leave.after, leave.reconnect, leave.code, leave.end
        ));
    }
    let mut quarters = [0_usize; 5];
    for leave in leaves {
        let quarter = leave.after.as_millis() * 4 / within.as_millis().max(1);
        quarters[usize::try_from(quarter).unwrap_or(4).min(4)] += 1;
    }
    ensure(quarters[..4].iter().all(|count| *count > leaves.len() / 8), || {
        format!("not spread: {quarters:?} by quarters of the drain, the last is later than it")
    })?;
    Ok(format!("{:?}", &quarters[..4]))
}

async fn talk(
    address: std::net::SocketAddr,
    number: usize,
    joined: Arc<AtomicUsize>,
    telling: tokio::sync::watch::Receiver<Option<Instant>>,
) -> Outcome<Leave> {
    let mut client = Client::connect(address, "/chat").await?;
    let room = number % ROOMS;
    client.join(&format!("room {room}")).await?;
    joined.fetch_add(1, Ordering::Relaxed);
    let mut leave = Leave {
        room,
        view: View::default(),
        reconnect: false,
        code: None,
        after: Duration::ZERO,
        end: Seen::End,
    };
    let mut say = tokio::time::interval(SAY_EACH);
    let mut said = 0;
    loop {
        tokio::select! {
            _ = say.tick(), if leave.code.is_none() => {
                said += 1;
                let text = format!(r#"{{"type":"chat","room":"room {room}","text":"{number} {said}","id":{said}}}"#);
                // It may be going already.
                let _ = client.send_text(&text).await;
            }
            seen = client.next() => match seen {
                Seen::Text(text) => note(&mut leave, &text)?,
                Seen::Close(code) => {
                    leave.code = code;
                    leave.after = (*telling.borrow()).map(|told| told.elapsed()).unwrap_or_default();
                    let reply = fanfare_conformance::real::client_frame(
                        fanfare_websocket::Opcode::Close, true, false, &1012_u16.to_be_bytes());
                    let _ = client.send_raw(&reply).await;
                }
                end @ (Seen::End | Seen::Reset) => {
                    leave.end = end;
                    return Ok(leave);
                }
                _ => {}
            },
        }
    }
}

fn note(leave: &mut Leave, text: &str) -> Outcome<()> {
    let message: Value = serde_json::from_str(text).saying("a message")?;
    let id = |key: &str| message.get(key).and_then(Value::as_str).and_then(|id| id.parse::<u64>().ok());
    match message.get("type").and_then(Value::as_str) {
        Some("chat") => leave.view.seen.extend(id("id")),
        Some("ack") => leave.view.acknowledged.extend(id("id")),
        Some("reconnect") => leave.reconnect = true,
        _ => {}
    }
    Ok(())
}

async fn ready(stream: &mut TcpStream) -> Outcome<String> {
    stream
        .write_all(b"GET /health/ready HTTP/1.1\r\nHost: here\r\n\r\n")
        .await
        .saying("asking whether it is ready")?;
    let mut answer = [0; 1024];
    let bytes = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut answer)).await;
    let bytes = bytes.saying("/health/ready")?.saying("/health/ready")?;
    let answer = String::from_utf8_lossy(&answer[..bytes]);
    Ok(answer.split(' ').nth(1).unwrap_or_default().to_owned())
}
