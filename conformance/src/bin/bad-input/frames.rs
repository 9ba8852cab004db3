//! Frames that are too large, too many, or too much once inflated.

use std::io::Write;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Client, Flags, Outcome, Saying, Seen, client_frame, ensure, mebibytes};
use fanfare_websocket::Opcode;
use flate2::write::DeflateEncoder;
use flate2::{Compression, FlushCompress};

use crate::trial::{Trial, all};

const CLOSE_LIMIT: Duration = Duration::from_secs(20);

/// Whoever waits for memory with others waits ten seconds before the largest goes.
const SHED_LIMIT: Duration = Duration::from_secs(60);

async fn closed_with(client: &mut Client, code: u16) -> Outcome<()> {
    let (closed, end) = client.until_over(CLOSE_LIMIT).await?;
    ensure(closed == Some(code), || format!("closed with {closed:?} and {end:?}, not {code}"))
}

pub(crate) async fn enormous_length(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let count = flags.pick(60, 600);
    all(count, move |number| async move {
        let path = ["/echo", "/chat", "/binary"][number % 3];
        let mut client = Client::connect(address, path).await?;
        let opcode = if number % 2 == 0 { 0x82 } else { 0x81 };
        let mut frame = vec![opcode, 0xFF];
        frame.extend_from_slice(&(2_u64 << 30).to_be_bytes());
        frame.extend_from_slice(&[1, 2, 3, 4]);
        frame.extend_from_slice(&[0; 1000]);
        client.send_raw(&frame).await?;
        closed_with(&mut client, 1009).await
    })
    .await?;
    let rise = trial.server.rss_rise();
    ensure(rise < 32 << 20, || format!("RSS rose by {}", mebibytes(rise)))?;
    trial.all_closed(CLOSE_LIMIT).await?;
    trial.end(&format!("{count} closed with 1009")).await
}

/// A compressed MiB of zeros that ends with a sync flush, so that any number of them follow each other.
fn mebibyte_of_zeros() -> Outcome<Vec<u8>> {
    let mut encoder = flate2::Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(64 << 10);
    encoder.compress_vec(&vec![0; 1 << 20], &mut out, FlushCompress::Sync).saying("deflate")?;
    ensure(encoder.total_in() == 1 << 20, || "not all was compressed".to_owned())?;
    Ok(out)
}

pub(crate) async fn deflate_bomb(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let bomb = mebibyte_of_zeros()?.repeat(flags.pick(128, 1024));
    let wire = client_frame(Opcode::Text, true, true, &bomb);
    let count = flags.pick(4, 10);
    let mut rises = Vec::new();
    // Their limits: 1 MiB of text and 64 MiB. Many of the large ones at once run into the memory budget before, and who has to
    // go for that is closed with 1013.
    for (path, count, allowed) in
        [("/chat", count, 64 << 20), ("/echo", 1, 200 << 20), ("/echo", count, 512 << 20)]
    {
        let wire = wire.clone();
        let codes = all(count, move |_| {
            let wire = wire.clone();
            async move {
                let mut client = Client::connect_deflate(address, path).await?;
                // It may be closed before it has sent everything.
                let _ = client.send_raw(&wire).await;
                Ok(client.until_over(SHED_LIMIT).await?.0)
            }
        })
        .await?;
        let too_big = codes.iter().filter(|code| **code == Some(1009)).count();
        let shed = codes.iter().filter(|code| **code == Some(1013)).count();
        let rise = trial.server.rss_rise();
        rises.push(format!("{path} {too_big} with 1009 and {shed} with 1013 at {}", mebibytes(rise)));
        ensure(too_big + shed == count && too_big > 0, || format!("{path}: closed with {codes:?}"))?;
        ensure(shed == 0 || allowed == 512 << 20, || format!("{path}: {shed} had to go for memory"))?;
        ensure(rise < allowed, || format!("{path}: RSS rose by {}", mebibytes(rise)))?;
    }
    trial.all_closed(CLOSE_LIMIT).await?;
    let (wire, inflated) = (mebibytes(wire.len()), flags.pick(128, 1024));
    trial
        .end(&format!(
            "{count}, 1 and {count} of {wire} that inflate to {inflated} MiB were closed, RSS then: {}",
            rises.join(", ")
        ))
        .await
}

