//! What goes over the wire: client frames with a fixed mask (RFC 6455 §5.2), or records of the same length without a protocol.

pub(crate) mod deflate;
mod inbox;
pub(crate) mod socketio;

pub(crate) use inbox::Inbox;

/// RFC 6455 wants a mask that nobody can foresee; a server's work does not depend on it.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8A;

/// How one speaks to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Records of so many bytes.
    Raw {
        /// The length of a record.
        record_bytes: usize,
    },
    /// WebSocket messages.
    WebSocket,
    /// Events of Socket.IO in WebSocket messages; a message is the one text of its event.
    SocketIo,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes.
    Binary,
    /// A close code, and why.
    Close,
    /// The answer to a ping.
    Pong,
}

impl Wire {
    /// Appends a message as the client sends it.
    pub fn write(self, out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
        if let Self::Raw { record_bytes } = self {
            let end = out.len() + record_bytes;
            out.extend_from_slice(payload);
            return out.resize(end, b'.');
        }
        if self == Self::SocketIo {
            return Self::WebSocket.write(out, Kind::Text, &socketio::event(payload));
        }
        out.push(match kind {
            Kind::Text => TEXT,
            Kind::Binary => BINARY,
            Kind::Close => CLOSE,
            Kind::Pong => PONG,
        });
        match payload.len() {
            short @ 0..126 => out.push(0x80 | short as u8),
            long @ 126..=0xFFFF => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(long as u16).to_be_bytes());
            }
            longer => {
                out.push(0x80 | 127);
                out.extend_from_slice(&(longer as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&MASK);
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }

    /// Takes the first message from the front of what a server sent: its length on the wire and, unless it is a control
    /// frame or no event, its payload. The slow way, for the pass that looks at every byte.
    pub fn read(self, bytes: &[u8]) -> Option<(usize, Option<&[u8]>)> {
        if let Self::Raw { record_bytes } = self {
            return bytes.get(..record_bytes).map(|record| (record_bytes, Some(record)));
        }
        let (head, length) = head(bytes)?;
        let payload = bytes.get(head..head.checked_add(length)?)?;
        let message = match self {
            _ if bytes[0] & 0x08 != 0 => None,
            Self::SocketIo => socketio::text(payload),
            _ => Some(payload),
        };
        Some((head + length, message))
    }
}

/// The lengths of a server frame's head and of its payload.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(*short))),
    }
}

/// Counts messages without keeping them.
#[derive(Debug)]
pub struct Counter {
    wire: Wire,
    /// A head of which a part is there.
    partial: Vec<u8>,
    /// Payload bytes still to come, and whether they end a message.
    left: usize,
    counts: bool,
}

impl Counter {
    /// A counter of what comes over this wire.
    pub fn new(wire: Wire) -> Self {
        let left = if let Wire::Raw { record_bytes } = wire { record_bytes } else { 0 };
        Self { wire, partial: Vec::new(), left, counts: false }
    }

    /// How many messages end in these bytes, which follow those of the call before.
    pub fn count(&mut self, mut bytes: &[u8]) -> u64 {
        if let Wire::Raw { record_bytes } = self.wire {
            // `left` is what is missing from the record at hand, never 0.
            let already = record_bytes - self.left;
            self.left = record_bytes - (already + bytes.len()) % record_bytes;
            return ((already + bytes.len()) / record_bytes) as u64;
        }
        let mut messages = 0;
        loop {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                bytes = &bytes[taken..];
                if self.left > 0 {
                    return messages;
                }
                messages += u64::from(self.counts);
            }
            // Whole short frames, which nearly all are.
            while self.partial.is_empty()
                && let [first, length @ 0..126, rest @ ..] = bytes
                && let Some(rest) = rest.get(usize::from(*length)..)
            {
                messages += u64::from(self.counts(*first, usize::from(*length)));
                bytes = rest;
            }
            let Some((byte, rest)) = bytes.split_first() else { return messages };
            self.partial.push(*byte);
            bytes = rest;
            if let Some((head, length)) = head(&self.partial)
                && head == self.partial.len()
            {
                self.counts = self.counts(self.partial[0], length);
                self.left = length;
                messages += u64::from(self.counts && length == 0);
                self.partial.clear();
            }
        }
    }

    /// Whether a frame is a message, by its first byte and its length.
    fn counts(&self, first: u8, length: usize) -> bool {
        first & 0x08 == 0 && (self.wire != Wire::SocketIo || socketio::may_be_event(length))
    }
}

/// As much of a message as one wants to read in an error.
pub fn beginning(message: &[u8]) -> String {
    let shown = &message[..message.len().min(100)];
    format!("{} ({} bytes)", String::from_utf8_lossy(shown), message.len())
}

/// A payload that no other message of the run has: letters only, so that it is text as well.
pub fn payload(connection: usize, number: u64, bytes: usize) -> Vec<u8> {
    let name = format!("{number:x}-{connection:x}-");
    name.bytes().chain((b'a'..=b'z').cycle()).take(bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        for length in [0usize, 1, 20, 125, 126, 300, 70_000] {
            bytes.push(0x82);
            match length {
                0..126 => bytes.push(length as u8),
                126..65_536 => {
                    bytes.push(126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            bytes.resize(bytes.len() + length, 0x81);
            bytes.extend([0x89, 2, 0x81, 0x81]);
        }
        bytes
    }

    #[test]
    fn however_the_bytes_are_cut_the_count_is_that_of_the_slow_way() {
        let bytes = server_frames();
        let mut slow = 0;
        let mut rest = &bytes[..];
        while let Some((taken, payload)) = Wire::WebSocket.read(rest) {
            slow += u64::from(payload.is_some());
            rest = &rest[taken..];
        }
        assert_eq!((slow, rest.len()), (7, 0));
        for piece in [1, 2, 3, 7, 22, 1000, bytes.len()] {
            let mut counter = Counter::new(Wire::WebSocket);
            let counted: u64 = bytes.chunks(piece).map(|piece| counter.count(piece)).sum();
            assert_eq!(counted, slow, "pieces of {piece}");
        }
    }

    #[test]
    fn a_clients_frame_tells_its_length_whatever_that_is() {
        for (length, head) in [
            (125, &[0x82, 0x80 | 125][..]),
            (126, &[0x82, 0x80 | 126, 0, 126]),
            (65_535, &[0x82, 0x80 | 126, 0xFF, 0xFF]),
            (65_536, &[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut frame = Vec::new();
            Wire::WebSocket.write(&mut frame, Kind::Binary, &vec![0; length]);
            assert!(frame.starts_with(head), "{length}: {:x?}", &frame[..12]);
            assert_eq!(frame.len(), head.len() + MASK.len() + length);
        }
    }

    #[test]
    fn records_are_counted_by_their_length() {
        let mut counter = Counter::new(Wire::Raw { record_bytes: 26 });
        let counted: Vec<u64> = [26, 52, 13, 13, 27, 25].map(|length| counter.count(&vec![0; length])).into();
        assert_eq!(counted, [1, 2, 0, 1, 1, 1]);
    }

    #[test]
    fn payloads_differ() {
        assert_eq!(payload(1, 2, 20).len(), 20);
        assert_ne!(payload(1, 2, 20), payload(2, 1, 20));
    }
}
