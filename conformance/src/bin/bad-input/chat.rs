//! Messages that are wrong, and members that are.

use std::time::Duration;

use fanfare_conformance::real::{Client, Flags, Outcome, Seen, client_frame, ensure, mebibytes};
use fanfare_websocket::Opcode;

use crate::trial::{Trial, all};

const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Sends each text and expects a refusal with this code; the connection must live on.
async fn refused(flags: &Flags, texts: &[String], code: &str) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    for path in ["/chat", "/binary"] {
        let mut client = Client::connect(trial.server.address(), path).await?;
        for text in texts {
            let start: String = text.chars().take(60).collect();
            client.send_text(text).await?;
            let answer = client.until_text(code, ANSWER_LIMIT).await;
            let answer = answer.map_err(|why| format!("{path}, {start}: {why}"))?;
            let told = answer.contains(r#""type":"error""#) || answer.contains(r#""type":"nack""#);
            ensure(told, || format!("{start}: {answer}"))?;
        }
        client.send_text(r#"{"type":"ping","timestamp":5}"#).await?;
        client.until_text(r#""pong""#, ANSWER_LIMIT).await?;
    }
    trial.end(&format!("{} refused with {code} each, and the connection lives on", texts.len())).await
}

pub(crate) async fn invalid_json(flags: &Flags) -> Outcome<String> {
    let texts = [
        "",
        " ",
        "{",
        "}",
        "[1",
        "nul",
        "{\"type\":\"chat\"",
        "{\"type\":\"a\\u12\"}",
        "{type:1}",
        "\u{0}",
        "{\"type\":\"chat\",}",
        "{'type':'chat'}",
        "{\"type\":\"ping\"} x",
        "NaN",
        "{\"a\":1e}",
        "\"",
    ];
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    refused(flags, &texts, "invalid_json").await
}

pub(crate) async fn deep_json(flags: &Flags) -> Outcome<String> {
    let deep = |open: &str, close: &str, levels: usize| {
        format!(r#"{{"type":"chat","text":{}1{}}}"#, open.repeat(levels), close.repeat(levels))
    };
    let texts = [
        deep("[", "]", 64),
        deep("{\"a\":", "}", 64),
        deep("[", "]", 10_000),
        deep("[{\"a\":", "}]", 50_000),
        "[".repeat(1_000_000),
    ];
    let (last, texts) = texts.split_last().ok_or("no text")?;
    let note = refused(flags, texts, "invalid_message").await?;
    // What has no end is no JSON either; whichever is found first is right.
    refused(flags, std::slice::from_ref(last), "invalid_").await?;
    Ok(note)
}

pub(crate) async fn batch_in_batch(flags: &Flags) -> Outcome<String> {
    let inner = r#"{"type":"batch","messages":[{"type":"ping","timestamp":1}]}"#;
    let mut nested = inner.to_owned();
    for _ in 0..20 {
        nested = format!(r#"{{"type":"batch","messages":[{nested}]}}"#);
    }
    let texts = [format!(r#"{{"type":"batch","messages":[{inner}]}}"#), nested];
    refused(flags, &texts, "invalid_message").await
}

fn say(number: usize, length: usize) -> String {
    let text = "x".repeat(length);
    format!(r#"{{"type":"chat","room":"talk","text":"{number:08} {text}"}}"#)
}

pub(crate) async fn never_reads(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let mut silent = Client::connect_narrow(address, "/chat", 8 << 10).await?;
    silent.join("talk").await?;
    let (listeners, messages) = flags.pick((10, 4_000), (30, 20_000));
    // They are in the room before anybody speaks.
    let (here, mut waiting) = tokio::sync::watch::channel(0);
    let here = std::sync::Arc::new(here);
    let counter = std::sync::Arc::clone(&here);
    let listening = tokio::spawn(all(listeners, move |_| {
        let here = std::sync::Arc::clone(&counter);
        async move {
            let mut client = Client::connect(address, "/chat").await?;
            client.join("talk").await?;
            here.send_modify(|count| *count += 1);
            for number in 0..messages {
                let wanted = format!("\"{number:08} ");
                let text = client.until_text(r#""type":"chat""#, Duration::from_secs(60)).await?;
                ensure(text.contains(&wanted), || format!("{} instead of {number}", &text[..80]))?;
            }
            Ok(())
        }
    }));
    waiting.wait_for(|count| *count == listeners).await.map_err(|error| error.to_string())?;
    let mut speaker = Client::connect(address, "/chat").await?;
    speaker.join("talk").await?;
    let (mut left_after, mut code) = (None, None);
    for number in 0..messages {
        speaker.send_text(&say(number, 1_000)).await?;
        loop {
            match speaker.next_within(ANSWER_LIMIT).await? {
                Seen::Text(text) if text.contains(r#""userLeft""#) && left_after.is_none() => {
                    left_after = Some(number);
                    // The rest of what it had begun to be sent, and the reason, wait five seconds for it.
                    code = silent.until_over(ANSWER_LIMIT).await?.0;
                }
                Seen::Text(text) if text.contains(&format!("\"{number:08} ")) => break,
                Seen::Text(_) => {}
                other => return Err(format!("the speaker saw {other:?}")),
            }
        }
    }
    listening.await.map_err(|error| error.to_string())??;
    let left_after = left_after.ok_or("the one that never reads was not sent away")?;
    drop(speaker);
    drop(silent);
    ensure(code == Some(1013), || format!("the one that never read was closed with {code:?}"))?;
    trial
        .end(&format!(
            "closed with 1013 after {left_after} messages of 1 kB; {listeners} others saw all {messages} in order"
        ))
        .await
}

const ROOMS_A_CONNECTION: usize = 128;

/// Room for a million rooms; the usual budget of a trial has none.
const WIDE_BUDGET_BYTES: usize = 4 << 30;

pub(crate) async fn million_rooms(flags: &Flags) -> Outcome<String> {
    let connections = flags.pick(160, 7_813);
    let asked = connections * ROOMS_A_CONNECTION;
    let trial = Trial::start_with(flags, &[], WIDE_BUDGET_BYTES).await?;
    let mut rises = Vec::new();
    for round in 0..2 {
        let before = trial.server.rss();
        let (granted, full) = ask_for_rooms(&trial, round, connections).await?;
        ensure(granted == asked, || format!("{granted} of {asked} rooms were granted"))?;
        rises.push((before, full, trial.server.rss()));
    }
    let words: Vec<String> = rises
        .iter()
        .map(|(before, full, after)| {
            format!("{} → {} → {}", mebibytes(*before), mebibytes(*full), mebibytes(*after))
        })
        .collect();
    let note = format!(
        "{asked} rooms by {connections} connections, the 129th refused to each; RSS before, full, after: {}",
        words.join("; ")
    );
    // What the allocator keeps after the first time must serve the second.
    let [(_, first, _), (_, second, _)] = rises[..] else { return Err("two rounds".to_owned()) };
    ensure(second < first + first / 5 + (8 << 20), || format!("memory grows: {note}"))?;
    let wide = trial.end(&note).await?;
    let trial = Trial::start(flags, &[]).await?;
    let (granted, full) = ask_for_rooms(&trial, 2, connections).await?;
    ensure(flags.short || granted < asked, || "a budget of 512 MiB was enough".to_owned())?;
    let note =
        format!("with a budget of 512 MiB {granted} were granted, the others refused at {}", mebibytes(full));
    Ok(format!("{wide}; {}", trial.end(&note).await?))
}

/// Asks for one room more than a connection may have, on each of them. Gives how many were granted, and the resident memory
/// while they were held. What is refused for memory is refused clearly, and its connection lives on.
async fn ask_for_rooms(trial: &Trial, round: usize, connections: usize) -> Outcome<(usize, usize)> {
    let address = trial.server.address();
    let clients = all(connections, move |number| async move {
        let mut client = Client::connect(address, "/chat").await?;
        let mut joins = Vec::new();
        for room in 0..=ROOMS_A_CONNECTION {
            let join = format!(r#"{{"type":"join","room":"room {round} {number} {room}","id":{room}}}"#);
            joins.extend(client_frame(Opcode::Text, true, false, join.as_bytes()));
        }
        client.send_raw(&joins).await?;
        // The edge refuses at once, rooms answer in their time.
        let (mut joined, mut refused, mut short) = (0, 0, 0);
        while joined + refused + short <= ROOMS_A_CONNECTION {
            match client.next_within(Duration::from_secs(60)).await? {
                Seen::Text(text) if text.contains(r#""type":"ack""#) => joined += 1,
                Seen::Text(text) if text.contains(r#""forbidden""#) => refused += 1,
                Seen::Text(text) if text.contains(r#""unavailable""#) => short += 1,
                Seen::Text(_) => {}
                other => return Err(format!("{other:?}")),
            }
        }
        let full = joined == ROOMS_A_CONNECTION && refused == 1;
        ensure(full || short > 0, || format!("{joined} joined, {refused} refused"))?;
        Ok((client, joined))
    })
    .await?;
    let granted = clients.iter().map(|(_, joined)| joined).sum();
    let full = trial.server.rss();
    drop(clients);
    trial.all_closed(Duration::from_secs(30)).await?;
    Ok((granted, full))
}
