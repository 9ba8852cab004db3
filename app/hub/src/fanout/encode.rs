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
    spans: [Option<Span>; 32],
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
        let index = usize::from(form == Form::Binary) * 16 + usize::from(variant.deflate_window_bits & 15);
        if let Some(span) = encoded.spans[index] {
            return Some(span);
        }
        let span = self.encode_new(log, encoded, message, (form, variant));
        encoded.spans[index] = Some(span);
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
