//! A case: a name, and a dialogue with the server; it is held with whole bytes and with bytes cut in pieces.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use super::polling::request;
use super::{Answer, Cut, Heartbeat, Http, Link, PATH, Packet, Polling, Target, WebSocket};
use crate::Random;
use crate::real::{Outcome, Saying};

/// With so many different ways to cut, beside whole.
const CUTS: u64 = 3;

/// No case takes longer: the longest waits for a server's limit of 45 s.
const CASE_LIMIT: Duration = Duration::from_secs(75);

type Running = Pin<Box<dyn Future<Output = Outcome<()>> + Send>>;

/// A dialogue with a name.
pub struct Case {
    name: String,
    run: Box<dyn Fn(Scene) -> Running>,
    whole_only: bool,
}

/// Where a case takes place: the server, and how the bytes go to it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Where the server listens.
    pub address: SocketAddr,
    cut: Cut,
}

/// A case that opens what it needs.
pub fn case<F>(name: impl Into<String>, run: impl Fn(Scene) -> F + 'static) -> Case
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    Case { name: name.into(), run: Box::new(move |scene| Box::pin(run(scene))), whole_only: false }
}

impl Case {
    /// Two cases, one for each transport, that begin with an open session.
    pub fn both<F>(name: &str, run: impl Fn(Link) -> F + Clone + Send + Sync + 'static) -> [Self; 2]
    where
        F: Future<Output = Outcome<()>> + Send + 'static,
    {
        let other = run.clone();
        [
            case(format!("{name} (long-polling)"), move |mut scene| {
                let run = run.clone();
                async move { run(Link::Polling(Box::new(scene.polling().await?))).await }
            }),
            case(format!("{name} (WebSocket)"), move |mut scene| {
                let run = other.clone();
                async move { run(Link::WebSocket(Box::new(scene.websocket().await?))).await }
            }),
        ]
    }

    /// For what takes seconds, and would take no others in pieces.
    #[must_use]
    pub fn whole_only(self) -> Self {
        Self { whole_only: true, ..self }
    }
}

impl Scene {
    /// How the bytes of a further connection are cut.
    #[must_use]
    pub fn fork(&mut self) -> Cut {
        self.cut.fork()
    }

    /// A session over long-polling.
    ///
    /// # Errors
    /// Where there is none to be had.
    pub async fn polling(&mut self) -> Outcome<Polling> {
        Polling::open(self.address, PATH, self.cut.fork()).await
    }

    /// A session over WebSocket, its first packet taken.
    ///
    /// # Errors
    /// Where there is none to be had.
    pub async fn websocket(&mut self) -> Outcome<WebSocket> {
        self.websocket_with_open().await.map(|(websocket, _)| websocket)
    }

    /// A session over WebSocket, and its first packet.
    ///
    /// # Errors
    /// Where there is none to be had.
    pub async fn websocket_with_open(&mut self) -> Outcome<(WebSocket, String)> {
        let mut websocket = self.websocket_at(&format!("{PATH}?EIO=4&transport=websocket")).await?;
        match websocket.next().await? {
            Some(Packet::Text(open)) if open.starts_with('0') => Ok((websocket, open)),
            other => Err(format!("the first packet is {other:?}")),
        }
    }

    /// A WebSocket at this target.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn websocket_at(&mut self, target: &str) -> Outcome<WebSocket> {
        WebSocket::open(self.address, target, self.cut.fork()).await
    }

    /// Asks once, on a connection of its own.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn ask(&mut self, method: &str, target: &str, headers: &str, body: &[u8]) -> Outcome<Answer> {
        self.ask_raw(&request(self.address, method, target, headers, body)).await
    }

    /// The same, with a request as it is.
    ///
    /// # Errors
    /// Where there is no answer.
    pub async fn ask_raw(&mut self, request: &[u8]) -> Outcome<Answer> {
        let mut http = Http::connect(self.address, self.cut.fork()).await?;
        http.ask(request).await?.ok_or_else(|| "the request was cut off".to_owned())
    }
}

/// Starts the server, holds every case with it, whole and in pieces, all at the same time.
///
/// # Panics
/// If a case fails, after all have ended.
pub fn run(heartbeat: Heartbeat, cases: impl IntoIterator<Item = Case>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let target = Target::start(heartbeat).expect("the server starts");
    let failures = runtime.block_on(async {
        let mut running = Vec::new();
        for case in cases {
            for seed in 0..=if case.whole_only { 0 } else { CUTS } {
                let cut = if seed == 0 { Cut::Whole } else { Cut::Pieces(Random::new(seed)) };
                let name = if seed == 0 {
                    case.name.clone()
                } else {
                    format!("{}, in pieces of seed {seed}", case.name)
                };
                let dialogue = (case.run)(Scene { address: target.address, cut });
                running.push((name, tokio::spawn(tokio::time::timeout(CASE_LIMIT, dialogue))));
            }
        }
        assert!(!running.is_empty(), "there are no cases");
        let mut failures = Vec::new();
        for (name, dialogue) in running {
            let outcome = match dialogue.await.saying("it panicked") {
                Ok(in_time) => in_time.unwrap_or_else(|_| Err("it does not end".to_owned())),
                Err(why) => Err(why),
            };
            failures.extend(outcome.err().map(|why| format!("{name}: {why}")));
        }
        failures
    });
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
