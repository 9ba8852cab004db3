//! What is to be reached, row by row: ours beside those that a goal names, in pairs of one run.
//!
//! A goal on time is a ratio to another server in the same round, or microseconds. It counts as reached where the upper end of the
//! 95 % bootstrap interval of the median is below the goal and 5 % more.

use std::fmt::Write;

use serde_json::{Value, json};

use super::costs;
use super::peers::{
    Mode, OURS, Peer, RAW, SOCKETIO_PEERS, UWEBSOCKETS, WEBSOCKET_PEERS, library_with, ours_with,
};
use super::run::{Bench, Measured, Plan, load_against, start};
use super::spread::{Spread, bootstrapped, ratios, thousands, values};
use super::table::{LOAD_MARK, Pages, is_of_the_load};

pub(crate) const NAME: &str = "goals";
const TITLE: &str = "Goals";

/// Rounds, each with one measurement of every server.
const ROUNDS: usize = 15;

/// A measurement of the full run, in seconds; there are many of them.
const SECONDS: &str = "1";

/// What counts as noise.
const NOISE: f64 = 1.05;

const CPU: &str = "server_cpu_us";
const TWO_SHARDS: &str = "fanfare, 2 shards";
const SOCKUDO: &str = "sockudo-ws";
const TOKIO: &str = "tokio-websockets";
const OXIDE: &str = "socketioxide";

/// The same load for several servers in each round.
struct Race {
    key: &'static str,
    about: &'static str,
    what: &'static str,
    mode: Mode,
    load: &'static [&'static str],
    socketio: bool,
    servers: &'static [&'static str],
    goals: &'static [Goal],
}

struct Goal {
    field: &'static str,
    /// The server that ours is a multiple of; an absolute figure where there is none.
    against: Option<&'static str>,
    most: f64,
}

const fn times(against: &'static str, most: f64) -> Goal {
    Goal { field: CPU, against: Some(against), most }
}

const fn at_most(most: f64) -> Goal {
    Goal { field: CPU, against: None, most }
}

const fn race(
    key: &'static str,
    about: &'static str,
    load: &'static [&'static str],
    servers: &'static [&'static str],
    goals: &'static [Goal],
) -> Race {
    Race { key, about, what: "message", mode: Mode::Echo, load, socketio: false, servers, goals }
}

impl Race {
    const fn broadcast(self) -> Self {
        Self { what: "delivery", mode: Mode::Broadcast, ..self }
    }

    const fn socketio(self) -> Self {
        Self { socketio: true, ..self }
    }
}

const RACES: &[Race] = &[
    race(
        "echo-1",
        "echo of 20 bytes, 100 connections, 1 in flight",
        &["echo", "--in-flight", "1"],
        &[RAW, OURS, UWEBSOCKETS, TWO_SHARDS],
        &[
            times(RAW, 1.03),
            Goal { field: "p50_ms", against: Some(RAW), most: 1.05 },
            Goal { field: "p99_ms", against: Some(RAW), most: 1.05 },
        ],
    ),
    race(
        "echo-16",
        "the same, 16 in flight",
        &["echo", "--in-flight", "16"],
        &[RAW, OURS, UWEBSOCKETS],
        &[times(UWEBSOCKETS, 1.0 / 1.05), times(RAW, 1.0 / 0.95)],
    ),
    race(
        "echo-128",
        "the same, 128 in flight",
        &["echo", "--in-flight", "128"],
        &[OURS, UWEBSOCKETS],
        &[times(UWEBSOCKETS, 1.0 / 1.2)],
    ),
    race(
        "echo-1k",
        "echo of 1 KiB, 100 connections",
        &["echo", "--bytes", "1024"],
        &[OURS, UWEBSOCKETS, SOCKUDO],
        &[times(UWEBSOCKETS, 1.0), times(SOCKUDO, 1.0)],
    ),
    race(
        "echo-64k",
        "echo of 64 KiB, 16 connections",
        &["echo", "--bytes", "65536", "--connections", "16"],
        &[OURS, UWEBSOCKETS, SOCKUDO, TOKIO],
        &[times(UWEBSOCKETS, 1.0), times(SOCKUDO, 1.0), times(TOKIO, 1.0)],
    ),
    race(
        "echo-16m",
        "echo of 16 MiB, 2 connections",
        &["echo", "--bytes", "16777216", "--connections", "2"],
        &[OURS, UWEBSOCKETS, SOCKUDO, TOKIO],
        &[times(UWEBSOCKETS, 1.0), times(SOCKUDO, 1.0), times(TOKIO, 1.0)],
    ),
    race(
        "broadcast-1",
        "broadcast of 64 bytes to 1,000, one at a time",
        &["broadcast", "--in-flight", "1"],
        &[RAW, OURS, TWO_SHARDS],
        &[times(RAW, 1.08)],
    )
    .broadcast(),
    race(
        "broadcast-16",
        "the same, 16 in flight",
        &["broadcast", "--in-flight", "16"],
        &[RAW, OURS],
        &[times(RAW, 1.1)],
    )
    .broadcast(),
    race("connect", "handshake and close", &["connect"], &[RAW, OURS, UWEBSOCKETS], &[at_most(36.0)]),
    race(
        "socketio-echo-1",
        "echo of a Socket.IO event, 100 connections, 1 in flight",
        &["echo", "--in-flight", "1"],
        &[OURS, OXIDE],
        &[at_most(6.0)],
    )
    .socketio(),
    race(
        "socketio-echo-16",
        "the same, 16 in flight",
        &["echo", "--in-flight", "16"],
        &[OURS, OXIDE],
        &[at_most(0.7)],
    )
    .socketio(),
    race(
        "socketio-broadcast-16",
        "Socket.IO event to 1,000, 16 in flight (1.8 million a second)",
        &["broadcast", "--in-flight", "16"],
        &[OURS, OXIDE],
        &[at_most(1.0 / 1.8)],
    )
    .broadcast()
    .socketio(),
    race("socketio-connect", "Socket.IO handshake and close", &["connect"], &[OURS, OXIDE], &[at_most(36.0)])
        .socketio(),
];

