//! The tables of `bench/README.md`, with the plots that stand under them.

use std::fmt::Write;

use serde_json::Value;

use super::peers::{OURS, Peer};
use super::plot::{Bar, bars as bars_plot};
use super::scenarios::{SECTIONS, Scenario, Section};
use super::spread::{Spread, ratios, thousands};
use super::{goals, growth, mixed};

/// Beside the page.
pub(crate) const PLOTS: &str = "plots";

const BEGIN: &str = "<!-- cargo xtask bench: begin -->";
const END: &str = "<!-- cargo xtask bench: end -->";

/// A page for the tables of a run that is not published.
pub(crate) fn empty_page() -> String {
    format!("# A short run\n\n{BEGIN}\n{END}\n")
}

/// The text with the part between the markers replaced.
pub(crate) fn between_markers(readme: &str, tables: &str) -> Result<String, String> {
    let (before, rest) = readme.split_once(BEGIN).ok_or_else(|| format!("no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", tables.trim()))
}

/// What was measured, as it is published.
#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) tables: String,
    /// The plots that the tables show: names of files, and what is in them.
    pub(crate) plots: Vec<(String, String)>,
}

impl Pages {
    pub(crate) fn of(all: &Value) -> Self {
        let mut pages = Self::default();
        if all[goals::NAME].is_object() {
            goals::write(&mut pages, &all[goals::NAME], &all[growth::NAME]["results"]);
        }
        for section in SECTIONS.iter().filter(|section| all[section.name].is_object()) {
            pages.section(section, &all[section.name]);
        }
        if all[mixed::NAME].is_object() {
            mixed::write(&mut pages, &all[mixed::NAME]);
        }
        if all[growth::NAME].is_object() {
            growth::write(&mut pages, &all[growth::NAME]);
        }
        pages
    }

    /// Puts a plot beside the table that was just written.
    pub(crate) fn plot(&mut self, name: &str, about: &str, svg: String) {
        let _ = writeln!(self.tables, "\n![{about}]({PLOTS}/{name}.svg)");
        self.plots.push((format!("{name}.svg"), svg));
    }

    fn section(&mut self, section: &Section, all: &Value) {
        self.heading(section.title, section.peers, all);
        let results = &all["results"];
        let measured =
            |scenario: &&Scenario| !scenario.only_ours && results[scenario.key].as_object().is_some();
        for scenario in section.scenarios.iter().filter(measured) {
            self.table(section, scenario, results);
        }
        if section.scenarios.is_empty() {
            for scenario in section.idle.iter().filter(measured) {
                self.idle(section, scenario, &[], results);
            }
        } else if let Some((first, more)) = section.idle.split_first()
            && measured(&first)
        {
            self.idle(section, first, more, results);
        }
        costs(&mut self.tables, all);
    }

