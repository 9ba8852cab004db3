//! What a run is to do.

use std::time::Duration;

use serde::Serialize;

use crate::url::{Protocol, Url};

/// What the connections of a run do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Each sends messages, and each message comes back to it.
    Echo,
    /// The first sends messages, and each goes to all others.
    FanOut,
    /// They are open, and nothing is said.
    Idle,
    /// They are opened and closed, one after another.
    Connect,
}

impl Scenario {
    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::FanOut => "fan-out",
            Self::Idle => "idle",
            Self::Connect => "connect",
        }
    }

    /// What is counted, and whose latency is measured.
    pub fn units(self) -> &'static str {
        match self {
            Self::Echo => "messages",
            Self::FanOut => "deliveries",
            Self::Idle | Self::Connect => "connections",
        }
    }
}

/// When the next message goes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// An open loop: so many messages a second in all, whatever the server does. (For [`Scenario::Connect`] connections.)
    PerSecond(f64),
    /// A closed loop: as soon as fewer than so many are under way, on each connection that speaks.
    InFlight(u32),
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the connections do.
    pub scenario: Scenario,
    /// With whom.
    pub url: Url,
    /// How many there are; of [`Scenario::FanOut`] the first speaks. [`Scenario::Connect`] has one at a time.
    pub connections: usize,
    /// The payload of a message.
    pub bytes: usize,
    /// When the next one goes out.
    pub pace: Pace,
    /// How long is measured.
    pub duration: Duration,
    /// What goes before that.
    pub warm_up: Duration,
    /// The room of the chat kit that [`Scenario::FanOut`] goes through; without it, messages go as they are.
    pub room: Option<String>,
    /// The longest silence of a server that owes an answer.
    pub stall: Duration,
}

/// Messages a second that no load of one thread sends.
const PER_SECOND_MAX: f64 = 10_000_000.0;

/// The longest payload: frames are made in memory, several for each connection.
const BYTES_MAX: usize = 64 << 20;

/// Messages that may be under way, on all connections together, and their bytes: a load keeps a note of each, and perhaps all of them
/// until the server takes them.
const UNDER_WAY_MAX: u64 = 16 << 20;
const UNDER_WAY_BYTES_MAX: u64 = 8 << 30;

/// The longest run.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

impl Plan {
    /// Says what in it makes no sense.
    pub fn check(&self) -> Result<(), String> {
        if self.connections == 0 || (self.scenario == Scenario::FanOut && self.connections < 2) {
            return Err(
                "a run has at least one connection, a fan-out two: one speaks and the others hear it"
                    .to_owned(),
            );
        }
        if !(1..=BYTES_MAX).contains(&self.bytes) {
            return Err(format!("a message has 1 to {BYTES_MAX} bytes"));
        }
        match self.pace {
            Pace::PerSecond(rate) if !(rate > 0.0 && rate <= PER_SECOND_MAX) => {
                return Err(format!("a rate is more than 0 and at most {PER_SECOND_MAX} a second"));
            }
            Pace::InFlight(0) => return Err("at least one message is in flight".to_owned()),
            Pace::InFlight(each) => self.check_under_way(each)?,
            _ => {}
        }
        if self.duration.is_zero() || self.stall.is_zero() {
            return Err(
                "nothing happens in no time: a duration and a stall limit are longer than 0".to_owned()
            );
        }
        if self.duration.max(self.warm_up).max(self.stall) > DURATION_MAX {
            return Err("a run is at most a week long".to_owned());
        }
        if self.room.is_some() && self.scenario != Scenario::FanOut {
            return Err("only a fan-out goes through a room".to_owned());
        }
        Ok(())
    }

    fn check_under_way(&self, each: u32) -> Result<(), String> {
        let speakers = if self.scenario == Scenario::Echo { self.connections as u64 } else { 1 };
        let messages = speakers.saturating_mul(u64::from(each));
        let bytes = messages.saturating_mul(self.bytes as u64);
        if messages > UNDER_WAY_MAX || bytes > UNDER_WAY_BYTES_MAX {
            return Err(format!(
                "at most {UNDER_WAY_MAX} messages and {UNDER_WAY_BYTES_MAX} bytes are under way at once, these would be {messages} \
                 messages and {bytes} bytes"
            ));
        }
        Ok(())
    }

    pub(crate) fn in_flight(&self) -> u32 {
        match self.pace {
            Pace::InFlight(count) => count,
            Pace::PerSecond(_) => 0,
        }
    }

    pub(crate) fn is_socketio(&self) -> bool {
        self.url.protocol() == Protocol::SocketIo
    }
}
