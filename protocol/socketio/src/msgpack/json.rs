//! MessagePack values as JSON: what `JSON.stringify` makes of what notepack.io decodes, with placeholders for bytes.
//!
//! Its extension 0 is three things: with one byte of its own format `undefined`, with eight a date, and in the formats that say
//! a length an ArrayBuffer. It knows no timestamps (extension -1), so to its users they are an extension like any other.

use super::date::write_date;
use super::item::{Item, Items};
use crate::limits::{DEPTH_MAX, MESSAGE_PACK_ATTACHMENTS_MAX};
use crate::malformed::Malformed;
use crate::number::write_number;

/// What a value was before it was JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// `undefined`, which JSON leaves out of objects.
    Nothing,
    Object,
    Array,
    Text,
    Other,
}

/// Takes values from a message and writes them as JSON.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    items: Items<'a>,
    json: String,
    attachments: Vec<Vec<u8>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { items: Items::new(bytes), json: String::new(), attachments: Vec::new() }
    }

    /// The JSON text and the bytes that its placeholders stand for.
    pub(super) fn into_parts(self) -> (String, Vec<Vec<u8>>) {
        (self.json, self.attachments)
    }

    /// Forgets what was written.
    pub(super) fn clear(&mut self) {
        self.json.clear();
        self.attachments.clear();
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        self.items.end()
    }

    /// Takes the beginning of a map.
    pub(super) fn map(&mut self) -> Result<u32, Malformed> {
        match self.items.next()? {
            Item::Map(members) => Ok(members),
            _ => Err(Malformed::MessagePack { at: 0 }),
        }
    }

    /// Takes a map's key as the text that it is to JavaScript.
    pub(super) fn key(&mut self) -> Result<String, Malformed> {
        let mut key = String::new();
        match self.items.next()? {
            Item::Text(bytes) => key.push_str(&String::from_utf8_lossy(bytes)),
            Item::Unsigned(number) => key = number.to_string(),
            Item::Signed(number) => key = number.to_string(),
            Item::Float(number) => write_number(&mut key, number),
            Item::Bool(truth) => key = truth.to_string(),
            Item::Null => key.push_str("null"),
            // JavaScript would have words for these too, such as `[object Object]`; nobody means them.
            Item::Binary(_) | Item::Array(_) | Item::Map(_) | Item::Extension { .. } => {
                return Err(self.items.fault());
            }
        }
        Ok(key)
    }

    /// Takes a text, the value of the packet's member `name`.
    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Malformed> {
        match self.items.next()? {
            Item::Text(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            _ => Err(Malformed::Member(name)),
        }
    }

    /// Takes a whole number that is not negative, the value of the packet's member `name`; none where it is `undefined`.
    pub(super) fn whole(&mut self, name: &'static str) -> Result<Option<u64>, Malformed> {
        let number = match self.items.next()? {
            Item::Unsigned(number) => Some(number),
            Item::Signed(number) => u64::try_from(number).ok(),
            Item::Float(number) => whole(number),
            Item::Extension { fixed: true, kind: 0, bytes: [_] } => return Ok(None),
            _ => None,
        };
        number.map(Some).ok_or(Malformed::Member(name))
    }

    /// Takes a value and forgets it.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let (json, attachments) = (self.json.len(), self.attachments.len());
        self.value(0)?;
        self.json.truncate(json);
        self.attachments.truncate(attachments);
        Ok(())
    }

    /// Takes a value that stands in `depth` others and writes it as JSON. [`Found::Nothing`] is not written.
    pub(super) fn value(&mut self, depth: usize) -> Result<Found, Malformed> {
        match self.items.next()? {
            Item::Null => self.json.push_str("null"),
            Item::Bool(truth) => self.json.push_str(if truth { "true" } else { "false" }),
            Item::Unsigned(number) => self.json.push_str(&number.to_string()),
            Item::Signed(number) => self.json.push_str(&number.to_string()),
            Item::Float(number) if number.is_finite() => write_number(&mut self.json, number),
            Item::Float(_) => self.json.push_str("null"),
            Item::Text(bytes) => {
                self.string(&String::from_utf8_lossy(bytes));
                return Ok(Found::Text);
            }
            Item::Binary(bytes) | Item::Extension { fixed: false, kind: 0, bytes } => {
                self.attachment(bytes, depth)?;
            }
            Item::Array(values) => return self.array(values, depth),
            Item::Map(members) => return self.object(members, depth),
            Item::Extension { fixed: true, kind: 0, bytes: [_] } => return Ok(Found::Nothing),
            Item::Extension { fixed: true, kind: 0, bytes: &[a, b, c, d, e, f, g, h] } => {
                write_date(&mut self.json, i64::from_be_bytes([a, b, c, d, e, f, g, h]));
            }
            Item::Extension { kind, bytes, .. } => return self.extension(kind, bytes, depth),
        }
        Ok(Found::Other)
    }

    fn array(&mut self, values: u32, depth: usize) -> Result<Found, Malformed> {
        self.open('[', depth)?;
        for index in 0..values {
            if index > 0 {
                self.json.push(',');
            }
            if self.value(depth + 1)? == Found::Nothing {
                self.json.push_str("null");
            }
        }
        self.json.push(']');
        Ok(Found::Array)
    }

    fn object(&mut self, members: u32, depth: usize) -> Result<Found, Malformed> {
        self.open('{', depth)?;
        let first = self.json.len();
        for _ in 0..members {
            let start = self.json.len();
            if start > first {
                self.json.push(',');
            }
            let key = self.key()?;
            self.string(&key);
            self.json.push(':');
            let value = self.json.len();
            if self.value(depth + 1)? == Found::Nothing {
                self.json.truncate(start);
            } else if key == "_placeholder" && self.json.get(value..) == Some("true") {
                return Err(Malformed::OwnPlaceholder);
            }
        }
        self.json.push('}');
        Ok(Found::Object)
    }

    fn extension(&mut self, kind: i8, bytes: &[u8], depth: usize) -> Result<Found, Malformed> {
        self.open('[', depth)?;
        self.json.push_str(&kind.to_string());
        self.json.push(',');
        self.attachment(bytes, depth + 1)?;
        self.json.push(']');
        Ok(Found::Array)
    }

    fn attachment(&mut self, bytes: &[u8], depth: usize) -> Result<(), Malformed> {
        if self.attachments.len() == MESSAGE_PACK_ATTACHMENTS_MAX {
            return Err(Malformed::TooManyAttachments);
        }
        self.open('{', depth)?;
        self.json.push_str("\"_placeholder\":true,\"num\":");
        self.json.push_str(&self.attachments.len().to_string());
        self.json.push('}');
        self.attachments.push(bytes.to_vec());
        Ok(())
    }

    fn open(&mut self, bracket: char, depth: usize) -> Result<(), Malformed> {
        if depth >= DEPTH_MAX {
            return Err(Malformed::TooDeep);
        }
        self.json.push(bracket);
        Ok(())
    }

    fn string(&mut self, text: &str) {
        // A string has no map key that could make this fail.
        self.json.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..u64::MAX as f64).contains(&number)).then_some(number as u64)
}
