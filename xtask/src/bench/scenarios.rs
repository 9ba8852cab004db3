//! What is compared: sections, each with its servers and its tables.

use super::peers::{Mode, Peer, RAW, SERVICE_PEERS, SOCKETIO_PEERS, WEBSOCKET_PEERS};
use super::run::Plan;

/// Servers that do the same things, and the tables of what it costs them.
pub(crate) struct Section {
    /// As it is named on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) peers: &'static [Peer],
    /// The server that the others' cost is a multiple of, and how the column is headed.
    pub(crate) base: (&'static str, &'static str),
    pub(crate) scenarios: &'static [Scenario],
    pub(crate) idle: &'static [Scenario],
    /// Where the idle connections of ours are.
    pub(crate) idle_where: &'static str,
}

impl Section {
    /// Whether a run has anything of it.
    pub(crate) fn has_any(&self, plan: &Plan) -> bool {
        self.scenarios.iter().chain(self.idle).any(|scenario| scenario.is_in(plan))
    }
}

/// One table.
pub(crate) struct Scenario {
    pub(crate) key: &'static str,
    pub(crate) about: &'static str,
    pub(crate) mode: Mode,
    pub(crate) load: &'static [&'static str],
    /// Only our server has it.
    pub(crate) only_ours: bool,
    /// With permessage-deflate, so only servers that have it.
    pub(crate) deflates: bool,
    /// Part of the short run.
    pub(crate) quick: bool,
    /// What ours is to reach: microseconds of CPU a message or a delivery at most, or bytes a connection.
    pub(crate) goal: Option<f64>,
}

impl Scenario {
    const fn with_goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    const fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    const fn deflating(self) -> Self {
        Self { deflates: true, ..self }
    }

    pub(crate) fn is_in(&self, plan: &Plan) -> bool {
        self.quick || !plan.short
    }

    /// Whether this server takes part.
    pub(crate) fn takes(&self, peer: &Peer) -> bool {
        (peer.is_ours() || !self.only_ours) && (peer.deflates || !self.deflates)
    }

    /// What the server does it for.
    pub(crate) fn what(&self) -> &'static str {
        match self.load.first() {
            Some(&"broadcast") => "delivery",
            Some(&"connect") => "connection",
            _ => "message",
        }
    }

    /// The value of an option of the load.
    pub(crate) fn option(&self, name: &str) -> Option<&'static str> {
        let at = self.load.iter().position(|word| *word == name)?;
        self.load.get(at + 1).copied()
    }

    /// Bytes of a message, where there are enough of them to count bytes and not messages only.
    pub(crate) fn large_bytes(&self) -> Option<f64> {
        self.option("--bytes")?.parse().ok().filter(|bytes| *bytes >= 1024.0)
    }
}

const fn scenario(
    key: &'static str,
    about: &'static str,
    mode: Mode,
    load: &'static [&'static str],
) -> Scenario {
    Scenario { key, about, mode, load, only_ours: false, deflates: false, quick: false, goal: None }
}

const fn of_ours(key: &'static str, mode: Mode, load: &'static [&'static str]) -> Scenario {
    Scenario { only_ours: true, ..scenario(key, "", mode, load) }
}

pub(crate) const SECTIONS: &[Section] = &[
    Section {
        name: "websocket",
        title: "WebSocket",
        peers: WEBSOCKET_PEERS,
        base: (RAW, "raw"),
        scenarios: WEBSOCKET,
        idle: WEBSOCKET_IDLE,
        idle_where: "at `/echo`",
    },
    Section {
        name: "large",
        title: "Large messages and compression",
        peers: WEBSOCKET_PEERS,
        base: (RAW, "raw"),
        scenarios: LARGE,
        idle: &[],
        idle_where: "",
    },
    Section {
        name: "memory",
        title: "Memory of idle connections",
        peers: WEBSOCKET_PEERS,
        base: (RAW, "raw"),
        scenarios: &[],
        idle: MEMORY,
        idle_where: "at `/echo`",
    },
    Section {
        name: "socketio",
        title: "Socket.IO",
        peers: SOCKETIO_PEERS,
        base: ("socketioxide", "socketioxide"),
        scenarios: SOCKETIO,
        idle: SOCKETIO_IDLE,
        idle_where: "in a room",
    },
    Section {
        name: "service",
        title: "Inside axum",
        peers: SERVICE_PEERS,
        base: (SERVICE_PEERS[0].name, "bind"),
        scenarios: SERVICE,
        idle: &[],
        idle_where: "",
    },
];

const WEBSOCKET: &[Scenario] = &[
    scenario(
        "echo-1",
        "Echo, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    )
    .quick(),
    scenario("echo-16", "Echo, the same, 16 in flight", Mode::Echo, &["echo", "--in-flight", "16"]).quick(),
    scenario("echo-128", "Echo, the same, 128 in flight", Mode::Echo, &["echo", "--in-flight", "128"]),
    scenario(
        "broadcast-1",
        "Broadcast of 64 bytes to 1,000, one at a time",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "1"],
    ),
    scenario(
        "broadcast-16",
        "Broadcast, the same, 16 in flight",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "16"],
    )
    .quick(),
    of_ours("room-1", Mode::Broadcast, &["broadcast", "--room", "hall", "--in-flight", "1"]),
    of_ours("room-16", Mode::Broadcast, &["broadcast", "--room", "hall", "--in-flight", "16"]).quick(),
];

