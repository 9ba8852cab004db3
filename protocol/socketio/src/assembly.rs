//! Packets with attachments (Socket.IO protocol, "Packet encoding": binary messages follow the packet that names them).

use crate::malformed::Malformed;

/// A packet whose attachments are still to come.
#[derive(Debug)]
pub struct Assembly {
    text: String,
    attachments: Vec<Vec<u8>>,
    wanted: usize,
}

impl Assembly {
    /// A packet's text that wants so many attachments, at least one.
    #[must_use]
    pub fn new(text: String, attachments: usize) -> Self {
        Self { text, attachments: Vec::new(), wanted: attachments }
    }

    /// Takes the next attachment; true once it was the last. What comes after that is not kept.
    pub fn push(&mut self, bytes: Vec<u8>) -> bool {
        if self.attachments.len() < self.wanted {
            self.attachments.push(bytes);
        }
        self.attachments.len() == self.wanted
    }

    /// Bytes of the text and of the attachments that have come.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.text.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }

    /// The text, and the attachments in their order.
    #[must_use]
    pub fn finish(self) -> (String, Vec<Vec<u8>>) {
        (self.text, self.attachments)
    }
}

/// Whether each placeholder in `data` names an attachment that is there. One that nobody names is tolerated.
///
/// # Errors
/// [`Malformed`] where a placeholder's `num` is no index into the attachments.
pub fn check_placeholders(data: &str, attachments: usize) -> Result<(), Malformed> {
    fn walk(value: &serde_json::Value, attachments: usize) -> bool {
        match value {
            serde_json::Value::Object(map) if map.get("_placeholder") == Some(&true.into()) => {
                map.get("num").and_then(serde_json::Value::as_u64).is_some_and(|num| num < attachments as u64)
            }
            serde_json::Value::Object(map) => map.values().all(|value| walk(value, attachments)),
            serde_json::Value::Array(all) => all.iter().all(|value| walk(value, attachments)),
            _ => true,
        }
    }
    if data.is_empty() {
        return Ok(());
    }
    let value = serde_json::from_str(data).map_err(|_| Malformed::Rough("JSON"))?;
    if walk(&value, attachments) { Ok(()) } else { Err(Malformed::Rough("placeholder")) }
}
