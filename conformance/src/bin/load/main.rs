//! Thousands in rooms while a part of them is cut all the time: `load [--short] [--server PATH] [--out FOLDER] [socketio]`.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod member;
mod plot;
mod timeline;
mod voice;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Flags, Outcome, Probe, Server, View, check_room, ensure, mebibytes};

use member::{Hall, Phase, Report};
use timeline::Timeline;

/// How long may pass until what was said last has reached everybody.
const QUIET: Duration = Duration::from_secs(2);
/// No end of a server without connections takes longer.
const END_LIMIT: Duration = Duration::from_secs(20);
/// What the allocator may keep beyond the warmed-up level.
const LEVEL_SLACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => {
            println!("1 passed, 0 failed");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("not ok load: {why}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    let flags = Flags::read()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(load(&flags))
}

async fn load(flags: &Flags) -> Outcome<()> {
    let socketio = flags.names.iter().any(|name| name == "socketio");
    let (connections, rooms) = match socketio {
        true => flags.pick((300, 20), (2_000, 50)),
        false => flags.pick((500, 20), (5_000, 100)),
    };
    let warm = Duration::from_secs(flags.pick(3, 15));
    let duration = Duration::from_secs(flags.pick(if socketio { 8 } else { 15 }, 120));
    let server = Server::start(&flags.server, &[]).await?;
    // The same once before, shorter: what grows to its size there has its size.
    println!("… warming up: {connections} connections in {rooms} rooms for {} s", warm.as_secs());
    let hall = Hall::new(server.address(), connections, rooms, socketio);
    judge(&run_hall(&hall, &server, warm, &mut Timeline::default()).await?, rooms)?;
    server.until_descriptors_are(0, END_LIMIT).await?;
    let base = server.rss();

    let probe = Probe::start(server.address());
    let hall = Hall::new(server.address(), connections, rooms, socketio);
    let mut timeline = Timeline::default();
    let (cpu, began) = (server.cpu(), Instant::now());
    let reports = run_hall(&hall, &server, duration, &mut timeline).await?;
    let cpu = (server.cpu() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    let delays = probe.finish()?;
    server.until_descriptors_are(0, END_LIMIT).await?;
    let after = server.rss();
    let messages = judge(&reports, rooms)?;
    ensure(after <= base + base / 5 + LEVEL_SLACK_BYTES, || {
        format!("RSS is {} after everybody left, {} before", mebibytes(after), mebibytes(base))
    })?;
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    let latency = timeline.whole();
    let table = [
        ("connections at a time, rooms", format!("{connections}, {rooms}")),
        ("time", format!("{} s", duration.as_secs())),
        ("connections cut and replaced", sum(|report| report.cuts()).to_string()),
        ("messages said, each numbered", messages.to_string()),
        ("deliveries checked", sum(Report::seen).to_string()),
        ("lost, doubled, out of order", "0".to_owned()),
        ("delivery p50 / p99 / worst, seen by clients that share the cores", latency),
        ("an ordinary client beside them", delays.to_string()),
        ("RSS warmed up / peak / after", [base, server.rss_peak(), after].map(mebibytes).join(" / ")),
        ("server CPU, cores", format!("{cpu:.2}")),
        ("descriptors after", "as before".to_owned()),
    ];
    server.finish(END_LIMIT).await?;
    for (what, value) in &table {
        println!("| {what} | {value} |");
    }
    if let Some(out) = &flags.out {
        let name = if socketio { "load-socketio" } else { "load" };
        let file = out.join(format!("{name}{}.svg", if flags.short { "-short" } else { "" }));
        std::fs::create_dir_all(out).map_err(|error| error.to_string())?;
        std::fs::write(&file, plot::svg(&timeline)).map_err(|error| error.to_string())?;
        println!("{}", file.display());
    }
    Ok(())
}

/// Runs the hall for a time with a line of progress, lets it fall quiet, and empties it.
async fn run_hall(
    hall: &Arc<Hall>,
    server: &Server,
    duration: Duration,
    timeline: &mut Timeline,
) -> Outcome<Vec<Report>> {
    let seats = hall.fill().await?;
    let began = Instant::now();
    let mut second = 0_u64;
    while began.elapsed() < duration {
        tokio::time::sleep_until((began + Duration::from_secs(second + 1)).into()).await;
        second += 1;
        let line = timeline.note(second, server.rss(), hall.take_latencies());
        if second.is_multiple_of(5) {
            println!("… {second} s: {line}, {} connections", hall.present());
        }
        hall.is_well()?;
    }
    for phase in [Phase::Quiet, Phase::LastWord] {
        hall.enter(phase);
        tokio::time::sleep(QUIET).await;
    }
    hall.enter(Phase::Leave);
    let mut reports = Vec::new();
    for seat in seats {
        reports.push(seat.await.map_err(|error| error.to_string())??);
    }
    Ok(reports)
}

/// Holds what everybody saw in each room against each other; gives how many messages there were.
fn judge(reports: &[Report], rooms: usize) -> Outcome<usize> {
    let mut messages = 0;
    for room in 0..rooms {
        let views: Vec<View> = reports
            .iter()
            .filter(|report| report.room == room)
            .flat_map(|report| report.views.clone())
            .collect();
        messages += check_room(&views).map_err(|why| format!("room {room}: {why}"))?;
    }
    Ok(messages)
}
