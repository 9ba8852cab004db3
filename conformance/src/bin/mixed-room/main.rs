//! A native client, a Socket.IO client over WebSocket and one that polls in one room of the real server, all speaking at once, in
//! text and in bytes: `mixed-room [--short] [--server PATH]`.
#![allow(clippy::print_stdout, reason = "a command line tool: standard output is what it is for")]

mod member;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use fanfare_conformance::real::{Flags, Outcome, Server, ensure};

use member::{Heard, Member, message};

/// Of each.
const MESSAGES: usize = 1_000;

const MEMBERS: usize = 3;

/// What one says before it listens for it.
const AT_ONCE: usize = 25;

const END_LIMIT: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let flags = match Flags::read() {
        Ok(flags) => flags,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (mut passed, mut failed) = (0, 0);
    let rounds = flags.pick(1, 20);
    for shards in ["1", "4"] {
        let outcome = match &runtime {
            Ok(runtime) => runtime.block_on(room(&flags, shards, rounds)),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(note) => {
                passed += 1;
                println!("ok mixed-room, {shards} shards: {note}");
            }
            Err(why) => {
                failed += 1;
                println!("not ok mixed-room, {shards} shards: {why}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn room(flags: &Flags, shards: &str, rounds: usize) -> Outcome<String> {
    let server = Server::start(&flags.server, &["--shards", shards]).await?;
    let began = Instant::now();
    for _ in 0..rounds {
        round(&server).await?;
    }
    let took = began.elapsed();
    server.finish(END_LIMIT).await?;
    let heard = rounds * MEMBERS * MESSAGES;
    Ok(format!(
        "{heard} messages, a quarter CHAT and a quarter FILE, heard by all three alike and in order, in {took:.1?}"
    ))
}

async fn round(server: &Server) -> Outcome<()> {
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        let mut member = Member::join(server.address(), number).await?;
        // Whoever has said something in bytes hears bytes. Nobody else is to hear of it in another way.
        if number > 0 {
            let first = message(number, 1);
            member.say(&[first]).await?;
            member.hear().await?;
        }
        members.push(member);
    }
    // What the others said before counts for nobody.
    let mut native = members.remove(0);
    native.hear().await?;
    native.hear().await?;
    members[0].hear().await?;
    members.insert(0, native);
    let talking: Vec<_> =
        (0..).zip(members).map(|(number, member)| tokio::spawn(talk(number, member))).collect();
    let mut all = Vec::new();
    for one in talking {
        all.push(one.await.map_err(|error| error.to_string())??);
    }
    for (number, heard) in all.iter().enumerate() {
        for from in 0..MEMBERS {
            let order: Vec<usize> = heard.iter().filter(|it| it.said.0 == from).map(|it| it.said.1).collect();
            let whole: Vec<usize> = (0..MESSAGES).collect();
            ensure(order == whole, || format!("what {from} said came to {number} as {:?}…", &order[..20]))?;
        }
        if let Some(at) = heard.iter().zip(&all[0]).position(|(one, other)| one != other) {
            return Err(format!(
                "{number} heard {:?} as the {at}th, the native one {:?}",
                heard[at], all[0][at]
            ));
        }
    }
    Ok(())
}

async fn talk(number: usize, mut member: Member) -> Outcome<Vec<Heard>> {
    let wrong = |why: String| format!("{number}: {why}");
    let mut heard: Vec<Heard> = Vec::new();
    for first in (0..MESSAGES).step_by(AT_ONCE) {
        let said: Vec<_> = (first..first + AT_ONCE).map(|at| message(number, at)).collect();
        member.say(&said).await.map_err(wrong)?;
        let last = (number, first + AT_ONCE - 1);
        while heard.last().is_none_or(|heard| heard.said != last) {
            heard.push(member.hear().await.map_err(wrong)?);
        }
    }
    while heard.len() < MEMBERS * MESSAGES {
        heard.push(member.hear().await.map_err(wrong)?);
    }
    member.leave().await.map_err(wrong)?;
    Ok(heard)
}
