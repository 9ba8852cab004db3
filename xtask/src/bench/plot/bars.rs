//! One bar for each server: as long as its median, with a whisker from the least to the most.

use std::fmt::Write;

use super::super::spread::Spread;
use super::{WIDTH, line, number, picture, text, tick_label, ticks};

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) range: Spread,
    pub(crate) ours: bool,
}

const LEFT: f64 = 290.0;
/// Right of the longest whisker there is room for its number.
const RIGHT: f64 = WIDTH - 84.0;
const TOP: f64 = 66.0;
const ROW: f64 = 28.0;
const THICKNESS: f64 = 16.0;

/// The plot of a table; `unit` stands under its title, and less is better. Servers of which nothing is known have no bar.
pub(crate) fn bars(title: &str, unit: &str, rows: &[Bar], goal: Option<f64>) -> String {
    let rows: Vec<&Bar> = rows.iter().filter(|bar| bar.range.is_known()).collect();
    let most = rows.iter().map(|bar| bar.range.most).chain(goal).fold(0.0, f64::max);
    let ticks = ticks(most);
    let end = ticks.last().copied().unwrap_or(1.0);
    let x = |value: f64| LEFT + (RIGHT - LEFT) * value.max(0.0) / end;
    let bottom = TOP + ROW * rows.len() as f64;
    let mut out = String::new();
    text(&mut out, "quiet", "start", (16.0, 47.0), &format!("{unit}; less is better"));
    for tick in ticks.iter().copied() {
        line(&mut out, "grid", (x(tick), TOP), (x(tick), bottom));
        text(&mut out, "quiet", "middle", (x(tick), bottom + 17.0), &tick_label(tick, &ticks));
    }
    for (index, bar) in rows.iter().enumerate() {
        let middle = TOP + ROW * (index as f64 + 0.5);
        let class = if bar.ours { " ours" } else { "" };
        text(&mut out, class.trim(), "end", (LEFT - 10.0, middle + 4.5), &bar.label);
        let _ = writeln!(
            out,
            "<rect class=\"bar{class}\" x=\"{LEFT:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{THICKNESS}\" rx=\"2\"/>",
            middle - THICKNESS / 2.0,
            x(bar.range.median) - LEFT
        );
        let (least, most) = (x(bar.range.least), x(bar.range.most));
        if most - least >= 1.0 {
            line(&mut out, "whisker", (least, middle), (most, middle));
            for edge in [least, most] {
                line(&mut out, "whisker", (edge, middle - 4.0), (edge, middle + 4.0));
            }
        }
        let after = most.max(x(bar.range.median)) + 7.0;
        text(&mut out, &format!("value{class}"), "start", (after, middle + 4.5), &number(bar.range.median));
    }
    if let Some(goal) = goal {
        line(&mut out, "goal", (x(goal), TOP - 4.0), (x(goal), bottom));
        text(&mut out, "goal", "middle", (x(goal), TOP - 8.0), &format!("goal {}", number(goal)));
    }
    picture(title, bottom + 32.0, &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, least: f64, median: f64, most: f64) -> Bar {
        Bar { label: label.to_owned(), range: Spread { least, median, most }, ours: label == "ours" }
    }

    #[test]
    fn each_server_has_a_bar_as_long_as_its_median() {
        let rows = [
            bar("ours", 1.0, 2.0, 3.0),
            bar("a & b", 4.0, 4.0, 4.0),
            bar("gone", f64::NAN, f64::NAN, f64::NAN),
        ];
        let svg = bars("Echo", "µs of CPU a message", &rows, Some(2.5));
        assert_eq!(svg.matches("class=\"bar").count(), 2);
        assert_eq!(svg.matches("class=\"bar ours\"").count(), 1);
        // The scale ends at 4.
        let wide = |share: f64| format!("width=\"{:.1}\"", (RIGHT - LEFT) * share);
        assert!(svg.contains(&wide(0.5)) && svg.contains(&wide(1.0)), "{svg}");
        // A whisker is a line and its two ends; one that would be a point is not drawn.
        assert_eq!(svg.matches("class=\"whisker\"").count(), 3);
        assert!(svg.contains("goal 2.50") && svg.contains("a &amp; b") && !svg.contains("gone"));
        assert!(!svg.contains("NaN"));
    }
}
