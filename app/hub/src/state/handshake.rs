//! What is kept of the request that opened a session.

/// What a client said when it came, for applications that ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// The headers of its first request.
    pub headers: Headers,
    /// The path and the query of that request.
    pub target: Box<str>,
    /// Its address, without the port.
    pub address: Box<str>,
    /// It came over TLS.
    pub secure: bool,
    /// When, in Unix milliseconds.
    pub issued_unix_ms: u64,
}

/// The headers of a request, in their order: one piece of memory, since they are kept as long as their session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// Each as its name, [`END`], its value, [`END`].
    text: Box<str>,
}

/// What no name and no value of a header contains (RFC 9110, section 5.5).
const END: char = '\0';

impl Headers {
    /// The headers in this order, names in lower case.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, impl AsRef<str>)>) -> Self {
        let mut text = String::new();
        for (name, value) in headers {
            for part in [name, value.as_ref()] {
                if part.contains(END) {
                    text.extend(part.chars().filter(|char| *char != END));
                } else {
                    text.push_str(part);
                }
                text.push(END);
            }
        }
        Self { text: text.into() }
    }

    /// Each header, its name in lower case.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.text.split(END);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_in_their_order_and_found_in_any_case() {
        let headers = [("host", "localhost"), ("x-empty", ""), ("cookie", "a=1"), ("cookie", "b: é")];
        let kept = Headers::new(headers);
        assert_eq!(kept.iter().collect::<Vec<_>>(), headers);
        assert_eq!(kept.get("Cookie"), Some("a=1"));
        assert_eq!(kept.get("X-Empty"), Some(""));
        assert_eq!(kept.get("x"), None);
        assert_eq!(Headers::default().iter().next(), None);
    }

    #[test]
    fn a_value_cannot_be_taken_for_another_header() {
        let kept = Headers::new([("x", "a\0cookie\0b")]);
        assert_eq!(kept.iter().collect::<Vec<_>>(), [("x", "acookieb")]);
    }
}
