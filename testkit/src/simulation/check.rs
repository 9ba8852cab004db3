//! What each client must have seen: a plain list for each room, and rules that know nothing of the server's code.
//!
//! A room's list is all that was ever said in it, in the order of the ids that the server gave. Whoever was in the room saw
//! one unbroken piece of that list, and when they asked to come and go bounds where the piece may begin and end.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::client::{Client, Exit, What};
use super::lists::{author, rooms};
use super::world::World;

pub(super) type Checked = Result<(), String>;

/// One message that wanted an answer.
pub(super) struct Asked<'a> {
    pub(super) at: usize,
    pub(super) at_ms: u64,
    pub(super) value: &'a Value,
    pub(super) answers: Vec<(u64, &'a Value)>,
}

/// From a `join` to the `leave` after it.
#[derive(Default, Debug)]
pub(super) struct Stay {
    pub(super) asked: (usize, u64),
    pub(super) admitted: Option<(usize, u64)>,
    pub(super) leave_asked: Option<(usize, u64)>,
    pub(super) dismissed: Option<(usize, u64)>,
}

/// A client's log, read.
pub(super) struct Account<'a> {
    pub(super) client: &'a Client,
    /// It was there until everybody was sent away.
    pub(super) stayed: bool,
    pub(super) asked: Vec<Asked<'a>>,
    pub(super) stays: BTreeMap<&'a str, Vec<Stay>>,
    pub(super) welcomed_ms: Option<u64>,
}

/// Checks everything that everybody saw.
///
/// # Errors
/// The first thing that is wrong, in a sentence.
pub fn check(world: &World) -> Checked {
    let end_ms = world.quiet_from_ms + 12_000;
    let accounts =
        world.clients().iter().map(|client| account(client, end_ms)).collect::<Result<Vec<_>, _>>()?;
    for account in &accounts {
        exits(account, world, end_ms)?;
        match account.client.door {
            0 => echoes(account)?,
            1 => answers(account)?,
            _ => {}
        }
    }
    rooms(&accounts)?;
    straight(&accounts, 1, "roomless chat", roomless)?;
    straight(&accounts, 2, "binary", binary)?;
    privates(&accounts)?;
    passages(&accounts)?;
    accounts.iter().try_for_each(typing)
}

fn account(client: &Client, end_ms: u64) -> Result<Account<'_>, String> {
    let stayed = !client.misbehaved
        && client.left_at_ms.is_none_or(|at_ms| at_ms >= end_ms)
        && client.exit.is_none_or(|(at_ms, _)| at_ms >= end_ms);
    let mut account =
        Account { client, stayed, asked: Vec::new(), stays: BTreeMap::new(), welcomed_ms: None };
    for (at, entry) in client.log.iter().enumerate() {
        match &entry.what {
            What::Sent(value) => account.sent(at, entry.at_ms, value),
            What::Got(value) => account.got(at, entry.at_ms, value)?,
            _ => {}
        }
    }
    Ok(account)
}

impl<'a> Account<'a> {
    fn sent(&mut self, at: usize, at_ms: u64, value: &'a Value) {
        self.asked.push(Asked { at, at_ms, value, answers: Vec::new() });
        let Some(room) = value["room"].as_str() else { return };
        let stays = self.stays.entry(room).or_default();
        match value["type"].as_str() {
            Some("join") => stays.push(Stay { asked: (at, at_ms), ..Stay::default() }),
            Some("leave") => {
                if let Some(stay) = stays.last_mut().filter(|stay| stay.leave_asked.is_none()) {
                    stay.leave_asked = Some((at, at_ms));
                }
            }
            _ => {}
        }
    }

