//! What events and acknowledgements carry: a name and arguments, which stay the text that came.

use std::borrow::Cow;

use crate::malformed::Malformed;
use crate::number::write_number;
use crate::scan::{Quoted, Scanner, plain_until};

/// An event, lent from its packet's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name. One that came as a number is what JavaScript writes for it.
    pub name: Cow<'a, str>,
    /// The raw text of its arguments with the commas between them, `""` where there are none.
    pub args: &'a str,
}

/// Names that mean something else to clients and servers in JavaScript.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Whether an event's name belongs to the protocol.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    reserved(name).is_some()
}

/// The event in the `data` of an event's packet. Where there is no data, which is tolerated, the name is empty.
///
/// # Errors
/// [`Malformed`] where `data` is nothing that [`read`](crate::read) accepts for an event.
pub fn event(data: &str) -> Result<Event<'_>, Malformed> {
    if data.is_empty() {
        return Ok(Event { name: Cow::Borrowed(""), args: "" });
    }
    let (name, end) = match plain_name(data) {
        Some((name, end)) => (Cow::Borrowed(name), end),
        None => {
            let mut scanner = Scanner::new(data);
            let name = match name(&mut scanner)? {
                Name::Text(quoted) => quoted.text(),
                Name::Number(text) => numeric(text),
            };
            scanner.space();
            scanner.take(b',');
            (name, scanner.at())
        }
    };
    let rest = data.get(end..).unwrap_or_default();
    let args = rest.strip_suffix(']').ok_or(Malformed::Json { at: data.len() })?;
    Ok(Event { name, args: trimmed(args) })
}

/// The name of an event that is written as every client writes it, without a space or an escape, and where its arguments begin.
fn plain_name(data: &str) -> Option<(&str, usize)> {
    const START: &str = "[\"";
    data.strip_prefix(START)?;
    let end = plain_until(data, START.len());
    match data.as_bytes().get(end..end + 2)? {
        b"\"," => Some((data.get(START.len()..end)?, end + 2)),
        b"\"]" => Some((data.get(START.len()..end)?, end + 1)),
        _ => None,
    }
}

/// The raw text of an acknowledgement's arguments with the commas between them: what stands between the brackets of `data`.
///
/// # Errors
/// [`Malformed`] where `data` is nothing that [`read`](crate::read) accepts for an acknowledgement.
pub fn ack_args(data: &str) -> Result<&str, Malformed> {
    if data.is_empty() {
        return Ok("");
    }
    let inner = data.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.ok_or(Malformed::Json { at: 0 }).map(trimmed)
}

/// The raw text of each of several JSON texts with commas between them; as many as can be told apart.
#[must_use]
pub fn elements(args: &str) -> Vec<&str> {
    let mut scanner = Scanner::new(args);
    let mut found = Vec::new();
    loop {
        scanner.space();
        let Ok(element) = scanner.value(1) else { return found };
        found.push(element);
        scanner.space();
        if !scanner.take(b',') {
            return found;
        }
    }
}

/// Takes an event's array and finds out whether it is one.
pub(crate) fn check_event(scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
    check_name(scanner)?;
    loop {
        scanner.space();
        if !scanner.take(b',') {
            return scanner.expect(b']');
        }
        scanner.space();
        scanner.value(1)?;
    }
}

/// Takes the beginning of an event's array: its name, which may not be reserved.
pub(crate) fn check_name(scanner: &mut Scanner<'_>) -> Result<(), Malformed> {
    let reserved = match name(scanner)? {
        Name::Text(Quoted { raw, escaped: false }) => reserved(raw),
        Name::Text(quoted) => reserved(&quoted.text()),
        Name::Number(_) => None,
    };
    reserved.map_or(Ok(()), |name| Err(Malformed::ReservedName(name)))
}

/// Without JSON's space, which is less than ASCII's, on either side.
fn trimmed(text: &str) -> &str {
    let may_be_space = |byte: Option<&u8>| byte.is_some_and(|byte| *byte <= b' ');
    if may_be_space(text.as_bytes().first()) || may_be_space(text.as_bytes().last()) {
        return text.trim_matches([' ', '\t', '\n', '\r']);
    }
    // As every client writes it.
    text
}

fn reserved(name: &str) -> Option<&'static str> {
    // As nearly every name does not.
    if !name.starts_with(['c', 'd', 'n', 'r']) {
        return None;
    }
    RESERVED.into_iter().find(|reserved| *reserved == name)
}

/// A name as it stands in the text.
enum Name<'a> {
    Text(Quoted<'a>),
    Number(&'a str),
}

fn name<'a>(scanner: &mut Scanner<'a>) -> Result<Name<'a>, Malformed> {
    scanner.expect(b'[')?;
    scanner.space();
    match scanner.peek() {
        Some(b'"') => scanner.quoted().map(Name::Text),
        Some(b'-' | b'0'..=b'9') => scanner.number().map(Name::Number),
        _ => Err(Malformed::NoName),
    }
}

fn numeric(text: &str) -> Cow<'_, str> {
    let mut name = String::new();
    // The scanner has seen the number, so it can be read.
    write_number(&mut name, text.parse().unwrap_or_default());
    Cow::Owned(name)
}
