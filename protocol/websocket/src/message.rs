//! Messages and their assembly from fragments, RFC 6455 §5.4 and §5.6.

use std::ops::Deref;

use crate::misbehaved::Misbehaved;
use crate::utf8;

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

/// What has arrived of a message's content. Text is checked as it comes.
#[derive(Debug)]
pub(crate) enum Body {
    Text {
        bytes: Vec<u8>,
        /// How many of them are known to be whole characters: all but three at most.
        checked: usize,
    },
    Binary(Vec<u8>),
}

impl Body {
    pub(crate) fn text() -> Self {
        Self::Text { bytes: Vec::new(), checked: 0 }
    }

    fn bytes(&self) -> &Vec<u8> {
        let (Self::Text { bytes, .. } | Self::Binary(bytes)) = self;
        bytes
    }

    /// The bytes; what is appended has to be checked.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        let (Self::Text { bytes, .. } | Self::Binary(bytes)) = self;
        bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes().capacity()
    }

    /// Appends the next piece. Where `size` is given, the body is known to end at that size, so no more is reserved.
    pub(crate) fn push(&mut self, piece: &[u8], size: Option<usize>) -> Result<(), Misbehaved> {
        let bytes = self.bytes_mut();
        let capacity = growth(bytes.len() + piece.len(), bytes.capacity(), size);
        bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
        bytes.extend_from_slice(piece);
        self.check()
    }

    /// Bytes that fit without another allocation.
    pub(crate) fn spare(&self) -> usize {
        self.capacity() - self.len()
    }

    /// Makes space for so many more bytes and no more than that.
    pub(crate) fn grow(&mut self, more: usize) {
        self.bytes_mut().reserve_exact(more);
    }

    /// The last so many bytes.
    pub(crate) fn tail(&mut self, length: usize) -> &mut [u8] {
        let bytes = self.bytes_mut();
        let start = bytes.len().saturating_sub(length);
        bytes.get_mut(start..).unwrap_or_default()
    }

    /// Takes so many bytes off the end.
    pub(crate) fn cut(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.bytes_mut();
        bytes.split_off(bytes.len().saturating_sub(length))
    }

    /// Refuses text at the first byte that cannot belong to it.
    pub(crate) fn check(&mut self) -> Result<(), Misbehaved> {
        if let Self::Text { bytes, checked } = self {
            let new = bytes.get(*checked..).unwrap_or_default();
            *checked += utf8::whole_characters(new).map_err(|_| Misbehaved::TextNotUtf8)?;
        }
        Ok(())
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
        assert!(matches!(&body, Body::Text { bytes, checked: 5 } if bytes == "ab€".as_bytes()));
        assert_eq!(body.push(b"\xFF", None), Err(Misbehaved::TextNotUtf8));
    }
}
