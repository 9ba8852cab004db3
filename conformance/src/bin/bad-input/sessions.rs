//! Sessions that are opened and left, and requests of theirs that go nowhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare_conformance::real::{Client, Flags, Outcome, Saying, ensure, mebibytes};
use fanfare_conformance::socketio::{Cut, Http, Link, PATH, Polling, WebSocket, request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::packets::open;
use crate::trial::{Trial, all};

/// A heartbeat that does not take the time of whoever waits for it.
const HASTY: &[&str] = &["--heartbeat-interval-ms", "700", "--heartbeat-timeout-ms", "700"];

/// After so long a session that says nothing has ended.
const ENDED_AFTER: Duration = Duration::from_millis(2_500);

/// What the allocator may keep beyond the level of the first time.
const LEVEL_SLACK_BYTES: usize = 8 << 20;

const CLOSE_LIMIT: Duration = Duration::from_secs(20);

const JOINED: &str = r#"43/chat,1[{"ok":true}]"#;

pub(crate) async fn half_open(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, HASTY).await?;
    let address = trial.server.address();
    let (count, rounds) = flags.pick((300, 2), (1_000, 8));
    let mut levels = Vec::new();
    for _ in 0..rounds {
        let sids = all(count, move |_| async move {
            let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
            polling.send(&["40/chat,".into()]).await?;
            Ok(polling.target("polling"))
        })
        .await?;
        tokio::time::sleep(ENDED_AFTER).await;
        let mut http = Http::connect(address, Cut::Whole).await?;
        for target in sids {
            let answer = http.ask(&request(address, "GET", &target, "", b"")).await?.ok_or("cut off")?;
            ensure(answer.status == 400 && answer.text()?.contains("Session ID unknown"), || {
                format!("a session that was left is answered with {}", answer.status)
            })?;
        }
        levels.push(trial.server.rss());
    }
    let (first, last) = level(&levels)?;
    trial.all_closed(CLOSE_LIMIT).await?;
    let note = format!(
        "{rounds} times {count} joined the chat and were never polled again: all ended within {ENDED_AFTER:.1?}; RSS after half of them {}, at last {}",
        mebibytes(first),
        mebibytes(last)
    );
    trial.end(&note).await
}

/// The resident memory after half of the rounds and at last: the allocator keeps what the first took, after them it is level.
fn level(levels: &[usize]) -> Outcome<(usize, usize)> {
    let (first, last) = (levels[(levels.len() - 1) / 2], levels[levels.len() - 1]);
    ensure(last <= first + LEVEL_SLACK_BYTES, || {
        format!("RSS went {}", levels.iter().map(|level| mebibytes(*level)).collect::<Vec<_>>().join(", "))
    })?;
    Ok((first, last))
}

pub(crate) async fn flood(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, HASTY).await?;
    let address = trial.server.address();
    let (connections, each, rounds) = flags.pick((50, 40, 2), (500, 100, 6));
    let mut levels = Vec::new();
    let before = trial.server.rss();
    for _ in 0..rounds {
        all(connections, move |_| async move {
            let open = request(address, "GET", &format!("{PATH}?EIO=4&transport=polling"), "", b"");
            let mut http = Http::connect(address, Cut::Whole).await?;
            for _ in 0..each {
                let answer = http.ask(&open).await?.ok_or("cut off")?;
                ensure(answer.status == 200, || format!("a handshake was answered with {}", answer.status))?;
            }
            Ok(())
        })
        .await?;
        trial.server.serves().await?;
        tokio::time::sleep(ENDED_AFTER).await;
        levels.push(trial.server.rss());
    }
    let (first, last) = level(&levels)?;
    trial.all_closed(CLOSE_LIMIT).await?;
    let note = format!(
        "{rounds} times {} sessions opened and dropped; RSS before {}, after half of them {}, at last {}",
        connections * each,
        mebibytes(before),
        mebibytes(first),
        mebibytes(last)
    );
    trial.end(&note).await
}

