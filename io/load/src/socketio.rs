//! Socket.IO v5 over WebSocket, as far as the load speaks it: into the namespace `/`, and events with one text.

/// Where the servers have it.
pub const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// The event with this text, which holds nothing that JSON would escape.
pub(crate) fn event(text: &[u8]) -> Vec<u8> {
    [b"42[\"message\",\"", text, b"\"]"].concat()
}

/// The text of an event of any name; `None` where a packet is no such event.
pub(crate) fn text(packet: &[u8]) -> Option<&[u8]> {
    let rest = packet.strip_prefix(b"42[\"")?.strip_suffix(b"\"]")?;
    let between = rest.windows(3).position(|three| three == b"\",\"")?;
    rest.get(between + 3..)
}

/// Whether a frame of this length may be an event: a ping is one byte long.
pub(crate) fn may_be_event(payload_bytes: usize) -> bool {
    payload_bytes > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_text_comes_out_as_it_went_in() {
        assert_eq!(event(b"abc"), b"42[\"message\",\"abc\"]");
        assert_eq!(text(&event(b"abc")), Some(&b"abc"[..]));
        assert_eq!(text(b"42[\"message-back\",\"a-b\"]"), Some(&b"a-b"[..]));
        assert!(
            [&b"2"[..], b"40{\"sid\":\"x\"}", b"42[\"x\"]", b"42[\"x\",1]"]
                .map(text)
                .iter()
                .all(Option::is_none)
        );
        assert!(may_be_event(event(b"").len()) && !may_be_event(1));
    }
}