    fn got(&mut self, at: usize, at_ms: u64, value: &'a Value) -> Checked {
        if value["type"] == "welcome" {
            self.welcomed_ms = Some(at_ms);
        }
        if value["type"] != "ack" && value["type"] != "nack" {
            return Ok(());
        }
        let number = self.client.number;
        let asked = self.asked.iter_mut().find(|asked| asked.value["id"] == value["messageId"]);
        let asked =
            asked.ok_or_else(|| format!("client {number} got an answer that it never asked for: {value}"))?;
        asked.answers.push((at_ms, value));
        if asked.answers.len() > 1 {
            return Err(format!("client {number} got two answers: {:?}", asked.answers));
        }
        let (asked_at, kind) = (asked.at, asked.value["type"].as_str());
        let Some(room) = asked.value["room"].as_str() else { return Ok(()) };
        for stay in self.stays.entry(room).or_default() {
            if kind == Some("join") && stay.asked.0 == asked_at {
                stay.admitted = Some((at, at_ms));
            }
            if kind == Some("leave") && stay.leave_asked.is_some_and(|asked| asked.0 == asked_at) {
                stay.dismissed = Some((at, at_ms));
            }
        }
        Ok(())
    }

    /// Whether the client was in the room by what it had sent before position `at` of its log.
    fn is_member_at(&self, room: &str, at: usize) -> bool {
        let stays = self.stays.get(room).into_iter().flatten();
        stays.filter(|stay| stay.asked.0 < at).any(|stay| stay.leave_asked.is_none_or(|leave| leave.0 > at))
    }
}

/// Nobody who behaves is sent away, but for being slow where little may wait.
fn exits(account: &Account<'_>, world: &World, end_ms: u64) -> Checked {
    let client = account.client;
    let Some((at_ms, exit)) = client.exit else { return Ok(()) };
    let allowed = match exit {
        Exit::Cut | Exit::Left => true,
        Exit::ByServer(1013) | Exit::Ended if world.outboxes_are_small() => true,
        Exit::ByServer(1002) => client.misbehaved,
        Exit::ByServer(1012) => at_ms >= end_ms && world.drains(),
        Exit::Ended => client.misbehaved || (at_ms >= end_ms && world.drains()),
        Exit::ByServer(_) => false,
    };
    if allowed {
        Ok(())
    } else {
        Err(format!(
            "client {} was sent away: {exit:?} at {at_ms}; left {:?}, deflate {:?}; {:?}",
            client.number,
            client.left_at_ms,
            client.deflate.is_some(),
            client.log.iter().rev().take(4).collect::<Vec<_>>()
        ))
    }
}

fn echoes(account: &Account<'_>) -> Checked {
    let log = &account.client.log;
    let sent = log.iter().filter_map(|entry| match &entry.what {
        What::SentText(text) => Some((true, text.as_bytes())),
        What::SentBinary(bytes) => Some((false, &bytes[..])),
        _ => None,
    });
    let got = log.iter().filter_map(|entry| match &entry.what {
        What::GotText(text) => Some((true, text.as_bytes())),
        What::GotBinary(bytes) => Some((false, &bytes[..])),
        _ => None,
    });
    let (sent, got): (Vec<_>, Vec<_>) = (sent.collect(), got.collect());
    let whole = if account.stayed { got.len() == sent.len() } else { got.len() <= sent.len() };
    if whole && got[..] == sent[..got.len()] {
        return Ok(());
    }
    Err(format!(
        "client {} sent {} messages to be echoed and got {} back",
        account.client.number,
        sent.len(),
        got.len()
    ))
}

/// Each message that wanted an answer has one, and it is the right one.
fn answers(account: &Account<'_>) -> Checked {
    let number = account.client.number;
    for asked in &account.asked {
        let Some((_, answer)) = asked.answers.first() else {
            if account.stayed {
                return Err(format!("client {number} got no answer to {}", asked.value));
            }
            continue;
        };
        let room = asked.value["room"].as_str();
        let code = answer["code"].as_str();
        let right = match (asked.value["type"].as_str(), room) {
            (Some("join" | "leave"), _) => code.is_none(),
            (Some("chat" | "typing" | "presence"), Some(room)) if account.is_member_at(room, asked.at) => {
                code.is_none()
            }
            (Some("chat" | "typing" | "presence"), Some(_)) => code == Some("forbidden"),
            (Some("private"), _) => code.is_none_or(|code| code == "not_found"),
            _ => code.is_none(),
        };
        if !right {
            return Err(format!("client {number} got the wrong answer {answer} to {}", asked.value));
        }
    }
    Ok(())
}