pub(crate) async fn waiting_polls(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(1_000, 10_000);
    let before = trial.server.rss();
    let polls = Arc::new(tokio::sync::Semaphore::new(256));
    let waiting = all(count, move |_| {
        let polls = Arc::clone(&polls);
        async move {
            let _turn = polls.acquire().await.saying("a turn")?;
            let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
            polling.begin_poll("").await?;
            Ok(polling)
        }
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let each = (trial.server.rss() - before) / count;
    trial.server.serves().await.map_err(|why| format!("meanwhile: {why}"))?;
    // Each is still there.
    let mut waiting = waiting;
    let mut last = waiting.pop().ok_or("nobody waits")?;
    last.send(&["40/chat,".into()]).await?;
    let answer = last.end_poll().await?.ok_or("the poll was cut off")?;
    ensure(answer.text()?.starts_with("40/chat,"), || "the poll was answered otherwise".to_owned())?;
    drop((waiting, last));
    trial.all_closed(CLOSE_LIMIT).await?;
    trial.end(&format!("{count} polls waited, {each} bytes of RSS each; when they are given up every descriptor is closed")).await
}

/// A socket that takes little.
async fn narrow(address: SocketAddr) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4().saying("a socket")?;
    socket.set_recv_buffer_size(8 << 10).saying("the receive buffer")?;
    socket.connect(address).await.saying("connecting")
}

pub(crate) async fn unread_polls(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, HASTY).await?;
    let address = trial.server.address();
    let (count, messages) = flags.pick((50, 12), (500, 40));
    let polls = all(count, move |_| async move {
        let mut polling = Polling::open(address, PATH, Cut::Whole).await?;
        polling.send(&["40/binary,".into()]).await?;
        for _ in 0..2 {
            polling.next().await?.ok_or("the session is over")?;
        }
        let mut stream = narrow(address).await?;
        let poll = request(address, "GET", &polling.target("polling"), "", b"");
        stream.write_all(&poll).await.saying("sending")?;
        Ok((stream, polling.target("polling")))
    })
    .await?;
    let mut speaker = Client::connect(address, "/binary").await?;
    for _ in 0..messages {
        speaker.send_binary(&vec![7; 1 << 20]).await?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(ENDED_AFTER).await;
    let mut http = Http::connect(address, Cut::Whole).await?;
    for (_, target) in &polls {
        let answer = http.ask(&request(address, "GET", target, "", b"")).await?.ok_or("cut off")?;
        // Word of its end may be there.
        ensure(answer.status == 400 || matches!(&answer.body[..], b"1" | b"6"), || {
            let body = String::from_utf8_lossy(&answer.body);
            format!("a session that reads nothing is answered {} {body:.40}", answer.status)
        })?;
    }
    let held = trial.server.rss();
    drop((polls, http, speaker));
    trial.all_closed(CLOSE_LIMIT).await?;
    let note = format!(
        "{messages} messages of 1 MiB to {count} whose poll's answer is not read: their sessions ended; RSS while the answers were there {}",
        mebibytes(held)
    );
    trial.end(&note).await
}

pub(crate) async fn probes(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(100, 1_000);
    let short = flags.short;
    all(count, move |number| async move {
        let Link::Polling(mut polling) = open(address, true).await? else {
            return Err("no polling".to_owned());
        };
        polling.send(&["40/chat,".into()]).await?;
        let target = polling.target("websocket");
        let mut probe = WebSocket::open(address, &target, Cut::Whole).await?;
        if number % 4 == 3 {
            // Not asked whether it may: the reference lets it, and nothing is lost.
            let joins = r#"42/chat,1["join",{"room":"probed"}]"#;
            probe.send(&["5".into(), joins.into()]).await?;
            while probe.next().await?.ok_or("closed after an upgrade without a probe")? != JOINED.into() {}
            return Ok(());
        } else {
            probe.send(&["2probe".into()]).await?;
            let found = probe.next().await?;
            ensure(found == Some("3probe".into()), || format!("{found:?} came and not 3probe"))?;
            // One at a time may try.
            let mut second = WebSocket::open(address, &target, Cut::Whole).await?;
            let _ = second.send(&["2probe".into()]).await;
            let found = second.next().await?;
            ensure(found.is_none(), || format!("{found:?} came to a second probe"))?;
            if !short {
                let over = tokio::time::timeout(Duration::from_secs(30), probe.next_seen()).await;
                ensure(over.is_ok(), || "a probe that does not go on is not closed".to_owned())?;
            }
        }
        // It goes on by polling, as if nothing had been.
        polling.reconnect();
        while polling.next().await?.ok_or("the session is over")? != JOINED.into() {
            polling.send(&[r#"42/chat,1["join",{"room":"probed"}]"#.into()]).await?;
        }
        polling.send(&["1".into()]).await
    })
    .await?;
    trial.all_closed(CLOSE_LIMIT).await?;
    trial
        .end(&format!(
            "{count} tried sessions that went on by polling, but for those whose `5` came without a probe, which took them over; a second probe was closed"
        ))
        .await
}
