//! The tables of `bench/README.md`.

use std::fmt::Write;

use serde_json::Value;

use super::peers::{OURS, PEERS, RAW};
use super::run::{IDLE, SCENARIOS};

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
    let machine = &all["machine"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let _ = writeln!(
        out,
        "`{}` on {}, commit {}: {} rounds of {} s. {}, {} cores, {} {}, {}; load average at the end {}.\n",
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
    let versions =
        PEERS.iter().map(|peer| format!("{} {}", peer.name, text(&machine["versions"][peer.name])));
    let _ = writeln!(out, "Versions: {}.", versions.collect::<Vec<_>>().join("; "));
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.only_ours) {
        let what = if scenario.key.starts_with("echo") { "message" } else { "delivery" };
        let _ = writeln!(out, "\n### {}\n", scenario.about);
        let _ = writeln!(
            out,
            "| server | CPU a {what}, µs | × raw | a second | p50, ms | p99, ms | server busy | load busy |"
        );
        out.push_str("|---|---|---|---|---|---|---|---|\n");
        for peer in PEERS {
            row(
                &mut out,
                peer.name,
                &all["results"][scenario.key][peer.name],
                &all["results"][scenario.key][RAW],
            );
        }
        let room = scenario.key.replace("broadcast", "room");
        let of_room = &all["results"][&room][OURS];
        if room != scenario.key && of_room.is_array() {
            let name = format!("{OURS}, `/chat` room");
            row(&mut out, &name, of_room, &all["results"][scenario.key][RAW]);
        }
    }
    idle(&mut out, all);
    costs(&mut out, all);
    out
}

fn row(out: &mut String, name: &str, rounds: &Value, raw: &Value) {
    let of = |name: &str| Spread::of(values(rounds, name));
    let ratios = values(rounds, "server_cpu_us").into_iter().zip(values(raw, "server_cpu_us"));
    let ratio = Spread::of(ratios.map(|(ours, raw)| ours / raw).collect());
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

fn idle(out: &mut String, all: &Value) {
    let _ = writeln!(out, "\n### {}\n", IDLE[0].about);
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
    for peer in PEERS {
        let name = if peer.is_ours() { format!("**{OURS}**, at `/echo`") } else { peer.name.to_owned() };
        row(&name, &all["results"]["idle"][peer.name]);
    }
    row(&format!("**{OURS}**, joined in a `/chat` room of 100"), &all["results"]["idle-room"][OURS]);
}

fn costs(out: &mut String, all: &Value) {
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
