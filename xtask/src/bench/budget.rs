//! The budget: how many instructions each hot path may take, so that nobody makes one dearer unseen.
//!
//! Counted by callgrind on the real server, in user space, as the difference of a long run and a short one. Times are not looked
//! at: they say more of the machine. The load does one thing at a time, and only while the server waits, so that the counts come
//! out nearly the same again.

use serde_json::{Map, Value, json};

use super::costs::{Cost, instructions_each};
use super::peers::Mode;
use super::run::Bench;
use crate::workspace::Workspace;

/// What each path may take, by its key.
const BUDGET: &str = "bench/budget.json";

/// What its paths are counted for.
pub(super) const SECTION: &str = "budget";

/// How much more than its budget a path may take.
const GROWTH_MAX: f64 = 0.05;

const fn path(
    key: &'static str,
    library: Option<Mode>,
    load: &'static [&'static str],
    messages: [u64; 2],
    about: &'static str,
) -> Cost {
    Cost { section: SECTION, library, key, about, load, messages }
}

const ECHO: Option<Mode> = Some(Mode::Echo);

pub(crate) const PATHS: &[Cost] = &[
    path(
        "native-echo",
        None,
        &["echo", "--connections", "1", "--in-flight", "64"],
        [6_400, 134_400],
        "echo of 20 bytes, 64 in one read, a message",
    ),
    path(
        "socketio-echo",
        ECHO,
        &["echo", "--connections", "1", "--in-flight", "64"],
        [6_400, 38_400],
        "echo of an event, 64 in one read, a message",
    ),
    path(
        "broadcast-1000",
        None,
        &["broadcast", "--in-flight", "1"],
        [20_000, 420_000],
        "broadcast to 1,000, one at a time, a delivery",
    ),
    path("join-leave", None, &["membership"], [200, 2_200], "into a chat room and out of it again"),
    path("handshake", ECHO, &["connect"], [100, 700], "a Socket.IO client's coming and going"),
    path("polling", ECHO, &["polling"], [100, 700], "an event posted, and its echo polled"),
    path(
        "64-kib",
        None,
        &["echo", "--connections", "1", "--bytes", "65536"],
        [100, 1_100],
        "echo of 64 KiB, a message",
    ),
    path("compressed-1-kib", None, &["compressed"], [200, 1_200], "1 KiB that comes and goes compressed"),
];

/// Counts each path and holds it to its budget; says how many keep it and how many do not.
pub(crate) fn judge(workspace: &Workspace, bench: &Bench<'_>) -> Result<(u32, u32), String> {
    let budget = read(workspace)?;
    let (mut passed, mut failed) = (0, 0);
    for path in PATHS {
        let is = instructions_each(bench, path)?;
        let may = budget.get(path.key).and_then(Value::as_f64);
        let kept = may.is_some_and(|may| keeps(is, may));
        if kept {
            passed += 1;
        } else {
            failed += 1;
        }
        let word = if kept { "ok" } else { "not ok" };
        let may = may.map_or_else(|| "none".to_owned(), |may| format!("{may:.0}"));
        println!("  {word} {}: {is:.0} instructions, budget {may} ({})", path.key, path.about);
    }
    if failed > 0 {
        println!(
            "  a path may take {:.0} % more than its budget; where more is meant: cargo xtask bench budget, which writes {BUDGET}",
            GROWTH_MAX * 100.0
        );
    }
    Ok((passed, failed))
}

fn keeps(is: f64, may: f64) -> bool {
    is <= may * (1.0 + GROWTH_MAX)
}

fn read(workspace: &Workspace) -> Result<Map<String, Value>, String> {
    let text = workspace.read(BUDGET).ok_or_else(|| format!("{BUDGET} is not there"))?;
    serde_json::from_str(&text).map_err(|error| format!("{BUDGET}: {error}"))
}

/// Counts each path and makes that its budget.
pub(crate) fn write(workspace: &Workspace, bench: &Bench<'_>) -> Result<(), String> {
    let before = read(workspace).unwrap_or_default();
    let mut budget = Map::new();
    for path in PATHS {
        let is = instructions_each(bench, path)?.round();
        let was = before.get(path.key).and_then(Value::as_f64);
        println!("{}: {is}, before {was:?} ({})", path.key, path.about);
        budget.insert(path.key.to_owned(), json!(is as u64));
    }
    let text = serde_json::to_string_pretty(&budget).map_err(|error| error.to_string())? + "\n";
    std::fs::write(workspace.root.join(BUDGET), text).map_err(|error| format!("{BUDGET}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_may_grow_by_a_twentieth() {
        assert!(keeps(100.0, 100.0) && keeps(105.0, 100.0) && keeps(1.0, 100.0));
        assert!(!keeps(105.1, 100.0));
    }

    #[test]
    fn each_path_has_a_budget_and_no_other_has() {
        let workspace = Workspace::load().unwrap();
        let budget = read(&workspace).unwrap();
        let paths: Vec<&str> = PATHS.iter().map(|path| path.key).collect();
        assert_eq!(budget.len(), paths.len());
        assert!(paths.iter().all(|key| budget.contains_key(*key)), "{budget:?}");
    }
}