/// A race of one shard against two, which also says what a delivery across shards costs: half of them are.
const SHARDS: [(&str, &str, f64); 2] = [
    ("echo-1", "two shards beside one, a message", 1.05),
    // (local + across) / 2 is at most (1 + 1.3) / 2 of local.
    ("broadcast-1", "two shards beside one, a delivery, half of them across (1.3 × a local one each)", 1.15),
];

/// Connections that an echo is to cost the same with.
const GROWN: (&str, &str) = ("100", "15000");

/// Idle connections: bytes of RSS each.
struct Weight {
    key: &'static str,
    about: &'static str,
    mode: Mode,
    load: &'static [&'static str],
    socketio: bool,
    servers: &'static [&'static str],
    most: f64,
}

const WEIGHTS: &[Weight] = &[
    Weight {
        key: "idle",
        about: "idle WebSocket, 10,000 open",
        mode: Mode::Echo,
        load: &["idle"],
        socketio: false,
        servers: &[OURS, UWEBSOCKETS],
        most: 200.0,
    },
    Weight {
        key: "idle-room",
        about: "idle WebSocket in a room with user, limits and heartbeat",
        mode: Mode::Echo,
        load: &["idle", "--join"],
        socketio: false,
        servers: &[OURS],
        most: 500.0,
    },
    Weight {
        key: "socketio-idle-room",
        about: "idle Socket.IO connection in a room",
        mode: Mode::Room,
        load: &["idle"],
        socketio: true,
        servers: &[OURS, OXIDE],
        most: 1024.0,
    },
];

/// Instructions of our server: the section and the key of what is counted, and how many it may be.
const COUNTS: &[(&str, &str, f64)] = &[
    ("websocket", "echo-16", 450.0),
    ("websocket", "broadcast-1", 60.0),
    ("websocket", "broadcast-16", 8.0),
    ("socketio", "echo-16", 1_500.0),
];

/// Those whose versions are told.
pub(crate) fn peers() -> impl Iterator<Item = &'static Peer> {
    WEBSOCKET_PEERS.iter().chain(&SOCKETIO_PEERS[1..2])
}

pub(crate) fn measure(bench: &Bench<'_>, plan: &Plan) -> Measured {
    let (rounds, seconds) = if plan.publishes { (ROUNDS, SECONDS) } else { (plan.rounds, plan.seconds) };
    let mut measured = Measured::new(rounds, seconds);
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        for race in RACES.iter().filter(|race| !plan.short || race.key == "echo-16") {
            for server in servers(bench, race.servers) {
                let load = [race.load, &["--seconds", seconds]].concat();
                let seen = once(bench, server, race.socketio, race.mode, &load);
                measured.keep(race.key, server, None, seen);
            }
        }
    }
    for weight in WEIGHTS.iter().filter(|_| !plan.short) {
        for server in servers(bench, weight.servers) {
            let seen = once(bench, server, weight.socketio, weight.mode, weight.load);
            measured.keep(weight.key, server, None, seen);
        }
    }
    measured
}