    /// On what machine, from what commit and with which servers it was measured.
    pub(crate) fn heading<'p>(
        &mut self,
        title: &str,
        peers: impl IntoIterator<Item = &'p Peer>,
        all: &Value,
    ) {
        let machine = &all["machine"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let _ = writeln!(
            self.tables,
            "\n## {title}\n\n`{}` on {}, commit {}: {} rounds of {} s. {}, {} cores, {} {}, {}; load average at the end {}.\n",
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
        let known = |name: &str| machine["versions"][name].as_str();
        let versions =
            peers.into_iter().filter_map(|peer| Some(format!("{} {}", peer.name, known(peer.name)?)));
        let _ = writeln!(self.tables, "Versions: {}.", versions.collect::<Vec<_>>().join("; "));
    }

    fn table(&mut self, section: &Section, scenario: &Scenario, results: &Value) {
        let what = scenario.what();
        let (base, heading) = section.base;
        let mut rows = rows(section, scenario, results);
        let bytes = scenario.large_bytes();
        let out = &mut self.tables;
        let _ = writeln!(out, "\n### {}\n", scenario.about);
        let (more, line) =
            if bytes.is_some() { (" MB a second | CPU a MB, µs |", "---|---|") } else { ("", "") };
        let _ = writeln!(
            out,
            "| server | CPU a {what}, µs | × {heading} | a second |{more} p50, ms | p99, ms | server busy | load busy |"
        );
        let _ = writeln!(out, "|---|---|---|---|{line}---|---|---|---|");
        for row in &rows {
            row.write(out, bytes, &results[scenario.key][base]);
        }
        if rows.iter().any(Row::is_of_the_load) {
            let _ = writeln!(
                out,
                "\n{LOAD_MARK} The load was busier than the server, and had no time left: what this row says of a second and of latencies \
                 is the load's limit. CPU a {what} stands."
            );
        }
        let ours = Spread::of_field(&results[scenario.key][OURS], "server_cpu_us").median;
        goal(out, scenario, &format!("µs a {what}"), ours);
        let bars: Vec<Bar> = rows.drain(..).map(Row::bar).collect();
        let svg = bars_plot(scenario.about, &format!("CPU a {what} in µs"), &bars, scenario.goal);
        self.plot(&format!("{}-{}", section.name, scenario.key), scenario.about, svg);
    }

    fn idle(&mut self, section: &Section, scenario: &Scenario, more: &[Scenario], results: &Value) {
        let mut rows: Vec<(String, &Value)> = Vec::new();
        for peer in section.peers {
            let ours = format!("**{OURS}**, {}", section.idle_where);
            let name = if peer.is_ours() { ours } else { peer.name.to_owned() };
            rows.push((name, &results[scenario.key][peer.name][0]));
        }
        for more in more {
            rows.push((format!("**{OURS}**, joined in a `/chat` room of 100"), &results[more.key][OURS][0]));
        }
        rows.retain(|(_, value)| value.is_object());
        let bursts = scenario.option("--burst").is_some();
        let out = &mut self.tables;
        let _ = writeln!(out, "\n### {}\n", scenario.about);
        out.push_str("| server | bytes of RSS a connection | RSS at 100, KB | RSS at 10,000, KB |");
        out.push_str(if bursts {
            " most in the burst, KB | 5 s after it, KB | bytes a connection then |\n|---|---|---|---|---|---|---|\n"
        } else {
            "\n|---|---|---|---|\n"
        });
        for (name, value) in &rows {
            let number = |field: &str| value[field].as_f64().unwrap_or(f64::NAN);
            let kb = |field: &str| thousands(number(field) / 1024.0);
            let each = thousands(number("bytes_each"));
            let _ = write!(out, "| {name} | {each} | {} | {} |", kb("before_bytes"), kb("after_bytes"));
            if bursts {
                let then = thousands(number("last_bytes_each"));
                let _ = write!(out, " {} | {} | {then} |", kb("burst_bytes"), kb("last_bytes"));
            }
            out.push('\n');
        }
        let ours = results[scenario.key][OURS][0]["bytes_each"].as_f64().unwrap_or(f64::NAN);
        goal(out, scenario, "bytes", ours);
        let field = if bursts { "last_bytes_each" } else { "bytes_each" };
        let bars: Vec<Bar> = rows
            .iter()
            .map(|(name, value)| Bar {
                label: name.clone(),
                range: Spread::of(value[field].as_f64().into_iter().collect()),
                ours: name.contains(OURS),
            })
            .collect();
        let unit =
            if bursts { "Bytes of RSS a connection, after the burst" } else { "Bytes of RSS a connection" };
        let svg = bars_plot(scenario.about, unit, &bars, scenario.goal);
        self.plot(&format!("{}-{}", section.name, scenario.key), scenario.about, svg);
    }
}

/// Where ours stands.
fn goal(out: &mut String, scenario: &Scenario, unit: &str, is: f64) {
    if let Some(goal) = scenario.goal {
        let verdict = if is <= goal { "reached" } else { "not reached" };
        let digits = if goal < 1.0 { 2 } else { 0 };
        let _ = writeln!(out, "\nThe goal is at most {goal:.digits$} {unit}: {verdict}.");
    }
}

/// Marks rows in which the load had nothing left and the server had.
pub(crate) const LOAD_MARK: &str = "†";

/// The share of its core from which on the load is taken to be at its limit.
const LOAD_LIMIT_BUSY: f64 = 0.95;

/// Whether what was measured of times and rates is the load's limit and not the server's.
pub(crate) fn is_of_the_load(rounds: &Value) -> bool {
    let busy = |field: &str| Spread::of_field(rounds, field).median;
    busy("load_busy") > LOAD_LIMIT_BUSY && busy("load_busy") > busy("server_busy")
}

/// One server in a table.
struct Row<'a> {
    name: String,
    ours: bool,
    rounds: &'a Value,
}

/// Those of which something is known, and ours in a room, where that was measured too.
fn rows<'a>(section: &Section, scenario: &Scenario, results: &'a Value) -> Vec<Row<'a>> {
    let row = |name: String, ours: bool, rounds: &'a Value| Row { name, ours, rounds };
    let of = &results[scenario.key];
    let mut rows: Vec<_> = section
        .peers
        .iter()
        .map(|peer| row(peer.name.to_owned(), peer.name == OURS, &of[peer.name]))
        .collect();
    let room = scenario.key.replace("broadcast", "room");
    if room != scenario.key {
        rows.push(row(format!("{OURS}, `/chat` room"), true, &results[&room][OURS]));
    }
    rows.retain(|row| row.of("server_cpu_us").is_known());
    rows
}

