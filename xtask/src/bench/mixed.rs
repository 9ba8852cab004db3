//! Mixed rooms: what a delivery costs where clients of all kinds are in the same rooms, one kind more from row to row.

use std::fmt::Write;

use serde_json::Value;

use super::peers::{Peer, WEBSOCKET_PEERS, ours_with};
use super::run::{Bench, Measured, Plan, load_against, start};
use super::spread::{Spread, ratios};
use super::table::Pages;

pub(crate) const NAME: &str = "mixed";
const TITLE: &str = "Mixed rooms";

/// Who is there: the options of the load, those of the row before among them.
struct Row {
    key: &'static str,
    about: &'static str,
    load: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row { key: "plain", about: "native, one room", load: &["--rooms", "1"] },
    Row { key: "rooms", about: "… in three rooms that overlap", load: &[] },
    Row { key: "socketio", about: "… half of them Socket.IO", load: &["--socketio"] },
    Row { key: "polling", about: "… a tenth of all polling", load: &["--socketio", "--polling"] },
    Row {
        key: "deflate",
        about: "… the native with permessage-deflate",
        load: &["--socketio", "--polling", "--deflate"],
    },
];

/// Messages in flight and shards.
const COLUMNS: &[(&str, u16)] = &[("1", 1), ("16", 1), ("1", 2), ("16", 2)];

/// Everybody has to come into the rooms first, which takes longer than the measurement.
const ROUNDS_MOST: usize = 3;

pub(crate) fn peers() -> &'static [Peer] {
    &WEBSOCKET_PEERS[1..2]
}

pub(crate) fn measure(bench: &Bench<'_>, plan: &Plan) -> Measured {
    let mut measured = Measured::new(plan.rounds.min(ROUNDS_MOST), plan.seconds);
    for row in ROWS.iter().filter(|_| plan.verifies) {
        let seen = once(bench, row, COLUMNS[3], &["--verify"]);
        measured.look(row.key, "verified", seen);
    }
    for _ in 0..measured.rounds {
        for column in COLUMNS {
            for row in ROWS.iter().filter(|row| !plan.short || ["plain", "deflate"].contains(&row.key)) {
                let seen = once(bench, row, *column, &["--seconds", plan.seconds]);
                measured.keep(row.key, &place(*column), None, seen);
            }
        }
    }
    measured
}

fn place((in_flight, shards): (&str, u16)) -> String {
    format!("{in_flight} in flight, {shards} shard{}", if shards == 1 { "" } else { "s" })
}

fn once(
    bench: &Bench<'_>,
    row: &Row,
    (in_flight, shards): (&'static str, u16),
    more: &[&str],
) -> Result<Value, String> {
    let (server, port) = start(bench, |port| ours_with(&bench.workspace.target, port, shards, &[]))?;
    let load = [&["mixed", "--in-flight", in_flight], row.load, more].concat();
    load_against(bench, port, server.id(), &["--wire", "websocket"], &load)
}

/// One table: a row for each kind more, with its cost as a multiple of the first row's of the same round.
pub(crate) fn write(pages: &mut Pages, all: &Value) {
    pages.heading(TITLE, peers(), all);
    let results = &all["results"];
    let out = &mut pages.tables;
    let _ = writeln!(
        out,
        "\n1,000 connections with `/chat`, messages of 1 KiB of text, 667 members a room; CPU a delivery in µs, and × the row of \
         native clients in one room. Socket.IO is not compressed here. Both shards share one core.\n"
    );
    let places: Vec<String> = COLUMNS.iter().map(|column| place(*column)).collect();
    let _ = writeln!(out, "| who is there | {} |\n|---|{}", places.join(" | "), "---|".repeat(places.len()));
    for row in ROWS.iter().filter(|row| results[row.key].is_object()) {
        let cells: Vec<String> = places.iter().map(|place| cell(results, row.key, place)).collect();
        let _ = writeln!(out, "| {} | {} |", row.about, cells.join(" | "));
    }
}

fn cell(results: &Value, key: &str, place: &str) -> String {
    const FIELD: &str = "server_cpu_us";
    let of = |key: &str| &results[key][place];
    let ratios = Spread::of(ratios(of(key), of(ROWS[0].key), FIELD));
    let cpu = Spread::of_field(of(key), FIELD);
    if cpu.is_known() { format!("{}, × {:.2}", cpu.show_us(), ratios.median) } else { cpu.show_us() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_row_is_a_multiple_of_the_first_in_the_same_round() {
        let rounds = |cpu: [f64; 2]| json!({ "1 in flight, 2 shards": cpu.map(|cpu| json!({ "server_cpu_us": cpu })) });
        let results = json!({ "plain": rounds([2.0, 4.0]), "deflate": rounds([5.0, 10.0]) });
        let mut pages = Pages::default();
        write(&mut pages, &json!({ "results": results }));
        let row = "| … the native with permessage-deflate | – | – | 7.50 (5.00 to 10.00), × 2.50 | – |";
        assert!(pages.tables.contains(row), "{}", pages.tables);
    }
}
