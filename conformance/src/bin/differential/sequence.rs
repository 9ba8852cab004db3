//! What a client does, from a seed. A sequence is made without knowing any server's answers.

use fanfare_conformance::Random;
use fanfare_conformance::socketio::{Cut, Packet};

use super::packets::{BROKEN_FRAMES, Joined, Packets};

/// One thing that a client does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Packets in one body, or in one segment.
    Send(Vec<Packet>),
    /// An event with this id, and everything until its answer.
    Sync(u64),
    /// Bytes on the WebSocket as they are.
    Frames(Vec<u8>),
    /// The whole upgrade, with these packets posted between probe and `5`.
    Upgrade(Vec<Packet>),
    /// A WebSocket with the session's id that says this instead of `2probe`.
    BadProbe(Packet),
    /// A poll with the session's id, after its upgrade.
    OldPoll,
    /// A request on a connection of its own.
    Ask { method: &'static str, target: String, upgrade: bool, body: &'static str },
}

/// How a sequence reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// No session at all.
    Requests,
    /// Long-polling with a poll under way whenever something is posted.
    Eager,
    /// Long-polling that polls only when it needs to know.
    Lazy,
    /// WebSocket from the beginning.
    WebSocket,
}

/// What one client does from beginning to end.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) seed: u64,
    pub(crate) way: Way,
    pub(crate) steps: Vec<Step>,
}

/// The event whose acknowledgement ends a sequence.
pub(crate) const LAST_ID: u64 = 999_999;

const STEPS_MAX: usize = 12;

impl Sequence {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let way = match random.below(20) {
            0 | 1 => Way::Requests,
            2..=6 => Way::Eager,
            7..=11 => Way::Lazy,
            _ => Way::WebSocket,
        };
        let steps = match way {
            Way::Requests => (0..=random.below(STEPS_MAX)).map(|_| ask(&mut random)).collect(),
            _ => Maker { upgraded: way == Way::WebSocket, joined: Joined::default(), steps: Vec::new() }
                .make(&mut random),
        };
        Self { seed, way, steps }
    }

    /// One in four is delivered in pieces.
    pub(crate) fn cut(&self) -> Cut {
        if self.seed.is_multiple_of(4) { Cut::Pieces(Random::new(self.seed)) } else { Cut::Whole }
    }
}

struct Maker {
    upgraded: bool,
    joined: Joined,
    steps: Vec<Step>,
}

impl Maker {
    fn make(mut self, random: &mut Random) -> Vec<Step> {
        let mut packets = Packets { random };
        if !packets.random.once_in(12) {
            self.send(vec![packets.connect("")]);
            self.joined.main = true;
        }
        for _ in 0..packets.random.below(STEPS_MAX) {
            self.step(&mut packets);
        }
        if !packets.random.once_in(3) {
            self.broken(&mut packets);
            // What shows whether it was taken: an event, or a namespace that may have been left. Nothing more than that: while a
            // session dies over long-polling it answers this way or that.
            match packets.random.below(4) {
                0 => self.event(&mut packets),
                1 => self.send(vec!["40".into()]),
                2 => self.send(vec!["40/custom,".into()]),
                _ => {}
            }
        }
        if !self.joined.main && packets.random.once_in(2) {
            self.send(vec![packets.connect("")]);
        }
        self.steps
    }

    fn send(&mut self, packets: Vec<Packet>) {
        self.steps.push(Step::Send(packets));
    }

    fn step(&mut self, packets: &mut Packets<'_>) {
        match packets.random.below(24) {
            0..=10 => self.event(packets),
            11 | 12 if self.joined.any() => {
                let many = (0..=packets.random.below(6)).flat_map(|_| packets.event(self.joined)).collect();
                self.send(many);
            }
            13 | 14 if self.joined.any() => {
                let acknowledgement = packets.acknowledgement(self.joined);
                self.send(acknowledgement);
            }
            15 | 16 => self.come_or_go(packets),
            17 => {
                let unknown = packets.unknown_namespace();
                self.send(vec![unknown]);
            }
            18 | 19 if !self.upgraded => self.upgrade(packets),
            20 if !self.upgraded => {
                let wrong = packets.wrong_probe();
                self.steps.push(Step::BadProbe(wrong));
            }
            21 if self.joined.main => {
                let id = packets.random.below(1_000) as u64;
                self.steps.push(Step::Sync(id));
            }
            22 if self.upgraded && packets.random.once_in(3) => {
                self.steps.push(Step::Frames(packets.frames(self.joined)));
            }
            _ if self.joined.any() => {
                let odd = packets.tolerated(self.joined, self.upgraded);
                self.send(vec![odd]);
            }
            _ => {}
        }
    }

