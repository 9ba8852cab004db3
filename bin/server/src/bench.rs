//! `fanfare bench`: measures a server from a user's side.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, value_parser};
use fanfare_load::{Ended, Pace, Plan, Progress, Protocol, Report, Scenario, Url};
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a command that SIGINT ended.
const INTERRUPTED: u8 = 130;

const SCENARIOS: [Scenario; 4] = [Scenario::Echo, Scenario::FanOut, Scenario::Idle, Scenario::Connect];

/// Where the results go when no file is named.
const STANDARD_OUTPUT: &str = "-";

const LONG_ABOUT: &str = "\
Measure a server: how fast, how many, how late

  echo     each connection sends messages, and each message comes back to it
  fan-out  the first connection sends messages, and each goes to all others
  idle     connections are opened and held; the latency is that of the handshake
  connect  one connection after another is opened and closed again

Of WebSocket, echo sends text and fan-out sends binary messages as they are; with --room, fan-out sends chat messages into that \
room of the chat kit. Of Socket.IO, both send the event `message` with one text, and what comes back may have another name.";

const AFTER_HELP: &str = "\
Examples:
  fanfare bench echo ws://localhost:8080/echo
  fanfare bench echo http://localhost:8080/echo --rate 5000
  fanfare bench fan-out ws://localhost:8080/chat --room lobby --connections 1000 --rate 20
  fanfare bench idle ws://localhost:8080/chat --connections 10000 --duration 1m

The exit code is 0 after a whole run, 1 if something went wrong (what, is said last), 2 if the command line is wrong, and 130 after Ctrl-C, \
which ends a run early. What was measured until then is printed in any case.";

/// The command with its arguments.
pub(crate) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let time = |name, help| text(name, "TIME", help).value_parser(read_time);
    Command::new("bench")
        .about("Measure a server: how fast, how many, how late")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .arg(
            Arg::new("SCENARIO")
                .required(true)
                .value_parser(SCENARIOS.map(Scenario::name))
                .help("What the connections do"),
        )
        .arg(
            Arg::new("URL")
                .required(true)
                .help("ws://HOST:PORT/PATH for WebSocket, http://HOST:PORT/NAMESPACE for Socket.IO"),
        )
        .arg(
            text("protocol", "PROTOCOL", "How to speak to the server [default: what the URL begins with]")
                .value_parser(["websocket", "socketio"]),
        )
        .arg(
            text("connections", "N", "How many [default: 100; idle: 1000]; of a fan-out the first one sends")
                .value_parser(value_parser!(usize)),
        )
        .arg(
            text("bytes", "N", "The payload of a message [default: 20; fan-out: 64]")
                .value_parser(value_parser!(usize)),
        )
        .arg(
            text(
                "rate",
                "N",
                "Messages a second in all (connect: connections), whatever the server does; latencies count from the time that \
                 each was meant to go out [default: as fast as it goes]",
            )
            .value_parser(value_parser!(f64))
            .allow_negative_numbers(true)
            .conflicts_with("in-flight"),
        )
        .arg(
            text("in-flight", "N", "Messages under way at once, on each connection that sends [default: 1]")
                .value_parser(value_parser!(u32)),
        )
        .arg(time("duration", "How long is measured: 500ms, 10s (or 10), 2m").default_value("10s"))
        .arg(time("warm-up", "What goes before that, and does not count").default_value("1s"))
        .arg(time("stall", "The longest silence; then the server is taken for dead").default_value("10s"))
        .arg(text("room", "NAME", "The room of the chat kit that a fan-out goes through"))
        .arg(text("json", "FILE", "Write the results as JSON; - is standard output, and the table goes to standard error"))
        .arg(text("plot", "FILE", "Draw the latencies, as SVG"))
}

