//! The messages of `/chat` (`docs/protocol.md`, "Chat").

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Characters of a message.
pub(super) const TEXT_CHARS_MAX: usize = 4_000;
/// Characters of a `clientMessageId`.
pub(super) const CLIENT_MESSAGE_ID_CHARS_MIN: usize = 16;
pub(super) const CLIENT_MESSAGE_ID_CHARS_MAX: usize = 64;
/// Messages that one `loadMessages` may ask for.
pub(super) const LOAD_LIMIT_MAX: i64 = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatIn {
    pub(super) room: Option<String>,
    pub(super) text: String,
    pub(super) client_message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypingIn {
    pub(super) room: String,
    pub(super) is_typing: bool,
}

#[derive(Deserialize)]
pub(super) struct RoomOnly {
    pub(super) room: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadMessages<'a> {
    #[serde(borrow)]
    pub(super) request_id: Option<&'a RawValue>,
    pub(super) limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChatOut<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<&'a str>,
    pub(super) from: &'a str,
    pub(super) user_id: &'a str,
    pub(super) user_name: &'a str,
    pub(super) text: &'a str,
    pub(super) timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_message_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileOut<'a> {
    pub(super) id: &'a str,
    pub(super) room: &'a str,
    pub(super) from: &'a str,
    pub(super) user_id: &'a str,
    pub(super) user_name: &'a str,
    pub(super) name: &'a str,
    pub(super) mime_type: &'a str,
    pub(super) size: u64,
    pub(super) timestamp: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypingOut<'a> {
    pub(super) room: &'a str,
    pub(super) user_id: &'a str,
    pub(super) user_name: &'a str,
    pub(super) is_typing: bool,
}

/// The members of the acknowledgement of a `chat`: the message's id and time.
#[derive(Serialize)]
pub(super) struct Said<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: u64,
}

#[derive(Serialize)]
pub(super) struct HistoryOut<'a> {
    pub(super) room: &'a str,
    pub(super) messages: [(); 0],
    #[serde(rename = "hasMore")]
    pub(super) has_more: bool,
}

/// An empty page, or the refusal of one.
pub(super) struct Messages<'a> {
    pub(super) request_id: &'a str,
    pub(super) error: Option<&'a str>,
}

impl Messages<'_> {
    /// `requestId` returns as it came, whatever kind of value it was.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut out =
            format!("{{\"requestId\":{},\"messages\":[],\"hasMore\":false", self.request_id).into_bytes();
        if let Some(error) = self.error {
            out.extend_from_slice(b",\"error\":");
            out.extend_from_slice(&serde_json::to_vec(error).unwrap_or_default());
            out.extend_from_slice(b",\"code\":\"invalid_message\"");
        }
        out.push(b'}');
        out
    }
}
