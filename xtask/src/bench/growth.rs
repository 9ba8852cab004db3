//! How a cost grows: with connections, with the members of a room, with rooms; for ours with one shard and with two.
//!
//! All shards of a server share core 0, so two of them tell what they cost, not what they bring.

use std::fmt::Write;

use serde_json::Value;

use super::peers::{Mode, Peer, WEBSOCKET_PEERS, library_with, ours_with, raw};
use super::plot::{Line as PlotLine, Point, lines};
use super::run::{Bench, Measured, Plan, load_against, start};
use super::spread::{Spread, thousands};
use super::table::Pages;

pub(crate) const NAME: &str = "growth";
const TITLE: &str = "Growth";

/// More rounds would take long and tell little: what grows shows in one.
const ROUNDS_MOST: usize = 3;

/// A connection of this server may be in so many rooms, where rooms are counted by the thousand.
const ROOMS_EACH: &str = "1000";

#[derive(Clone, Copy)]
enum Program {
    Raw,
    /// The binary with so many shards.
    Ours(u16),
    /// An app on the library with so many shards: one Socket.IO room with everybody.
    Hall(u16),
}

/// A server in a chart.
struct Line {
    label: &'static str,
    program: Program,
}

struct Chart {
    key: &'static str,
    about: &'static str,
    what: &'static str,
    /// What grows, the option of the load that says so, and its values.
    along: &'static str,
    option: &'static str,
    values: &'static [u64],
    /// Those of the short run.
    short: &'static [u64],
    load: &'static [&'static str],
    mode: Mode,
    lines: &'static [Line],
}

const RAW: Line = Line { label: super::peers::RAW, program: Program::Raw };
const ONE: Line = Line { label: "fanfare, 1 shard", program: Program::Ours(1) };
const TWO: Line = Line { label: "fanfare, 2 shards", program: Program::Ours(2) };
const HALL_ONE: Line = Line { label: "fanfare, Socket.IO room, 1 shard", program: Program::Hall(1) };
const HALL_TWO: Line = Line { label: "fanfare, Socket.IO room, 2 shards", program: Program::Hall(2) };

const CHARTS: &[Chart] = &[
    Chart {
        key: "connections",
        about: "Echo of 20 bytes, 1 in flight, by connections",
        what: "message",
        along: "connections",
        option: "--connections",
        values: &[100, 1_000, 5_000, 15_000],
        short: &[100, 5_000],
        load: &["echo"],
        mode: Mode::Echo,
        lines: &[RAW, ONE, TWO],
    },
    Chart {
        key: "members",
        about: "Broadcast of 64 bytes, one at a time, by receivers",
        what: "delivery",
        along: "receivers",
        option: "--receivers",
        values: &[10, 100, 1_000, 10_000],
        short: &[10, 1_000],
        load: &["broadcast"],
        mode: Mode::Broadcast,
        lines: &[RAW, ONE, TWO, HALL_ONE, HALL_TWO],
    },
    Chart {
        key: "rooms",
        about: "Chat in rooms of 10 among 1,000 connections, 10 rooms at a time, by rooms",
        what: "delivery",
        along: "rooms",
        option: "--rooms",
        values: &[10, 100, 10_000, 100_000],
        short: &[],
        load: &["rooms"],
        mode: Mode::Broadcast,
        lines: &[ONE, TWO],
    },
];

/// Those whose versions are told.
pub(crate) fn peers() -> &'static [Peer] {
    &WEBSOCKET_PEERS[..2]
}

/// Rounds of every chart, place and server; the short run leaves places out.
pub(crate) fn measure(bench: &Bench<'_>, plan: &Plan) -> Measured {
    let mut measured = Measured::new(plan.rounds.min(ROUNDS_MOST), plan.seconds);
    for chart in CHARTS {
        for line in chart.lines.iter().filter(|_| plan.verifies) {
            let seen = once(bench, chart, line, chart.values[0], &["--verify"]);
            measured.look(chart.key, line.label, seen);
        }
        for _ in 0..measured.rounds {
            for value in chart.values.iter().filter(|value| !plan.short || chart.short.contains(value)) {
                println!("{} {}", thousands(*value as f64), chart.along);
                for line in chart.lines {
                    let seen = once(bench, chart, line, *value, &["--seconds", plan.seconds]);
                    measured.keep(chart.key, line.label, Some(*value), seen);
                }
            }
        }
    }
    measured
}

