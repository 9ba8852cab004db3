//! Writes packets as text, without the type of the Engine.IO message that carries them.

use std::io::Write as _;

use crate::scan::is_plain;

/// Appends the server's consent: `0{"sid":…}`.
pub fn write_connect(out: &mut Vec<u8>, namespace: &str, sid: &str) {
    head(out, b'0', 0, namespace, None);
    out.extend_from_slice(b"{\"sid\":");
    string(out, sid);
    out.push(b'}');
}

/// Appends the server's refusal: `4{"message":…}`, with `data` (a JSON text) where there is some.
pub fn write_connect_error(out: &mut Vec<u8>, namespace: &str, message: &str, data: Option<&str>) {
    head(out, b'4', 0, namespace, None);
    out.extend_from_slice(b"{\"message\":");
    string(out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.as_bytes());
    }
    out.push(b'}');
}

/// Appends that the server leaves a namespace: `1`.
pub fn write_disconnect(out: &mut Vec<u8>, namespace: &str) {
    head(out, b'1', 0, namespace, None);
}

/// Appends an event: `2[…]`, or `5n-[…]` with attachments, which are sent after it. `args` are JSON texts with commas
/// between them, and may be empty.
pub fn write_event(
    out: &mut Vec<u8>,
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &[u8],
    attachments: usize,
) {
    head(out, if attachments == 0 { b'2' } else { b'5' }, attachments, namespace, id);
    out.push(b'[');
    string(out, name);
    if !args.is_empty() {
        out.push(b',');
        out.extend_from_slice(args);
    }
    out.push(b']');
}

/// Appends an acknowledgement: `3id[…]`, or `6n-id[…]` with attachments, which are sent after it.
pub fn write_ack(out: &mut Vec<u8>, namespace: &str, id: u64, args: &[u8], attachments: usize) {
    head(out, if attachments == 0 { b'3' } else { b'6' }, attachments, namespace, Some(id));
    out.push(b'[');
    out.extend_from_slice(args);
    out.push(b']');
}

fn head(out: &mut Vec<u8>, kind: u8, attachments: usize, namespace: &str, id: Option<u64>) {
    out.push(kind);
    if attachments > 0 {
        number(out, attachments as u64);
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        number(out, id);
    }
}

// Writing to a Vec cannot fail, and neither a number nor a string has a map key that could.

fn number(out: &mut Vec<u8>, number: u64) {
    let _ = write!(out, "{number}");
}

fn string(out: &mut Vec<u8>, text: &str) {
    if is_plain(text) {
        // As every name that programmers choose: it stands for itself.
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        return out.push(b'"');
    }
    let _ = serde_json::to_writer(out, text);
}
