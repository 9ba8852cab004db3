//! The report as a picture: latency by percentile, latency over time, and what arrived over time.

use std::fmt::Write;

use super::axis::{Axis, latency_axis, step_above};
use super::table::{digits, thousands};
use super::{Point, Report};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 860.0;

/// Where panels begin and end, from side to side: labels stand left and right of them.
const LEFT: f64 = 76.0;
const RIGHT: f64 = WIDTH - 116.0;

/// The least distance between two labels of lines.
const LABEL_DISTANCE: f64 = 17.0;

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:17px;font-weight:600}.head{font-weight:600}\
.quiet{fill:#59636e}.back{fill:#ffffff}.grid{stroke:#d9dee3}.line{fill:none;stroke-width:2;stroke-linejoin:round}\
.s1{stroke:#0969da}.s2{stroke:#b35900}.s3{stroke:#8250df}.s4{stroke:#1a7f37}.area{fill:#1a7f37;fill-opacity:.12}\
.l1{fill:#0969da}.l2{fill:#b35900}.l3{fill:#8250df}.mark{stroke:#ffffff;stroke-width:1.5;fill:#0969da}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9aa4af}.back{fill:#0d1117}.grid{stroke:#2b323a}\
.s1{stroke:#58a6ff}.s2{stroke:#f0883e}.s3{stroke:#bc8cff}.s4{stroke:#3fb950}.area{fill:#3fb950}.l1{fill:#58a6ff}\
.l2{fill:#f0883e}.l3{fill:#bc8cff}.mark{stroke:#0d1117;fill:#58a6ff}}";

/// Draws a report as SVG.
pub(super) fn draw(report: &Report) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"back\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
        title = escaped(&title(report))
    );
    text(&mut svg, "title", 24.0, 36.0, "start", &title(report));
    text(&mut svg, "quiet", 24.0, 58.0, "start", &subtitle(report));
    if report.percentiles.is_empty() {
        text(&mut svg, "quiet", WIDTH / 2.0, HEIGHT / 2.0, "middle", "nothing was measured");
    } else {
        by_percentile(&mut svg, report);
        over_time(&mut svg, report);
        arrived(&mut svg, report);
    }
    svg.push_str("</svg>\n");
    svg
}

fn title(report: &Report) -> String {
    format!("{} at {}", report.scenario.name(), report.url)
}

fn subtitle(report: &Report) -> String {
    let asked = match (report.settings.rate, report.settings.in_flight) {
        (Some(rate), _) => format!(", {rate} asked for a second"),
        (None, Some(count)) => format!(", {count} in flight"),
        (None, None) => String::new(),
    };
    let connections = match report.scenario {
        crate::plan::Scenario::Connect => String::new(),
        _ => format!("{} connections, ", thousands(report.settings.connections as u64)),
    };
    format!(
        "{connections}{} {} in {:.1} s ({} a second{asked})",
        thousands(report.messages),
        report.scenario.units(),
        report.seconds,
        thousands(report.per_second.round() as u64)
    )
}

/// Where a percentile stands: each nine is as wide as the one before.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent / 100.0).max(1e-12).log10()
}

fn by_percentile(svg: &mut String, report: &Report) {
    let (top, bottom) = (104.0, 364.0);
    text(svg, "head", LEFT, top - 14.0, "start", "Latency by percentile, ms");
    let y = latency_axis(report.percentiles.iter().map(|step| step.ms), top, bottom);
    // The slowest message of all has no place on this axis; it stands where the axis ends.
    let told_apart =
        report.percentiles.iter().rev().map(|step| step.percent).find(|percent| *percent < 100.0);
    let end = nines(told_apart.unwrap_or(90.0)).max(1.0);
    let x = Axis::Linear { from: 0.0, to: end, pixels: (LEFT, RIGHT) };
    rows(svg, y, &digits_of);
    for percent in [0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999, 99.99999] {
        if nines(percent) <= end + 1e-9 {
            column(svg, x.at(nines(percent)), top, bottom, &format!("{percent} %"));
        }
    }
    let points: Vec<(f64, f64)> =
        report.percentiles.iter().map(|step| (x.at(nines(step.percent).min(end)), y.at(step.ms))).collect();
    line(svg, "s1", &points);
    let Some(latency) = &report.latency_ms else { return };
    for (name, percent, value) in [
        ("p50", 50.0, latency.p50),
        ("p90", 90.0, latency.p90),
        ("p99", 99.0, latency.p99),
        ("p99.9", 99.9, latency.p99_9),
    ] {
        if nines(percent) < end - 0.2 {
            // Left of the first is no room.
            let (anchor, aside) = if percent > 50.0 { ("end", (-8.0, -8.0)) } else { ("start", (8.0, 16.0)) };
            mark(svg, x.at(nines(percent)), y.at(value), &format!("{name} {}", digits(value)), anchor, aside);
        }
    }
    mark(svg, RIGHT, y.at(latency.max), &format!("max {}", digits(latency.max)), "start", (8.0, 4.0));
}

fn mark(svg: &mut String, x: f64, y: f64, label: &str, anchor: &str, aside: (f64, f64)) {
    let _ = writeln!(svg, "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
    text(svg, "l1", x + aside.0, y + aside.1, anchor, label);
}

/// One line of the panel over time: name, classes, and what of a point it shows.
type Series = (&'static str, &'static str, &'static str, fn(&Point) -> Option<f64>);

fn over_time(svg: &mut String, report: &Report) {
    let (top, bottom) = (444.0, 624.0);
    text(svg, "head", LEFT, top - 14.0, "start", "Latency over time, ms");
    let series: [Series; 3] = [
        ("p50", "s1", "l1", |point| point.p50_ms),
        ("p99", "s2", "l2", |point| point.p99_ms),
        ("max", "s3", "l3", |point| point.max_ms),
    ];
    let values = series.iter().flat_map(|(.., value)| report.timeline.iter().filter_map(value));
    if values.clone().next().is_none() {
        return text(
            svg,
            "quiet",
            (LEFT + RIGHT) / 2.0,
            (top + bottom) / 2.0,
            "middle",
            "the run was too short",
        );
    }
    let y = latency_axis(values, top, bottom);
    let x = time_axis(report);
    rows(svg, y, &digits_of);
    seconds(svg, x, top, bottom);
    let mut labels = Vec::new();
    for (name, stroke, fill, value) in series {
        // Where nothing arrived there is a gap.
        for piece in report.timeline.split(|point| value(point).is_none()) {
            let points =
                piece.iter().filter_map(|point| Some((x.at(middle(report, point)), y.at(value(point)?))));
            line(svg, stroke, &points.collect::<Vec<_>>());
        }
        if let Some(last) = report.timeline.iter().rev().find_map(value) {
            labels.push((y.at(last), fill, name));
        }
    }
    for (at, fill, label) in apart(labels) {
        text(svg, fill, RIGHT + 8.0, at + 4.0, "start", label);
    }
}

fn arrived(svg: &mut String, report: &Report) {
    let (top, bottom) = (704.0, 804.0);
    let title = format!("Arrived, {} a second", report.scenario.units());
    text(svg, "head", LEFT, top - 14.0, "start", &title);
    let most = report.timeline.iter().map(|point| point.per_second).fold(report.per_second, f64::max);
    let to = step_above(most.max(1.0) / 5.0);
    let to = (most.max(1.0) / to).ceil() * to;
    let y = Axis::Linear { from: 0.0, to, pixels: (bottom, top) };
    let x = time_axis(report);
    rows(svg, y, &amount);
    seconds(svg, x, top, bottom);
    let points: Vec<(f64, f64)> =
        report.timeline.iter().map(|point| (x.at(middle(report, point)), y.at(point.per_second))).collect();
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let _ = writeln!(
            svg,
            "<polygon class=\"area\" points=\"{:.1},{bottom} {} {:.1},{bottom}\"/>",
            first.0,
            path(&points),
            last.0
        );
    }
    line(svg, "s4", &points);
}

fn time_axis(report: &Report) -> Axis {
    Axis::Linear { from: 0.0, to: report.seconds.max(0.1), pixels: (LEFT, RIGHT) }
}

/// A point tells of the time since the one before, and stands in the middle of it.
fn middle(report: &Report, point: &Point) -> f64 {
    let before = report.timeline.iter().map(|point| point.seconds).take_while(|end| *end < point.seconds);
    f64::midpoint(before.last().unwrap_or(0.0), point.seconds)
}

/// Moves labels down until none stands on another.
fn apart<T, U>(mut labels: Vec<(f64, T, U)>) -> Vec<(f64, T, U)> {
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::NEG_INFINITY;
    for label in &mut labels {
        label.0 = label.0.max(free);
        free = label.0 + LABEL_DISTANCE;
    }
    labels
}

fn rows(svg: &mut String, y: Axis, label: &dyn Fn(f64) -> String) {
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"
        );
        text(svg, "quiet", LEFT - 10.0, at + 4.0, "end", &label(tick));
    }
}

fn seconds(svg: &mut String, x: Axis, top: f64, bottom: f64) {
    for tick in x.ticks() {
        column(svg, x.at(tick), top, bottom, &format!("{} s", trimmed(tick)));
    }
}

fn column(svg: &mut String, at: f64, top: f64, bottom: f64, label: &str) {
    let _ =
        writeln!(svg, "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>");
    text(svg, "quiet", at, bottom + 20.0, "middle", label);
}

fn line(svg: &mut String, class: &str, points: &[(f64, f64)]) {
    let _ = writeln!(svg, "<polyline class=\"line {class}\" points=\"{}\"/>", path(points));
}

fn path(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A tick of latency, without noughts at its end.
fn digits_of(value: f64) -> String {
    if value >= 1_000.0 { thousands(value.round() as u64) } else { trimmed(value) }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn amount(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{} M", trimmed(millions / 1e6)),
        thousand if thousand >= 1e4 => format!("{} k", trimmed(thousand / 1e3)),
        few => thousands_or_less(few),
    }
}

fn thousands_or_less(value: f64) -> String {
    if value >= 10.0 { thousands(value.round() as u64) } else { trimmed(value) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    /// Checks that each element is closed, in order, and that no text has a bare `<` or `&`.
    fn check_well_formed(svg: &str) {
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, after) = piece.split_once('>').expect("a tag ends");
            assert!(
                !after.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").contains('&'),
                "{after}"
            );
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "what is closed was opened last");
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap());
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    fn points<'a>(svg: &'a str, class: &str) -> Vec<Vec<&'a str>> {
        let start = format!("<polyline class=\"line {class}\" points=\"");
        svg.lines()
            .filter_map(|line| line.strip_prefix(&start))
            .map(|line| line.trim_end_matches("\"/>").split(' ').collect())
            .collect()
    }

    #[test]
    fn the_picture_is_well_formed_whatever_the_address_is() {
        let mut report = report();
        report.url = "ws://127.0.0.1/?a=<b>&c".to_owned();
        let svg = draw(&report);
        check_well_formed(&svg);
        assert!(svg.contains("echo at ws://127.0.0.1/?a=&lt;b&gt;&amp;c"));
        report.percentiles.clear();
        check_well_formed(&draw(&report));
    }

    #[test]
    fn its_values_are_those_of_the_report() {
        let report = report();
        let svg = draw(&report);
        let y = latency_axis(report.percentiles.iter().map(|step| step.ms), 104.0, 364.0);
        let end = nines(report.percentiles[report.percentiles.len() - 2].percent);
        let x = Axis::Linear { from: 0.0, to: end, pixels: (LEFT, RIGHT) };
        let expected: Vec<String> = report
            .percentiles
            .iter()
            .map(|step| format!("{:.1},{:.1}", x.at(nines(step.percent).min(end)), y.at(step.ms)))
            .collect();
        let blue = points(&svg, "s1");
        assert_eq!(blue[0], expected);
        // Ten seconds in a hundred pieces, and each of them has all three lines and the area.
        assert_eq!(
            (blue[1].len(), points(&svg, "s2")[0].len(), points(&svg, "s4")[0].len()),
            (100, 100, 100)
        );
        let latency = report.latency_ms.unwrap();
        for label in [
            format!("p50 {}", digits(latency.p50)),
            format!("p99 {}", digits(latency.p99)),
            format!("max {}", digits(latency.max)),
        ] {
            assert!(svg.contains(&format!(">{label}</text>")), "{label}");
        }
    }

    #[test]
    fn nothing_arrived_is_a_gap() {
        let mut report = report();
        for point in &mut report.timeline[40..50] {
            (point.p50_ms, point.p99_ms, point.max_ms) = (None, None, None);
        }
        let lengths: Vec<usize> = points(&draw(&report), "s2").iter().map(Vec::len).collect();
        assert!(lengths.starts_with(&[40]) && lengths.ends_with(&[50]), "{lengths:?}");
    }

    #[test]
    fn amounts_are_short() {
        assert_eq!(["0", "500", "20 k", "1.5 M"], [0.0, 500.0, 20_000.0, 1.5e6].map(amount)[..]);
    }

    #[test]
    fn labels_do_not_stand_on_each_other() {
        let moved = apart(vec![(10.0, (), 'b'), (9.0, (), 'a'), (100.0, (), 'c')]);
        assert_eq!(moved, [(9.0, (), 'a'), (26.0, (), 'b'), (100.0, (), 'c')]);
    }
}
