//! How somebody in the chat speaks and hears: natively, or over Socket.IO by WebSocket, by polling, or first one and then the
//! other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare_conformance::real::{Client, Outcome, Saying, Seen, client_frame, ensure};
use fanfare_conformance::socketio::{Cut, Http, PATH, Packet, packets, request};
use fanfare_websocket::Opcode;
use serde::Deserialize;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// No poll waits longer: the server asks after the client before.
const POLL_LIMIT: Duration = Duration::from_secs(60);

/// How somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Native,
    WebSocket,
    Polling,
    /// Polls, and goes over to WebSocket once it is in its room.
    Upgrading,
}

/// What was heard.
pub(crate) enum Heard {
    Chat { id: u64, words: String },
    Joined,
    Acknowledged(u64),
    Nothing,
}

/// The parts of a message that matter here.
#[derive(Deserialize)]
struct Message<'a> {
    r#type: Option<&'a str>,
    id: Option<&'a str>,
    text: Option<&'a str>,
}

pub(crate) enum Voice {
    Native(Client),
    WebSocket { client: Box<Client>, early: Vec<String> },
    Polling(Poller),
}

/// Where a session that polls is spoken to.
struct Session {
    address: SocketAddr,
    target: String,
    /// A second POST beside one under way ends the session, and pongs are posted too.
    posting: Mutex<()>,
}

/// A session that polls, by a task of its own.
pub(crate) struct Poller {
    session: Arc<Session>,
    inbox: mpsc::UnboundedReceiver<Outcome<String>>,
    polling: JoinHandle<()>,
}

impl Drop for Poller {
    fn drop(&mut self) {
        // Its poll is given up with it.
        self.polling.abort();
    }
}

impl Session {
    async fn post(&self, body: &str) -> Outcome<()> {
        let _posting = self.posting.lock().await;
        let mut http = Http::connect(self.address, Cut::Whole).await?;
        let headers = "Connection: close\r\n";
        let answer = http.ask(&request(self.address, "POST", &self.target, headers, body.as_bytes())).await?;
        let status = answer.map(|answer| answer.status);
        ensure(status == Some(200), || format!("a POST was answered {status:?}"))
    }

    /// One poll; gives its packets but for pings, which are answered, and noops.
    async fn poll(&self, http: &mut Http) -> Outcome<Vec<String>> {
        if http.is_spent() {
            *http = Http::connect(self.address, Cut::Whole).await?;
        }
        http.send(&request(self.address, "GET", &self.target, "", b"")).await;
        let answer = http.answer_within(POLL_LIMIT).await?.ok_or("a poll was cut off")?;
        let text = answer.text()?;
        ensure(answer.status == 200, || format!("a poll was answered {} {text}", answer.status))?;
        let mut heard = Vec::new();
        for packet in packets(&text)? {
            match packet {
                Packet::Text(text) if text == "2" => self.post("3").await?,
                Packet::Text(text) if text == "6" => {}
                Packet::Text(text) if text == "1" => return Err("the session was ended".to_owned()),
                Packet::Text(text) => heard.push(text),
                Packet::Binary(_) => return Err("bytes came".to_owned()),
            }
        }
        Ok(heard)
    }
}