fn once(bench: &Bench<'_>, chart: &Chart, line: &Line, value: u64, more: &[&str]) -> Result<Value, String> {
    let target = &bench.workspace.target;
    let words = |port| match line.program {
        Program::Raw => raw(target, port, chart.mode),
        Program::Ours(shards) => ours_with(target, port, shards, &["--rooms-per-connection", ROOMS_EACH]),
        Program::Hall(shards) => library_with(target, port, Mode::Hall, "", shards),
    };
    let wire = match line.program {
        Program::Raw => "raw",
        Program::Ours(_) => "websocket",
        Program::Hall(_) => "socketio",
    };
    let (server, port) = start(bench, words)?;
    let value = value.to_string();
    let load = [chart.load, &[chart.option, &value], more].concat();
    load_against(bench, port, server.id(), &["--wire", wire], &load)
}

/// A table and a plot for each chart.
pub(crate) fn write(pages: &mut Pages, all: &Value) {
    pages.heading(TITLE, peers(), all);
    let _ = writeln!(
        pages.tables,
        "\nAll shards share one core here, so two of them show what they cost, not what they bring. A connection may be in \
         {} rooms, so that the third chart has as many connections everywhere; with 10 rooms only a hundred of them have \
         something to hear, from 100 rooms on all.",
        thousands(ROOMS_EACH.parse().unwrap_or_default())
    );
    let results = &all["results"];
    for chart in CHARTS.iter().filter(|chart| results[chart.key].is_object()) {
        table(&mut pages.tables, chart, &results[chart.key]);
        let of_line = |line: &Line| {
            let spread = |value: &u64| spread(&results[chart.key], line, *value);
            let points = chart.values.iter().map(|value| Point { at: *value as f64, range: spread(value) });
            PlotLine { label: line.label.to_owned(), points: points.collect() }
        };
        let all: Vec<PlotLine> = chart.lines.iter().map(of_line).collect();
        let svg = lines(chart.about, &format!("CPU a {} in µs", chart.what), chart.along, &all);
        pages.plot(&format!("{NAME}-{}", chart.key), chart.about, svg);
    }
}

fn table(out: &mut String, chart: &Chart, results: &Value) {
    let measured = |value: &&u64| chart.lines.iter().any(|line| spread(results, line, **value).is_known());
    let values: Vec<u64> = chart.values.iter().filter(measured).copied().collect();
    let heads: Vec<String> =
        values.iter().map(|value| format!("{} {}", thousands(*value as f64), chart.along)).collect();
    let _ = writeln!(out, "\n### {}\n\nCPU a {}, µs:\n", chart.about, chart.what);
    let _ = writeln!(out, "| server | {} |\n|---|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for line in chart.lines {
        let cells: Vec<String> = values.iter().map(|value| spread(results, line, *value).show_us()).collect();
        let _ = writeln!(out, "| {} | {} |", line.label, cells.join(" | "));
    }
}

fn spread(results: &Value, line: &Line, value: u64) -> Spread {
    Spread::of_field(&results[line.label][value.to_string()], "server_cpu_us")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_place_that_was_measured_has_a_column_and_a_point() {
        let rounds = |cpu: f64| json!([{ "server_cpu_us": cpu }, { "server_cpu_us": cpu + 1.0 }]);
        let results = json!({ "connections": {
            RAW.label: { "100": rounds(4.0), "15000": rounds(5.0) },
            ONE.label: { "100": rounds(4.5) },
        }});
        let mut pages = Pages::default();
        write(&mut pages, &json!({ "results": results }));
        assert!(
            pages.tables.contains("| server | 100 connections | 15,000 connections |"),
            "{}",
            pages.tables
        );
        assert!(pages.tables.contains("| fanfare, 1 shard | 5.00 (4.50 to 5.50) | – |"), "{}", pages.tables);
        let (name, svg) = &pages.plots[0];
        assert_eq!((name.as_str(), pages.plots.len()), ("growth-connections.svg", 1));
        assert_eq!(svg.matches("<circle").count(), 3 + 2, "three points and two of the legend");
    }
}
