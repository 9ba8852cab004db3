//! Messages and their assembly from fragments, RFC 6455 §5.4 and §5.6.

use std::ops::Deref;

use crate::misbehaved::Misbehaved;
use crate::utf8::Pending;

/// Bytes of a message or of a control frame: lent from the input where they lay there whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Lent from the input.
    Borrowed(&'a [u8]),
    /// Put together from pieces, or inflated.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// The bytes as a vector; copies what is lent.
    #[must_use]
    pub fn into_owned(self) -> Vec<u8> {
        match self {
            Self::Borrowed(bytes) => bytes.to_vec(),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// Text that has been checked to be UTF-8: lent from the input where it lay there whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Lent from the input.
    Borrowed(&'a str),
    /// Put together from pieces, or inflated.
    Owned(String),
}

impl Text<'_> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self
    }

    /// The text as a string; copies what is lent.
    #[must_use]
    pub fn into_owned(self) -> String {
        match self {
            Self::Borrowed(text) => text.to_owned(),
            Self::Owned(text) => text,
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

/// What has arrived of a message's content. Text becomes a `String` piece by piece, so no byte is checked twice.
#[derive(Debug)]
pub(crate) enum Body {
    Text { text: String, pending: Pending },
    Binary(Vec<u8>),
}

impl Body {
    pub(crate) fn text() -> Self {
        Self::Text { text: String::new(), pending: Pending::default() }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text { text, pending } => text.len() + pending.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Text { text, .. } => text.capacity(),
            Self::Binary(bytes) => bytes.capacity(),
        }
    }

    /// Appends the next piece. Where `size` is given, the body is known to end at that size, so no more is reserved.
    pub(crate) fn push(&mut self, piece: &[u8], size: Option<usize>) -> Result<(), Misbehaved> {
        match self {
            Self::Text { text, pending } => {
                let needed = text.len() + pending.len() + piece.len();
                text.reserve_exact(growth(needed, text.capacity(), size).saturating_sub(text.len()));
                pending.push(piece, text).map_err(|_| Misbehaved::TextNotUtf8)
            }
            Self::Binary(bytes) => {
                let needed = bytes.len() + piece.len();
                bytes.reserve_exact(growth(needed, bytes.capacity(), size).saturating_sub(bytes.len()));
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }
}

/// The capacity to have for `needed` bytes: twice what has arrived, but not past what is announced.
fn growth(needed: usize, capacity: usize, size: Option<usize>) -> usize {
    if needed <= capacity {
        return 0;
    }
    let doubled = needed.saturating_mul(2);
    size.map_or(doubled, |size| doubled.min(size)).max(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_geometric_and_stops_at_what_is_announced() {
        let mut body = Body::Binary(Vec::new());
        body.push(&[0; 100], Some(1_000_000)).unwrap();
        assert_eq!(body.capacity(), 200, "an announcement alone reserves nothing");
        body.push(&[0; 300], Some(500)).unwrap();
        assert_eq!(body.capacity(), 500);
        body.push(&[0; 100], None).unwrap();
        assert_eq!(body.capacity(), 500);
        body.push(&[0; 1], None).unwrap();
        assert_eq!(body.capacity(), 1002);
    }

    #[test]
    fn text_counts_the_bytes_of_a_cut_character() {
        let mut body = Body::text();
        body.push(b"ab\xE2\x82", None).unwrap();
        assert_eq!(body.len(), 4);
        body.push(b"\xAC", None).unwrap();
        assert!(matches!(&body, Body::Text { text, pending } if text == "ab€" && pending.is_empty()));
        assert_eq!(body.push(b"\xFF", None), Err(Misbehaved::TextNotUtf8));
    }
}
