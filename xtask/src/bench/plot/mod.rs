//! Plots as SVG text: no library, no script, and colours for a light page and for a dark one.

mod bars;
mod lines;

use std::fmt::Write;

use super::spread::thousands;

pub(crate) use bars::{Bar, bars};
pub(crate) use lines::{Line, Point, lines};

const WIDTH: f64 = 760.0;

/// Colours by what they are for. An image in a page follows the reader's choice, not the page's.
const STYLE: &str = "\
svg { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
.page { fill: #ffffff } text { fill: #1f2328 } .quiet { fill: #59636e; font-size: 12px }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.title { font-weight: 600; font-size: 15px } .ours { font-weight: 600 }
.grid { stroke: #d1d9e0; stroke-width: 1 } .whisker { stroke: #1f2328; stroke-width: 1.2; fill: none }
.bar { fill: #aab4bf } .bar.ours { fill: #0969da } .goal { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 5 4 }
text.goal { fill: #bc4c00; stroke: none; font-size: 12px }
.s0 { color: #59636e } .s1 { color: #0969da } .s2 { color: #bc4c00 } .s3 { color: #1a7f37 } .s4 { color: #8250df }
.line { stroke: currentColor; stroke-width: 2; fill: none } .dot { fill: currentColor } .spread { stroke: currentColor; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .value { stroke: #0d1117 } text { fill: #f0f6fc } .quiet { fill: #9198a1 }
.grid { stroke: #30363d } .whisker { stroke: #f0f6fc }
.bar { fill: #656c76 } .bar.ours { fill: #4493f8 } .goal { stroke: #f0883e } text.goal { fill: #f0883e }
.s0 { color: #9198a1 } .s1 { color: #4493f8 } .s2 { color: #f0883e } .s3 { color: #3fb950 } .s4 { color: #ab7df8 }
}
";

/// A picture of this height with its title; what it says is also there for those who do not see it.
fn picture(title: &str, height: f64, content: &str) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n{content}</svg>\n"
    )
}

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn text(out: &mut String, class: &str, anchor: &str, at: (f64, f64), words: &str) {
    let _ = writeln!(
        out,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        at.0,
        at.1,
        escaped(words)
    );
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(['*', '`'], "")
}

/// Round numbers from 0 to past `most`, four to eight of them.
fn ticks(most: f64) -> Vec<f64> {
    let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
    let magnitude = 10_f64.powf(most.log10().floor());
    let steps = [0.2, 0.5, 1.0, 2.0].map(|step| step * magnitude);
    let step = steps.into_iter().find(|step| most / step <= 6.0).unwrap_or(magnitude);
    let count = (most / step - 1e-9).ceil() as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

/// The numbers of an axis, all with as many digits as its steps need.
fn tick_label(value: f64, ticks: &[f64]) -> String {
    let step = ticks.get(1).copied().unwrap_or(1.0);
    let digits = if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
    if digits == 0 { thousands(value) } else { format!("{value:.digits$}") }
}

/// As many digits as tell something.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        small if small < 0.1 => 3,
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    let plain = format!("{value:.digits$}");
    if digits > 0 { plain } else { thousands(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_past_the_most() {
        assert_eq!(ticks(4.5), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(ticks(100.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let shown =
            |most: f64| ticks(most).iter().map(|tick| tick_label(*tick, &ticks(most))).collect::<Vec<_>>();
        assert_eq!(shown(220.0), ["0", "50", "100", "150", "200", "250"]);
        assert_eq!(shown(0.05).last().map(String::as_str), Some("0.05"));
        for most in [0.0, f64::NAN, 0.013, 0.99, 7.0, 12_345.0] {
            let ticks = ticks(most);
            assert!((3..=8).contains(&ticks.len()), "{most}: {ticks:?}");
            assert!(!most.is_finite() || ticks.last().is_some_and(|last| *last >= most * 0.999), "{most}");
        }
    }

    #[test]
    fn numbers_have_the_digits_that_tell_something() {
        let shown = [0.0, 0.0441, 0.347, 4.51, 12.44, 739.4, 16_300.0].map(number);
        assert_eq!(shown, ["0", "0.044", "0.35", "4.51", "12.4", "739", "16,300"]);
    }

    #[test]
    fn words_cannot_break_out() {
        assert_eq!(escaped("a < b & **c** `d`"), "a &lt; b &amp; c d");
        let picture = picture("a < b", 100.0, "");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert!(
            picture.contains("<title>a &lt; b</title>") && picture.contains("prefers-color-scheme: dark")
        );
    }
}
