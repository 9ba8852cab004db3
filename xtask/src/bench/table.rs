//! The tables of `bench/README.md`.

use std::fmt::Write;

use serde_json::Value;

use super::peers::OURS;
use super::scenarios::{SECTIONS, Scenario, Section};

const BEGIN: &str = "<!-- cargo xtask bench: begin -->";
const END: &str = "<!-- cargo xtask bench: end -->";

/// The text with the part between the markers replaced.
pub(crate) fn between_markers(readme: &str, tables: &str) -> Result<String, String> {
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(|| format!("no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

pub(crate) fn tables(all: &Value) -> String {
    let mut out = String::new();
    for section in SECTIONS {
        if all[section.name].is_object() {
            tables_of(&mut out, section, &all[section.name]);
        }
    }
    out
}

fn tables_of(out: &mut String, section: &Section, all: &Value) {
    let machine = &all["machine"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let _ = writeln!(
        out,
        "\n## {}\n\n`{}` on {}, commit {}: {} rounds of {} s. {}, {} cores, {} {}, {}; load average at the end {}.\n",
        section.title,
        text(&all["command"]),
        text(&machine["date"]),
        text(&machine["commit"]),
        all["rounds"],
        text(&all["seconds"]),
        text(&machine["cpu"]),
        text(&machine["cores"]),
        text(&machine["hypervisor"]),
        text(&machine["kernel"]),
        text(&machine["rustc"]),
        text(&machine["load_average"]),
    );
    let version = |name: &str| format!("{name} {}", text(&machine["versions"][name]));
    let versions: Vec<String> = section.peers.iter().map(|peer| version(peer.name)).collect();
    let _ = writeln!(out, "Versions: {}.", versions.join("; "));
    for scenario in section.scenarios.iter().filter(|scenario| !scenario.only_ours) {
        let what = match scenario.load[0] {
            "broadcast" => "delivery",
            "connect" => "connection",
            _ => "message",
        };
        let (base, heading) = section.base;
        let _ = writeln!(out, "\n### {}\n", scenario.about);
        let _ = writeln!(
            out,
            "| server | CPU a {what}, µs | × {heading} | a second | p50, ms | p99, ms | server busy | load busy |"
        );
        out.push_str("|---|---|---|---|---|---|---|---|\n");
        let results = &all["results"];
        for peer in section.peers {
            row(out, peer.name, &results[scenario.key][peer.name], &results[scenario.key][base]);
        }
        let room = scenario.key.replace("broadcast", "room");
        let of_room = &results[&room][OURS];
        if room != scenario.key && of_room.is_array() {
            row(out, &format!("{OURS}, `/chat` room"), of_room, &results[scenario.key][base]);
        }
        let reached = Spread::of(values(&results[scenario.key][OURS], "server_cpu_us")).median;
        goal(out, scenario, &format!("µs a {what}"), reached);
    }
    if let Some(first) = section.idle.first() {
        idle(out, section, first, all);
    }
    costs(out, all);
}

/// Where ours stands.
fn goal(out: &mut String, scenario: &Scenario, unit: &str, is: f64) {
    if let Some(goal) = scenario.goal {
        let verdict = if is <= goal { "reached" } else { "not reached" };
        let digits = if goal < 1.0 { 2 } else { 0 };
        let _ = writeln!(out, "\nThe goal is at most {goal:.digits$} {unit}: {verdict}.");
    }
}

fn row(out: &mut String, name: &str, rounds: &Value, base: &Value) {
    let of = |name: &str| Spread::of(values(rounds, name));
    let ratios = values(rounds, "server_cpu_us").into_iter().zip(values(base, "server_cpu_us"));
    let ratio = Spread::of(ratios.map(|(ours, base)| ours / base).collect());
    let name = if name.starts_with(OURS) { format!("**{name}**") } else { name.to_owned() };
    let _ = writeln!(
        out,
        "| {name} | {} | {} | {} | {:.2} | {:.2} | {:.0} % | {:.0} % |",
        of("server_cpu_us").show(if of("server_cpu_us").median < 1.0 { 3 } else { 2 }),
        ratio.show(2),
        thousands(of("per_second").median),
        of("p50_ms").median,
        of("p99_ms").median,
        of("server_busy").median * 100.0,
        of("load_busy").median * 100.0,
    );
}

fn idle(out: &mut String, section: &Section, scenario: &Scenario, all: &Value) {
    let _ = writeln!(out, "\n### {}\n", scenario.about);
    out.push_str(
        "| server | bytes of RSS a connection | RSS at 100, KB | RSS at 10,000, KB |\n|---|---|---|---|\n",
    );
    let mut row = |name: &str, value: &Value| {
        let number = |field: &str| value[0][field].as_f64().unwrap_or_default();
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} |",
            thousands(number("bytes_each")),
            thousands(number("before_bytes") / 1024.0),
            thousands(number("after_bytes") / 1024.0)
        );
    };
    let results = &all["results"];
    for peer in section.peers {
        let ours = format!("**{OURS}**, {}", section.idle_where);
        row(if peer.is_ours() { &ours } else { peer.name }, &results[scenario.key][peer.name]);
    }
    for more in &section.idle[1..] {
        row(&format!("**{OURS}**, joined in a `/chat` room of 100"), &results[more.key][OURS]);
    }
    goal(out, scenario, "bytes", results[scenario.key][OURS][0]["bytes_each"].as_f64().unwrap_or(f64::NAN));
}

fn costs(out: &mut String, all: &Value) {
    if all["costs"].as_array().is_none_or(Vec::is_empty) {
        return;
    }
    out.push_str("\n### What noise cannot touch: our server, each message\n\n");
    out.push_str("| way | instructions in user space | system calls |\n|---|---|---|\n");
    for cost in all["costs"].as_array().into_iter().flatten() {
        let calls = cost["calls"].as_object().into_iter().flatten();
        let calls: Vec<String> = calls.map(|(name, each)| format!("{name} {each}")).collect();
        let about = cost["about"].as_str().unwrap_or_default();
        let _ = writeln!(out, "| {about} | {} | {} |", cost["instructions"], calls.join(", "));
    }
}

fn values(rounds: &Value, field: &str) -> Vec<f64> {
    rounds.as_array().into_iter().flatten().filter_map(|round| round[field].as_f64()).collect()
}

struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            at(middle)
        } else {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        };
        Self { least: at(0), median, most: at(values.len().wrapping_sub(1)) }
    }

    fn show(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }
}

fn thousands(number: f64) -> String {
    let plain = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let readme = format!("# Bench\n{BEGIN}\nold\n{END}\nrest\n");
        let new = between_markers(&readme, "new\n").unwrap();
        assert_eq!(new, format!("# Bench\n{BEGIN}\n\nnew\n\n{END}\nrest\n"));
        assert!(between_markers("nothing", "new").is_err());
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]).show(1), "2.0 (1.0 to 3.0)");
        assert_eq!(Spread::of(vec![1.0, 2.0]).show(2), "1.50 (1.00 to 2.00)");
        assert_eq!((thousands(1_234_567.0), thousands(999.0)), ("1,234,567".to_owned(), "999".to_owned()));
        assert_eq!(thousands(-1234.0), "-1,234");
    }
}
