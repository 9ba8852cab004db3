//! Encoding a message once for each variant of connection that it goes to.

use fanfare_session::native::write_event;
use fanfare_session::websocket::{Deflaters, HEADER_BYTES_MAX, Opcode, write_frame_header};

use super::log::{Log, Span};
use super::outgoing::Outgoing;

/// What of an [`Outgoing`] a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Binary,
}

/// Connections of the same variant are sent the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Takes binary messages where there is a choice.
    pub(crate) wants_binary: bool,
    /// Bits of the deflate window that was negotiated, 0 where none was.
    pub(crate) deflate_window_bits: u8,
}

/// A shard's compressors, one for each window size in use, and a buffer. None keeps a context between messages.
#[derive(Debug)]
pub(crate) struct Encoder {
    deflaters: Deflaters,
    text: Vec<u8>,
    deflated: Vec<u8>,
    threshold_bytes: usize,
}

/// The variants of one message that have been encoded so far.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    spans: [[Option<Span>; 16]; 2],
    has_text: bool,
}

/// The text buffer is given back to the allocator past this size.
const TEXT_BUFFER_BYTES_MAX: usize = 64 << 10;

impl Encoder {
    pub(crate) fn new(threshold_bytes: usize) -> Self {
        Self { deflaters: Deflaters::default(), text: Vec::new(), deflated: Vec::new(), threshold_bytes }
    }

    /// The span with `message` as `variant` takes it; `None` where it takes nothing of it.
    #[inline]
    pub(crate) fn encode(
        &mut self,
        log: &mut Log,
        encoded: &mut Encoded,
        message: &Outgoing<'_>,
        variant: Variant,
    ) -> Option<Span> {
        let form = match message {
            Outgoing::Event(_) | Outgoing::Text(_) => Form::Text,
            Outgoing::Binary(_) => Form::Binary,
            Outgoing::Either { .. } if variant.wants_binary => Form::Binary,
            Outgoing::Either { event, .. } => {
                event.as_ref()?;
                Form::Text
            }
        };
        // A window has 8 to 15 bits.
        let (form_index, bits) = (form as usize, usize::from(variant.deflate_window_bits % 16));
        if let Some(span) = encoded.spans[form_index][bits] {
            return Some(span);
        }
        let span = self.encode_new(log, encoded, message, (form, variant));
        encoded.spans[form_index][bits] = Some(span);
        Some(span)
    }

    /// Once for each variant.
    fn encode_new(
        &mut self,
        log: &mut Log,
        encoded: &mut Encoded,
        message: &Outgoing<'_>,
        (form, variant): (Form, Variant),
    ) -> Span {
        match (form, message) {
            (Form::Binary, Outgoing::Binary(binary) | Outgoing::Either { binary, .. }) => {
                self.frame(log, Opcode::Binary, binary, variant.deflate_window_bits)
            }
            (_, Outgoing::Text(text)) => {
                self.frame(log, Opcode::Text, text.as_bytes(), variant.deflate_window_bits)
            }
            _ => {
                let text = self.native_text(encoded, message);
                let span = self.frame(log, Opcode::Text, &text, variant.deflate_window_bits);
                self.text = text;
                span
            }
        }
    }

    /// The native text of an event; the buffer goes back to `self.text`, where the next variant finds it.
    fn native_text(&mut self, encoded: &mut Encoded, message: &Outgoing<'_>) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.text);
        if let (false, Outgoing::Event(event) | Outgoing::Either { event: Some(event), .. }) =
            (encoded.has_text, message)
        {
            text.clear();
            text.shrink_to(TEXT_BUFFER_BYTES_MAX);
            write_event(&mut text, event.name, event.body);
            encoded.has_text = true;
        }
        text
    }

