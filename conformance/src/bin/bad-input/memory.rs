//! Many at once that want memory and give nothing back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Client, Flags, Outcome, Seen, client_frame, ensure, mebibytes};
use fanfare_websocket::Opcode;

use crate::frames::{compressed_text, unfinished_deflate};
use crate::trial::{Trial, all};

/// What 10,000 connections may take that hold no inflater.
const WAITING_BYTES: usize = 96 << 20;

pub(crate) async fn half_close(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(1_000, 5_000);
    all(count, move |number| async move {
        let mut client = Client::connect(address, "/echo").await?;
        let length = [20, 1_000, 40_000, 200_000][number % 4];
        let message = vec![u8::try_from(number % 251).unwrap_or(0); length];
        client.send_and_half_close(&client_frame(Opcode::Binary, true, false, &message)).await?;
        match client.next_within(Duration::from_secs(60)).await? {
            Seen::Binary(echo) if echo == message => {}
            other => return Err(format!("{:.60} instead of the echo", format!("{other:?}"))),
        }
        let over = client.next_within(Duration::from_secs(60)).await?;
        ensure(over == Seen::End || matches!(over, Seen::Close(_)), || format!("{over:?} instead of the end"))
    })
    .await?;
    trial.all_closed(Duration::from_secs(10)).await?;
    trial.end(&format!("{count} echoes of 20 bytes to 200 kB arrived, every descriptor is closed")).await
}

