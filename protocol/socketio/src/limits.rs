//! How much one packet may be.

/// Attachments of one packet in text: what the reference's decoder takes.
pub const ATTACHMENTS_MAX: usize = 10;

/// Binary values in one MessagePack packet. The format itself has no limit; an empty one takes 2 bytes on the wire and some 60
/// here, so that a message of the largest size would ask for thirty times its own.
pub const MESSAGE_PACK_ATTACHMENTS_MAX: usize = 1024;

/// Arrays and objects within each other; the same as for the native dialect, and as many as a `u64` has bits.
pub(crate) const DEPTH_MAX: usize = 64;
