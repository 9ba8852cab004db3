//! Runs in which messages are sent: whose turn it is, for how long, and what to do when nothing comes back.

use std::time::{Duration, Instant};

use super::message::{Form, Template, json};
use super::schedule::Schedule;
use super::talk::{Echo, FanOut, Talk};
use super::{End, LOOK_INTERVAL, Run};
use crate::failure::Failure;
use crate::plan::Scenario;
use crate::report::Recorder;
use crate::wire::{Kind, Wire, socketio};

/// Opens the connections and lets them talk.
pub(super) fn run(run: &mut Run<'_>) -> End {
    let ended = run.open_all(|_, _, _, _| {}).and_then(|()| match run.plan.scenario {
        Scenario::FanOut => fan_out(run),
        _ => echo(run),
    });
    ended.err().unwrap_or(End::Finished)
}

fn echo(run: &mut Run<'_>) -> Result<(), End> {
    let form = if run.plan.is_socketio() {
        Form::Event { namespace: run.plan.url.namespace() }
    } else {
        Form::Bare(Kind::Text)
    };
    let template = Template::new(form, run.plan.bytes);
    let mut talk = Echo::new(template, run.fleet.tried(), run.plan.in_flight());
    converse(run, &mut talk)
}

fn fan_out(run: &mut Run<'_>) -> Result<(), End> {
    if let Some(room) = &run.plan.room {
        enter(run, room)?;
    }
    let namespace = run.plan.url.namespace();
    let form = match (&run.plan.room, run.plan.is_socketio()) {
        (None, false) => Form::Bare(Kind::Binary),
        (None, true) => Form::Event { namespace },
        (Some(room), false) => Form::Chat { room },
        (Some(room), true) => Form::ChatEvent { namespace, room },
    };
    let template = Template::new(form, run.plan.bytes);
    let mut talk = FanOut::new(template, run.fleet.tried(), run.plan.in_flight());
    let mut refused = (0..run.fleet.tried()).filter(|index| !run.fleet.is_open(*index));
    if !refused.all(|index| talk.lost(index)) {
        return Err(End::Failed(run.some_lost().unwrap_or_default()));
    }
    call(run, &mut talk)?;
    converse(run, &mut talk)
}

/// Every connection enters the room.
fn enter(run: &mut Run<'_>, room: &str) -> Result<(), End> {
    let (socketio, room) = (run.plan.is_socketio(), json(room));
    let prefix = socketio::prefix(run.plan.url.namespace());
    let join = if socketio {
        format!("42{prefix}0[\"join\",{{\"room\":{room}}}]")
    } else {
        format!("{{\"type\":\"join\",\"id\":0,\"room\":{room}}}")
    };
    let mut frame = Vec::new();
    Wire::WebSocket.write(&mut frame, Kind::Text, join.as_bytes());
    let mut waiting = vec![false; run.fleet.tried()];
    for (index, waits) in waiting.iter_mut().enumerate() {
        *waits = run.fleet.is_open(index);
        run.fleet.send(index, &frame);
    }
    let (yes, answer) = if socketio {
        (format!("43{prefix}0[{{\"ok\":true"), format!("43{prefix}0"))
    } else {
        ("{\"type\":\"ack\"".to_owned(), "{\"type\":\"nack\"".to_owned())
    };
    let mut last = Instant::now();
    while (0..waiting.len()).any(|index| waiting[index] && run.fleet.is_open(index)) {
        let mut refused = Vec::new();
        let mut take = |index: usize, message: &[u8], now: Instant, _: &mut Recorder| {
            if !waiting[index]
                || !(message.starts_with(yes.as_bytes()) || message.starts_with(answer.as_bytes()))
            {
                return false;
            }
            (waiting[index], last) = (false, now);
            if !message.starts_with(yes.as_bytes()) {
                let reason = String::from_utf8_lossy(message).into_owned();
                refused.push((index, Failure::Room { reason }));
            }
            true
        };
        run.turn(LOOK_INTERVAL, None, &mut take)?;
        for (index, failure) in refused {
            run.fleet.lose(index, failure);
        }
        let now = Instant::now();
        run.tell(now, "  (entering the room)");
        if run.is_told_to_end() {
            return Err(End::Interrupted);
        }
        if now - last >= run.plan.stall {
            let silent = waiting.iter().filter(|waits| **waits).count();
            let what = format!("connections that wait for an answer to their `join`: {silent}");
            return Err(End::Failed(silence(run, &what)));
        }
    }
    if run.fleet.is_open(0) { Ok(()) } else { Err(End::Failed(run.nobody_left())) }
}

