//! The codes of `error` and `nack` messages.

/// Why a message was refused, as the `code` member of `error` and `nack` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The text is not JSON.
    InvalidJson,
    /// JSON, but not a message of this door.
    InvalidMessage,
    /// A `type` that this door does not know.
    UnknownType,
    /// Nobody has said who this is yet.
    Unauthenticated,
    /// Known, and not allowed.
    Forbidden,
    /// The room, client or document is not there.
    NotFound,
    /// It contradicts something that is under way.
    Conflict,
    /// More than the limit allows.
    RateLimited,
    /// Longer than the limit allows.
    TooLarge,
    /// Something that this needs does not answer just now.
    Unavailable,
    /// The server's own fault.
    Internal,
}

impl ErrorCode {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidMessage => "invalid_message",
            Self::UnknownType => "unknown_type",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate_limited",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}