    /// An empty buffer for a text; to be given back.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        text
    }

    pub(crate) fn give_buffer(&mut self, mut text: Vec<u8>) {
        text.clear();
        text.shrink_to(TEXT_BUFFER_BYTES_MAX);
        self.text = text;
    }

    /// Writes one frame, compressed where that was negotiated and the payload is long enough for it.
    pub(crate) fn frame(
        &mut self,
        log: &mut Log,
        opcode: Opcode,
        payload: &[u8],
        deflate_window_bits: u8,
    ) -> Span {
        if deflate_window_bits != 0 && payload.len() >= self.threshold_bytes {
            let deflater = self.deflaters.get(deflate_window_bits);
            self.deflated.clear();
            self.deflated.shrink_to(TEXT_BUFFER_BYTES_MAX);
            if deflater.deflate(payload, &mut self.deflated).is_ok() {
                return write(log, opcode, true, &self.deflated);
            }
            // Compression is an offer, not a promise: what cannot be compressed goes as it is.
        }
        write(log, opcode, false, payload)
    }
}

fn write(log: &mut Log, opcode: Opcode, compressed: bool, payload: &[u8]) -> Span {
    log.append(payload.len() + HEADER_BYTES_MAX, |out| {
        write_frame_header(out, opcode, true, compressed, payload.len(), None);
        out.extend_from_slice(payload);
    })
}

#[cfg(test)]
mod tests {
    use super::super::outgoing::Event;
    use super::*;

    #[test]
    fn the_buffer_for_texts_is_used_again_and_never_kept_larger_than_64_kibibytes() {
        let mut encoder = Encoder::new(usize::MAX);
        let mut buffer = encoder.take_buffer();
        buffer.resize(1 << 20, b'x');
        encoder.give_buffer(buffer);
        let buffer = encoder.take_buffer();
        assert_eq!((buffer.len(), buffer.capacity()), (0, 65_536));
    }

    #[test]
    fn a_message_is_compressed_from_the_threshold_on_where_that_was_agreed() {
        let (mut encoder, mut log) = (Encoder::new(100), Log::new());
        for (length, bits, compressed) in [(99, 15, false), (100, 15, true), (100, 0, false), (100, 9, true)]
        {
            let span = encoder.frame(&mut log, Opcode::Text, &vec![b'x'; length], bits);
            // RSV1 of RFC 7692 §6.
            assert_eq!(log.bytes(span)[0] & 0x40 != 0, compressed, "{length} bytes, {bits} bits");
        }
    }

    #[test]
    fn a_frame_takes_the_memory_of_its_payload_and_its_header() {
        let (mut encoder, mut log) = (Encoder::new(usize::MAX), Log::new());
        encoder.frame(&mut log, Opcode::Binary, &[7; 20_000], 0);
        assert_eq!(log.allocated_bytes(), 20_000 + HEADER_BYTES_MAX);
    }

    #[test]
    fn each_variant_is_encoded_once_and_has_its_own_bytes() {
        let (mut encoder, mut log) = (Encoder::new(0), Log::new());
        let event = Event { name: "said", body: br#"{"text":"aaaaaaaaaaaaaaaaaaaa"}"# };
        let message = Outgoing::Either { binary: b"bbbbbbbbbbbbbbbbbbbbbbbbbbb", event: Some(event) };
        let mut encoded = Encoded::default();
        let variants: Vec<_> = [false, true]
            .into_iter()
            .flat_map(|wants_binary| {
                [0, 9, 15].map(|deflate_window_bits| Variant { wants_binary, deflate_window_bits })
            })
            .collect();
        let mut spans = Vec::new();
        for _ in 0..2 {
            for variant in &variants {
                spans.push(encoder.encode(&mut log, &mut encoded, &message, *variant).expect("both have it"));
            }
        }
        assert_eq!(spans[..6], spans[6..], "the second time nothing is written");
        for (index, span) in spans[..6].iter().enumerate() {
            assert!(!spans[..index].contains(span));
            let [binary, compressed] = [index >= 3, index % 3 > 0];
            let first = if binary { 0x82 } else { 0x81 } | if compressed { 0x40 } else { 0 };
            assert_eq!(log.bytes(*span)[0], first);
        }
        assert!(log.bytes(spans[0]).ends_with(br#""text":"aaaaaaaaaaaaaaaaaaaa"}"#));
        assert!(log.bytes(spans[3]).ends_with(b"bbb"));
    }
}