/// Runs what the arguments say; the results go to `out`.
pub(crate) fn run(matches: &ArgMatches, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let plan = plan(matches)?;
    // A file that cannot be written is told before the run, not behind it.
    let mut json = Destination::of(matches, "json")?;
    let mut plot = Destination::of(matches, "plot")?;
    let stop = stop_on_signal()?;
    let progress = Progress::new(Box::new(io::stderr()), io::stderr().is_terminal());
    let report = fanfare_load::run(&plan, &stop, progress);
    let json_is_output = matches!(json, Some(Destination::Output));
    if json_is_output {
        write!(io::stderr(), "{report}")?;
    } else {
        write!(out, "{report}")?;
    }
    if let Some(json) = &mut json {
        json.write(out, &(report.to_json() + "\n"))?;
    }
    if let Some(plot) = &mut plot {
        plot.write(out, &report.to_svg())?;
    }
    out.flush()?;
    Ok(ended(&report))
}

fn ended(report: &Report) -> ExitCode {
    match &report.ended {
        Ended::Finished => ExitCode::SUCCESS,
        Ended::Interrupted => {
            let _ = writeln!(
                io::stderr(),
                "\nfanfare: interrupted: the figures are of what was measured until then"
            );
            ExitCode::from(INTERRUPTED)
        }
        Ended::Failed(why) => {
            let _ = writeln!(io::stderr(), "\nfanfare: {why}");
            ExitCode::FAILURE
        }
    }
}

fn plan(matches: &ArgMatches) -> anyhow::Result<Plan> {
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let time = |name: &str| matches.get_one::<Duration>(name).copied().unwrap_or_default();
    let scenario = SCENARIOS.into_iter().find(|scenario| Some(scenario.name()) == text("SCENARIO"));
    let scenario = scenario.context("there is no such scenario")?;
    refuse_ignored(matches, scenario)?;
    let protocol = text("protocol")
        .map(|name| if name == "socketio" { Protocol::SocketIo } else { Protocol::WebSocket });
    let url = Url::read(text("URL").unwrap_or_default(), protocol).map_err(anyhow::Error::msg)?;
    let (connections, bytes) = match scenario {
        Scenario::Echo => (100, 20),
        Scenario::FanOut => (100, 64),
        Scenario::Idle => (1_000, 1),
        Scenario::Connect => (1, 1),
    };
    let in_flight = matches.get_one("in-flight").copied().unwrap_or(1);
    let plan = Plan {
        scenario,
        url,
        connections: matches.get_one("connections").copied().unwrap_or(connections),
        bytes: matches.get_one("bytes").copied().unwrap_or(bytes),
        pace: matches.get_one("rate").copied().map_or(Pace::InFlight(in_flight), Pace::PerSecond),
        duration: time("duration"),
        warm_up: if scenario == Scenario::Idle { Duration::ZERO } else { time("warm-up") },
        room: text("room").map(str::to_owned),
        stall: time("stall"),
    };
    plan.check().map_err(anyhow::Error::msg)?;
    Ok(plan)
}

/// What would be ignored is refused.
fn refuse_ignored(matches: &ArgMatches, scenario: Scenario) -> anyhow::Result<()> {
    let ignored: &[&str] = match scenario {
        Scenario::Echo => &["room"],
        Scenario::FanOut => &[],
        Scenario::Idle => &["room", "bytes", "rate", "in-flight", "warm-up"],
        Scenario::Connect => &["room", "bytes", "in-flight", "connections"],
    };
    let given = |name: &&&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    if let Some(name) = ignored.iter().find(given) {
        bail!("--{name} says nothing to `{}`: leave it out", scenario.name());
    }
    Ok(())
}

/// `500ms`, `10s`, `10`, `2m`.
fn read_time(text: &str) -> Result<Duration, String> {
    let expected = || format!("{text:?} is no time: expected a number with ms, s or m behind it");
    let (number, seconds) = match text {
        _ if text.ends_with("ms") => (text.trim_end_matches("ms"), 0.001),
        _ if text.ends_with('m') => (text.trim_end_matches('m'), 60.0),
        _ => (text.trim_end_matches('s'), 1.0),
    };
    let number: f64 = number.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| expected())
}

