//! How a cost grows: a line for each server over a scale of powers of ten.

use std::fmt::Write;

use super::super::spread::{Spread, thousands};
use super::{WIDTH, line, picture, text, tick_label, ticks};

pub(crate) struct Point {
    pub(crate) at: f64,
    pub(crate) range: Spread,
}

pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) points: Vec<Point>,
}

const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 24.0;
const BOTTOM: f64 = 330.0;
const LEGEND_ROW: f64 = 19.0;
const DOT: f64 = 3.5;

/// `unit` is of the upward axis, which begins at 0, `along` of the other. Places of which nothing is known have no point.
pub(crate) fn lines(title: &str, unit: &str, along: &str, all: &[Line]) -> String {
    let known: Vec<(usize, &Line, Vec<&Point>)> = all
        .iter()
        .enumerate()
        .map(|(index, line)| {
            (index, line, line.points.iter().filter(|point| point.range.is_known()).collect())
        })
        .filter(|(.., points): &(_, _, Vec<_>)| !points.is_empty())
        .collect();
    let points = || known.iter().flat_map(|(.., points)| points);
    let upward = ticks(points().map(|point| point.range.most).fold(0.0, f64::max));
    let top_value = upward.last().copied().unwrap_or(1.0);
    let first = points().map(|point| point.at).fold(f64::INFINITY, f64::min);
    let last = points().map(|point| point.at).fold(first, f64::max);
    let decades = (last / first).log10().max(1e-9);
    let top = 62.0 + LEGEND_ROW * (known.len() as f64 / 2.0).ceil();
    let x = |at: f64| LEFT + 20.0 + (RIGHT - LEFT - 50.0) * (at / first).log10() / decades;
    let y = |value: f64| BOTTOM - (BOTTOM - top) * value / top_value;

    let mut out = String::new();
    text(&mut out, "quiet", "start", (16.0, 47.0), unit);
    for tick in upward.iter().copied() {
        line(&mut out, "grid", (LEFT, y(tick)), (RIGHT, y(tick)));
        text(&mut out, "quiet", "end", (LEFT - 8.0, y(tick) + 4.0), &tick_label(tick, &upward));
    }
    let mut places: Vec<f64> = points().map(|point| point.at).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for at in places {
        line(&mut out, "grid", (x(at), BOTTOM), (x(at), BOTTOM + 5.0));
        text(&mut out, "quiet", "middle", (x(at), BOTTOM + 20.0), &thousands(at));
    }
    text(&mut out, "quiet", "middle", (f64::midpoint(LEFT, RIGHT), BOTTOM + 40.0), along);
    for (place, (index, of, points)) in known.iter().enumerate() {
        let _ = writeln!(out, "<g class=\"s{}\">", index % 5);
        let path: Vec<String> =
            points.iter().map(|point| format!("{:.1},{:.1}", x(point.at), y(point.range.median))).collect();
        let _ = writeln!(out, "<polyline class=\"line\" points=\"{}\"/>", path.join(" "));
        for point in points {
            let at = x(point.at);
            line(&mut out, "spread", (at, y(point.range.least)), (at, y(point.range.most)));
            dot(&mut out, (at, y(point.range.median)));
        }
        let (column, row) = (place % 2, place / 2);
        let legend = (LEFT + 340.0 * column as f64, 66.0 + LEGEND_ROW * row as f64);
        line(&mut out, "line", (legend.0, legend.1 - 4.0), (legend.0 + 22.0, legend.1 - 4.0));
        dot(&mut out, (legend.0 + 11.0, legend.1 - 4.0));
        text(&mut out, "", "start", (legend.0 + 30.0, legend.1), &of.label);
        out.push_str("</g>\n");
    }
    picture(title, BOTTOM + 54.0, &out)
}

fn dot(out: &mut String, at: (f64, f64)) {
    let _ = writeln!(out, "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{DOT}\"/>", at.0, at.1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: f64, median: f64) -> Point {
        Point { at, range: Spread { least: median, median, most: median } }
    }

    #[test]
    fn equal_factors_are_equal_steps() {
        let points = vec![point(10.0, 1.0), point(100.0, 1.0), point(1_000.0, 1.0), point(5_000.0, f64::NAN)];
        let all = [
            Line { label: "ours".to_owned(), points },
            Line { label: "gone".to_owned(), points: vec![point(10.0, f64::NAN)] },
        ];
        let svg = lines("Growth", "µs", "connections", &all);
        let path = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let at: Vec<f64> =
            path.split(' ').map(|pair| pair.split(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(at.len(), 3);
        assert!((at[1] - at[0] - (at[2] - at[1])).abs() < 0.2, "{at:?}");
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(svg.contains(">1,000<") && !svg.contains("gone") && !svg.contains("NaN"));
    }

    #[test]
    fn a_single_place_and_nothing_at_all_are_drawn_too() {
        for points in [vec![point(10.0, 1.0)], Vec::new()] {
            let svg = lines("Growth", "µs", "rooms", &[Line { label: "ours".to_owned(), points }]);
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
