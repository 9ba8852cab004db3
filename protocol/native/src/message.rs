//! What a client sends: the head that every message has (`docs/protocol.md`, "Every door"), and batches.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::code::ErrorCode;
use crate::depth::{JSON_DEPTH_MAX, depth_exceeds};

/// Messages in one `batch`.
pub const BATCH_MESSAGES_MAX: usize = 256;

/// Bytes of an `id` as it stands in the JSON text. It is kept until it is answered, so it has a limit of its own.
pub const ID_BYTES_MAX: usize = 128;

/// The largest `seq`: what every JSON implementation can count to exactly (2^53 - 1).
pub const SEQ_MAX: u64 = (1 << 53) - 1;

/// The head of one message, lent from its text.
#[derive(Debug)]
pub struct Request<'a> {
    /// The member `type`.
    pub kind: Cow<'a, str>,
    /// The member `id` as it stands in the text (a JSON number or string): the client wants an acknowledgement.
    pub id: Option<&'a str>,
    /// The member `seq`: the message's place in the client's ordered stream, from 1.
    pub seq: Option<u64>,
    /// The whole text, for the application to read what is its own.
    pub text: &'a str,
}

/// A message that cannot be read. Whatever could still be read of its `id` is kept, so that the answer finds its asker.
#[derive(Debug, thiserror::Error)]
#[error("Invalid message format: {reason}")]
pub struct Malformed<'a> {
    /// What is wrong, with the field, the limit and the value where there is one.
    pub reason: String,
    /// `invalid_json` or `invalid_message`.
    pub code: ErrorCode,
    /// The `id` as it stands in the text, where there is one that could be answered.
    pub id: Option<&'a str>,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    seq: Option<u64>,
}

/// What can be read of a message that cannot be read.
#[derive(Deserialize)]
struct Asker<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// Reads the head of one message.
///
/// # Errors
/// [`Malformed`] where the text is not JSON, not an object with a string `type`, nests deeper than [`JSON_DEPTH_MAX`],
/// or has an `id` or `seq` of the wrong kind.
pub fn read(text: &str) -> Result<Request<'_>, Malformed<'_>> {
    read_head(text).map_err(|malformed| Malformed { id: asker(text), ..malformed })
}

fn asker(text: &str) -> Option<&str> {
    // An array would be read as the members in their order.
    let object = text.trim_ascii_start().starts_with('{').then_some(text)?;
    let asker: Asker<'_> = serde_json::from_str(object).ok()?;
    asker.id.map(RawValue::get).filter(|id| check_id(id).is_ok())
}

fn read_head(text: &str) -> Result<Request<'_>, Malformed<'static>> {
    if depth_exceeds(text, JSON_DEPTH_MAX) {
        return Err(invalid(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
    }
    if !text.trim_ascii_start().starts_with('{') {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let code = if is_json { ErrorCode::InvalidMessage } else { ErrorCode::InvalidJson };
        let reason = r#"a message is one JSON object, such as {"type":"join","room":"lobby"}"#.to_owned();
        return Err(Malformed { reason, code, id: None });
    }
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
    let kind = head.kind.ok_or_else(|| invalid("the member \"type\" is missing".to_owned()))?;
    if let Some(seq) = head.seq.filter(|seq| !(1..=SEQ_MAX).contains(seq)) {
        return Err(invalid(format!("\"seq\" counts from 1 to {SEQ_MAX}, and is {seq}")));
    }
    let id = head.id.map(RawValue::get).filter(|id| *id != "null");
    if let Some(id) = id {
        check_id(id)?;
    }
    Ok(Request { kind, id, seq: head.seq, text })
}

/// The messages inside a `batch`, each as its own text.
///
/// # Errors
/// [`Malformed`] where `messages` is missing, not an array, or longer than [`BATCH_MESSAGES_MAX`].
pub fn batch_messages(text: &str) -> Result<Vec<&str>, Malformed<'_>> {
    let batch: Batch<'_> = serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
    let count = batch.messages.len();
    if count > BATCH_MESSAGES_MAX {
        return Err(invalid(format!(
            "a batch holds at most {BATCH_MESSAGES_MAX} messages, this one {count}"
        )));
    }
    Ok(batch.messages.into_iter().map(RawValue::get).collect())
}

fn check_id(id: &str) -> Result<(), Malformed<'static>> {
    if !matches!(id.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9')) {
        return Err(invalid("\"id\" is a number or a string".to_owned()));
    }
    if id.len() > ID_BYTES_MAX {
        return Err(invalid(format!("\"id\" is at most {ID_BYTES_MAX} bytes long, this one {}", id.len())));
    }
    Ok(())
}

