//! Packets with attachments (Socket.IO protocol, "Packet encoding": binary messages follow the packet that names them).

use crate::malformed::Malformed;
use crate::outline::{Part, outline};

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

/// Whether each placeholder in `data` (an object with `"_placeholder": true`) names an attachment that is there. An attachment
/// that nobody names is tolerated.
///
/// # Errors
/// [`Malformed`] where a placeholder's `num` is no index into the attachments. Two cases are stricter than the reference,
/// and no client writes either: a fraction, which it takes and gives the application nothing for, and a bad placeholder under
/// a key that stands in its object once more.
pub fn check_placeholders(data: &str, attachments: usize) -> Result<(), Malformed> {
    for part in outline(data, attachments)? {
        if let Part::Missing(_, num) = part {
            return Err(Malformed::Placeholder { num, attachments });
        }
    }
    Ok(())
}