    /// An event with its attachments in one go, or each by itself.
    fn event(&mut self, packets: &mut Packets<'_>) {
        if !self.joined.any() {
            return;
        }
        let event = packets.event(self.joined);
        if packets.random.once_in(3) {
            event.into_iter().for_each(|packet| self.send(vec![packet]));
        } else {
            self.send(event);
        }
    }

    fn come_or_go(&mut self, packets: &mut Packets<'_>) {
        let custom = packets.random.once_in(2);
        let (name, joined) =
            if custom { ("/custom,", &mut self.joined.custom) } else { ("", &mut self.joined.main) };
        *joined = !*joined;
        let packet = if *joined { packets.connect(name) } else { Packet::from(format!("41{name}")) };
        self.send(vec![packet]);
    }

    fn upgrade(&mut self, packets: &mut Packets<'_>) {
        let between = if self.joined.any() && packets.random.once_in(2) {
            (0..=packets.random.below(3)).flat_map(|_| packets.event(self.joined)).collect()
        } else {
            Vec::new()
        };
        self.steps.push(Step::Upgrade(between));
        self.upgraded = true;
        if packets.random.once_in(3) {
            self.steps.push(Step::OldPoll);
        }
    }

    /// What a server should not take. Before it everything has been heard: what waits when a session dies over long-polling may
    /// go with it.
    fn broken(&mut self, packets: &mut Packets<'_>) {
        if self.joined.main {
            self.steps.push(Step::Sync(packets.random.below(1_000) as u64));
        }
        if self.upgraded && packets.random.once_in(8) {
            let frames = packets.random.pick(BROKEN_FRAMES).to_vec();
            self.steps.push(Step::Frames(frames));
            return;
        }
        let broken = if packets.random.once_in(2) {
            packets.broken(self.joined)
        } else {
            packets.mutated(self.joined)
        };
        broken.into_iter().for_each(|packet| self.send(vec![packet]));
    }
}

fn ask(random: &mut Random) -> Step {
    let eio = random.pick(&["EIO=4&", "EIO=4&", "EIO=4&", "EIO=3&", "", "EIO=&", "EIO=44&", "eio=4&"]);
    let transport =
        random.pick(&["polling", "polling", "websocket", "webtransport", "", "Polling", "abc", "__proto__"]);
    let sid = random.pick(&[
        "",
        "",
        "",
        "&sid=",
        "&sid=abc",
        "&sid=__proto__",
        "&sid=AAAAAAAAAAAAAAAAAAAA",
        "&t=abc",
        "&b64=1",
    ]);
    let path = random.pick(&["/socket.io/", "/socket.io/", "/socket.io/", "/engine.io/"]);
    let upgrade = random.once_in(3);
    let method =
        if upgrade { "GET" } else { random.pick(&["GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH"]) };
    let body = if method == "POST" { random.pick(&["", "40", "abc"]) } else { "" };
    Step::Ask { method, target: format!("{path}?{eio}transport={transport}{sid}"), upgrade, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_sequence_and_seeds_reach_every_kind_of_step() {
        let (mut seen, mut ways) = ([0; 7], [0; 4]);
        for seed in 0..2_000 {
            let sequence = Sequence::of(seed);
            assert_eq!(format!("{sequence:?}"), format!("{:?}", Sequence::of(seed)));
            ways[sequence.way as usize] += 1;
            for step in &sequence.steps {
                seen[match step {
                    Step::Send(_) => 0,
                    Step::Sync(_) => 1,
                    Step::Frames(_) => 2,
                    Step::Upgrade(_) => 3,
                    Step::BadProbe(_) => 4,
                    Step::OldPoll => 5,
                    Step::Ask { .. } => 6,
                }] += 1;
            }
        }
        assert!(ways.iter().all(|&count| count > 100), "{ways:?}");
        assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
    }
}