fn invalid(reason: String) -> Malformed<'static> {
    Malformed { reason, code: ErrorCode::InvalidMessage, id: None }
}

fn unreadable(text: &str, error: &serde_json::Error) -> Malformed<'static> {
    // A wrong kind of value may be found before a syntax error further on: the text as a whole decides which it is.
    let is_json = error.is_data() && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let code = if is_json { ErrorCode::InvalidMessage } else { ErrorCode::InvalidJson };
    Malformed { reason: error.to_string(), code, id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> ErrorCode {
        read(text).expect_err(text).code
    }

    #[test]
    fn a_head_is_read_whatever_else_is_there() {
        let request = read(r#"{"text":{"deep":[1]},"id":"a\"b","type":"chat","seq":7}"#).expect("a message");
        assert_eq!((request.kind.as_ref(), request.id, request.seq), ("chat", Some(r#""a\"b""#), Some(7)));
        let request = read(r#" {"type":"ty\u0070e","id":-1.5e3}"#).expect("a message");
        assert_eq!((request.kind.as_ref(), request.id, request.seq), ("type", Some("-1.5e3"), None));
        assert_eq!(read(r#"{"type":"x","id":null,"seq":null}"#).expect("a message").id, None);
    }

    #[test]
    fn what_is_no_json_and_what_is_no_message_are_told_apart() {
        for text in ["", "{", "nonsense", r#"{"type":"x"} x"#, r#"{"type":1,"#] {
            assert_eq!(code(text), ErrorCode::InvalidJson, "{text}");
        }
        for text in [
            "[]",
            "1",
            "null",
            "\"x\"",
            "{}",
            r#"["chat",1,2]"#,
            r#"{"type":1}"#,
            r#"{"type":null}"#,
            r#"{"type":"x","id":{}}"#,
            r#"{"type":"x","id":true}"#,
            r#"{"type":"x","seq":0}"#,
            r#"{"type":"x","seq":9007199254740992}"#,
            r#"{"type":"x","seq":18446744073709551615}"#,
            r#"{"type":"x","seq":-1}"#,
            r#"{"type":"x","seq":1.5}"#,
        ] {
            assert_eq!(code(text), ErrorCode::InvalidMessage, "{text}");
        }
    }

    #[test]
    fn the_id_of_a_bad_message_is_kept_where_it_can_be_answered() {
        for (text, id) in [
            (r#"{"id":7}"#, Some("7")),
            (r#"{"type":5,"id":"a"}"#, Some(r#""a""#)),
            (r#"{"type":"ping","id":7,"seq":0}"#, Some("7")),
            (r#"{"type":"ping","id":7,"seq":{}}"#, Some("7")),
            (r#"{"type":"ping","id":{}}"#, None),
            (r#"{"type":5,"id":null}"#, None),
            (r#"{"id":7,"#, None),
            (r#"[7]"#, None),
        ] {
            assert_eq!(read(text).expect_err(text).id, id, "{text}");
        }
        let deep = format!(r#"{{"id":7,"a":{}{}}}"#, "[".repeat(9_000), "]".repeat(9_000));
        assert_eq!(read(&deep).expect_err("deep").id, Some("7"));
    }

    #[test]
    fn limits_are_named_with_their_value() {
        let long = format!(r#"{{"type":"x","id":"{}"}}"#, "i".repeat(ID_BYTES_MAX));
        let reason = read(&long).expect_err("too long").reason;
        assert!(reason.contains("128") && reason.contains("130"), "{reason}");
        let deep = format!(r#"{{"type":"x","a":{}{}}}"#, "[".repeat(64), "]".repeat(64));
        assert_eq!(code(&deep), ErrorCode::InvalidMessage);
        let many = format!(r#"{{"type":"batch","messages":[{}0]}}"#, "0,".repeat(BATCH_MESSAGES_MAX));
        assert!(batch_messages(&many).expect_err("too many").reason.contains("257"));
    }

    #[test]
    fn a_batch_gives_each_message_as_its_own_text() {
        let inner =
            batch_messages(r#"{"type":"batch","messages":[{"type":"a"} , 5,[{}]]}"#).expect("a batch");
        assert_eq!(inner, [r#"{"type":"a"}"#, "5", "[{}]"]);
        assert!(batch_messages(r#"{"type":"batch"}"#).is_err());
    }
}
