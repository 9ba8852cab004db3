//! Where the instructions of a message go: what callgrind counted, by the stage of the message's way, and how often memory was
//! asked for.
//!
//! A line of ours counts for the stage that its file belongs to, whatever it was inlined into; a line of a library counts for the
//! function that it stands in or, where that is the library's too, for the library.

use std::collections::BTreeMap;

/// Stages in the order of a message's way, with what is counted for each by the beginning of a path from the workspace's root. The
/// first that fits counts.
const STAGES: &[(&str, &[&str])] = &[
    ("receive", &["io/driver/src/transport.rs", "io/driver/src/core_loop.rs", "app/hub/src/links.rs"]),
    ("parse", &["protocol/"]),
    (
        "encode",
        &["app/hub/src/fanout/encode.rs", "app/hub/src/fanout/outgoing.rs", "app/hub/src/fanout/log.rs"],
    ),
    (
        "fan-out",
        &[
            "app/hub/src/state/deliver.rs",
            "app/hub/src/state/audience.rs",
            "app/hub/src/state/shared.rs",
            "app/hub/src/fanout/",
            "app/hub/src/room/",
        ],
    ),
    ("dispatch", &["app/hub/src/", "app/kits/", "fanfare/src/", "bench/src/"]),
    ("HTTP", &["io/driver/src/"]),
];

/// Functions that are named for what they do, wherever they stand.
const SENDING: &[&str] = &[
    "finish_turn",
    "::send_all",
    "::send_dirty",
    "::offer_shared",
    "Shard>::sent",
    "Shard::sent",
    "next_dirty",
    "outgoing_single",
];

/// Libraries with a column of their own, by a part of their path.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("parse", &["/simdutf8-", "/serde_json-", "/serde_core-"]),
    ("deflate", &["/zlib-rs-", "/flate2-"]),
    ("HTTP", &["/hyper-", "/http-", "/httparse-", "/sha1-", "/base64-"]),
    ("tokio", &["/tokio-", "/mio-"]),
    ("memory", &["malloc/malloc.c", "malloc/arena.c"]),
    ("copy", &["/multiarch/mem", "/multiarch/../"]),
];

const SEND: &str = "send";

/// Everything else: the C library, and std where nobody of ours called it in place.
const OTHER: &str = "other";

/// The columns of a table.
pub(crate) const COLUMNS: &[&str] = &[
    "receive", "parse", "dispatch", "encode", "fan-out", SEND, "deflate", "HTTP", "tokio", "memory", "copy",
    OTHER,
];

/// Instructions by stage, and calls of the allocator.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) stages: BTreeMap<&'static str, u64>,
    pub(crate) allocations: u64,
}

/// Reads what callgrind wrote (its format is described in the manual, "Callgrind Format Specification"). `root` is the workspace's
/// folder as the compiler knew it.
pub(crate) fn read(text: &str, root: &str) -> Counted {
    let mut names = Names::default();
    let mut counted = Counted::default();
    let (mut own_stage, mut stage, mut is_of_call) = (OTHER, OTHER, false);
    let mut of_function = String::new();
    let mut called = String::new();
    for line in text.lines() {
        let (key, rest) = line.split_once('=').unwrap_or(("", line));
        match key {
            "fl" => {
                of_function = names.file(rest);
                own_stage = stage_of_file(&of_function, root).unwrap_or(OTHER);
                stage = own_stage;
            }
            "fi" | "fe" => stage = stage_of_file(&names.file(rest), root).unwrap_or(own_stage),
            "fn" => {
                let function = names.function(rest);
                own_stage = stage_of_function(&function)
                    .or_else(|| stage_of_file(&of_function, root))
                    .or_else(|| stage_of_symbol(&function))
                    .unwrap_or(OTHER);
                stage = own_stage;
            }
            "cfn" => called = names.function(rest),
            "cfi" | "cfl" => drop(names.file(rest)),
            "calls" => {
                if matches!(&*called, "malloc" | "calloc" | "realloc") {
                    counted.allocations +=
                        rest.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
                }
                is_of_call = true;
            }
            _ => {
                let mut words = line.split(' ');
                let is_place = |word: &str| word.starts_with(['+', '-', '*']) || word.parse::<u64>().is_ok();
                let place = words.next().filter(|word| is_place(word));
                let cost = words.next().and_then(|cost| cost.parse::<u64>().ok());
                if let (Some(_), Some(cost)) = (place, cost) {
                    // The line after `calls` is what the called one cost, which counts there.
                    if !std::mem::take(&mut is_of_call) {
                        // Sending is a part of files that are mostly about something else.
                        let counts_for = if own_stage == SEND { SEND } else { stage };
                        *counted.stages.entry(counts_for).or_default() += cost;
                    }
                }
            }
        }
    }
    counted
}

