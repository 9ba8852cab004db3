//! A plot of a timeline: delivery delays on a logarithmic scale, and memory below.
#![allow(clippy::cast_precision_loss, reason = "a picture is not that exact")]

use std::fmt::Write;

use crate::timeline::{Second, Timeline};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const PANEL: f64 = 200.0;
const TOP: f64 = 40.0;
const GAP: f64 = 50.0;
/// The logarithmic scale: 0.1 ms to 10 s.
const DECADES: [(f64, &str); 6] = [
    (0.1, "0.1 ms"),
    (1.0, "1 ms"),
    (10.0, "10 ms"),
    (100.0, "100 ms"),
    (1_000.0, "1 s"),
    (10_000.0, "10 s"),
];

pub(crate) fn svg(timeline: &Timeline) -> String {
    let height = TOP + PANEL + GAP + PANEL + 40.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let seconds = &timeline.seconds;
    let last = seconds.last().map_or(1, |second| second.at).max(1) as f64;
    let x = |second: &Second| LEFT + (WIDTH - LEFT - RIGHT) * second.at as f64 / last;
    let decades = (DECADES.len() - 1) as f64;
    let delay = |ms: f64| TOP + PANEL * (1.0 - ((ms.max(0.1).log10() + 1.0) / decades).min(1.0));
    for (ms, words) in DECADES {
        rule(&mut out, delay(ms), words);
    }
    let lines: [Line; 3] = [
        ("worst", "#b00020", |second| second.worst),
        ("p99", "#e08a00", |second| second.p99),
        ("p50", "#1a5fb4", |second| second.p50),
    ];
    for (index, (words, colour, value)) in lines.into_iter().enumerate() {
        line(&mut out, colour, seconds.iter().map(|s| (x(s), delay(f64::from(value(s)) / 1_000.0))));
        let at = LEFT + 260.0 + 70.0 * index as f64;
        let _ = writeln!(out, "<text x=\"{at}\" y=\"24\" fill=\"{colour}\">{words}</text>");
    }
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"24\" font-weight=\"bold\">Delay of deliveries, each second</text>"
    );
    let floor = TOP + PANEL + GAP + PANEL;
    let most = seconds.iter().map(|second| second.rss).max().unwrap_or(1).max(1) as f64 * 1.1;
    for quarter in 0..=4 {
        let bytes = most * f64::from(quarter) / 4.0;
        let words = format!("{:.0} MiB", bytes / f64::from(1 << 20));
        rule(&mut out, floor - PANEL * f64::from(quarter) / 4.0, &words);
    }
    line(&mut out, "#26734d", seconds.iter().map(|s| (x(s), floor - PANEL * s.rss as f64 / most)));
    let title = TOP + PANEL + GAP - 14.0;
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{title}\" font-weight=\"bold\">Resident memory of the server</text>"
    );
    let (end, below) = (WIDTH - RIGHT, floor + 20.0);
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{below}\">0 s</text>");
    let _ = writeln!(out, "<text x=\"{end}\" y=\"{below}\" text-anchor=\"end\">{last:.0} s</text>\n</svg>");
    out
}

/// A name, a colour, and what is drawn.
type Line = (&'static str, &'static str, fn(&Second) -> u32);

fn rule(out: &mut String, y: f64, words: &str) {
    let (end, text) = (WIDTH - RIGHT, LEFT - 8.0);
    let _ = writeln!(out, "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"#ddd\"/>");
    let _ = writeln!(out, "<text x=\"{text}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>", y + 4.0);
}

fn line(out: &mut String, colour: &str, points: impl Iterator<Item = (f64, f64)>) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
        points.join(" ")
    );
}