/// Says something until everybody has heard it: whoever was let in behind a message does not get it.
fn call(run: &mut Run<'_>, talk: &mut FanOut) -> Result<(), End> {
    /// How long one message is waited for before another is said.
    const QUIET: Duration = Duration::from_millis(200);
    let until = Instant::now() + run.plan.stall;
    let mut out = Vec::new();
    while !talk.everybody_hears() {
        let now = Instant::now();
        if now >= until {
            let what = format!(
                "connections that hear nothing of what the first one says: {} of {}",
                talk.deaf(),
                run.fleet.open().saturating_sub(1)
            );
            return Err(End::Failed(silence(run, &what)));
        }
        out.clear();
        talk.say(0, now, &mut out);
        run.fleet.send(0, &out);
        let quiet = now + QUIET;
        while !talk.everybody_hears() && Instant::now() < quiet {
            let mut take = |index: usize, message: &[u8], now: Instant, recorder: &mut Recorder| {
                talk.arrived(index, message, now, recorder)
            };
            run.turn(LOOK_INTERVAL, None, &mut take)?;
            if run.is_told_to_end() {
                return Err(End::Interrupted);
            }
            part_with_the_lost(run, talk)?;
        }
    }
    talk.begin_anew();
    Ok(())
}

/// The measured part.
fn converse(run: &mut Run<'_>, talk: &mut impl Talk) -> Result<(), End> {
    let (start, end, mut schedule) = run.begin();
    let mut out = Vec::new();
    // When something came last, or was first waited for.
    let mut heard = start;
    loop {
        let now = Instant::now();
        run.meter(now, now >= end);
        run.recorder.cut(now);
        run.tell(now, "");
        if run.is_told_to_end() {
            return Err(End::Interrupted);
        }
        let mut has_more = false;
        match &mut schedule {
            Some(schedule) => has_more = speak_on_time(run, talk, schedule, now),
            None if now < end => speak_freely(run, talk, &mut out),
            None => {}
        }
        part_with_the_lost(run, talk)?;
        let due = schedule.as_ref().and_then(Schedule::next);
        let overdue = due.is_some_and(|due| due <= now);
        if talk.is_quiet() && !overdue {
            heard = now;
            if now >= end {
                return complete(run, talk);
            }
        }
        if now - heard >= run.plan.stall {
            return Err(stalled(run, talk, schedule.as_ref(), now));
        }
        // Past the silence that would have ended it: something still comes.
        if now >= end + LATE_STALLS * run.plan.stall {
            return give_up(run, talk, schedule.as_ref(), now);
        }
        // Sockets that take nothing are not waited for with a clock: they tell when they do.
        let at = match due {
            Some(_) if has_more => Some(now),
            Some(due) if !overdue => Some(due),
            _ => Some(end).filter(|_| now < end),
        };
        let mut ready = std::mem::take(&mut run.ready);
        run.fleet.wait(LOOK_INTERVAL, at, &mut ready)?;
        for one in &ready {
            let before = run.recorder.total();
            let mut take = |index: usize, message: &[u8], now: Instant, recorder: &mut Recorder| {
                talk.arrived(index, message, now, recorder)
            };
            run.serve(*one, &mut take);
            if run.recorder.total() > before {
                heard = Instant::now();
                // At once, so that the server has something to do while the others are served.
                if schedule.is_none() && heard < end {
                    speak_freely(run, talk, &mut out);
                }
            }
            part_with_the_lost(run, talk)?;
        }
        run.ready = ready;
    }
}

/// So many stall limits after its end a run gives up on what still comes.
const LATE_STALLS: u32 = 2;

