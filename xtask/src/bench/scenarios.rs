//! What is compared: three sections, each with its servers and its tables.

use super::peers::{Mode, Peer, RAW, SERVICE_PEERS, SOCKETIO_PEERS, WEBSOCKET_PEERS};

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

/// One table.
pub(crate) struct Scenario {
    pub(crate) key: &'static str,
    pub(crate) about: &'static str,
    pub(crate) mode: Mode,
    pub(crate) load: &'static [&'static str],
    /// Only our server has it.
    pub(crate) only_ours: bool,
    /// What ours is to reach: microseconds of CPU a message or a delivery at most, or bytes a connection.
    pub(crate) goal: Option<f64>,
}

impl Scenario {
    const fn with_goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

const fn scenario(
    key: &'static str,
    about: &'static str,
    mode: Mode,
    load: &'static [&'static str],
) -> Scenario {
    Scenario { key, about, mode, load, only_ours: false, goal: None }
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
    ),
    scenario("echo-16", "Echo, the same, 16 in flight", Mode::Echo, &["echo", "--in-flight", "16"]),
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
    ),
    of_ours("room-1", Mode::Broadcast, &["broadcast", "--room", "hall", "--in-flight", "1"]),
    of_ours("room-16", Mode::Broadcast, &["broadcast", "--room", "hall", "--in-flight", "16"]),
];

const WEBSOCKET_IDLE: &[Scenario] = &[
    scenario("idle", "Idle connections, 10,000 open", Mode::Echo, &["idle"]),
    of_ours("idle-room", Mode::Echo, &["idle", "--join"]),
];

const SOCKETIO: &[Scenario] = &[
    scenario(
        "echo-1",
        "Echo of an event, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    )
    .with_goal(6.0),
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
    .with_goal(1.0 / 1.8),
    scenario("connect", "Handshake and close, one after another", Mode::Echo, &["connect"]).with_goal(36.0),
];

const SOCKETIO_IDLE: &[Scenario] =
    &[scenario("idle-room", "Idle connections in rooms of 100, 10,000 open", Mode::Room, &["idle"])
        .with_goal(1024.0)];

const SERVICE: &[Scenario] = &[
    scenario(
        "echo-1",
        "WebSocket echo, 100 connections, 20 bytes of text, 1 in flight",
        Mode::Echo,
        &["echo", "--in-flight", "1"],
    ),
    scenario("echo-16", "WebSocket echo, the same, 16 in flight", Mode::Echo, &["echo", "--in-flight", "16"]),
    scenario("connect", "Handshake and close, one after another", Mode::Echo, &["connect"]),
];
