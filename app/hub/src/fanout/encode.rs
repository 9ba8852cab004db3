//! Encoding a message once for each variant of connection that it goes to.

use fanfare_session::native::{write_arguments, write_event};
use fanfare_session::socketio::{self, Kind, msgpack};
use fanfare_session::websocket::{Deflaters, HEADER_BYTES_MAX, Opcode, short_header, write_frame_header};
use fanfare_session::{Parser, engineio};

use super::log::{Log, Span};
use super::outgoing::{Arguments, Event, Outgoing};
use crate::limits::Dialect;

/// How a connection's messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wire {
    /// As WebSocket messages: JSON of the native dialect, or what the application makes of them.
    #[default]
    Plain,
    /// As Engine.IO messages.
    Engine,
    /// As packets of Socket.IO.
    SocketIo,
    /// As packets of Socket.IO in msgpack.
    MsgPack,
}

impl Wire {
    /// What the connections of a door speak.
    pub(crate) fn of(dialect: Dialect) -> Self {
        match dialect.parser() {
            None => Self::Plain,
            Some(Parser::None) => Self::Engine,
            Some(Parser::Json) => Self::SocketIo,
            Some(Parser::MsgPack) => Self::MsgPack,
        }
    }
}

/// Connections of the same variant are sent the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Takes binary messages where there is a choice.
    pub(crate) wants_binary: bool,
    /// Bits of the deflate window that was negotiated, 0 where none was.
    pub(crate) deflate_window_bits: u8,
    pub(crate) wire: Wire,
    /// Waits in the form of a polling body, each packet behind its separator.
    pub(crate) polling: bool,
}

impl Variant {
    /// All of it in one number: to be compared at once.
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        let bytes =
            [u8::from(self.wants_binary), self.deflate_window_bits, self.wire as u8, u8::from(self.polling)];
        u32::from_le_bytes(bytes)
    }
}

/// A shard's compressors, one for each window size in use, and a buffer. None keeps a context between messages.
#[derive(Debug)]
pub(crate) struct Encoder {
    deflaters: Deflaters,
    text: Vec<u8>,
    deflated: Vec<u8>,
    threshold_bytes: usize,
}

/// The variants of one message that have been encoded so far. Most messages have one.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// What the connection before was given, by the variant that it asked for.
    given: Option<(Variant, Span)>,
    last: Option<(Variant, Span)>,
    others: Vec<(Variant, Span)>,
    /// What the encoder's buffer holds of this message.
    text: Option<Wire>,
}

impl Encoded {
    /// What a connection of this variant gets, where the one before was of it too: as nearly always.
    #[inline]
    pub(crate) fn again(&self, variant: Variant) -> Option<Span> {
        self.given.and_then(|(given, span)| (given.bits() == variant.bits()).then_some(span))
    }

    /// What the connection before got, and of which variant it was ([`Variant::bits`]).
    pub(crate) fn given(&self) -> Option<(u32, Span)> {
        self.given.map(|(variant, span)| (variant.bits(), span))
    }

    fn find(&self, key: Variant) -> Option<Span> {
        let known = self.last.iter().chain(&self.others).find(|(variant, _)| *variant == key);
        known.map(|(_, span)| *span)
    }

    fn note(&mut self, key: Variant, span: Span) {
        self.others.extend(self.last.replace((key, span)));
    }
}

/// The text buffer is given back to the allocator past this size.
const TEXT_BUFFER_BYTES_MAX: usize = 64 << 10;

/// The argument that stands for the one attachment of a binary message.
const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

impl Encoder {
    pub(crate) fn new(threshold_bytes: usize) -> Self {
        Self { deflaters: Deflaters::default(), text: Vec::new(), deflated: Vec::new(), threshold_bytes }
    }

    /// The span with `message` as `variant` takes it; `None` where it takes nothing of it. All who share `encoded` are in the
    /// same namespace.
    pub(crate) fn encode(
        &mut self,
        log: &mut Log,
        encoded: &mut Encoded,
        message: &Outgoing<'_>,
        (variant, namespace): (Variant, &str),
    ) -> Option<Span> {
        let is_binary = match message {
            Outgoing::Binary(_) | Outgoing::NamedBinary(..) => true,
            Outgoing::Either { event, .. } => {
                if !variant.wants_binary {
                    event.as_ref()?;
                }
                variant.wants_binary
            }
            Outgoing::Text(_) if matches!(variant.wire, Wire::SocketIo | Wire::MsgPack) => return None,
            _ => false,
        };
        let key = Variant { wants_binary: is_binary, ..variant };
        let span = encoded.find(key).unwrap_or_else(|| {
            let span = self.encode_new(log, encoded, message, (key, namespace));
            encoded.note(key, span);
            span
        });
        encoded.given = Some((variant, span));
        Some(span)
    }

