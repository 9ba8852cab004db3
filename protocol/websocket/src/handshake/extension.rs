//! The grammar of `Sec-WebSocket-Extensions`, RFC 6455 §9.1.

use super::{is_token_byte, token};

/// One extension of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) parameters: Vec<(String, Option<String>)>,
}

/// The header does not follow the grammar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Parses the value of one header; empty elements of the list do not count.
pub(super) fn parse(value: &[u8], extensions: &mut Vec<Extension>) -> Result<(), Malformed> {
    let mut cursor = Cursor { rest: value };
    loop {
        cursor.skip_space();
        if cursor.take(b',') {
            continue;
        }
        if cursor.rest.is_empty() {
            return Ok(());
        }
        let name = cursor.token()?;
        let mut parameters = Vec::new();
        cursor.skip_space();
        while cursor.take(b';') {
            cursor.skip_space();
            let name = cursor.token()?;
            cursor.skip_space();
            let value = if cursor.take(b'=') {
                cursor.skip_space();
                Some(if cursor.take(b'"') { cursor.quoted()? } else { cursor.token()? })
            } else {
                None
            };
            parameters.push((name, value));
            cursor.skip_space();
        }
        extensions.push(Extension { name, parameters });
        if !cursor.rest.is_empty() && !cursor.take(b',') {
            return Err(Malformed);
        }
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn skip_space(&mut self) {
        while self.take(b' ') || self.take(b'\t') {}
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn token(&mut self) -> Result<String, Malformed> {
        let length = self.rest.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (found, rest) = self.rest.split_at(length);
        self.rest = rest;
        token(found).map(str::to_owned).ok_or(Malformed)
    }

    /// The rest of a quoted string; without its escapes it must be a token (RFC 6455 §9.1).
    fn quoted(&mut self) -> Result<String, Malformed> {
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            match byte {
                b'"' => return token(&value).map(str::to_owned).ok_or(Malformed),
                b'\\' => {
                    let (&escaped, rest) = self.rest.split_first().ok_or(Malformed)?;
                    self.rest = rest;
                    value.push(escaped);
                }
                _ => value.push(byte),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<Vec<Extension>, Malformed> {
        let mut extensions = Vec::new();
        parse(value.as_bytes(), &mut extensions).map(|()| extensions)
    }

    #[test]
    fn lists_parameters_and_quotes() {
        let extensions = parsed(" a;b=1 ; c=\"d\\e\" ,, f ,").unwrap();
        let b = ("b".to_owned(), Some("1".to_owned()));
        let c = ("c".to_owned(), Some("de".to_owned()));
        assert_eq!(extensions[0], Extension { name: "a".into(), parameters: vec![b, c] });
        assert_eq!(extensions[1], Extension { name: "f".into(), parameters: vec![] });
        assert_eq!(parsed(""), Ok(vec![]));
    }

    #[test]
    fn what_does_not_follow_the_grammar() {
        for bad in [
            "a b",
            "a;",
            "a;=1",
            "a;b=",
            "a;b=\"",
            "a;b=\"x y\"",
            "a;b=\"\"",
            "a;b=\"x\"y",
            ";a",
            "a/b",
            "=",
            "a;b=\"\\",
        ] {
            assert_eq!(parsed(bad), Err(Malformed), "{bad}");
        }
    }
}
