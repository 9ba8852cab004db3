//! What cannot be a packet.

/// A packet that breaks the protocol; the connection closes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Rough, to be told apart.
    #[error("{0}")]
    Rough(&'static str),
    /// Nested deeper than is read.
    #[error("JSON nests deeper than 64 levels")]
    TooDeep,
}