fn roomless(what: &What) -> Option<(bool, String)> {
    match what {
        What::Sent(value) if value["type"] == "chat" && value["room"].is_null() => {
            Some((true, value["text"].as_str()?.to_owned()))
        }
        What::Got(value) if value["type"] == "chat" && value["room"].is_null() => {
            Some((false, value["text"].as_str()?.to_owned()))
        }
        _ => None,
    }
}

fn binary(what: &What) -> Option<(bool, String)> {
    match what {
        What::SentBinary(bytes) => Some((true, String::from_utf8_lossy(bytes).into_owned())),
        What::GotBinary(bytes) => Some((false, String::from_utf8_lossy(bytes).into_owned())),
        _ => None,
    }
}

/// Messages to everyone else at a door: once each, in each sender's order, and none missing for whoever was there.
fn straight(
    accounts: &[Account<'_>],
    door: u8,
    kind: &str,
    of: fn(&What) -> Option<(bool, String)>,
) -> Checked {
    let there = || accounts.iter().filter(move |account| account.client.door == door);
    for sender in there() {
        let sent: Vec<(u64, String)> = sender
            .client
            .log
            .iter()
            .filter_map(|entry| {
                of(&entry.what).filter(|(sent, _)| *sent).map(|(_, text)| (entry.at_ms, text))
            })
            .collect();
        for receiver in there() {
            let got =
                receiver.client.log.iter().filter_map(|entry| of(&entry.what).filter(|(sent, _)| !*sent));
            let got: Vec<String> = got
                .map(|(_, text)| text)
                .filter(|text| author(text).is_some_and(|(client, _)| client == sender.client.number))
                .collect();
            let (from, to) = (sender.client.number, receiver.client.number);
            if from == to && !got.is_empty() {
                return Err(format!("client {from} got its own {kind} back"));
            }
            let mut position = 0;
            for text in &got {
                let found = sent[position..].iter().position(|(_, known)| known == text);
                let found = found.ok_or(format!(
                    "client {to} got {kind} of client {from} twice, changed or out of order"
                ))?;
                position += found + 1;
            }
            let due =
                |at_ms: u64| receiver.stayed && receiver.welcomed_ms.is_some_and(|welcomed| welcomed < at_ms);
            let missed = sent.iter().find(|(at_ms, text)| due(*at_ms) && !got.contains(text));
            if let (true, true, Some((_, text))) = (from != to, sender.stayed, missed) {
                return Err(format!("client {to} missed {kind} {text:.40} of client {from}"));
            }
        }
    }
    Ok(())
}

fn privates(accounts: &[Account<'_>]) -> Checked {
    for sender in accounts.iter().filter(|account| account.client.door == 1) {
        for asked in sender.asked.iter().filter(|asked| asked.value["type"] == "private") {
            let text = &asked.value["text"];
            let target =
                accounts.iter().find(|account| account.client.id.as_deref() == asked.value["to"].as_str());
            let seen = |account: &Account<'_>| {
                let log = account.client.log.iter();
                log.filter(|entry| matches!(&entry.what, What::Got(got) if got["type"] == "private" && got["text"] == *text))
                    .count()
            };
            let strangers =
                accounts.iter().filter(|account| account.client.id.as_deref() != asked.value["to"].as_str());
            if strangers.map(seen).sum::<usize>() > 0 {
                return Err(format!("a stranger saw the private message {text}"));
            }
            let refused = asked.answers.first().is_some_and(|(_, answer)| answer["type"] == "nack");
            let acked = !asked.answers.is_empty() && !refused;
            let Some(target) = target else {
                if acked {
                    return Err(format!("a private message to nobody was acknowledged: {text}"));
                }
                continue;
            };
            let (times, same_door) = (seen(target), target.client.door == 1);
            let wrong = times > 1
                || (refused && (times > 0 || (target.stayed && same_door)))
                || (acked && (!same_door || (target.stayed && times != 1)));
            if wrong {
                return Err(format!("the private message {text} was seen {times} times; refused: {refused}"));
            }
        }
    }
    Ok(())
}

/// Whoever stays in a room is told of everybody who comes and goes, once.
fn passages(accounts: &[Account<'_>]) -> Checked {
    for observer in accounts.iter().filter(|account| account.stayed && account.client.door == 1) {
        for (room, stays) in &observer.stays {
            let Some(stay) = stays.last().filter(|stay| stay.leave_asked.is_none()) else { continue };
            let (Some((admitted, admitted_ms)), (_, asked_ms)) = (stay.admitted, stay.asked) else {
                continue;
            };
            for other in accounts.iter().filter(|other| other.client.number != observer.client.number) {
                let Some(id) = other.client.id.as_deref() else { continue };
                let told = |name: &str| {
                    let log = observer.client.log.iter().skip(admitted);
                    log.filter(|entry| {
                        matches!(&entry.what, What::Got(got)
                            if got["type"] == name && got["room"] == *room && got["user"] == id)
                    })
                    .count()
                };
                let theirs = other.stays.get(room).map_or(&[][..], |stays| stays);
                let came = |stay: &&Stay| stay.admitted.is_some() && stay.asked.1 > admitted_ms;
                let may_have_come = |stay: &&Stay| stay.admitted.is_none_or(|(_, at_ms)| at_ms >= asked_ms);
                let went = |stay: &&Stay| {
                    stay.dismissed.is_some() && stay.leave_asked.is_some_and(|(_, ms)| ms > admitted_ms)
                };
                let (joined, left) = (told("userJoined"), told("userLeft"));
                let least = theirs.iter().filter(came).count();
                let most = theirs.iter().filter(may_have_come).count();
                let gone = theirs.iter().filter(went).count();
                if joined < least || joined > most || left < gone || left > theirs.len() {
                    return Err(format!(
                        "client {} in {room} was told {joined} times that client {} came ({least} to {most}) and {left} \
                         times that it went ({gone} to {})",
                        observer.client.number,
                        other.client.number,
                        theirs.len()
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Typing ends by itself.
fn typing(account: &Account<'_>) -> Checked {
    if !account.stayed {
        return Ok(());
    }
    let mut last: HashMap<(&str, &str), bool> = HashMap::new();
    for entry in &account.client.log {
        match &entry.what {
            What::Got(value) if value["type"] == "typing" => {
                let (room, user) = (value["room"].as_str(), value["userId"].as_str());
                let (Some(room), Some(user), Some(is)) = (room, user, value["isTyping"].as_bool()) else {
                    return Err(format!("a typing message without its members: {value}"));
                };
                last.insert((room, user), is);
            }
            // A new stay begins with it: what was under way at the end of the last one says nothing of this.
            What::Got(value) if value["type"] == "history" => {
                last.retain(|(room, _), _| value["room"] != *room);
            }
            _ => {}
        }
    }
    let stays = |room: &str| account.stays.get(room).and_then(|stays| stays.last());
    let is_member = |room: &str| stays(room).is_some_and(|stay| stay.leave_asked.is_none());
    match last.into_iter().find(|((room, _), is)| *is && is_member(room)) {
        Some((who, _)) => Err(format!("client {} still believes that {who:?} types", account.client.number)),
        None => Ok(()),
    }
}