/// Instructions and system calls of what has a goal on them.
pub(crate) fn counts(bench: &Bench<'_>) -> Result<Value, String> {
    let mut counted = Vec::new();
    for (section, key, most) in COUNTS {
        let mut cost = costs::of_one(bench, section, key)?;
        cost["goal"] = json!(most);
        counted.push(cost);
    }
    Ok(json!(counted))
}

fn servers(bench: &Bench<'_>, all: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    let without = bench.without;
    all.iter().copied().filter(move |server| Some(*server) != without)
}

fn once(bench: &Bench<'_>, server: &str, socketio: bool, mode: Mode, load: &[&str]) -> Result<Value, String> {
    let (root, target) = (&bench.workspace.root, &bench.workspace.target);
    let known = if socketio { SOCKETIO_PEERS } else { WEBSOCKET_PEERS };
    let peer = known.iter().find(|peer| peer.name == server);
    let (process, port) = start(bench, |port| match peer {
        Some(peer) => peer.command(root, target, port, mode, false),
        None if socketio => library_with(target, port, mode, "", 2),
        None => ours_with(target, port, 2, &[]),
    })?;
    let wire = peer.map_or(&["--wire", "websocket"][..], |peer| peer.wire);
    load_against(bench, port, process.id(), wire, load)
}

/// One row a goal, and whether it is reached.
pub(crate) fn write(pages: &mut Pages, all: &Value, growth: &Value) {
    pages.heading(TITLE, peers(), all);
    let out = &mut pages.tables;
    let results = &all["results"];
    let _ = writeln!(
        out,
        "\nEach round has one measurement of each server; only pairs of one round are compared, {ROUNDS} at least. Where the goal is a multiple of another server it is the median of the \
         ratios within a round, with its 95 % bootstrap interval; it is reached where the upper end is below the goal and 5 % more. \
         All rounds are in `results.json`. {LOAD_MARK}: the load was the limit of one of both, so the latency is the load's. Growth is of its own section.\n"
    );
    out.push_str("| figure | ours | the others, in the same run | against | goal, at most | is (95 %) | |\n");
    out.push_str("|---|---|---|---|---|---|---|\n");
    for race in RACES {
        let of = &results[race.key];
        let Some(ours) = of[OURS].as_array().map(|_| &of[OURS]) else { continue };
        for goal in race.goals {
            let base = goal.against.map(|server| &of[server]);
            if base.is_some_and(|base| !base.is_array()) {
                continue;
            }
            let unit = match goal.field.strip_suffix("_ms") {
                Some(quantile) => format!("ms at {quantile}"),
                None => format!("µs a {}", race.what),
            };
            let others = race.servers.iter().filter(|server| **server != OURS && of[**server].is_array());
            let others: Vec<String> =
                others.map(|server| format!("{server} {}", figure(&of[*server], goal.field))).collect();
            // Of what the load was the limit of, only CPU time says something.
            let of_the_load = goal.field != CPU && base.into_iter().chain([ours]).any(is_of_the_load);
            let mark = if of_the_load { format!(" {LOAD_MARK}") } else { String::new() };
            let about = format!("{}, {unit}{mark}", race.about);
            let row = [about, figure(ours, goal.field), others.join("; ")];
            judged(out, &row, goal.against, goal.most, &multiples(ours, base, goal.field));
        }
    }
    for (key, about, most) in SHARDS {
        let (one, two) = (&results[key][OURS], &results[key][TWO_SHARDS]);
        if two.is_array() {
            let row = [about.to_owned(), figure(two, CPU), String::new()];
            judged(out, &row, Some("one shard"), most, &multiples(two, Some(one), CPU));
        }
    }
    let of = |line: &str, place: &str| Spread::of_field(&growth["connections"][line][place], CPU).median;
    let by = |line: &str| of(line, GROWN.1) / of(line, GROWN.0);
    let (ours, raw) = (by("fanfare, 1 shard"), by(RAW));
    if ours.is_finite() {
        let verdict = if ours <= NOISE { "reached" } else { "**not reached**" };
        let _ = writeln!(
            out,
            "| growth: echo with 15,000 connections beside 100, a message | × {ours:.2} | {RAW} × {raw:.2} | 100 connections | \
             × 1.00 | | {verdict} |"
        );
    }
    for weight in WEIGHTS.iter().filter(|weight| results[weight.key].is_object()) {
        let of = |server: &str| results[weight.key][server][0]["bytes_each"].as_f64().unwrap_or(f64::NAN);
        let others = weight.servers.iter().filter(|server| **server != OURS);
        let others: Vec<String> =
            others.map(|server| format!("{server} {}", thousands(of(server)))).collect();
        plainly(out, &format!("{}, bytes", weight.about), of(OURS), &others.join("; "), weight.most);
    }
    for cost in all["costs"].as_array().into_iter().flatten() {
        let number = |field: &str| cost[field].as_f64().unwrap_or(f64::NAN);
        let calls = cost["calls"].as_object().into_iter().flatten();
        let calls: Vec<String> = calls.map(|(name, each)| format!("{name} {each}")).collect();
        let about =
            format!("instructions: {} ({})", cost["about"].as_str().unwrap_or_default(), calls.join(", "));
        plainly(out, &about, number("instructions"), "", number("goal"));
    }
}

