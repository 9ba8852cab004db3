//! `bench/COSTS.md`: where the instructions, system calls and allocations of the hot paths go, and where they went before.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::budget::PATHS;
use super::costs::{calls_each, counted};
use super::run::Bench;
use super::stages::COLUMNS;
use super::table;

const COSTS: &str = "bench/COSTS.md";
const RESULTS: &str = "bench/costs.json";

/// What is made less often than this for each message belongs to the start and the end, or to a thread that does something else.
const CALLS_TOLD_MIN: f64 = 0.005;

/// Counts every path and writes the tables.
pub(crate) fn write(bench: &Bench<'_>, before: bool) -> Result<(), String> {
    let mut paths = serde_json::Map::new();
    for path in PATHS {
        let [short, long] = path.messages;
        let messages = (long - short) as f64;
        let (few, many) = (counted(bench, path, short)?, counted(bench, path, long)?);
        let each = |stage: &&'static str| {
            let of = |stages: &BTreeMap<&'static str, u64>| stages.get(stage).copied().unwrap_or(0) as f64;
            (
                (*stage).to_owned(),
                json!(((of(&many.stages) - of(&few.stages)) / messages * 10.0).round() / 10.0),
            )
        };
        let stages: serde_json::Map<String, Value> = COLUMNS.iter().map(each).collect();
        let allocations = (many.allocations as f64 - few.allocations as f64) / messages;
        let calls = calls_each(bench, path)?;
        println!("{}: {stages:?}, {allocations:.2} allocations, {calls:?}", path.key);
        let allocations = (allocations * 100.0).round() / 100.0;
        let of_path = json!({
            "about": path.about, "stages": stages, "allocations": allocations, "calls": calls,
        });
        paths.insert(path.key.to_owned(), of_path);
    }
    let workspace = bench.workspace;
    let known = workspace.read(RESULTS).unwrap_or_else(|| "{}".to_owned());
    let mut all: Value = serde_json::from_str(&known).map_err(|error| format!("{RESULTS}: {error}"))?;
    all[if before { "before" } else { "now" }] = json!({ "paths": paths });
    let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())? + "\n";
    fs::write(workspace.root.join(RESULTS), text).map_err(|error| format!("{RESULTS}: {error}"))?;
    let page = workspace.read(COSTS).ok_or_else(|| format!("{COSTS} is not there"))?;
    let page = table::between_markers(&page, &tables(&all))?;
    fs::write(workspace.root.join(COSTS), page).map_err(|error| format!("{COSTS}: {error}"))
}

/// Instructions by stage, then system calls and allocations; each path as it was and as it is.
fn tables(all: &Value) -> String {
    let mut text = String::from("\n## Instructions by stage\n\n| path | | all |");
    COLUMNS.iter().for_each(|column| text += &format!(" {column} |"));
    text += "\n|---|---|---|";
    COLUMNS.iter().for_each(|_| text += "---|");
    for path in PATHS {
        for (when, name) in [("before", "was"), ("now", "**is**")] {
            let stages = &all[when]["paths"][path.key]["stages"];
            if stages.is_null() {
                continue;
            }
            let of = |column: &str| stages[column].as_f64().unwrap_or(0.0);
            let total: f64 = COLUMNS.iter().map(|column| of(column)).sum();
            text += &format!("\n| {} | {name} | {} |", path.about, whole(total));
            COLUMNS.iter().for_each(|column| text += &format!(" {} |", whole(of(column))));
        }
    }
    text +=
        "\n\n## System calls and allocations\n\n| path | | allocations | system calls |\n|---|---|---|---|";
    for path in PATHS {
        for (when, name) in [("before", "was"), ("now", "**is**")] {
            let of_path = &all[when]["paths"][path.key];
            let Some(calls) = of_path["calls"].as_object() else { continue };
            let calls = calls.iter().filter(|(_, each)| each.as_f64() >= Some(CALLS_TOLD_MIN));
            let calls: Vec<String> = calls.map(|(name, each)| format!("{name} {each}")).collect();
            let allocations = of_path["allocations"].as_f64().unwrap_or(0.0).abs();
            text += &format!("\n| {} | {name} | {allocations:.2} | {} |", path.about, calls.join(", "));
        }
    }
    text + "\n"
}

/// With commas between thousands; nothing where there is nothing.
fn whole(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0).abs());
    if digits == "0" {
        return String::new();
    }
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(
            [0.2, 12.0, 999.6, 1234.0, 1_234_567.0].map(whole),
            ["", "12", "1,000", "1,234", "1,234,567"]
        );
    }
}