pub(crate) async fn endless_fragments(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let mut sent_bytes = Vec::new();
    for (path, piece, limit) in [("/chat", 1_usize, 1_usize << 20), ("/echo", 16 << 10, 64 << 20)] {
        let mut client = Client::connect(address, path).await?;
        client.send_raw(&client_frame(Opcode::Text, false, false, b"a")).await?;
        let frames =
            client_frame(Opcode::Continuation, false, false, &vec![b'a'; piece]).repeat((32 << 10) / piece);
        let mut sent = 0;
        while client.send_raw(&frames).await.is_ok() {
            sent += (32 << 10) / piece * piece;
            ensure(sent < 3 * limit + (16 << 20), || format!("{path}: {} taken", mebibytes(sent)))?;
        }
        sent_bytes.push(format!("{path} after {}", mebibytes(sent)));
        // A reset may have overtaken the Close frame where we went on sending.
        let (code, _) = client.until_over(CLOSE_LIMIT).await?;
        ensure(code.is_none_or(|code| code == 1009), || format!("{path}: closed with {code:?}"))?;
    }
    // Within the limit, and then one byte too many: here the Close frame can be read.
    let mut client = Client::connect(address, "/chat").await?;
    client.send_raw(&client_frame(Opcode::Text, false, false, &vec![b'a'; 1 << 20])).await?;
    client.send_raw(&client_frame(Opcode::Continuation, false, false, b"a")).await?;
    closed_with(&mut client, 1009).await?;
    // Empty ones cost nothing, however many they are.
    let mut client = Client::connect(address, "/echo").await?;
    client.send_raw(&client_frame(Opcode::Text, false, false, b"")).await?;
    let empty = client_frame(Opcode::Continuation, false, false, b"").repeat(1_000);
    let until = Instant::now() + flags.pick(Duration::from_millis(500), Duration::from_secs(10));
    let mut count = 0_usize;
    while Instant::now() < until {
        client.send_raw(&empty).await?;
        count += 1_000;
    }
    client.send_raw(&client_frame(Opcode::Continuation, true, false, b"end")).await?;
    let echo = client.next_within(CLOSE_LIMIT).await?;
    ensure(echo == Seen::Text("end".to_owned()), || format!("{echo:?} instead of the echo"))?;
    drop(client);
    trial.all_closed(CLOSE_LIMIT).await?;
    trial.end(&format!("closed: {}; {count} empty fragments taken", sent_bytes.join(", "))).await
}

pub(crate) async fn pings(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let mut client = Client::connect(trial.server.address(), "/echo").await?;
    let burst = client_frame(Opcode::Ping, true, false, b"0123456789").repeat(100);
    let began = Instant::now();
    let until = began + flags.pick(Duration::from_secs(1), Duration::from_secs(10));
    let mut interval = tokio::time::interval(Duration::from_millis(10));
    let (mut sent, mut answered) = (0_u32, 0_u32);
    while Instant::now() < until || answered < sent {
        tokio::select! {
            _ = interval.tick(), if Instant::now() < until => {
                client.send_raw(&burst).await?;
                sent += 100;
            }
            seen = client.next_within(CLOSE_LIMIT) => match seen? {
                Seen::Pong(payload) if payload == b"0123456789" => answered += 1,
                other => return Err(format!("{other:?} instead of a pong")),
            },
        }
    }
    let rate = f64::from(sent) / began.elapsed().as_secs_f64();
    ensure(rate > 8_000.0, || format!("only {rate:.0} pings a second were sent"))?;
    drop(client);
    trial.end(&format!("{sent} pings, {rate:.0} a second, each answered")).await
}

/// A whole compressed text message in one frame (RFC 7692 §7.2.1).
pub(crate) fn compressed_text(text: &str) -> Outcome<Vec<u8>> {
    let mut payload = unfinished_deflate(text.as_bytes())?;
    payload.truncate(payload.len().saturating_sub(4));
    Ok(client_frame(Opcode::Text, true, true, &payload))
}

/// Compressed as one raw deflate stream without its end, as a compressed message's first frame has it.
pub(crate) fn unfinished_deflate(text: &[u8]) -> Outcome<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).saying("deflate")?;
    encoder.flush().saying("deflate")?;
    Ok(encoder.get_ref().clone())
}