impl Row<'_> {
    fn of(&self, field: &str) -> Spread {
        Spread::of_field(self.rounds, field)
    }

    fn is_of_the_load(&self) -> bool {
        is_of_the_load(self.rounds)
    }

    fn write(&self, out: &mut String, bytes: Option<f64>, base: &Value) {
        let of = |name: &str| self.of(name);
        let ratio = Spread::of(ratios(self.rounds, base, "server_cpu_us"));
        let name = if self.ours { format!("**{}**", self.name) } else { self.name.clone() };
        let (cpu, per_second) = (of("server_cpu_us"), of("per_second").median);
        let _ = write!(out, "| {name} | {} | {} | {} |", cpu.show_us(), ratio.show(2), thousands(per_second));
        if let Some(bytes) = bytes {
            let megabytes = bytes / 1e6;
            let _ = write!(
                out,
                " {} | {} |",
                thousands(per_second * megabytes),
                thousands(cpu.median / megabytes)
            );
        }
        let _ = writeln!(
            out,
            " {:.2} | {:.2} | {:.0} % | {:.0} %{} |",
            of("p50_ms").median,
            of("p99_ms").median,
            of("server_busy").median * 100.0,
            of("load_busy").median * 100.0,
            if self.is_of_the_load() { format!(" {LOAD_MARK}") } else { String::new() },
        );
    }

    fn bar(self) -> Bar {
        let range = self.of("server_cpu_us");
        Bar { label: self.name, range, ours: self.ours }
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::peers::RAW;
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let readme = format!("# Bench\n{BEGIN}\nold\n{END}\nrest\n");
        let new = between_markers(&readme, "new\n").unwrap();
        assert_eq!(new, format!("# Bench\n{BEGIN}\n\nnew\n\n{END}\nrest\n"));
        assert!(between_markers("nothing", "new").is_err());
    }

    fn measured(cpu_us: f64, server_busy: f64, load_busy: f64) -> Value {
        json!([{
            "server_cpu_us": cpu_us, "per_second": 1000.0, "p50_ms": 1.0, "p99_ms": 2.0,
            "server_busy": server_busy, "load_busy": load_busy,
        }])
    }

    #[test]
    fn a_row_that_the_load_has_limited_is_marked_and_what_was_not_measured_is_not_there() {
        let results = json!({ "echo-1": {
            RAW: measured(4.0, 0.98, 0.99), OURS: measured(5.0, 0.99, 0.97), "ws": measured(8.0, 1.0, 0.7),
        }});
        let pages = Pages::of(&json!({ "websocket": { "results": results } }));
        let rows: Vec<&str> = pages.tables.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(rows.len(), 4, "{rows:?}");
        assert!(rows[1].ends_with("| 99 % † |") && rows[2].ends_with("| 97 % |"), "{rows:?}");
        assert!(
            rows[2].contains("| 1.25 (1.25 to 1.25) |") && rows[2].starts_with("| **fanfare** |"),
            "{rows:?}"
        );
        assert!(pages.tables.contains("† The load was busier"));
        let names: Vec<&str> = pages.plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["websocket-echo-1.svg"]);
        assert!(pages.tables.contains("(plots/websocket-echo-1.svg)"));
    }

    #[test]
    fn large_messages_are_counted_in_bytes_too() {
        let results = json!({ "echo-64k": { OURS: measured(65.536, 1.0, 0.5) } });
        let pages = Pages::of(&json!({ "large": { "results": results } }));
        // 65,536 bytes a thousand times a second, each for its length in microseconds.
        assert!(pages.tables.contains("| 1,000 | 66 | 1,000 |"), "{}", pages.tables);
    }

    #[test]
    fn memory_after_a_burst_stands_beside_that_before() {
        let measured = json!([{
            "bytes_each": 400.0, "before_bytes": 4096, "after_bytes": 8192,
            "burst_bytes": 1_048_576, "last_bytes": 10_240, "last_bytes_each": 600.0,
        }]);
        let pages = Pages::of(&json!({ "memory": { "results": { "burst": { OURS: measured } } } }));
        assert!(pages.tables.contains("| 400 | 4 | 8 | 1,024 | 10 | 600 |"), "{}", pages.tables);
        assert!(pages.plots[0].1.contains(">600<"));
    }
}
