//! Seats in rooms: a client sits on each, and another one as soon as it has been cut.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Outcome, Saying, View, ensure};
use tokio::task::JoinHandle;

use crate::voice::{Dialect, Heard, Voice};

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
    /// Everybody speaks Socket.IO, half of them by polling.
    socketio: bool,
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

impl Hall {
    pub(crate) fn new(address: SocketAddr, connections: usize, rooms: usize, socketio: bool) -> Arc<Self> {
        Arc::new(Self {
            address,
            connections,
            rooms,
            socketio,
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
            Voice::come(self.dialect(seat), seat, self.address, room).await?
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
                client.leave().await;
                return Ok((visit.view, false));
            }
            if phase == Phase::LastWord && visit.joined && std::mem::take(&mut last_word) {
                self.say(&mut client, seat, number).await?;
            }
            tokio::select! {
                heard = client.next() => {
                    let heard = heard.map_err(|why| format!("{why}, stays {stays:?}"))?;
                    self.note(&mut visit, heard)?;
                },
                () = tokio::time::sleep_until(speaks_at), if phase == Phase::Talk => {
                    speaks_at += SAY_EACH;
                    if visit.joined {
                        self.say(&mut client, seat, number).await?;
                    }
                },
                () = tokio::time::sleep_until(cut_at), if phase == Phase::Talk => {
                    self.present.fetch_sub(1, Ordering::Relaxed);
                    client.cut(self.random() % 3).await;
                    return Ok((visit.view, true));
                },
                changed = phases.changed() => changed.saying("the phases")?,
            }
        }
    }

    async fn say(&self, client: &mut Voice, seat: usize, number: &mut u64) -> Outcome<()> {
        *number += 1;
        let (room, now, n) = (seat % self.rooms, self.now_us(), *number);
        client.say(room, &format!("{seat} {n} {now}"), n).await
    }

    fn note(&self, visit: &mut Visit, heard: Heard) -> Outcome<()> {
        match heard {
            Heard::Chat { id, words } => {
                visit.view.seen.push(id);
                let said_us = words.rsplit(' ').next().and_then(|said| said.parse::<u64>().ok());
                let late = self.now_us().saturating_sub(said_us.ok_or(format!("no time in {words}"))?);
                let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
                latencies.push(u32::try_from(late).unwrap_or(u32::MAX));
                drop(latencies);
                visit.in_order(&words)?;
            }
            Heard::Joined => visit.joined = true,
            Heard::Acknowledged(id) => visit.view.acknowledged.push(id),
            Heard::Nothing => {}
        }
        Ok(())
    }

    /// How whoever sits there speaks.
    fn dialect(&self, seat: usize) -> Dialect {
        // Rooms are given by the seat too: each has all kinds.
        match seat / self.rooms % 4 {
            _ if !self.socketio => Dialect::Native,
            0 | 1 => Dialect::WebSocket,
            2 if seat.is_multiple_of(2) => Dialect::Upgrading,
            _ => Dialect::Polling,
        }
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