    /// Once for each variant.
    fn encode_new(
        &mut self,
        log: &mut Log,
        encoded: &mut Encoded,
        message: &Outgoing<'_>,
        (variant, namespace): (Variant, &str),
    ) -> Span {
        match (variant.wire, message) {
            (Wire::SocketIo, _) => self.socketio(log, encoded, message, (variant, namespace)),
            (Wire::MsgPack, _) => self.msgpack(log, message, (variant, namespace)),
            (wire, Outgoing::Binary(binary) | Outgoing::NamedBinary(_, binary)) => {
                self.message(log, wire, Opcode::Binary, binary, variant)
            }
            (wire, Outgoing::Either { binary, .. }) if variant.wants_binary => {
                self.message(log, wire, Opcode::Binary, binary, variant)
            }
            // Bytes have no place in the JSON of the native dialect: they are messages of their own.
            (Wire::Plain, Outgoing::Emit { arguments: Arguments { attachments, .. }, .. })
                if !attachments.is_empty() =>
            {
                let parts: Vec<&[u8]> = attachments.iter().map(Vec::as_slice).collect();
                self.packets(log, None, &parts, variant)
            }
            (wire, Outgoing::Text(text)) => self.message(log, wire, Opcode::Text, text.as_bytes(), variant),
            (wire, _) => {
                let text = self.written(encoded, wire, |out| native_text(out, message));
                let span = self.message(log, wire, Opcode::Text, &text, variant);
                self.text = text;
                span
            }
        }
    }

    /// The text of a message; the buffer goes back to `self.text`, where the next variant finds it.
    fn written(&mut self, encoded: &mut Encoded, wire: Wire, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.text);
        if encoded.text.replace(wire) != Some(wire) {
            text.clear();
            text.shrink_to(TEXT_BUFFER_BYTES_MAX);
            write(&mut text);
        }
        text
    }

    /// One WebSocket message, or one message of Engine.IO.
    pub(crate) fn message(
        &mut self,
        log: &mut Log,
        wire: Wire,
        opcode: Opcode,
        payload: &[u8],
        variant: Variant,
    ) -> Span {
        match (wire, opcode, variant.polling) {
            (Wire::Plain, ..) | (_, Opcode::Binary, false) => {
                self.frame(log, opcode, payload, variant.deflate_window_bits)
            }
            (_, Opcode::Binary, true) => self.packets(log, None, &[payload], variant),
            _ => {
                let mut text = Vec::with_capacity(payload.len() + 1);
                text.push(b'4');
                text.extend_from_slice(payload);
                self.packets(log, Some(&text), &[], variant)
            }
        }
    }

    fn socketio(
        &mut self,
        log: &mut Log,
        encoded: &mut Encoded,
        message: &Outgoing<'_>,
        (variant, namespace): (Variant, &str),
    ) -> Span {
        let packet = Packet::of(message, variant.wants_binary);
        let text = self.written(encoded, Wire::SocketIo, |out| {
            out.push(b'4');
            packet.write(out, namespace);
        });
        let span = if packet.one.is_none() && packet.many.is_empty() {
            self.packets(log, Some(&text), &[], variant)
        } else {
            self.packets(log, Some(&text), &packet.attachments(), variant)
        };
        // The form with bytes and the one without have different texts.
        if matches!(message, Outgoing::Either { .. }) {
            encoded.text = None;
        }
        self.text = text;
        span
    }

    fn msgpack(
        &mut self,
        log: &mut Log,
        message: &Outgoing<'_>,
        (variant, namespace): (Variant, &str),
    ) -> Span {
        let packet = Packet::of(message, variant.wants_binary);
        let mut bytes = Vec::new();
        let kind = if packet.name.is_some() { Kind::Event } else { Kind::Ack };
        msgpack::write(&mut bytes, kind, namespace, packet.id, &packet.data(), &packet.attachments());
        self.packets(log, None, &[&bytes], variant)
    }

    /// One packet of Engine.IO as text (with its type), and the binary ones that belong to it, in one piece.
    pub(crate) fn packets(
        &mut self,
        log: &mut Log,
        text: Option<&[u8]>,
        binary: &[&[u8]],
        variant: Variant,
    ) -> Span {
        if variant.polling {
            let bytes: usize = binary.iter().map(|bytes| bytes.len() / 3 * 4 + 8).sum();
            return log.append(text.map_or(0, <[u8]>::len) + bytes + 1, |out| {
                if let Some(text) = text {
                    out.push(engineio::SEPARATOR);
                    out.extend_from_slice(text);
                }
                for bytes in binary {
                    out.push(engineio::SEPARATOR);
                    engineio::write_binary(out, bytes);
                }
            });
        }
        let bits = variant.deflate_window_bits;
        match (text, binary) {
            (Some(text), []) => self.frame(log, Opcode::Text, text, bits),
            (None, [bytes]) => self.frame(log, Opcode::Binary, bytes, bits),
            _ => {
                let mut frames = Vec::new();
                for (opcode, payload) in text
                    .map(|text| (Opcode::Text, text))
                    .into_iter()
                    .chain(binary.iter().map(|bytes| (Opcode::Binary, *bytes)))
                {
                    let compressed = self.deflated(payload, bits);
                    let payload = if compressed { &self.deflated } else { payload };
                    write_frame_header(&mut frames, opcode, true, compressed, payload.len(), None);
                    frames.extend_from_slice(payload);
                }
                log.append(frames.len(), |out| out.extend_from_slice(&frames))
            }
        }
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

    /// Writes one frame as it is, for connections that negotiated nothing: those whose variant is the default.
    #[inline(always)]
    pub(crate) fn plain_frame(log: &mut Log, opcode: Opcode, payload: &[u8]) -> Span {
        write(log, opcode, false, payload)
    }

    /// Writes one frame, compressed where that was negotiated and the payload is long enough for it.
    pub(crate) fn frame(
        &mut self,
        log: &mut Log,
        opcode: Opcode,
        payload: &[u8],
        deflate_window_bits: u8,
    ) -> Span {
        if self.deflated(payload, deflate_window_bits) {
            write(log, opcode, true, &self.deflated)
        } else {
            write(log, opcode, false, payload)
        }
    }

    /// Compresses a payload into `self.deflated` where that was negotiated, it is long enough for it, and it can be done:
    /// compression is an offer, not a promise.
    fn deflated(&mut self, payload: &[u8], deflate_window_bits: u8) -> bool {
        if deflate_window_bits == 0 || payload.len() < self.threshold_bytes {
            return false;
        }
        self.deflated.clear();
        self.deflated.shrink_to(TEXT_BUFFER_BYTES_MAX);
        self.deflaters.get(deflate_window_bits).deflate(payload, &mut self.deflated).is_ok()
    }
}

