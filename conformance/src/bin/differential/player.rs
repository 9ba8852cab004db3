//! Plays a sequence to one server. It never waits a fixed time: a ping frame or the answer to a POST says that the server has
//! handled what was sent, and the last event's acknowledgement that there is nothing more to come.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_conformance::real::{Outcome, Seen, client_frame};
use fanfare_conformance::socketio::{
    Cut, Http, Meaning, PATH, Packet, Polling, WebSocket, body, handshake, packets, request,
};
use fanfare_websocket::Opcode;

use super::sequence::{LAST_ID, Sequence, Step, Way};
use super::transcript::{End, Transcript, answered, ended, opened};

/// Whether a poll that is under way has been answered meanwhile; what it carries is heard later otherwise.
const GLANCE: Duration = Duration::from_millis(3);

/// What a server did in answer to this.
pub(crate) async fn play(address: SocketAddr, sequence: &Sequence) -> Transcript {
    let mut player = Player {
        address,
        cut: sequence.cut(),
        eager: sequence.way == Way::Eager,
        polling: None,
        is_polling: false,
        websocket: None,
        heard: Vec::new(),
        end: None,
        transcript: Transcript::default(),
    };
    if let Err(why) = player.play(sequence).await {
        player.end = Some(End::Silent(why));
    }
    player.leave().await;
    player.transcript.hear(player.heard);
    player.transcript.end = player.end.unwrap_or_default();
    player.transcript
}

struct Player {
    address: SocketAddr,
    cut: Cut,
    eager: bool,
    polling: Option<Polling>,
    /// A poll is under way.
    is_polling: bool,
    websocket: Option<WebSocket>,
    heard: Vec<Packet>,
    end: Option<End>,
    transcript: Transcript,
}

impl Player {
    async fn play(&mut self, sequence: &Sequence) -> Outcome<()> {
        match sequence.way {
            Way::Requests => {}
            Way::WebSocket => {
                let target = format!("{PATH}?EIO=4&transport=websocket");
                let mut websocket = WebSocket::open(self.address, &target, self.cut.fork()).await?;
                match websocket.next().await? {
                    Some(Packet::Text(open)) => self.transcript.asked.push(opened(&open)),
                    other => self.transcript.asked.push(format!("{other:?}")),
                }
                self.websocket = Some(websocket);
            }
            Way::Eager | Way::Lazy => {
                let polling = Polling::open(self.address, PATH, self.cut.fork()).await?;
                self.transcript.asked.push(opened(&polling.open));
                self.polling = Some(polling);
            }
        }
        for step in &sequence.steps {
            if self.end.is_some() {
                return Ok(());
            }
            self.step(step).await?;
        }
        if sequence.way == Way::Requests || self.end.is_some() { Ok(()) } else { self.sync(LAST_ID).await }
    }

    async fn step(&mut self, step: &Step) -> Outcome<()> {
        match step {
            Step::Send(packets) => self.send(packets).await,
            Step::Sync(id) => self.sync(*id).await,
            Step::Frames(frames) => self.frames(frames.clone()).await,
            Step::Upgrade(between) => self.upgrade(between).await,
            Step::BadProbe(packet) => self.bad_probe(packet).await,
            Step::OldPoll => {
                let Some(polling) = &self.polling else { return Ok(()) };
                let target = polling.target("polling");
                self.ask(&request(self.address, "GET", &target, "", b"")).await
            }
            Step::Ask { method, target, upgrade, body } => {
                let request = if *upgrade {
                    handshake(self.address, target)
                } else {
                    request(self.address, method, target, "", body.as_bytes())
                };
                self.ask(&request).await
            }
        }
    }

    async fn ask(&mut self, request: &[u8]) -> Outcome<()> {
        let answer = Http::connect(self.address, self.cut.fork()).await?.ask(request).await?;
        self.transcript.asked.push(answered(answer.as_ref()));
        Ok(())
    }

    async fn send(&mut self, packets: &[Packet]) -> Outcome<()> {
        if self.websocket.is_some() {
            let mut wire = Vec::new();
            for packet in packets {
                wire.extend(match packet {
                    Packet::Text(text) => client_frame(Opcode::Text, true, false, text.as_bytes()),
                    Packet::Binary(bytes) => client_frame(Opcode::Binary, true, false, bytes),
                });
            }
            return self.frames(wire).await;
        }
        let Some(polling) = &mut self.polling else { return Ok(()) };
        if self.eager && !self.is_polling {
            polling.begin_poll("").await?;
            self.is_polling = true;
        }
        let answer = polling.post(body(packets).as_bytes()).await?;
        self.transcript.posts.push(answered(answer.as_ref()));
        if self.is_polling && polling.is_answered(GLANCE).await {
            self.end_poll().await?;
        }
        Ok(())
    }

