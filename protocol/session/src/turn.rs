//! What one turn of the loop lends a session, and how much of the turn one connection may use.

use fanfare_websocket::InflaterPool;

/// Frames that one connection may have handled in a turn; then the others have theirs.
pub const FRAMES_PER_TURN: u32 = 256;
/// Frames that a message counts for which has to be parsed before a kit has it: it takes that much longer at least.
pub const FRAMES_PARSED: u32 = 4;
/// Bytes that may be read from one connection in a turn.
pub const READ_BYTES_PER_TURN: usize = 256 << 10;
/// Bytes that may be inflated for one connection in a turn.
pub const INFLATED_BYTES_PER_TURN: usize = 64 << 10;

/// What is left of one connection's share of a turn.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Frames (or other events) still to be handled; see [`FRAMES_PARSED`].
    pub frames: u32,
    /// Bytes still to be read from the socket.
    pub read_bytes: usize,
    /// Bytes still to be inflated.
    pub inflated_bytes: usize,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            frames: FRAMES_PER_TURN,
            read_bytes: READ_BYTES_PER_TURN,
            inflated_bytes: INFLATED_BYTES_PER_TURN,
        }
    }
}

impl Share {
    /// Whether the connection has to wait for the next turn.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.frames == 0 || self.inflated_bytes == 0
    }
}

/// What a turn lends a session while it receives.
#[derive(Debug)]
pub struct Turn<'t> {
    /// Now, on a clock that only goes forward.
    pub now_ms: u64,
    /// The longest text message that this door takes, after inflating.
    pub text_limit_bytes: usize,
    /// The longest binary message that this door takes, after inflating.
    pub binary_limit_bytes: usize,
    /// The shard's inflaters.
    pub inflaters: &'t mut InflaterPool,
    /// What the connection may still use of this turn.
    pub share: &'t mut Share,
    /// Where the session appends frames that have to be sent.
    pub transmit: &'t mut Vec<u8>,
}
