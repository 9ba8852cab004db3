//! Reading the members of a request, with refusals that say what is wrong.

use fanfare_hub::{Edge, ErrorCode, Kit};
use serde::Deserialize;

/// Reads the members that a message of this type has.
///
/// # Errors
/// What the client is told: the field, the limit, the value.
pub(crate) fn members<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Checks that `value` has from `least` to `most` characters.
///
/// # Errors
/// A sentence that names the field, the limits and the value.
pub(crate) fn check_chars(field: &str, value: &str, least: usize, most: usize) -> Result<(), String> {
    let chars = value.chars().count();
    if (least..=most).contains(&chars) {
        return Ok(());
    }
    Err(format!("{field} is {least} to {most} characters long, this one {chars}"))
}

/// Refuses the message at hand as malformed.
pub(crate) fn refuse_invalid<K: Kit>(cx: &mut Edge<'_, K>, reason: &str) {
    cx.refuse(ErrorCode::InvalidMessage, &format!("Invalid message format: {reason}"));
}

/// Refuses the message at hand because this door does not know its type.
pub(crate) fn refuse_unknown<K: Kit>(cx: &mut Edge<'_, K>, kind: &str) {
    cx.refuse(ErrorCode::UnknownType, &format!("Unknown message type: {kind}"));
}
