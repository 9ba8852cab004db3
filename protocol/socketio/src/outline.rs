//! What the parts of a JSON text are before they are gone through: how many members each has, and which are placeholders.

use crate::malformed::Malformed;
use crate::scan::{Scanner, unescape};

/// An array or an object, in the order in which they begin. What is in a placeholder is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// An array or an object with so many values.
    Values(usize),
    /// An object that stands for the attachment with this index.
    Attachment(usize),
    /// An object with so many values that would stand for an attachment which is not there. The index is none where it is
    /// no whole number.
    Missing(usize, Option<u64>),
}

/// The parts of a JSON text of any depth with so many attachments.
///
/// # Errors
/// [`Malformed`] where it is no JSON text; not in every such case.
pub(crate) fn outline(text: &str, attachments: usize) -> Result<Vec<Part>, Malformed> {
    let mut scanner = Scanner::new(text);
    let (mut parts, mut open) = (Vec::new(), Vec::<Open>::new());
    loop {
        scanner.space();
        let Some(byte) = scanner.peek() else { return Ok(parts) };
        match byte {
            b',' | b':' => drop(scanner.take(byte)),
            b']' | b'}' => {
                let closed = open.pop().ok_or(Malformed::Json { at: scanner.at() })?;
                scanner.take(byte);
                closed.close(&mut parts, attachments);
            }
            b'"' => {
                let key = scanner.string()?;
                if let Some(around) =
                    open.last_mut().filter(|around| around.is_object && around.key.is_none())
                {
                    around.key = Some(Key::of(key));
                } else {
                    note(&mut open, Value::Other);
                }
            }
            b'[' | b'{' => {
                note(&mut open, Value::Other);
                scanner.take(byte);
                open.push(Open::new(parts.len(), byte == b'{'));
                parts.push(Part::Values(0));
            }
            b'-' | b'0'..=b'9' => {
                let number = scanner.number()?;
                note(&mut open, Value::Number(number));
            }
            _ => {
                let word = scanner.word()?;
                note(&mut open, if word == "true" { Value::True } else { Value::Other });
            }
        }
    }
}

/// Counts a value in what it stands in.
fn note(open: &mut [Open], value: Value<'_>) {
    let Some(around) = open.last_mut() else { return };
    around.values += 1;
    // Of a key that is there twice the last value counts.
    match around.key.take() {
        Some(Key::Placeholder) => around.is_placeholder = matches!(value, Value::True),
        Some(Key::Num) => around.num = value.index(),
        _ => {}
    }
}

/// An array or an object that has begun.
struct Open {
    part: usize,
    values: usize,
    is_object: bool,
    key: Option<Key>,
    is_placeholder: bool,
    num: Option<u64>,
}

impl Open {
    fn new(part: usize, is_object: bool) -> Self {
        Self { part, values: 0, is_object, key: None, is_placeholder: false, num: None }
    }

    fn close(self, parts: &mut Vec<Part>, attachments: usize) {
        let index = self.num.and_then(|num| usize::try_from(num).ok()).filter(|num| *num < attachments);
        let part = match index {
            _ if !self.is_placeholder => Part::Values(self.values),
            Some(index) => {
                parts.truncate(self.part + 1);
                Part::Attachment(index)
            }
            None => Part::Missing(self.values, self.num),
        };
        if let Some(own) = parts.get_mut(self.part) {
            *own = part;
        }
    }
}

enum Key {
    Placeholder,
    Num,
    Other,
}

impl Key {
    fn of(raw: &str) -> Self {
        match unescape(raw).as_ref() {
            "_placeholder" => Self::Placeholder,
            "num" => Self::Num,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy)]
enum Value<'a> {
    True,
    Number(&'a str),
    Other,
}

impl Value<'_> {
    /// The whole number that this is, for JavaScript: `1.0` and `1e0` are one too.
    fn index(self) -> Option<u64> {
        let Self::Number(text) = self else { return None };
        let number: f64 = text.parse().ok()?;
        (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
    }
}