/// Where results are written.
enum Destination {
    Output,
    File(File, String),
}

impl Destination {
    fn of(matches: &ArgMatches, name: &str) -> anyhow::Result<Option<Self>> {
        let Some(path) = matches.get_one::<String>(name) else { return Ok(None) };
        if path == STANDARD_OUTPUT && name == "json" {
            return Ok(Some(Self::Output));
        }
        let file = File::create(Path::new(path)).with_context(|| format!("--{name}: cannot write {path}"))?;
        Ok(Some(Self::File(file, path.clone())))
    }

    fn write(&mut self, out: &mut impl Write, text: &str) -> anyhow::Result<()> {
        match self {
            Self::Output => out.write_all(text.as_bytes())?,
            Self::File(file, path) => {
                file.write_all(text.as_bytes()).with_context(|| format!("cannot write {path}"))?;
            }
        }
        Ok(())
    }
}

/// True once SIGINT or SIGTERM has come.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        Ok::<_, io::Error>((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    })?;
    let told = Arc::clone(&stop);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        told.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(arguments: &[&str]) -> Result<Plan, String> {
        let words = std::iter::once(&"bench").chain(arguments);
        let matches = command().try_get_matches_from(words).map_err(|error| error.to_string())?;
        plan(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, ms) in [("500ms", 500), ("10", 10_000), ("1.5s", 1_500), ("2m", 120_000), ("0", 0)] {
            assert_eq!(read_time(text), Ok(Duration::from_millis(ms)));
        }
        assert!(["", "s", "-1", "ten", "1h", "inf"].into_iter().all(|text| read_time(text).is_err()));
    }

    #[test]
    fn a_scenario_has_its_defaults() {
        let plan = planned(&["fan-out", "ws://localhost:1/binary"]).unwrap();
        assert_eq!((plan.connections, plan.bytes, plan.pace), (100, 64, Pace::InFlight(1)));
        assert_eq!(plan.duration, Duration::from_secs(10));
        let plan = planned(&["echo", "http://localhost:1/echo", "--rate", "0.5"]).unwrap();
        assert_eq!((plan.url.protocol(), plan.pace), (Protocol::SocketIo, Pace::PerSecond(0.5)));
        assert_eq!(planned(&["idle", "ws://localhost:1"]).unwrap().warm_up, Duration::ZERO);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (arguments, word) in [
            (&["shout", "ws://localhost:1"][..], "fan-out"),
            (&["echo", "localhost"], "begins with ws://"),
            (&["echo", "ws://localhost:1", "--room", "a"], "--room says nothing to `echo`"),
            (&["connect", "ws://localhost:1", "--connections", "3"], "--connections says nothing"),
            (&["idle", "ws://localhost:1", "--warm-up", "1s"], "--warm-up says nothing"),
            (&["echo", "ws://localhost:1", "--rate", "0"], "more than 0"),
            (&["echo", "ws://localhost:1", "--rate", "NaN"], "more than 0"),
            (&["echo", "ws://localhost:1", "--rate", "5", "--in-flight", "2"], "cannot be used with"),
            (&["echo", "ws://localhost:1", "--in-flight", "0"], "at least one"),
            (
                &["echo", "ws://localhost:1", "--in-flight", "1000000000"],
                "these would be 100000000000 messages",
            ),
            (
                &["echo", "ws://localhost:1", "--in-flight", "100", "--bytes", "60000000"],
                "600000000000 bytes",
            ),
            (&["echo", "ws://localhost:1", "--rate", "-5"], "more than 0"),
            (&["echo", "ws://localhost:1", "--bytes", "0"], "1 to"),
            (&["echo", "ws://localhost:1", "--duration", "0"], "longer than 0"),
            (&["fan-out", "ws://localhost:1", "--connections", "1"], "two"),
        ] {
            let refused = planned(arguments).unwrap_err();
            assert!(refused.contains(word), "{arguments:?}: {refused}");
        }
    }

    #[test]
    fn the_command_is_right_in_itself() {
        command().debug_assert();
    }
}
