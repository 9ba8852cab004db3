//! Packets of Socket.IO that are wrong, too many, or never finished.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Client, Flags, Outcome, client_frame, ensure, mebibytes};
use fanfare_conformance::socketio::{Cut, Link, PATH, Packet, Polling, WebSocket};
use fanfare_websocket::Opcode;

use crate::memory::push_and_stop;
use crate::trial::{Trial, all};

const PLACED: &str = r#"{"_placeholder":true,"num":0}"#;
const CLOSE_LIMIT: Duration = Duration::from_secs(20);

/// A session over either transport.
pub(crate) async fn open(address: std::net::SocketAddr, polls: bool) -> Outcome<Link> {
    if polls {
        return Ok(Link::Polling(Box::new(Polling::open(address, PATH, Cut::Whole).await?)));
    }
    let target = format!("{PATH}?EIO=4&transport=websocket");
    let mut link = Link::WebSocket(Box::new(WebSocket::open(address, &target, Cut::Whole).await?));
    link.expect_start("0{").await?;
    Ok(link)
}

/// The same, in the chat.
pub(crate) async fn chatting(address: std::net::SocketAddr, polls: bool) -> Outcome<Link> {
    let mut link = open(address, polls).await?;
    link.send("40/chat,").await?;
    link.expect_connected("/chat,").await?;
    link.expect_start(r#"42/chat,["welcome","#).await?;
    Ok(link)
}

/// Everything of SOCKETIO.md's close list.
fn broken() -> Vec<Vec<Packet>> {
    let texts = [
        r#"42["message",1]"#,
        r#"42/binary,["message",1]"#,
        r#"42/random,["message",1]"#,
        "41",
        "43[1]",
        "44",
        "41/binary,",
        r#"44{"message":"x"}"#,
        r#"44/chat,{"message":"x"}"#,
        "40/chat,",
        r#"40/chat,{"token":"abc"}"#,
        r#"42/chat,["connect"]"#,
        r#"42/chat,["connect_error"]"#,
        r#"42/chat,["disconnect",1]"#,
        r#"42/chat,["disconnecting"]"#,
        r#"42/chat,["newListener"]"#,
        r#"42/chat,["removeListener"]"#,
        r#"42/chat,["disc\u006fnnect"]"#,
        "42/chat,[]",
        "42/chat,{}",
        r#"42/chat,abc["x"]"#,
        "42/chat,[null]",
        "42/chat,[{}]",
        "42/chat,\"x\"",
        r#"42/chat,["x",]"#,
        r#"42/chat,["x",undefined]"#,
        r#"42/chat,["x",01]"#,
        r#"42/chat,["x""#,
        r#"42/chat,1.5["x"]"#,
        "4abc",
        "4",
        "47",
        "49",
        "4-1",
        r#"47["x"]"#,
        r#"42/chat,["x",1]x"#,
        r#"42/chat,["x"]["y"]"#,
        r#"42/chat,["x"]}"#,
        "40[]",
        r#"40["a"]"#,
        r#"40"abc""#,
        "40abc",
        "40null",
        "40{",
        "40/binary,[]",
        r#"40/binary,"abc""#,
        "41/chat,[]",
        "41/chat,{}",
        r#"41/chat,"x""#,
        r#"450-/chat,["x"]"#,
        r#"4511-/chat,["x"]"#,
        r#"45999999-/chat,["x"]"#,
        r#"45-/chat,["x"]"#,
        r#"45/chat,["x"]"#,
        "45",
        "451",
        "45abc-",
        r#"45-1-/chat,["x"]"#,
        "460-/chat,[]",
        "4611-/chat,[]",
        "46/chat,[]",
        "451-/chat,{}",
        "451-/chat,[]",
        "43/chat,1{}",
        r#"43/chat,1"x""#,
        "43/chat,1null",
        "43/chat,1[",
        "2",
        "9",
        "x",
    ];
    let owed = || Packet::from(format!(r#"451-/chat,["x",{PLACED}]"#));
    let beyond = ["1", "-1", "10", "null", "\"0\"", "1e300"].map(|number| {
        let head = format!(r#"451-/chat,["x",{{"_placeholder":true,"num":{number}}}]"#);
        vec![head.into(), (&[1]).into()]
    });
    let others = [
        vec![(&[1, 2, 3]).into()],
        vec![Packet::Binary(Vec::new())],
        vec![owed(), r#"42/chat,["x"]"#.into()],
        vec![owed(), "41/chat,".into()],
        vec![owed(), owed()],
        vec![owed(), (&[1]).into(), (&[2]).into()],
    ];
    texts.into_iter().map(|text| vec![text.into()]).chain(beyond).chain(others).collect()
}

pub(crate) async fn close_list(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let broken = Arc::new(broken());
    let (kinds, rounds) = (broken.len(), flags.pick(2, 25));
    all(kinds * rounds * 2, move |number| {
        let broken = Arc::clone(&broken);
        async move {
            let packets = &broken[number / 2 % broken.len()];
            let mut link = chatting(address, number.is_multiple_of(2)).await?;
            link.send_fatal(packets).await?;
            loop {
                match link.next().await.map_err(|why| format!("{packets:?}: {why}, nor is it closed"))? {
                    None => return Ok(()),
                    // An `error` may come before it.
                    Some(Packet::Text(text)) if text.starts_with(r#"42/chat,["error""#) => {}
                    Some(other) => return Err(format!("{packets:?} was answered with {other:?}")),
                }
            }
        }
    })
    .await?;
    trial.all_closed(CLOSE_LIMIT).await?;
    trial.end(&format!("{kinds} kinds, {rounds} times over each transport, each session was closed")).await
}

pub(crate) async fn attachments_owed(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let (count, seconds) = flags.pick((60, 3), (1_000, 40));
    let mut wire = client_frame(Opcode::Text, true, false, b"40/chat,");
    let places: Vec<String> = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
    let head = format!(r#"4510-/chat,["files",{}]"#, places.join(","));
    wire.extend(client_frame(Opcode::Text, true, false, head.as_bytes()));
    let mebibyte = client_frame(Opcode::Binary, true, false, &vec![7; 1 << 20]);
    wire.extend(mebibyte.repeat(9));
    let (whole_bytes, wire) = (wire.len(), Arc::new(wire));
    let until = Instant::now() + Duration::from_secs(seconds);
    let resets = flags.short;
    let pushing = tokio::spawn(all(count, move |_| {
        let wire = Arc::clone(&wire);
        async move {
            let target = format!("{PATH}?EIO=4&transport=websocket");
            Ok(push_and_stop(Client::connect(address, &target).await?, wire, until, resets).await)
        }
    }));
    let served = trial.serves_until(until).await?;
    let pushed = pushing.await.map_err(|error| error.to_string())??;
    let whole = pushed.iter().filter(|(sent, ..)| *sent == whole_bytes).count();
    let closed = pushed.iter().filter(|(_, code, _)| *code == Some(1013)).count();
    let sent: usize = pushed.iter().map(|(sent, ..)| sent).sum();
    trial.all_closed(Duration::from_secs(90)).await?;
    let note = format!(
        "{count} had {} of 9 MiB each taken ({whole} all of it), {closed} were closed with 1013; {served} fresh round trips meanwhile",
        mebibytes(sent)
    );
    trial.end(&note).await
}

pub(crate) async fn deep_events(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let depths = flags.pick(&[10_000][..], &[1_000, 10_000, 100_000, 400_000]);
    let forms: [fn(&str) -> String; 6] = [
        |deep| format!(r#"42/chat,["chat",{{"room":"x","text":"y","deep":{deep}}}]"#),
        |deep| format!(r#"42/chat,["chat",{deep}]"#),
        |deep| format!(r#"42/chat,1[{deep}]"#),
        |deep| format!(r#"43/chat,1[{deep}]"#),
        |deep| format!(r#"40/binary,{{"a":{deep}}}"#),
        |deep| format!(r#"44/chat,{deep}"#),
    ];
    let cases = depths.len() * forms.len() * 4;
    let lived = all(cases, move |number| async move {
        let depth = depths[number / 4 % depths.len()];
        let (open, close) = if number % 4 < 2 { ("[", "]") } else { (r#"{"a":"#, "}") };
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let packet = forms[number / 4 / depths.len()](&deep);
        let mut link = chatting(address, number.is_multiple_of(2)).await?;
        let _ = link.send_fatal(&[packet.into()]).await;
        // Whether it is taken or not: it is answered, or it ends.
        let _ = link.send(r#"42/chat,7["presence",{"room":"nowhere"}]"#).await;
        loop {
            match link.next().await? {
                None => return Ok(0),
                Some(Packet::Text(text)) if text.starts_with("43/chat,7[") => {
                    link.send("1").await?;
                    return Ok(1);
                }
                Some(_) => {}
            }
        }
    })
    .await?;
    let lived: usize = lived.iter().sum();
    trial.all_closed(CLOSE_LIMIT).await?;
    trial
        .end(&format!("{cases} packets as deep as {depths:?}: {lived} sessions live on, the others ended"))
        .await
}

pub(crate) async fn namespaces(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let (asked, crowd) = flags.pick((2_000, 500), (10_000, 10_000));
    let mut one = chatting(address, false).await?;
    for first in (0..asked).step_by(100) {
        let packets: Vec<Packet> =
            (first..first + 100).map(|number| format!("40/random-{number},").into()).collect();
        one.send_all(&packets).await?;
        for number in first..first + 100 {
            one.expect(format!(r#"44/random-{number},{{"message":"Invalid namespace"}}"#)).await?;
        }
    }
    // The four that there are, in and out.
    for _ in 0..asked / 10 {
        one.send_all(&["40/binary,".into(), "41/binary,".into(), "40".into(), "41".into()]).await?;
    }
    let mut entered = 0;
    while entered < asked / 10 * 2 {
        match one.next().await? {
            Some(Packet::Text(text)) if text.starts_with("40") => entered += 1,
            Some(_) => {}
            None => return Err(format!("closed after {entered} times in and out")),
        }
    }
    drop(one);
    let crowd_at_once = all(crowd, move |number| async move {
        let mut link = open(address, false).await?;
        link.send(format!("40/random-{number},")).await?;
        link.expect(format!(r#"44/random-{number},{{"message":"Invalid namespace"}}"#)).await?;
        Ok(link)
    })
    .await?;
    drop(crowd_at_once);
    trial.all_closed(CLOSE_LIMIT).await?;
    trial
        .end(&format!(
            "{asked} asked for by one, one each by {crowd}: all refused; one went in and out {entered} times"
        ))
        .await
}

pub(crate) async fn crowded_body(flags: &Flags) -> Outcome<String> {
    let trial = Trial::start(flags, &[]).await?;
    let address = trial.server.address();
    let clients = flags.pick(4, 20);
    let packets = 100_000;
    let took = all(clients * 2, move |number| async move {
        let mut link = open(address, number.is_multiple_of(2)).await?;
        link.send("40").await?;
        link.expect_connected("").await?;
        let many = vec![Packet::from(r#"42["x",1]"#); packets];
        let began = Instant::now();
        match &mut link {
            Link::Polling(polling) => {
                let body = fanfare_conformance::socketio::body(&many);
                let answer = polling.post(body.as_bytes()).await?.ok_or("the POST was cut off")?;
                ensure(answer.status == 200, || format!("the POST was answered with {}", answer.status))?;
            }
            Link::WebSocket(websocket) => {
                websocket.send(&many).await?;
                websocket.barrier().await?;
            }
        }
        link.send("40/chat,").await?;
        link.expect_connected("/chat,").await?;
        let took = began.elapsed();
        link.send("1").await?;
        Ok(took)
    })
    .await?;
    let worst = took.into_iter().max().unwrap_or_default();
    trial.all_closed(CLOSE_LIMIT).await?;
    trial
        .end(&format!("{clients} bodies of {packets} packets and as many over WebSocket, at once: all handled in {worst:.1?}"))
        .await
}