fn figure(rounds: &Value, field: &str) -> String {
    let median = Spread::of_field(rounds, field).median;
    if median < 1.0 { format!("{median:.3}") } else { format!("{median:.2}") }
}

/// Ours as a multiple of the other's, round by round; ours as it is where there is no other.
fn multiples(ours: &Value, base: Option<&Value>, field: &str) -> Vec<f64> {
    base.map_or_else(|| values(ours, field), |base| ratios(ours, base, field))
}

fn judged(out: &mut String, row: &[String; 3], against: Option<&str>, most: f64, is: &[f64]) {
    let (low, high) = bootstrapped(is);
    let median = Spread::of(is.to_vec()).median;
    let verdict = match is.len() {
        few @ ..ROUNDS => format!("{few} pairs are too few"),
        _ if high < most * NOISE => "reached".to_owned(),
        _ => "**not reached**".to_owned(),
    };
    let [about, ours, others] = row;
    let (against, times) = against.map_or(("", ""), |against| (against, "× "));
    let _ = writeln!(
        out,
        "| {about} | {ours} | {others} | {against} | {times}{most:.2} | {times}{median:.2} ({low:.2} to {high:.2}) | {verdict} |"
    );
}

/// A figure without noise.
fn plainly(out: &mut String, about: &str, is: f64, others: &str, most: f64) {
    let verdict = if is <= most { "reached" } else { "**not reached**" };
    let (is, most) = (thousands(is), thousands(most));
    let _ = writeln!(out, "| {about} | {is} | {others} | | {most} | | {verdict} |");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(field: &str, values: &[f64]) -> Value {
        json!(values.iter().map(|value| json!({ field: value })).collect::<Vec<_>>())
    }

    fn table(results: &Value) -> String {
        let mut pages = Pages::default();
        write(&mut pages, &json!({ "results": results }), &json!({}));
        pages.tables
    }

    #[test]
    fn a_goal_is_reached_where_the_intervals_end_is_below_it_and_five_percent() {
        let reached = |ours: f64| {
            let results =
                json!({ "echo-1": { RAW: rounds(CPU, &[2.0; 15]), OURS: rounds(CPU, &[ours; 15]) } });
            let table = table(&results);
            let row = table.lines().find(|line| line.contains("µs a message")).expect("a row").to_owned();
            row.ends_with("| reached |")
        };
        // The goal is 1.03 of raw.
        assert!(reached(2.0 * 1.08) && !reached(2.0 * 1.09));
    }

    #[test]
    fn latencies_have_rows_of_their_own_and_what_was_not_measured_has_none() {
        let table = table(&json!({ "echo-1": {
            RAW: rounds("p50_ms", &[1.0]), OURS: rounds("p50_ms", &[1.5]),
        }}));
        assert!(
            table.contains("| echo of 20 bytes, 100 connections, 1 in flight, ms at p50 | 1.50 |"),
            "{table}"
        );
        assert!(!table.contains("broadcast") && table.contains("| 1 pairs are too few |"), "{table}");
    }

    #[test]
    fn every_server_of_a_race_is_known() {
        for race in RACES {
            let known = if race.socketio { SOCKETIO_PEERS } else { WEBSOCKET_PEERS };
            let is_known =
                |server: &&&str| **server == TWO_SHARDS || known.iter().any(|peer| peer.name == **server);
            assert_eq!(race.servers.iter().filter(is_known).count(), race.servers.len(), "{}", race.key);
            assert!(
                race.goals.iter().filter_map(|goal| goal.against).all(|base| race.servers.contains(&base))
            );
        }
    }
}