/// Messages that are said before it is looked what has come: whoever is behind still reads.
const SPEAK_MAX: usize = 1_000;

/// Says what is due, as far as sockets take it; true if more could be said at once.
fn speak_on_time(run: &mut Run<'_>, talk: &mut impl Talk, schedule: &mut Schedule, now: Instant) -> bool {
    let mut said = 0;
    while said < SPEAK_MAX && schedule.next().is_some_and(|due| due <= now) {
        let can = |index| run.fleet.has_room(index);
        let Some(speaker) = talk.next_speaker(&can) else { break };
        let Some(intended) = schedule.take_due(now) else { break };
        run.fleet.queue(speaker, |out| talk.say(speaker, intended, out));
        said += 1;
    }
    run.fleet.flush();
    said == SPEAK_MAX
}

/// Says whatever may be under way; what one connection says at once goes in one write.
fn speak_freely(run: &mut Run<'_>, talk: &mut impl Talk, out: &mut Vec<u8>) {
    let now = Instant::now();
    let mut speaker = None;
    out.clear();
    while let Some(next) = talk.free_speaker() {
        if speaker != Some(next) {
            if let Some(before) = speaker {
                run.fleet.send(before, out);
                out.clear();
            }
            speaker = Some(next);
        }
        if run.fleet.is_open(next) {
            talk.say(next, now, out);
        } else if run.plan.scenario == Scenario::FanOut {
            return;
        }
    }
    if let Some(last) = speaker {
        run.fleet.send(last, out);
    }
}

/// Nothing comes any more.
fn stalled(run: &mut Run<'_>, talk: &impl Talk, schedule: Option<&Schedule>, now: Instant) -> End {
    let waiting: u64 = talk.outstanding().map(|(_, count)| count).sum();
    count_missing(run, talk, schedule, now);
    let what = format!("{} waited for: {waiting}", run.plan.scenario.units());
    End::Failed(silence(run, &what))
}

/// Something still comes, but the run has long been over.
fn give_up(
    run: &mut Run<'_>,
    talk: &impl Talk,
    schedule: Option<&Schedule>,
    now: Instant,
) -> Result<(), End> {
    count_missing(run, talk, schedule, now);
    complete(run, talk)
}

/// What was meant to have arrived and has not counts with its age, whether it went out or not.
fn count_missing(run: &mut Run<'_>, talk: &impl Talk, schedule: Option<&Schedule>, now: Instant) {
    let unsaid = schedule.into_iter().flat_map(|schedule| schedule.overdue(now));
    for (intended, count) in talk.outstanding().chain(unsaid.map(|intended| (intended, talk.hearers()))) {
        for _ in 0..count {
            run.late += u64::from(run.recorder.never_arrived(intended, now));
        }
    }
}

fn complete(run: &mut Run<'_>, talk: &impl Talk) -> Result<(), End> {
    run.skipped = talk.skipped();
    if run.skipped == 0 {
        return Ok(());
    }
    let (url, units) = (run.plan.url.text(), run.plan.scenario.units());
    Err(End::Failed(format!("{url} left out {} {units}: later ones came, and these did not", run.skipped)))
}

/// Nobody waits for what those who are gone owe.
fn part_with_the_lost(run: &mut Run<'_>, talk: &mut impl Talk) -> Result<(), End> {
    let goes_on = run.fleet.take_gone().into_iter().all(|index| talk.lost(index));
    if goes_on && run.fleet.open() > 0 { Ok(()) } else { Err(End::Failed(run.nobody_left())) }
}

fn silence(run: &Run<'_>, what: &str) -> String {
    let (url, limit) = (run.plan.url.text(), run.plan.stall.as_secs_f64());
    let stranger = run.stranger.as_ref().map_or(String::new(), |stranger| {
        let text: String = String::from_utf8_lossy(stranger)
            .chars()
            .map(|char| if char.is_control() { ' ' } else { char })
            .collect();
        format!("; the last message that nobody waited for was: {text}")
    });
    format!("{url} went silent: nothing came for {limit} s (--stall); {what}{stranger}")
}
