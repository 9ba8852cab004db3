//! What cannot be a packet, and why.

use crate::limits::{ATTACHMENTS_MAX, DEPTH_MAX, MESSAGE_PACK_ATTACHMENTS_MAX};

/// A packet that breaks the protocol; the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not even a type.
    #[error("a packet begins with its type, and this one is empty")]
    Empty,
    /// A type that the protocol does not have.
    #[error("the packet type is one of 0 to 6, and is {0:?}")]
    UnknownType(char),
    /// A binary packet without a readable number of attachments.
    #[error("after the type of a binary packet come the number of its attachments and a hyphen")]
    NoAttachmentCount,
    /// A number of attachments outside the limits.
    #[error("a binary packet has 1 to {ATTACHMENTS_MAX} attachments, and this one {0}")]
    AttachmentCount(u64),
    /// An id that cannot be counted to.
    #[error("an id is at most {max}", max = u64::MAX)]
    Id,
    /// The payload is no JSON text, or something stands behind it.
    #[error("the payload is no JSON text: byte {at} of it")]
    Json {
        /// The first byte that does not belong, from the payload's first.
        at: usize,
    },
    /// The payload nests deeper than is read.
    #[error("the payload nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// JSON of another kind than the packet carries; the text says which that is.
    #[error("{0}")]
    Payload(&'static str),
    /// An event whose first element is no name.
    #[error("an event begins with its name, a string or a number")]
    NoName,
    /// An event by a name that means something else.
    #[error("the event name {0:?} is reserved")]
    ReservedName(&'static str),
    /// A placeholder for an attachment that is not there.
    #[error("the num of a placeholder is an index into {attachments} attachments, and is {}", index(*.num))]
    Placeholder {
        /// The index, where it is a whole number.
        num: Option<u64>,
        /// The packet's attachments.
        attachments: usize,
    },
    /// Bytes that are no MessagePack value, or more than one.
    #[error("the message is no MessagePack value: byte {at} of it")]
    MessagePack {
        /// The first byte of what is amiss.
        at: usize,
    },
    /// A MessagePack packet that holds more binary values than are read.
    #[error("a packet holds at most {MESSAGE_PACK_ATTACHMENTS_MAX} binary values")]
    TooManyAttachments,
    /// A MessagePack packet with an object that would be taken for one of our placeholders.
    #[error("an object with a \"_placeholder\" that is true is kept for packets in text")]
    OwnPlaceholder,
    /// A member of a MessagePack packet is missing or of the wrong kind.
    #[error("the packet's {0:?} is missing or of the wrong kind")]
    Member(&'static str),
}

fn index(num: Option<u64>) -> String {
    num.map_or_else(|| "none".to_owned(), |num| num.to_string())
}
