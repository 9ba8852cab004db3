//! permessage-deflate, RFC 7692 §7: its parameters, inflating what arrives, deflating what is sent.

mod deflater;
mod inflater;

pub use deflater::{DEFLATER_BYTES, DeflateFailed, Deflater, Deflaters, write_stored};
pub(crate) use inflater::{Drained, Inflater, Inflating, Scope};
pub use inflater::{EXPRESS_INFLATERS, INFLATER_BYTES, InflaterPool};

use crate::frame::Role;

/// Below it a message is sent as it is: deflating would cost more than the bytes it saves.
pub const COMPRESSION_THRESHOLD_BYTES: usize = 1024;

/// The smallest window that zlib's raw deflate has; RFC 7692 knows 8 too.
pub(crate) const WINDOW_BITS_MIN: u8 = 9;

/// The largest window of DEFLATE, and the default of RFC 7692.
pub(crate) const WINDOW_BITS_MAX: u8 = 15;

/// What was agreed on, RFC 7692 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateParameters {
    /// The server starts every message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client starts every message with an empty window.
    pub client_no_context_takeover: bool,
    /// Base-two logarithm of the server's largest window: 8 to 15.
    pub server_max_window_bits: u8,
    /// Base-two logarithm of the client's largest window: 8 to 15.
    pub client_max_window_bits: u8,
}

impl DeflateParameters {
    /// The peer of `role` may refer to its earlier messages: we keep an inflater for the connection.
    #[must_use]
    pub fn peer_context_takeover(&self, role: Role) -> bool {
        match role {
            Role::Client => !self.server_no_context_takeover,
            Role::Server => !self.client_no_context_takeover,
        }
    }

    /// We, as `role`, may refer to our earlier messages: worth a [`Deflater::with_takeover`] for the connection.
    #[must_use]
    pub fn own_context_takeover(&self, role: Role) -> bool {
        match role {
            Role::Client => !self.client_no_context_takeover,
            Role::Server => !self.server_no_context_takeover,
        }
    }

    /// The window to deflate with as `role`, 9 to 15; `None` where only 8 is allowed, which zlib's raw deflate does not
    /// have: then messages are sent uncompressed.
    #[must_use]
    pub fn own_window_bits(&self, role: Role) -> Option<u8> {
        let bits = match role {
            Role::Client => self.client_max_window_bits,
            Role::Server => self.server_max_window_bits,
        };
        (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(&bits).then_some(bits)
    }
}

/// What we want of permessage-deflate. The default keeps no context on either side and has the full window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    /// Every message of the server starts with an empty window.
    pub server_no_context_takeover: bool,
    /// Every message of the client starts with an empty window.
    pub client_no_context_takeover: bool,
    /// Base-two logarithm of the server's largest window: 9 to 15, brought into that range.
    pub server_max_window_bits: u8,
    /// Base-two logarithm of the client's largest window: 9 to 15, brought into that range.
    pub client_max_window_bits: u8,
}

impl Default for DeflateOptions {
    fn default() -> Self {
        Self {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: WINDOW_BITS_MAX,
            client_max_window_bits: WINDOW_BITS_MAX,
        }
    }
}

impl DeflateOptions {
    pub(crate) fn in_range(self) -> Self {
        Self {
            server_max_window_bits: self.server_max_window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX),
            client_max_window_bits: self.client_max_window_bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX),
            ..self
        }
    }
}