/// The fewer the larger, so that the load's copies of them stay small beside the server's work.
const LARGE: &[Scenario] = &[
    scenario(
        "echo-1k",
        "Echo of 1 KiB, 100 connections, 1 in flight",
        Mode::Echo,
        &["echo", "--bytes", "1024"],
    )
    .quick(),
    scenario(
        "echo-64k",
        "Echo of 64 KiB, 16 connections, 1 in flight",
        Mode::Echo,
        &["echo", "--bytes", "65536", "--connections", "16"],
    )
    .quick(),
    scenario(
        "echo-16m",
        "Echo of 16 MiB, 2 connections, 1 in flight",
        Mode::Echo,
        &["echo", "--bytes", "16777216", "--connections", "2"],
    ),
    scenario(
        "broadcast-1m",
        "Broadcast of 1 MiB to 100, one at a time",
        Mode::Broadcast,
        &["broadcast", "--bytes", "1048576", "--receivers", "100"],
    ),
    scenario(
        "json-plain",
        "Broadcast of 1 KiB of JSON to 1,000, one at a time, as it is",
        Mode::Broadcast,
        &["broadcast", "--bytes", "1024", "--json"],
    ),
    scenario(
        "json-deflate",
        "Broadcast, the same, with permessage-deflate",
        Mode::Broadcast,
        &["broadcast", "--bytes", "1024", "--json", "--deflate"],
    )
    .deflating()
    .quick(),
];

const MEMORY: &[Scenario] = &[
    scenario(
        "burst",
        "10,000 connections, and after each has had 64 KiB echoed",
        Mode::Echo,
        &["idle", "--burst", "65536"],
    ),
    scenario(
        "deflate",
        "10,000 connections with permessage-deflate, and after each has had 1 KiB echoed",
        Mode::Echo,
        &["idle", "--deflate", "--burst", "1024"],
    )
    .deflating(),
];

const WEBSOCKET_IDLE: &[Scenario] = &[
    scenario("idle", "Idle connections, 10,000 open", Mode::Echo, &["idle"]).quick(),
    of_ours("idle-room", Mode::Echo, &["idle", "--join"]),
];

const SOCKETIO: &[Scenario] = &[
    scenario(
        "echo-1",
        "Echo of an event, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    )
    .with_goal(6.0)
    .quick(),
    scenario(
        "echo-16",
        "Echo of an event, the same, 16 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "16"],
    )
    .with_goal(0.7),
    scenario(
        "broadcast-1",
        "Event of 64 bytes to 1,000 others, one at a time",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "1"],
    ),
    // 1.8 million a second of one core.
    scenario(
        "broadcast-16",
        "Event to 1,000 others, the same, 16 in flight",
        Mode::Broadcast,
        &["broadcast", "--in-flight", "16"],
    )
    .with_goal(1.0 / 1.8)
    .quick(),
    scenario("connect", "Handshake and close, one after another", Mode::Echo, &["connect"]).with_goal(36.0),
];

const SOCKETIO_IDLE: &[Scenario] =
    &[scenario("idle-room", "Idle connections in rooms of 100, 10,000 open", Mode::Room, &["idle"])
        .with_goal(1024.0)
        .quick()];

const SERVICE: &[Scenario] = &[
    scenario(
        "echo-1",
        "WebSocket echo, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    )
    .quick(),
    scenario("echo-16", "WebSocket echo, the same, 16 in flight", Mode::Echo, &["echo", "--in-flight", "16"]),
    scenario("connect", "Handshake and close, one after another", Mode::Echo, &["connect"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str) -> &'static Scenario {
        LARGE.iter().chain(WEBSOCKET).find(|scenario| scenario.key == key).unwrap()
    }

    #[test]
    fn only_those_that_deflate_take_part_where_it_is_deflated() {
        let taking = |key: &str| -> Vec<&str> {
            WEBSOCKET_PEERS.iter().filter(|peer| of(key).takes(peer)).map(|peer| peer.name).collect()
        };
        assert_eq!(taking("json-deflate"), ["fanfare", "sockudo-ws", "uWebSockets", "ws", "yawc"]);
        assert_eq!(taking("json-plain").len(), WEBSOCKET_PEERS.len());
        assert_eq!(taking("room-1"), ["fanfare"]);
    }

    #[test]
    fn what_is_large_follows_from_what_the_load_sends() {
        assert_eq!(of("echo-64k").large_bytes(), Some(65_536.0));
        assert_eq!(of("echo-1").large_bytes(), None);
        assert_eq!((of("broadcast-1m").what(), of("echo-1").what()), ("delivery", "message"));
    }

    #[test]
    fn no_two_tables_of_a_section_have_one_name() {
        for section in SECTIONS {
            let mut keys: Vec<&str> =
                section.scenarios.iter().chain(section.idle).map(|scenario| scenario.key).collect();
            let count = keys.len();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), count, "{}", section.name);
        }
    }
}
