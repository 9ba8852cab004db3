//! The report for people.

use std::fmt;

use super::{Report, Settings};
use crate::plan::Scenario;
use crate::url::Protocol;

/// Writes the report as lines.
pub(super) fn write(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let protocol = match report.protocol {
        Protocol::WebSocket => "WebSocket",
        Protocol::SocketIo => "Socket.IO",
    };
    writeln!(f, "{} at {} ({protocol})", report.scenario.name(), report.url)?;
    writeln!(f, "{}", asked(report.scenario, &report.settings))?;
    writeln!(f)?;
    let mut row = |name: &str, value: String| writeln!(f, "  {name:<14}{value}");
    let units = report.scenario.units();
    row(units, format!("{} in {:.1} s", thousands(report.messages), report.seconds))?;
    row("rate", format!("{} {units} a second", thousands(report.per_second.round() as u64)))?;
    if let Some(latency) = report.latency_ms {
        for (name, value) in [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ] {
            row(name, format!("{:>8} ms", digits(value)))?;
        }
    }
    if report.sent_bytes + report.received_bytes > 0 {
        row(
            "bytes",
            format!("{} sent, {} received", bytes(report.sent_bytes), bytes(report.received_bytes)),
        )?;
    }
    let errors = if report.errors == 1 { "error" } else { "errors" };
    row(
        "at the end",
        format!(
            "{} connections open, {} {errors}",
            thousands(report.connections_open as u64),
            thousands(report.errors)
        ),
    )?;
    row("the load", format!("{:.0} % of a core", report.load_busy * 100.0))?;
    for warning in &report.warnings {
        writeln!(f, "\nwarning: {warning}")?;
    }
    Ok(())
}

fn asked(scenario: Scenario, settings: &Settings) -> String {
    let Settings { connections, bytes, rate, in_flight, duration_seconds, warm_up_seconds, room, .. } =
        settings;
    let pace = match (rate, in_flight) {
        (Some(rate), _) => format!("{rate} a second (latencies count from the intended time)"),
        (None, Some(count)) => format!("as fast as it goes with {count} in flight"),
        (None, None) => "one after another".to_owned(),
    };
    let connections = thousands(*connections as u64);
    let times = format!("{duration_seconds} s after {warm_up_seconds} s of warm-up");
    match scenario {
        Scenario::Echo => format!("{connections} connections, {bytes} bytes, {pace}; {times}"),
        Scenario::FanOut => {
            let room = room.as_ref().map_or(String::new(), |room| format!(" in the room {room:?}"));
            format!("1 of {connections} connections to all others{room}, {bytes} bytes, {pace}; {times}")
        }
        Scenario::Idle => {
            format!("{connections} connections, opened one after another and held for {duration_seconds} s")
        }
        Scenario::Connect => format!("opened and closed, {pace}; {times}"),
    }
}

/// A number with a comma before each three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds in milliseconds, three digits of them.
pub(crate) fn milliseconds(nanos: u64) -> String {
    digits(super::ms(nanos))
}

/// Three digits where there is a point, and all before it.
pub(super) fn digits(value: f64) -> String {
    match value {
        small if small < 0.1 => format!("{small:.3}"),
        small if small < 10.0 => format!("{small:.2}"),
        large if large < 100.0 => format!("{large:.1}"),
        large => thousands(large.round() as u64),
    }
}

fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if value < 1_000.0 {
            break;
        }
        (value, unit) = (value / 1_000.0, next);
    }
    if unit == "bytes" { format!("{count} bytes") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(thousands)[..]);
        assert_eq!(["0.012", "0.45", "20.0", "12,346"], [0.0123, 0.4512, 20.04, 12_345.6].map(digits)[..]);
        assert_eq!(["12 bytes", "1.5 kB", "2.0 GB"], [12, 1_500, 2_000_000_000].map(bytes)[..]);
    }

    #[test]
    fn a_report_has_a_line_for_each_figure() {
        let text = report().to_string();
        for line in [
            "echo at ws://127.0.0.1:80/echo (WebSocket)",
            "100 connections, 20 bytes, 1000 a second (latencies count from the intended time); 10 s after 1 s of warm-up",
            "  messages      10,000 in 10.0 s",
            "  p99.9             19.8 ms",
            "  bytes         260.0 kB sent, 220.0 kB received",
            "  the load      25 % of a core",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