fn stage_of_file(file: &str, root: &str) -> Option<&'static str> {
    if let Some(path) = file.strip_prefix(root).map(|path| path.trim_start_matches('/')) {
        let fits = |(_, paths): &&(&'static str, &[&str])| paths.iter().any(|start| path.starts_with(start));
        return STAGES.iter().find(fits).map(|(stage, _)| *stage);
    }
    let fits = |(_, parts): &&(&'static str, &[&str])| parts.iter().any(|part| file.contains(part));
    LIBRARIES.iter().find(fits).map(|(stage, _)| *stage)
}

fn stage_of_function(function: &str) -> Option<&'static str> {
    SENDING.iter().any(|part| function.contains(part)).then_some(SEND)
}

/// Where the compiler says of a function only that it began in a line of std.
fn stage_of_symbol(function: &str) -> Option<&'static str> {
    let parts: &[(&str, &'static str)] = &[
        ("fanfare_websocket", "parse"),
        ("fanfare_session", "parse"),
        ("fanfare_native", "parse"),
        ("fanfare_socketio", "parse"),
        ("fanfare_engineio", "parse"),
        ("fanfare_hub::fanout::encode", "encode"),
        ("fanfare_hub::fanout::log", "encode"),
        ("fanfare_hub::state::deliver", "fan-out"),
        ("fanfare_hub::fanout", "fan-out"),
        ("fanfare_hub::links", "receive"),
        ("fanfare_hub", "dispatch"),
        ("fanfare_kits", "dispatch"),
        ("fanfare_driver::core_loop", "receive"),
        ("fanfare_driver", "HTTP"),
        ("fanfare", "dispatch"),
        ("serde", "parse"),
        ("hyper", "HTTP"),
        ("http", "HTTP"),
        ("tokio", "tokio"),
        ("zlib_rs", "deflate"),
    ];
    parts.iter().find(|(part, _)| function.contains(part)).map(|(_, stage)| *stage)
}

/// Names are written once and meant by their number afterwards; files and functions each have numbers of their own.
#[derive(Default)]
struct Names {
    files: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
}

impl Names {
    fn file(&mut self, text: &str) -> String {
        named(&mut self.files, text)
    }

    fn function(&mut self, text: &str) -> String {
        named(&mut self.functions, text)
    }
}

fn named(known: &mut BTreeMap<String, String>, text: &str) -> String {
    match text.split_once(' ') {
        Some((number, name)) => {
            known.insert(number.to_owned(), name.to_owned());
            name.to_owned()
        }
        None => known.get(text).cloned().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
events: Ir

fl=(1) /w/app/hub/src/links.rs
fn=(1) fanfare_hub::links::Links<T>::read
10 5
fi=(2) /rustc/1/library/core/src/option.rs
+3 7
fi=(3) /w/protocol/websocket/src/reader.rs
20 11
cfi=(4) ./malloc/./malloc/malloc.c
cfn=(2) malloc
calls=3 100
20 900
* 1

fl=(4)
fn=(2)
100 300

fl=(1)
fn=(3) fanfare_hub::links::Links<T>::finish_turn
30 13
fi=(3)
30 17
";

    #[test]
    fn a_line_counts_for_its_own_file_and_a_librarys_for_who_has_it_in_place() {
        let counted = read(TEXT, "/w");
        let expected = [("memory", 300), ("parse", 12), ("receive", 12), ("send", 30)];
        assert_eq!(counted.stages.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(counted.allocations, 3);
    }

    #[test]
    fn every_stage_has_its_column() {
        let stages = STAGES.iter().chain(LIBRARIES).map(|(stage, _)| stage);
        assert!(stages.into_iter().all(|stage| COLUMNS.contains(stage)));
    }
}