/// Sends what is taken, and then waits for what comes of it: the code of a Close frame, if one came.
pub(crate) async fn push_and_stop(
    mut client: Client,
    wire: Arc<Vec<u8>>,
    until: Instant,
    resets: bool,
) -> (usize, Option<u16>, bool) {
    let mut sent = 0;
    loop {
        let next = tokio::time::timeout(Duration::from_millis(50), client.next());
        match next.await {
            Ok(Seen::Close(code)) => return (sent, code, true),
            Ok(Seen::End | Seen::Reset) => return (sent, None, true),
            Ok(_) | Err(_) => {}
        }
        if Instant::now() > until {
            if resets {
                client.reset();
            }
            return (sent, None, false);
        }
        while sent < wire.len() {
            match client.try_send_raw(&wire[sent..(sent + (256 << 10)).min(wire.len())]) {
                Ok(0) => break,
                Ok(bytes) => sent += bytes,
                Err(_) => break,
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) async fn stalled_messages(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let (count, seconds) = flags.pick((100, 4), (1_000, 60));
    let mut wire = client_frame(Opcode::Binary, true, false, &vec![7; 16 << 20]);
    wire.truncate(15_900_000);
    let wire = Arc::new(wire);
    let until = Instant::now() + Duration::from_secs(seconds);
    // An end stands behind what the server does not read; a reset does not, and the short form cannot wait.
    let resets = flags.short;
    let pushing = tokio::spawn(all(count, move |_| {
        let wire = Arc::clone(&wire);
        async move { Ok(push_and_stop(Client::connect(address, "/binary").await?, wire, until, resets).await) }
    }));
    // Meanwhile everybody else is served, new connections too.
    let served = trial.serves_until(until).await?;
    let pushed = pushing.await.map_err(|error| error.to_string())??;
    let whole = pushed.iter().filter(|(sent, ..)| *sent == 15_900_000).count();
    let closed = pushed.iter().filter(|(_, code, _)| *code == Some(1013)).count();
    let otherwise = pushed.iter().filter(|(_, code, over)| *over && *code != Some(1013)).count();
    let sent: usize = pushed.iter().map(|(sent, ..)| sent).sum();
    let note = format!(
        "{count} connections had {} of 15.9 MB each taken ({whole} all of it), {closed} were closed with 1013 and {otherwise} without word; {served} fresh round trips meanwhile",
        mebibytes(sent)
    );
    // The largest of those who wait for each other goes after ten seconds, which the short form does not take.
    ensure(closed > 0 || flags.short, || format!("nobody was closed with 1013: {note}"))?;
    trial.all_closed(Duration::from_secs(150)).await?;
    trial.end(&note).await
}

pub(crate) async fn stalled_inflaters(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &["--shards", "2"]).await?;
    let address = trial.server.address();
    let (count, seconds) = flags.pick((400, 7), (10_000, 35));
    let part = unfinished_deflate(&b"half of a message ".repeat(200))?;
    let frame = Arc::new(client_frame(Opcode::Text, false, true, &part));
    let until = Instant::now() + Duration::from_secs(seconds);
    let stalled = tokio::spawn(all(count, move |number| {
        let frame = Arc::clone(&frame);
        async move {
            let mut client = Client::connect_deflate(address, ["/echo", "/chat"][number % 2]).await?;
            client.send_raw(&frame).await?;
            let began = Instant::now();
            let over = client.until_over(until.saturating_duration_since(began)).await;
            Ok(over.ok().map(|(code, _)| (code, began.elapsed())))
        }
    }));
    // A compressed message that arrives whole does not stand behind those that stall.
    let mut honest = Client::connect_deflate(address, "/echo").await?;
    let (mut echoes, mut worst) = (0, Duration::ZERO);
    while Instant::now() + Duration::from_secs(1) < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        honest.send_raw(&compressed_text("let me through")?).await?;
        let echo = honest.next_within(Duration::from_secs(10)).await?;
        ensure(echo == Seen::Text("let me through".to_owned()), || format!("{echo:?} instead of the echo"))?;
        (echoes, worst) = (echoes + 1, worst.max(began.elapsed()));
    }
    drop(honest);
    let ends = stalled.await.map_err(|error| error.to_string())??;
    let closed: Vec<_> = ends.iter().flatten().collect();
    let first = closed.iter().map(|(_, after)| *after).min().unwrap_or_default();
    let wrong: Vec<_> = closed.iter().filter(|(code, _)| *code != Some(1008)).collect();
    ensure(wrong.is_empty(), || {
        format!("{} were not closed with 1008, such as {:?}", wrong.len(), wrong[0])
    })?;
    ensure(closed.len() >= 128, || format!("only {} were closed", closed.len()))?;
    ensure(closed.len() < count, || "more were inflating than there are inflaters".to_owned())?;
    ensure(first >= Duration::from_secs(4), || format!("the first was closed after {first:?}"))?;
    let rise = trial.server.rss_rise();
    ensure(rise < WAITING_BYTES, || format!("RSS rose by {}", mebibytes(rise)))?;
    trial.all_closed(Duration::from_secs(30)).await?;
    let note = format!(
        "of {count}, {} were closed with 1008 in {seconds} s, the first after {first:.1?}; the others waited unread; {echoes} whole compressed messages came back meanwhile, the slowest after {worst:.1?}",
        closed.len()
    );
    trial.end(&note).await
}

pub(crate) async fn crowd_never_reads(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    // A turn offers each 256 KiB, and a socket's buffer may grow to 4 MiB before it refuses any: it takes more than sixteen.
    let (count, messages) = flags.pick((200, 24), (1_000, 40));
    let crowd = all(count, move |_| async move {
        let mut client = Client::connect_narrow(address, "/chat?binary=1", 8 << 10).await?;
        client.join("talk").await?;
        Ok(client)
    })
    .await?;
    let mut speaker = Client::connect(address, "/chat?binary=1").await?;
    speaker.join("talk").await?;
    let size = 1_000_000_usize;
    let head = format!(r#"{{"room":"talk","name":"large","mimeType":"application/x-large","size":{size}}}"#);
    let mut file = vec![0x06];
    file.extend_from_slice(&u16::try_from(head.len()).unwrap_or(0).to_le_bytes());
    file.extend_from_slice(head.as_bytes());
    file.resize(file.len() + size, 42);
    for _ in 0..messages {
        speaker.send_binary(&file).await?;
        speaker.until_text(r#""type":"file""#, Duration::from_secs(30)).await?;
    }
    let ends = all(count, {
        let crowd = Arc::new(tokio::sync::Mutex::new(crowd));
        move |_| {
            let crowd = Arc::clone(&crowd);
            async move {
                let mut client = crowd.lock().await.pop().ok_or("nobody is left")?;
                Ok(client.until_over(Duration::from_secs(20)).await?.0)
            }
        }
    })
    .await?;
    let closed = ends.iter().filter(|code| **code == Some(1013)).count();
    let others = ends.iter().filter(|code| code.is_some_and(|code| code != 1013)).count();
    ensure(others == 0, || format!("{others} were closed with another code"))?;
    drop(speaker);
    trial.all_closed(Duration::from_secs(20)).await?;
    let note = format!(
        "{messages} messages of 1 MB to {count}: {closed} read 1013 at last, {} were cut before they read it",
        count - closed
    );
    trial.end(&note).await
}