impl Voice {
    /// Comes in and asks to join the room.
    pub(crate) async fn come(
        dialect: Dialect,
        seat: usize,
        address: SocketAddr,
        room: usize,
    ) -> Outcome<Self> {
        let join = format!(r#"42/chat,0["join",{{"room":"room {room}"}}]"#);
        match dialect {
            Dialect::Native => {
                let mut client = Client::connect_from(seat, address, "/chat").await?;
                client.send_text(&format!(r#"{{"type":"join","room":"room {room}","id":"join"}}"#)).await?;
                Ok(Self::Native(client))
            }
            Dialect::WebSocket => {
                let target = format!("{PATH}?EIO=4&transport=websocket");
                let mut client = Client::connect_from(seat, address, &target).await?;
                client.send_text("40/chat,").await?;
                client.until_text("40/chat,{", POLL_LIMIT).await?;
                client.send_text(&join).await?;
                Ok(Self::WebSocket { client: Box::new(client), early: Vec::new() })
            }
            Dialect::Polling | Dialect::Upgrading => {
                let mut http = Http::connect(address, Cut::Whole).await?;
                let open = request(address, "GET", &format!("{PATH}?EIO=4&transport=polling"), "", b"");
                let answer = http.ask(&open).await?.ok_or("a handshake was cut off")?.text()?;
                let sid = answer.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
                let sid = sid.ok_or_else(|| format!("a handshake was answered {answer}"))?;
                let target = format!("{PATH}?EIO=4&transport=polling&sid={sid}");
                let session = Session { address, target, posting: Mutex::new(()) };
                session.post("40/chat,").await?;
                let mut early = session.poll(&mut http).await?;
                ensure(early.first().is_some_and(|text| text.starts_with("40/chat,{")), || {
                    format!("{early:?} came and no word of the namespace")
                })?;
                session.post(&join).await?;
                if dialect == Dialect::Upgrading {
                    let client = upgrade(&mut http, &session, &mut early).await?;
                    return Ok(Self::WebSocket { client: Box::new(client), early });
                }
                Ok(Self::Polling(Poller::start(http, session, early)))
            }
        }
    }

    /// What comes next. Waiting for it may be given up at any time.
    pub(crate) async fn next(&mut self) -> Outcome<Heard> {
        match self {
            Self::Native(client) => match client.next().await {
                Seen::Text(text) => native(&text),
                other => Err(format!("{other:?} came")),
            },
            Self::WebSocket { client, early } => {
                if !early.is_empty() {
                    return event(&early.remove(0));
                }
                match client.next().await {
                    Seen::Text(text) if text == "2" => {
                        client.try_send_raw(&client_frame(Opcode::Text, true, false, b"3"))?;
                        Ok(Heard::Nothing)
                    }
                    Seen::Text(text) => event(&text),
                    other => Err(format!("{other:?} came over Socket.IO")),
                }
            }
            Self::Polling(poller) => event(&poller.inbox.recv().await.ok_or("the polls ended")??),
        }
    }

    /// Says something in a room, to be acknowledged under a number.
    pub(crate) async fn say(&mut self, room: usize, text: &str, number: u64) -> Outcome<()> {
        let event = || format!(r#"42/chat,{number}["chat",{{"room":"room {room}","text":"{text}"}}]"#);
        match self {
            Self::Native(client) => {
                let text = format!(r#"{{"type":"chat","room":"room {room}","text":"{text}","id":{number}}}"#);
                client.send_text(&text).await
            }
            Self::WebSocket { client, .. } => client.send_text(&event()).await,
            Self::Polling(poller) => poller.session.post(&event()).await,
        }
    }

    /// Goes. A poll that is answered while its client goes leaves a session that only the heartbeat ends; that is not waited for.
    pub(crate) async fn leave(self) {
        if let Self::Polling(poller) = &self {
            drop(poller.session.post("1").await);
        }
    }

    /// Goes in one of three ways. What comes of it is the server's affair; its descriptors are counted at the end.
    pub(crate) async fn cut(self, how: u64) {
        let mut client = match self {
            Self::Native(client) => client,
            Self::WebSocket { client, .. } => *client,
            // Its poll is given up, or it says so; the third waits for its end.
            Self::Polling(poller) => {
                if how > 0 {
                    drop(poller.session.post("1").await);
                }
                return;
            }
        };
        match how {
            0 => return client.reset(),
            1 => drop(client.half_close().await),
            _ => {
                let frame = client_frame(Opcode::Close, true, false, &1001_u16.to_be_bytes());
                drop(client.send_raw(&frame).await);
            }
        }
        drop(client.until_over(Duration::from_secs(5)).await);
    }
}

impl Poller {
    fn start(mut http: Http, session: Session, early: Vec<String>) -> Self {
        let (heard, inbox) = mpsc::unbounded_channel();
        for text in early {
            let _ = heard.send(Ok(text));
        }
        let session = Arc::new(session);
        let polled = Arc::clone(&session);
        let polling = tokio::spawn(async move {
            loop {
                let (texts, over) = match polled.poll(&mut http).await {
                    Ok(texts) => (texts.into_iter().map(Ok).collect(), false),
                    Err(why) => (vec![Err(why)], true),
                };
                for text in texts {
                    // Whoever listened has gone.
                    let _ = heard.send(text);
                }
                if over {
                    return;
                }
            }
        });
        Self { session, inbox, polling }
    }
}

/// Takes a session over by WebSocket while messages come for it.
async fn upgrade(http: &mut Http, session: &Session, early: &mut Vec<String>) -> Outcome<Client> {
    let target = session.target.replace("polling", "websocket");
    let mut client = Client::connect(session.address, &target).await?;
    client.send_text("2probe").await?;
    client.until_text("3probe", POLL_LIMIT).await?;
    // The poll under way comes back at once, with what there is or with nothing.
    early.extend(session.poll(http).await?);
    client.send_text("5").await?;
    Ok(client)
}

fn id(message: &Message<'_>) -> Outcome<u64> {
    message.id.and_then(|id| id.parse().ok()).ok_or_else(|| "a message without an id".to_owned())
}

fn heard(kind: &str, message: &Message<'_>) -> Outcome<Heard> {
    match kind {
        "chat" => Ok(Heard::Chat { id: id(message)?, words: message.text.unwrap_or_default().to_owned() }),
        "welcome" | "history" | "userJoined" | "userLeft" => Ok(Heard::Nothing),
        other => Err(format!("{other} came")),
    }
}

fn native(text: &str) -> Outcome<Heard> {
    let message: Message<'_> = serde_json::from_str(text).saying("a message")?;
    match message.r#type.unwrap_or_default() {
        "ack" if text.contains(r#""messageId":"join""#) => Ok(Heard::Joined),
        "ack" => Ok(Heard::Acknowledged(id(&message)?)),
        kind => heard(kind, &message),
    }
}

/// The same of a packet of Socket.IO.
fn event(text: &str) -> Outcome<Heard> {
    if let Some(event) = text.strip_prefix("42/chat,") {
        let (kind, message): (&str, Message<'_>) = serde_json::from_str(event).saying("an event")?;
        return heard(kind, &message);
    }
    match text.strip_prefix("43/chat,") {
        Some(r#"0[{"ok":true}]"#) => Ok(Heard::Joined),
        Some(answer) => {
            let from = answer.find('[').unwrap_or_default();
            let (message,): (Message<'_>,) = serde_json::from_str(&answer[from..]).saying("an answer")?;
            Ok(Heard::Acknowledged(id(&message).map_err(|why| format!("{why}: {text}"))?))
        }
        None if text.starts_with("40/chat,") || text.starts_with("0{") => Ok(Heard::Nothing),
        None => Err(format!("{text} came")),
    }
}
