//! Seats in rooms: a client sits on each, and another one as soon as it has been cut.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Client, Outcome, Saying, Seen, View, client_frame, ensure};
use fanfare_websocket::Opcode;
use serde::Deserialize;
use tokio::task::JoinHandle;

/// Each says something as often.
const SAY_EACH: Duration = Duration::from_secs(10);
/// A tenth of all connections, or more, is cut in this time, again and again: none stays longer than ten times as long.
const TENTH_CUT_IN: Duration = Duration::from_secs(5);
/// Connections that are made at the same time.
const ARRIVALS_AT_ONCE: usize = 64;

/// Everybody.
pub(crate) struct Hall {
    address: SocketAddr,
    connections: usize,
    rooms: usize,
    began: Instant,
    present: AtomicUsize,
    phase: tokio::sync::watch::Sender<Phase>,
    arrivals: tokio::sync::Semaphore,
    latencies: Mutex<Vec<u32>>,
    wrong: Mutex<Option<String>>,
    random: AtomicU64,
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Everybody speaks, and is cut.
    Talk,
    /// Nobody speaks or is cut any more.
    Quiet,
    /// In each room one says the last word, which nobody who stayed may miss.
    LastWord,
    /// Everybody goes.
    Leave,
}

/// What came of one seat: a view for each connection that sat there.
pub(crate) struct Report {
    pub(crate) room: usize,
    pub(crate) views: Vec<View>,
}

impl Report {
    pub(crate) fn cuts(&self) -> usize {
        self.views.len() - 1
    }

    pub(crate) fn seen(&self) -> usize {
        self.views.iter().map(|view| view.seen.len()).sum()
    }
}

/// The parts of a message that matter here.
#[derive(Deserialize)]
struct Message<'a> {
    r#type: &'a str,
    id: Option<&'a str>,
    text: Option<&'a str>,
}

/// How a connection is cut.
enum Cut {
    Reset,
    HalfClose,
    CloseFrame,
}

impl Hall {
    pub(crate) fn new(address: SocketAddr, connections: usize, rooms: usize) -> Arc<Self> {
        Arc::new(Self {
            address,
            connections,
            rooms,
            began: Instant::now(),
            present: AtomicUsize::new(0),
            phase: tokio::sync::watch::Sender::new(Phase::Talk),
            arrivals: tokio::sync::Semaphore::new(ARRIVALS_AT_ONCE),
            latencies: Mutex::default(),
            wrong: Mutex::default(),
            random: AtomicU64::new(0x9E37_79B9_7F4A_7C15),
        })
    }

