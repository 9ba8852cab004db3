//! One pass over a JSON text (RFC 8259) that validates it, finds where its parts end, and holds nothing.
//!
//! serde_json can pass over a value as well, but it neither counts how deep it goes nor does without memory of its own, so
//! that a limit would cost a second pass. It is the slow reference that the tests hold this one to.

use std::borrow::Cow;

use serde::Deserializer as _;
use serde::de::Visitor;

use crate::limits::DEPTH_MAX;
use crate::malformed::Malformed;

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the scanner stands.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte, still to be taken.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes the next byte if it is this one.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes the next byte, which must be this one.
    #[inline]
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.take(byte) { Ok(()) } else { Err(self.fault()) }
    }

    /// Takes the space between parts.
    #[inline]
    pub(crate) fn space(&mut self) {
        // Hardly anybody writes any.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        }
    }

    /// Nothing but space may be left.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault()) }
    }

    /// Takes a string and lends what stands between its quotes.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<&'a str, Malformed> {
        self.quoted().map(|quoted| quoted.raw)
    }

    /// The same, and whether there are escapes in it.
    pub(crate) fn quoted(&mut self) -> Result<Quoted<'a>, Malformed> {
        self.expect(b'"')?;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.skip_plain();
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(self.fault()),
            }
            escaped = true;
        }
        self.at += 1;
        Ok(Quoted { raw: self.text.get(start..self.at - 1).unwrap_or_default(), escaped })
    }

    /// Goes to the first byte that does not stand for itself in a string.
    #[inline]
    fn skip_plain(&mut self) {
        self.at = plain_until(self.text, self.at);
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        let digits = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.fault()),
        };
        self.at += 1;
        for _ in 0..digits {
            self.peek().filter(u8::is_ascii_hexdigit).ok_or_else(|| self.fault())?;
            self.at += 1;
        }
        Ok(())
    }

    /// Takes a number.
    pub(crate) fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        if self.at > start { Ok(()) } else { Err(self.fault()) }
    }

    /// Takes a value that stands in `depth` others, with all that is in it, and lends its text.
    pub(crate) fn value(&mut self, depth: usize) -> Result<&'a str, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'"') {
            self.string()?;
            return Ok(self.text.get(start..self.at).unwrap_or_default());
        }
        let mut nest = Nest { kinds: 0, depth };
        while self.begin(&mut nest)? || self.go_on(&mut nest, depth)? {}
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Begins a value; true if it has parts, and stands before the first.
    fn begin(&mut self, nest: &mut Nest) -> Result<bool, Malformed> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| false),
            Some(bracket @ (b'{' | b'[')) => {
                nest.open(bracket == b'{')?;
                self.at += 1;
                self.space();
                if self.take(nest.closing()) {
                    nest.close();
                    return Ok(false);
                }
                self.member(nest).map(|()| true)
            }
            _ => self.word().map(|_| false),
        }
    }

    /// After a value: ends all that end with it, up to `depth`; true if one goes on, and then stands before its next part.
    fn go_on(&mut self, nest: &mut Nest, depth: usize) -> Result<bool, Malformed> {
        while nest.depth > depth {
            self.space();
            if self.take(b',') {
                self.space();
                return self.member(nest).map(|()| true);
            }
            self.expect(nest.closing())?;
            nest.close();
        }
        Ok(false)
    }

    /// Takes what stands before a value: in an object its key.
    fn member(&mut self, nest: &Nest) -> Result<(), Malformed> {
        if nest.in_object() {
            self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
        }
        Ok(())
    }

    /// Takes `true`, `false` or `null`.
    pub(crate) fn word(&mut self) -> Result<&'static str, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word));
        let word = word.ok_or_else(|| self.fault())?;
        self.at += word.len();
        Ok(word)
    }

    fn fault(&self) -> Malformed {
        Malformed::Json { at: self.at }
    }

    fn take_while(&mut self, which: impl Fn(u8) -> bool) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !which(*byte)).unwrap_or(rest.len());
    }
}

/// What stands between the quotes of a string.
#[derive(Clone, Copy)]
pub(crate) struct Quoted<'a> {
    pub(crate) raw: &'a str,
    pub(crate) escaped: bool,
}

impl<'a> Quoted<'a> {
    pub(crate) fn text(self) -> Cow<'a, str> {
        if self.escaped { unescape(self.raw) } else { Cow::Borrowed(self.raw) }
    }
}

/// Where the first byte from `at` on is that does not stand for itself in a string: eight at once as long as none of them is one.
#[inline]
pub(crate) fn plain_until(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    let (eights, rest) = bytes.get(at..).unwrap_or_default().as_chunks::<8>();
    for eight in eights {
        let special = special(u64::from_le_bytes(*eight));
        if special != 0 {
            // The first of them: what comes after it may be marked for it.
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if rest.is_empty() {
        return at;
    }
    if let Some(last) = bytes.last_chunk::<8>() {
        // What is left is at the end of the last eight. The zeros behind it are special: they end it.
        let left = u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
        return at + special(left).trailing_zeros() as usize / 8;
    }
    let is_special = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Whether a text stands for itself in a string.
pub(crate) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<8>() {
        // The last eight may overlap those before them.
        let (eights, _) = bytes.as_chunks::<8>();
        return eights.iter().chain([last]).all(|eight| special(u64::from_le_bytes(*eight)) == 0);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [a, b, c, d] = *first;
        let [e, f, g, h] = *last;
        return special(u64::from_le_bytes([a, b, c, d, e, f, g, h])) == 0;
    }
    bytes.iter().all(|byte| *byte >= b' ' && *byte != b'"' && *byte != b'\\')
}

/// The high bit of each of eight bytes that is a control character, a quote or a backslash, and perhaps of some after the first
/// of them; 0 where there is none.
fn special(eight: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // A byte below a bound of at most 128 borrows from its own high bit, which was not set before.
    let below = |bytes: u64, bound: u64| bytes.wrapping_sub(EACH * bound) & !bytes;
    let is = |byte: u8| below(eight ^ (EACH * u64::from(byte)), 1);
    (below(eight, u64::from(b' ')) | is(b'"') | is(b'\\')) & (EACH << 7)
}

/// What a value stands in: a bit for each level, the innermost lowest, set where it is an object.
struct Nest {
    kinds: u64,
    depth: usize,
}

impl Nest {
    fn open(&mut self, object: bool) -> Result<(), Malformed> {
        if self.depth >= DEPTH_MAX {
            return Err(Malformed::TooDeep);
        }
        self.kinds = (self.kinds << 1) + u64::from(object);
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    fn in_object(&self) -> bool {
        self.kinds & 1 == 1
    }

    fn closing(&self) -> u8 {
        if self.in_object() { b'}' } else { b']' }
    }
}

/// The text that stands between the quotes of a JSON string, without its escapes. Half of a surrogate pair, which JavaScript
/// can hold and UTF-8 cannot, becomes U+FFFD (thrice).
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let quoted = format!("\"{raw}\"");
    // The scanner has seen the string, so it can be read.
    let bytes = serde_json::Deserializer::from_str(&quoted).deserialize_bytes(Bytes).unwrap_or_default();
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// serde_json gives a string's bytes where it cannot give its text.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests;