    /// Sends bytes on the WebSocket and goes on once the server has handled them.
    async fn frames(&mut self, mut wire: Vec<u8>) -> Outcome<()> {
        let Some(websocket) = &mut self.websocket else { return Ok(()) };
        wire.extend(client_frame(Opcode::Ping, true, false, b"handled"));
        // Where the server has ended it, what it said before is still to be read.
        let _ = websocket.send_raw(&wire).await;
        loop {
            match websocket.next_seen().await? {
                Seen::Text(text) => self.heard.push(text.into()),
                Seen::Binary(bytes) => self.heard.push(Packet::Binary(bytes)),
                Seen::Pong(payload) if payload == b"handled" => return Ok(()),
                Seen::Pong(_) => {}
                end => {
                    self.end = Some(ended(&end));
                    return Ok(());
                }
            }
        }
    }

    /// An event, and everything until it is acknowledged or the session is over.
    async fn sync(&mut self, id: u64) -> Outcome<()> {
        let from = self.heard.len();
        let word = if id == LAST_ID { "end" } else { "sync" };
        self.send(&[format!(r#"42{id}["message-with-ack","{word}"]"#).into()]).await?;
        let wanted = Meaning::of(&format!(r#"43{id}["{word}"]"#), &[]);
        let is_wanted =
            |packet: &Packet| matches!(packet, Packet::Text(text) if Meaning::of(text, &[]) == wanted);
        while self.end.is_none() && !self.heard[from..].iter().any(is_wanted) {
            if let Some(websocket) = &mut self.websocket {
                match websocket.next_seen().await? {
                    Seen::Text(text) => self.heard.push(text.into()),
                    Seen::Binary(bytes) => self.heard.push(Packet::Binary(bytes)),
                    Seen::Pong(_) => {}
                    end => self.end = Some(ended(&end)),
                }
            } else {
                self.poll().await?;
            }
        }
        Ok(())
    }

    async fn poll(&mut self) -> Outcome<()> {
        let Some(polling) = &mut self.polling else { return Ok(()) };
        if !self.is_polling {
            polling.begin_poll("").await?;
            self.is_polling = true;
        }
        self.end_poll().await
    }

    async fn end_poll(&mut self) -> Outcome<()> {
        let Some(polling) = &mut self.polling else { return Ok(()) };
        self.is_polling = false;
        let Some(answer) = polling.end_poll().await?.filter(|answer| answer.status == 200) else {
            self.end = Some(End::Gone);
            return Ok(());
        };
        for packet in packets(&answer.text()?)? {
            match &packet {
                Packet::Text(text) if text == "6" || text == "2" => {}
                Packet::Text(text) if text == "1" => self.end = Some(End::Gone),
                _ => self.heard.push(packet),
            }
        }
        Ok(())
    }

    async fn upgrade(&mut self, between: &[Packet]) -> Outcome<()> {
        let Some(polling) = &mut self.polling else { return Ok(()) };
        let target = polling.target("websocket");
        let mut websocket = match WebSocket::try_open(self.address, &target, self.cut.fork()).await? {
            Ok(websocket) => websocket,
            Err(answer) => {
                self.transcript.asked.push(answered(Some(&answer)));
                return Ok(());
            }
        };
        websocket.send(&["2probe".into()]).await?;
        let probed = websocket.next().await?;
        self.transcript.asked.push(format!("2probe: {probed:?}"));
        if probed.is_none() {
            return Ok(());
        }
        if !between.is_empty() {
            let answer = polling.post(body(between).as_bytes()).await?;
            self.transcript.posts.push(answered(answer.as_ref()));
        }
        // A client leaves long-polling when its poll has come home; the server's noop sees to that.
        if self.is_polling {
            self.end_poll().await?;
        }
        self.websocket = Some(websocket);
        self.send(&["5".into()]).await
    }

    async fn bad_probe(&mut self, packet: &Packet) -> Outcome<()> {
        let Some(polling) = &self.polling else { return Ok(()) };
        let target = polling.target("websocket");
        match WebSocket::try_open(self.address, &target, self.cut.fork()).await? {
            Err(answer) => self.transcript.asked.push(answered(Some(&answer))),
            Ok(mut websocket) => {
                websocket.send(std::slice::from_ref(packet)).await?;
                let answer = websocket.next().await?;
                self.transcript.asked.push(format!("a probe of {packet:?}: {answer:?}"));
            }
        }
        Ok(())
    }

    /// Nobody shall wait for a heartbeat of whoever is done.
    async fn leave(&mut self) {
        if self.end.is_none()
            && self.websocket.is_none()
            && let Some(polling) = &mut self.polling
        {
            let _ = polling.post(b"1").await;
        }
    }
}
