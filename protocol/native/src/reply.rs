//! What the server sends: events, acknowledgements and errors, each appended to a buffer as one JSON text.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::code::ErrorCode;

/// The first message after the upgrade.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome<'a> {
    /// The connection's id, unique on the server.
    pub client_id: &'a str,
    /// The same as a number, for binary messages.
    pub client_number: u32,
    /// Who this is to the others.
    pub user_id: &'a str,
    /// How the others see it.
    pub user_name: &'a str,
    /// "required" or "none".
    pub authentication: &'static str,
    /// A line for a person.
    pub message: &'a str,
}

/// Appends the event `name` with the members of `body`, which is a JSON object (`{}` where there are none).
///
/// `type` stands first; a `seq` that a later layer adds goes before it.
pub fn write_event(out: &mut Vec<u8>, name: &str, body: &[u8]) {
    out.extend_from_slice(b"{\"type\":");
    write_string(out, name);
    write_members(out, body);
}

/// Appends the event `name` with any arguments, JSON texts joined by commas: a single object lends its members, anything else
/// becomes the member `arguments`.
pub fn write_arguments(out: &mut Vec<u8>, name: &str, arguments: &str) {
    let single = serde_json::from_str::<&RawValue>(arguments).ok();
    if let Some(object) = single.map(RawValue::get).filter(|text| text.starts_with('{')) {
        return write_event(out, name, object.as_bytes());
    }
    out.extend_from_slice(b"{\"type\":");
    write_string(out, name);
    out.extend_from_slice(b",\"arguments\":[");
    out.extend_from_slice(arguments.as_bytes());
    out.extend_from_slice(b"]}");
}

/// Appends `{"type":"ack","messageId":id, …body}`; `id` as it stood in the client's text.
pub fn write_ack(out: &mut Vec<u8>, id: &str, body: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"ack\",\"messageId\":");
    out.extend_from_slice(id.as_bytes());
    write_members(out, body);
}

/// Appends `{"type":"nack","messageId":id,"error":…,"code":…}`.
pub fn write_nack(out: &mut Vec<u8>, id: &str, code: ErrorCode, error: &str) {
    out.extend_from_slice(b"{\"type\":\"nack\",\"messageId\":");
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b",\"error\":");
    write_string(out, error);
    write_code(out, code);
}

/// Appends `{"type":"error","message":…,"code":…}`.
pub fn write_error(out: &mut Vec<u8>, code: ErrorCode, message: &str) {
    out.extend_from_slice(b"{\"type\":\"error\",\"message\":");
    write_string(out, message);
    write_code(out, code);
}

fn write_code(out: &mut Vec<u8>, code: ErrorCode) {
    out.extend_from_slice(b",\"code\":\"");
    out.extend_from_slice(code.as_str().as_bytes());
    out.extend_from_slice(b"\"}");
}

/// Ends the object that was begun with the members of another.
fn write_members(out: &mut Vec<u8>, body: &[u8]) {
    debug_assert!(body.starts_with(b"{") && body.ends_with(b"}"), "a body is a JSON object");
    match body {
        [b'{', rest @ ..] if rest.len() > 1 => {
            out.push(b',');
            out.extend_from_slice(rest);
        }
        _ => out.push(b'}'),
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    // Writing to a Vec cannot fail, and a string has no map key that could.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn events_take_the_members_of_their_body() {
        assert_eq!(
            written(|out| write_event(out, "pong", br#"{"timestamp":1}"#)),
            r#"{"type":"pong","timestamp":1}"#
        );
        assert_eq!(written(|out| write_event(out, "e\"", b"{}")), r#"{"type":"e\""}"#);
    }

    #[test]
    fn arguments_are_members_where_they_are_one_object() {
        let said = |arguments| written(|out| write_arguments(out, "said", arguments));
        assert_eq!(said(r#" {"a":1} "#), r#"{"type":"said","a":1}"#);
        assert_eq!(said(r#"{"a":1},2"#), r#"{"type":"said","arguments":[{"a":1},2]}"#);
        assert_eq!(said("\"x\""), r#"{"type":"said","arguments":["x"]}"#);
        assert_eq!(said(""), r#"{"type":"said","arguments":[]}"#);
    }

    #[test]
    fn an_acknowledgement_repeats_the_id_to_the_letter() {
        assert_eq!(written(|out| write_ack(out, "\"a\"", b"{}")), r#"{"type":"ack","messageId":"a"}"#);
        assert_eq!(
            written(|out| write_ack(out, "7", br#"{"id":"9"}"#)),
            r#"{"type":"ack","messageId":7,"id":"9"}"#
        );
        assert_eq!(
            written(|out| write_nack(out, "7", ErrorCode::Conflict, "no \"way\"")),
            r#"{"type":"nack","messageId":7,"error":"no \"way\"","code":"conflict"}"#
        );
        assert_eq!(
            written(|out| write_error(out, ErrorCode::NotFound, "Client x not found")),
            r#"{"type":"error","message":"Client x not found","code":"not_found"}"#
        );
    }
}
