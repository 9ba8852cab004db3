//! FILE, the layout that `/chat` and `/binary` share (`docs/protocol.md`, "Binary messages"): type u8 = 0x06, headerLength
//! u16 little-endian, a JSON header, the bytes.

use fanfare_hub::User;
use serde_json::{Map, Value};

use crate::request::check_chars;

pub(crate) const FILE_TYPE: u8 = 0x06;

/// Characters of a file's name and of its type.
const NAME_CHARS_MAX: usize = 255;

/// A file, or a piece of one.
#[derive(Debug)]
pub(crate) struct File {
    header: Map<String, Value>,
    /// The whole message as it came, and where its bytes begin.
    message: Vec<u8>,
    body_at: usize,
}

/// What the header says, checked.
#[derive(Debug)]
pub(crate) struct About<'a> {
    pub(crate) name: &'a str,
    pub(crate) mime_type: &'a str,
    pub(crate) size: u64,
}

impl File {
    /// Reads a message that begins as FILE.
    ///
    /// # Errors
    /// What is wrong with it, naming the field, the limit and the value.
    pub(crate) fn read(message: Vec<u8>) -> Result<Self, String> {
        let [FILE_TYPE, low, high, rest @ ..] = &message[..] else {
            return Err(format!("a FILE message has at least 3 bytes, this one {}", message.len()));
        };
        let header_length = usize::from(u16::from_le_bytes([*low, *high]));
        let (header, body) = rest
            .split_at_checked(header_length)
            .ok_or_else(|| format!("headerLength is {header_length}, and {} bytes follow it", rest.len()))?;
        let header: Map<String, Value> =
            serde_json::from_slice(header).map_err(|error| format!("the header of a FILE: {error}"))?;
        let body_length = body.len() as u64;
        let body_at = message.len() - body.len();
        let file = Self { header, message, body_at };
        file.check(body_length)?;
        Ok(file)
    }

    fn check(&self, body_length: u64) -> Result<(), String> {
        let name = self.text("name").ok_or("name is missing, or no string")?;
        check_chars("name", name, 1, NAME_CHARS_MAX)?;
        if let Some(bad) = name.chars().find(|c| c.is_control() || matches!(c, '/' | '\\')) {
            return Err(format!("name may not contain {bad:?}"));
        }
        check_chars(
            "mimeType",
            self.text("mimeType").ok_or("mimeType is missing, or no string")?,
            0,
            NAME_CHARS_MAX,
        )?;
        let size = self.number("size").ok_or("size is missing, or no number")?;
        match self.header.get("offset") {
            None | Some(Value::Null) if size == body_length => Ok(()),
            None | Some(Value::Null) => {
                Err(format!("size is {size}, and {body_length} bytes follow the header"))
            }
            Some(offset) => {
                let offset = offset.as_u64().ok_or("offset is no number")?;
                let end = offset.saturating_add(body_length);
                if end <= size { Ok(()) } else { Err(format!("the piece ends at {end}, past size {size}")) }
            }
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.header.get(field)?.as_str()
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.header.get(field)?.as_u64()
    }

    /// Bytes of the message that it came in.
    pub(crate) fn bytes(&self) -> usize {
        self.message.len()
    }

    /// The room that it is meant for, if it says one.
    pub(crate) fn room(&self) -> Option<&str> {
        self.text("room")
    }

    pub(crate) fn about(&self) -> About<'_> {
        About {
            name: self.text("name").unwrap_or_default(),
            mime_type: self.text("mimeType").unwrap_or_default(),
            size: self.number("size").unwrap_or_default(),
        }
    }

    /// Sets what only the server may say: who it is from, and whatever the kit adds.
    pub(crate) fn sign(&mut self, user: &User, more: impl IntoIterator<Item = (&'static str, Value)>) {
        self.header.insert("from".into(), user.client_id().into());
        self.header.insert("userId".into(), user.id().into());
        self.header.insert("userName".into(), user.name().into());
        self.header.extend(more.into_iter().map(|(field, value)| (field.to_owned(), value)));
    }

    /// The message as it goes out.
    ///
    /// # Errors
    /// Where the header has grown past what its length can say.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        let header = fanfare_hub::body(&self.header);
        let length = u16::try_from(header.len()).map_err(|_| {
            format!("the header of a FILE is at most {} bytes long, this one {}", u16::MAX, header.len())
        })?;
        let bytes = self.message.get(self.body_at..).unwrap_or_default();
        let mut out = Vec::with_capacity(3 + header.len() + bytes.len());
        out.push(FILE_TYPE);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(bytes);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(header: &str, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).expect("short").to_le_bytes();
        [&[FILE_TYPE], &length[..], header.as_bytes(), body].concat()
    }

    #[test]
    fn a_file_keeps_its_members_and_is_signed() {
        let header =
            r#"{"room":"r","name":"a.png","mimeType":"image/png","size":3,"sha256":"x","from":"forged"}"#;
        let mut file = File::read(message(header, b"abc")).expect("a file");
        let user = User::new("c1", 1, "guest-c1", "Ann");
        file.sign(&user, [("id", "7".into())]);
        let out = File::read(file.encode().expect("short header")).expect("still a file");
        assert_eq!(
            (out.text("from"), out.text("sha256"), out.text("id")),
            (Some("c1"), Some("x"), Some("7"))
        );
        assert_eq!(&out.message[out.body_at..], b"abc");
        assert_eq!((out.about().name, out.about().size, out.room()), ("a.png", 3, Some("r")));
    }

    #[test]
    fn pieces_lie_within_their_file() {
        let piece = |offset: u64| format!(r#"{{"name":"a","mimeType":"","size":10,"offset":{offset}}}"#);
        assert!(File::read(message(&piece(7), b"abc")).is_ok());
        assert!(File::read(message(&piece(8), b"abc")).expect_err("past").contains("11"));
        assert!(File::read(message(&piece(u64::MAX), b"abc")).is_err());
    }

    #[test]
    fn what_is_broken_is_named() {
        for (bad, named) in [
            (vec![FILE_TYPE], "3 bytes"),
            (vec![FILE_TYPE, 9, 0, b'{'], "headerLength is 9"),
            (message("[]", b""), "header"),
            (message("{}", b""), "name"),
            (message(r#"{"name":"a/b","mimeType":"","size":0}"#, b""), "'/'"),
            (message(r#"{"name":"a","size":0}"#, b""), "mimeType"),
            (message(r#"{"name":"a","mimeType":"","size":4}"#, b"abc"), "size is 4, and 3 bytes"),
            (message(r#"{"name":"","mimeType":"","size":0}"#, b""), "1 to 255"),
        ] {
            let error = File::read(bad).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