/// The native text of what is an event, or can be told as one.
fn native_text(out: &mut Vec<u8>, message: &Outgoing<'_>) {
    match message {
        Outgoing::Event(event) | Outgoing::Either { event: Some(event), .. } => {
            write_event(out, event.name, event.body);
        }
        Outgoing::Emit { name, arguments, .. } => write_arguments(out, name, arguments.json),
        _ => {}
    }
}

/// A Socket.IO packet that carries an event or an acknowledgement.
struct Packet<'m> {
    /// `None` for an acknowledgement.
    name: Option<&'m str>,
    id: Option<u64>,
    json: &'m [u8],
    one: Option<&'m [u8]>,
    many: &'m [Vec<u8>],
}

impl<'m> Packet<'m> {
    fn of(message: &Outgoing<'m>, is_binary: bool) -> Self {
        let event = |event: &Event<'m>| Self {
            name: Some(event.name),
            id: None,
            json: event.body,
            one: None,
            many: &[],
        };
        let bytes = |name, bytes| Self {
            name: Some(name),
            id: None,
            json: PLACEHOLDER.as_bytes(),
            one: Some(bytes),
            many: &[],
        };
        let any = |name, id, arguments: &Arguments<'m>| Self {
            name,
            id,
            json: arguments.json.as_bytes(),
            one: None,
            many: arguments.attachments,
        };
        match message {
            Outgoing::Event(it) => event(it),
            Outgoing::Binary(it) => bytes("binary", it),
            Outgoing::NamedBinary(name, it) => bytes(name, it),
            Outgoing::Either { binary, .. } if is_binary => bytes("binary", binary),
            Outgoing::Either { event: Some(it), .. } => event(it),
            Outgoing::Emit { name, arguments, id } => any(Some(*name), *id, arguments),
            Outgoing::Acknowledge { id, arguments } => any(None, Some(*id), arguments),
            // Nobody who speaks Socket.IO is sent these.
            Outgoing::Text(_) | Outgoing::Either { .. } => {
                Self { name: None, id: None, json: b"", one: None, many: &[] }
            }
        }
    }

    fn attachments(&self) -> Vec<&'m [u8]> {
        self.one.into_iter().chain(self.many.iter().map(Vec::as_slice)).collect()
    }

    fn write(&self, out: &mut Vec<u8>, namespace: &str) {
        let attachments = usize::from(self.one.is_some()) + self.many.len();
        match self.name {
            Some(name) => socketio::write_event(out, namespace, self.id, name, self.json, attachments),
            None => {
                socketio::write_ack(out, namespace, self.id.unwrap_or_default(), self.json, attachments);
            }
        }
    }

    /// The array that the packet carries.
    fn data(&self) -> String {
        let json = String::from_utf8_lossy(self.json);
        match self.name {
            Some(name) => {
                let name = serde_json::Value::from(name);
                if json.is_empty() { format!("[{name}]") } else { format!("[{name},{json}]") }
            }
            None => format!("[{json}]"),
        }
    }
}

#[inline(always)]
fn write(log: &mut Log, opcode: Opcode, compressed: bool, payload: &[u8]) -> Span {
    if let Some(header) = short_header(opcode, compressed, payload.len())
        && let Some(span) = log.append_short(header, payload)
    {
        return span;
    }
    write_any(log, opcode, compressed, payload)
}

fn write_any(log: &mut Log, opcode: Opcode, compressed: bool, payload: &[u8]) -> Span {
    log.append(payload.len() + HEADER_BYTES_MAX, |out| {
        write_frame_header(out, opcode, true, compressed, payload.len(), None);
        out.extend_from_slice(payload);
    })
}

#[cfg(test)]
mod tests;
