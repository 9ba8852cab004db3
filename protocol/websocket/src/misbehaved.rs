//! What a peer can do wrong, and the close code that answers it.

use thiserror::Error;

use crate::close_code::CloseCode;

/// The peer broke RFC 6455 or RFC 7692, or sent more than we take. The connection is to be failed (RFC 6455 §7.1.7):
/// send a Close frame with [`Misbehaved::close_code`], read no more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Misbehaved {
    /// §5.2: a reserved bit without an extension that gives it a meaning.
    #[error("reserved bits {bits:03b} of a frame are set without a negotiated meaning")]
    ReservedBits {
        /// RSV1, RSV2, RSV3 from high to low.
        bits: u8,
    },
    /// §5.2: opcodes 3 to 7 and 11 to 15.
    #[error("opcode {opcode:#x} is reserved")]
    ReservedOpcode {
        /// The four bits.
        opcode: u8,
    },
    /// §5.5: control frames must not be fragmented.
    #[error("a control frame (opcode {opcode:#x}) is fragmented")]
    ControlFragmented {
        /// The four bits.
        opcode: u8,
    },
    /// §5.5: control frames have at most 125 bytes.
    #[error("a control frame (opcode {opcode:#x}) announces more than 125 bytes")]
    ControlTooLong {
        /// The four bits.
        opcode: u8,
    },
    /// §5.2: the length must be encoded in the fewest bytes.
    #[error("payload length {length} is not in its shortest form")]
    LengthNotMinimal {
        /// As announced.
        length: u64,
    },
    /// §5.2: the top bit of a 64-bit length must be 0.
    #[error("payload length {length} has its top bit set")]
    LengthTopBit {
        /// As announced.
        length: u64,
    },
    /// §5.1: a client masks every frame.
    #[error("a frame of a client is not masked")]
    NotMasked,
    /// §5.1: a server masks no frame.
    #[error("a frame of a server is masked")]
    Masked,
    /// §5.4: a continuation without a message to continue.
    #[error("a continuation frame without an unfinished message")]
    NothingToContinue,
    /// §5.4: a new message inside an unfinished one.
    #[error("a data frame (opcode {opcode:#x}) inside an unfinished message")]
    MessageUnfinished {
        /// The four bits.
        opcode: u8,
    },
    /// A message larger than we take, as announced by its headers or found while inflating.
    #[error("a message of at least {size_bytes} bytes is over the limit of {limit_bytes}")]
    TooBig {
        /// What is known of its size.
        size_bytes: u64,
        /// `message_limit_bytes` of the read context.
        limit_bytes: usize,
    },
    /// §8.1: text that is not UTF-8.
    #[error("a text message is not UTF-8")]
    TextNotUtf8,
    /// §5.5.1: a Close payload has no byte or at least two.
    #[error("a close frame with a payload of one byte")]
    CloseOneByte,
    /// §7.4: a code that may not stand on the wire.
    #[error("close code {code} may not be sent")]
    CloseCode {
        /// As sent.
        code: u16,
    },
    /// §5.5.1: the reason is UTF-8.
    #[error("the reason of a close frame is not UTF-8")]
    CloseReasonNotUtf8,
    /// RFC 7692 §7.2.2: not a DEFLATE stream.
    #[error("a compressed message is not valid deflate data")]
    DeflateCorrupt,
    /// RFC 7692 §7.2.2: the message ends inside a block.
    #[error("a compressed message ends inside a deflate block")]
    DeflateTruncated,
}

impl Misbehaved {
    /// The code to close with, RFC 6455 §7.4.1.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::TooBig { .. } => CloseCode::TOO_BIG,
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 | Self::DeflateCorrupt | Self::DeflateTruncated => {
                CloseCode::INVALID_PAYLOAD
            }
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
