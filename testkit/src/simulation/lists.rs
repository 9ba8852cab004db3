//! A room is a plain list of what was said in it; whoever was there saw one unbroken piece of it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::check::{Account, Checked, Stay};
use super::client::What;

/// Something said: who, which of their messages, when it was sent, when its sender knew that it was out.
#[derive(Clone, Copy, Debug)]
struct Said {
    client: usize,
    number: u64,
    sent_ms: u64,
    acked_ms: Option<u64>,
}

/// `c<client>-<number>-…` and `B<client>-<number>-…` say whose message it is, and which.
pub(super) fn author(text: &str) -> Option<(usize, u64)> {
    let mut parts = text.get(1..)?.splitn(3, '-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Everything said in each room, by id.
fn lists<'a>(accounts: &[Account<'a>]) -> Result<BTreeMap<&'a str, BTreeMap<u64, Said>>, String> {
    let mut requests = HashMap::new();
    for account in accounts {
        for asked in account.asked.iter().filter(|asked| asked.value["type"] == "chat") {
            requests.insert(asked.value["text"].as_str().unwrap_or_default(), (account, asked));
        }
    }
    let mut lists: BTreeMap<&str, BTreeMap<u64, Said>> = BTreeMap::new();
    let mut ids: HashMap<&str, u64> = HashMap::new();
    let mut add = |room: &'a str, id: &Value, text: &'a str| -> Checked {
        let id: u64 = id.as_str().and_then(|id| id.parse().ok()).ok_or(format!("{id} is no id"))?;
        let (account, asked) = requests.get(text).ok_or(format!("nobody said {text:?}"))?;
        if asked.value["room"] != room {
            return Err(format!("{text:?} was said in {} and seen in {room}", asked.value["room"]));
        }
        if *ids.entry(text).or_insert(id) != id {
            return Err(format!("{text:?} has two ids"));
        }
        let (client, number) = author(text).ok_or(format!("{text:?} is nobody's"))?;
        let acked_ms = asked.answers.first().map(|(at_ms, _)| *at_ms);
        let said = Said { client, number, sent_ms: asked.at_ms, acked_ms };
        let known = lists.entry(room).or_default().entry(id).or_insert(said);
        if (known.client, known.number) != (account.client.number, number) {
            return Err(format!("id {id} of {room} belongs to two messages"));
        }
        Ok(())
    };
    for account in accounts {
        for asked in account.asked.iter().filter(|asked| asked.value["type"] == "chat") {
            let (Some(room), Some((_, answer))) = (asked.value["room"].as_str(), asked.answers.first())
            else {
                continue;
            };
            if answer["type"] == "ack" {
                add(room, &answer["id"], asked.value["text"].as_str().unwrap_or_default())?;
            }
        }
        for entry in &account.client.log {
            let What::Got(value) = &entry.what else { continue };
            if let (true, Some(room)) = (value["type"] == "chat", value["room"].as_str()) {
                add(room, &value["id"], value["text"].as_str().unwrap_or_default())?;
            }
        }
    }
    Ok(lists)
}

pub(super) fn rooms(accounts: &[Account<'_>]) -> Checked {
    let lists = lists(accounts)?;
    for (room, list) in &lists {
        let mut last: HashMap<usize, u64> = HashMap::new();
        for said in list.values() {
            if last.insert(said.client, said.number).is_some_and(|earlier| earlier >= said.number) {
                return Err(format!("client {}'s messages in {room} are out of order", said.client));
            }
        }
    }
    let empty = BTreeMap::new();
    for account in accounts.iter().filter(|account| account.client.door == 1) {
        let mut explained = 0;
        for (room, stays) in &account.stays {
            for stay in stays {
                explained += stay_saw(account, room, stay, lists.get(room).unwrap_or(&empty))?;
            }
        }
        let seen = account.client.log.iter().filter(|entry| is_chat_in_room(&entry.what).is_some()).count();
        if seen != explained {
            let number = account.client.number;
            return Err(format!(
                "client {number} saw {seen} messages of rooms, {explained} of them while it was in one"
            ));
        }
    }
    Ok(())
}

fn is_chat_in_room(what: &What) -> Option<(&str, u64)> {
    let What::Got(value) = what else { return None };
    if value["type"] != "chat" {
        return None;
    }
    Some((value["room"].as_str()?, value["id"].as_str()?.parse().ok()?))
}

/// Checks one stay against the room's list. Returns how many messages it saw.
fn stay_saw(
    account: &Account<'_>,
    room: &str,
    stay: &Stay,
    list: &BTreeMap<u64, Said>,
) -> Result<usize, String> {
    let number = account.client.number;
    let begin = stay.admitted.map_or(usize::MAX, |(at, _)| at);
    let end = stay.dismissed.map_or(usize::MAX, |(at, _)| at);
    let log = account.client.log.iter().enumerate().filter(|(at, _)| *at > begin && *at < end);
    let seen: Vec<u64> = log
        .filter_map(|(_, entry)| is_chat_in_room(&entry.what))
        .filter_map(|(seen_in, id)| (seen_in == room).then_some(id))
        .collect();
    let wrong = |what: &str, id: u64| {
        Err(format!("client {number} in {room}: {what} (id {id}, {:?}; {stay:?})", list.get(&id)))
    };
    for pair in seen.windows(2) {
        if pair[0] >= pair[1] {
            return wrong("saw messages out of order or twice", pair[1]);
        }
        if let Some((missed, _)) = list.range(pair[0] + 1..pair[1]).next() {
            return wrong("missed a message between two that it saw", *missed);
        }
    }
    let remained = account.stayed && stay.leave_asked.is_none();
    for (id, said) in list {
        let saw = seen.binary_search(id).is_ok();
        let before = said.acked_ms.is_some_and(|acked_ms| acked_ms < stay.asked.1);
        let after_leaving = stay.dismissed.is_some_and(|(_, at_ms)| said.sent_ms > at_ms);
        if saw && (before || after_leaving) {
            return wrong("saw a message from when it was not there", *id);
        }
        let since_admitted = stay.admitted.is_some_and(|(_, at_ms)| said.sent_ms > at_ms);
        let until_leaving = match stay.leave_asked {
            // Whoever was cut may not have seen it, but whoever has its leave answered has.
            Some((_, leave_ms)) => {
                stay.dismissed.is_some() && said.acked_ms.is_some_and(|acked_ms| acked_ms < leave_ms)
            }
            None => account.stayed,
        };
        if !saw && since_admitted && until_leaving {
            return wrong("missed a message", *id);
        }
    }
    if let (true, Some(last), Some((newest, _))) = (remained, seen.last(), list.last_key_value())
        && last != newest
    {
        return wrong("did not see the last message", *newest);
    }
    Ok(seen.len())
}