    /// Seats everybody; comes back when all are in their rooms.
    pub(crate) async fn fill(self: &Arc<Self>) -> Outcome<Vec<JoinHandle<Outcome<Report>>>> {
        let seat = |number| {
            let hall = Arc::clone(self);
            tokio::spawn(async move {
                let report = hall.sit(number).await;
                if let Err(why) = &report {
                    let mut wrong = hall.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.get_or_insert_with(|| format!("seat {number}: {why}"));
                }
                report
            })
        };
        let seats = (0..self.connections).map(seat).collect();
        // Those who were cut meanwhile are coming again: nearly everybody is everybody.
        while self.present() < self.connections - self.connections / 50 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.is_well()?;
        }
        Ok(seats)
    }

    pub(crate) fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }

    pub(crate) fn is_well(&self) -> Outcome<()> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// The delays of all deliveries since the last time, in microseconds.
    pub(crate) fn take_latencies(&self) -> Vec<u32> {
        std::mem::take(&mut self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn random(&self) -> u64 {
        let mut state = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ (state >> 31)
    }

    /// A random time whose mean is `mean`, between none and twice as much.
    fn about(&self, mean: Duration) -> Duration {
        let mean_us = u64::try_from(mean.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.random() % (2 * mean_us))
    }

    async fn sit(&self, seat: usize) -> Outcome<Report> {
        let room = seat % self.rooms;
        let mut report = Report { room, views: Vec::new() };
        let mut number = 0;
        loop {
            let (view, cut) = self.visit(seat, room, &mut number).await?;
            report.views.push(view);
            if !cut {
                return Ok(report);
            }
        }
    }

    /// One connection from its coming to its going; says whether it was cut.
    async fn visit(&self, seat: usize, room: usize, number: &mut u64) -> Outcome<(View, bool)> {
        let mut client = {
            let _turn = self.arrivals.acquire().await.saying("a turn")?;
            let mut client = Client::connect_from(seat, self.address, "/chat").await?;
            client.send_text(&format!(r#"{{"type":"join","room":"room {room}","id":"join"}}"#)).await?;
            client
        };
        self.present.fetch_add(1, Ordering::Relaxed);
        let stays = self.about(TENTH_CUT_IN * 5);
        let cut_at = tokio::time::Instant::now() + stays;
        let mut visit = Visit { joined: false, view: View::default(), numbers: HashMap::new() };
        let mut speaks_at = tokio::time::Instant::now() + self.about(SAY_EACH);
        let mut phases = self.phase.subscribe();
        let mut last_word = seat < self.rooms;
        loop {
            let phase = *phases.borrow_and_update();
            if phase == Phase::Leave {
                visit.view.stayed = visit.joined;
                return Ok((visit.view, false));
            }
            if phase == Phase::LastWord && visit.joined && std::mem::take(&mut last_word) {
                self.say(&mut client, seat, number).await?;
            }
            tokio::select! {
                seen = client.next() => match seen {
                    Seen::Text(text) => self.note(&mut visit, &text)?,
                    other => return Err(format!("{other:?} came after {stays:?}")),
                },
                () = tokio::time::sleep_until(speaks_at), if phase == Phase::Talk => {
                    speaks_at += SAY_EACH;
                    if visit.joined {
                        self.say(&mut client, seat, number).await?;
                    }
                },
                () = tokio::time::sleep_until(cut_at), if phase == Phase::Talk => {
                    self.present.fetch_sub(1, Ordering::Relaxed);
                    self.cut(client).await;
                    return Ok((visit.view, true));
                },
                changed = phases.changed() => changed.saying("the phases")?,
            }
        }
    }

    async fn say(&self, client: &mut Client, seat: usize, number: &mut u64) -> Outcome<()> {
        *number += 1;
        let (room, now, n) = (seat % self.rooms, self.now_us(), *number);
        let text = format!(r#"{{"type":"chat","room":"room {room}","text":"{seat} {n} {now}","id":{n}}}"#);
        client.send_text(&text).await
    }

    fn note(&self, visit: &mut Visit, text: &str) -> Outcome<()> {
        let message: Message<'_> = serde_json::from_str(text).saying("a message")?;
        let id = || message.id.and_then(|id| id.parse::<u64>().ok()).ok_or(format!("no id in {text}"));
        match message.r#type {
            "chat" => {
                visit.view.seen.push(id()?);
                let words = message.text.unwrap_or_default();
                let said_us = words.rsplit(' ').next().and_then(|said| said.parse::<u64>().ok());
                let late = self.now_us().saturating_sub(said_us.ok_or(format!("no time in {text}"))?);
                let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
                latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
                drop(latencies);
                visit.in_order(words)
            }
            "ack" if text.contains(r#""messageId":"join""#) => {
                visit.joined = true;
                Ok(())
            }
            "ack" => {
                visit.view.acknowledged.push(id()?);
                Ok(())
            }
            "welcome" | "history" | "userJoined" | "userLeft" => Ok(()),
            other => Err(format!("{other}: {text}")),
        }
    }

    async fn cut(&self, mut client: Client) {
        let cut = match self.random() % 3 {
            0 => Cut::Reset,
            1 => Cut::HalfClose,
            _ => Cut::CloseFrame,
        };
        // What comes of it is the server's affair; its descriptors are counted at the end.
        match cut {
            Cut::Reset => return client.reset(),
            Cut::HalfClose => drop(client.half_close().await),
            Cut::CloseFrame => {
                let frame = client_frame(Opcode::Close, true, false, &1001_u16.to_be_bytes());
                drop(client.send_raw(&frame).await);
            }
        }
        drop(client.until_over(Duration::from_secs(5)).await);
    }
}

/// One connection's stay.
struct Visit {
    joined: bool,
    view: View,
    /// The last number of each seat.
    numbers: HashMap<usize, u64>,
}

impl Visit {
    /// Each seat counts what it says. What a cut connection had said last may have been lost with it, nothing else.
    fn in_order(&mut self, words: &str) -> Outcome<()> {
        let mut words = words.split(' ').map(str::parse::<u64>);
        let (Some(Ok(seat)), Some(Ok(number))) = (words.next(), words.next()) else {
            return Err("not what was said".to_owned());
        };
        let seat = usize::try_from(seat).unwrap_or(usize::MAX);
        let last = self.numbers.insert(seat, number);
        ensure(last.is_none_or(|last| last < number), || format!("seat {seat}: {number} after {last:?}"))
    }
}
