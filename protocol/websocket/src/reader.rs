//! What arrives on one connection: frames, and the messages they make.

mod partial;

use partial::{Compression, Frame, Message, Partial};

use crate::close::parse_close;
use crate::close_code::CloseCode;
use crate::deflate::{DeflateParameters, INFLATER_BYTES, Inflater, InflaterPool};
use crate::frame::{Expected, Header, Opcode, Role};
use crate::mask::unmask;
use crate::message::{Body, Payload, Text};
use crate::misbehaved::Misbehaved;
use crate::utf8;

/// Reads one connection's frames. It holds no heap between messages (unless a context takeover is negotiated) and is
/// 40 bytes itself.
///
/// After an error it must not be read again; [`Reader::release`] ends it in every case.
#[derive(Debug)]
pub struct Reader {
    partial: Option<Box<Partial>>,
    /// With a context takeover by the peer: the inflater between two messages.
    context: Option<Inflater>,
    role: Role,
    deflate: bool,
    takeover: bool,
}

/// What a read may use.
#[derive(Debug)]
pub struct ReadContext<'p> {
    /// The largest message, after inflating.
    pub message_limit_bytes: usize,
    /// The inflaters of this shard.
    pub inflaters: &'p mut InflaterPool,
    /// Bytes that may still be inflated in this turn; counted down.
    pub inflate_budget_bytes: usize,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// The input is consumed and nothing is complete yet.
    NeedMore,
    /// A text message.
    Text(Text<'a>),
    /// A binary message.
    Binary(Payload<'a>),
    /// To be answered by a Pong with the same payload.
    Ping(Payload<'a>),
    /// Answers a Ping or comes unasked.
    Pong(Payload<'a>),
    /// The peer closes, with or without a code and a reason. Nothing after it counts.
    Close(Option<(CloseCode, Text<'a>)>),
    /// The turn's inflate budget is used up: call again with the rest of the input next turn, even if it is empty.
    Yield,
    /// Every inflater of the pool is borrowed: call again with the rest of the input later, even if it is empty.
    NoInflater {
        /// The message lies whole in the input: it needs nothing more from its peer, and an express inflater serves it too.
        whole: bool,
    },
}

/// What one step of a read came to.
enum Step {
    Continue,
    Stop(Read<'static>),
    /// A frame lies whole in the input: its payload's place.
    Lend {
        opcode: Opcode,
        mask: Option<[u8; 4]>,
        length: usize,
    },
}

/// The longest payload whose length stands in the frame's second byte (RFC 6455 §5.2).
const SHORT_BYTES_MAX: usize = 125;

/// So much of a frame has to be missing for it to be worth a read of its own.
pub const DIRECT_BYTES_MIN: usize = 64 << 10;

/// The first bytes of frames that are whole messages.
const WHOLE_TEXT: u8 = 0x81;
const WHOLE_BINARY: u8 = 0x82;

/// Where a short message lies in the input.
#[derive(Clone, Copy, Debug)]
pub struct ShortMessage {
    start: usize,
    end: usize,
    is_text: bool,
}

/// A short message, lent from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Short<'a> {
    /// Text that has been checked to be UTF-8.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl ShortMessage {
    /// Bytes of its frame.
    #[must_use]
    pub fn frame_bytes(self) -> usize {
        self.end
    }

    /// Unmasks it in the input in which it was found. `None` where it is text that is not UTF-8.
    #[inline]
    pub fn lend(self, input: &mut [u8]) -> Option<Short<'_>> {
        let payload = self.unmask(input);
        if self.is_text { utf8::checked(payload).map(Short::Text) } else { Some(Short::Binary(payload)) }
    }

    #[inline]
    fn unmask(self, input: &mut [u8]) -> &mut [u8] {
        let (header, payload) = input[..self.end].split_at_mut(self.start);
        if let [_, _, a, b, c, d] = *header {
            unmask(payload, [a, b, c, d], 0);
        }
        payload
    }
}

impl Reader {
    /// A reader for our `role`. With a context takeover negotiated for what the peer sends, reserve it first
    /// ([`InflaterPool::reserve_context`]); `release` gives it back.
    #[must_use]
    pub fn new(role: Role, deflate: Option<&DeflateParameters>) -> Self {
        Self {
            partial: None,
            context: None,
            role,
            deflate: deflate.is_some(),
            takeover: deflate.is_some_and(|deflate| deflate.peer_context_takeover(role)),
        }
    }

    /// Takes bytes from the front of `input` until one event is complete: how many bytes were taken, and the event. Call
    /// it until it says [`Read::NeedMore`] or the input is used up. Payloads are unmasked in place; a message that lies
    /// whole in one uncompressed frame is lent without a copy.
    #[inline]
    pub fn read<'a>(
        &mut self,
        input: &'a mut [u8],
        cx: &mut ReadContext<'_>,
    ) -> Result<(usize, Read<'a>), Misbehaved> {
        if let Some(short) = self.short_message(input, cx.message_limit_bytes) {
            let read = match short.lend(input).ok_or(Misbehaved::TextNotUtf8)? {
                Short::Text(text) => Read::Text(Text::Borrowed(text)),
                Short::Binary(payload) => lend(payload),
            };
            return Ok((short.end, read));
        }
        self.read_any(input, cx)
    }

    /// A data message is unfinished: at least its first header has arrived.
    #[must_use]
    pub fn in_message(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.message.is_some())
    }

    /// Nothing at all is unfinished, not even a header.
    #[inline]
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.partial.is_none()
    }

    /// Heap held: capacity of what is unfinished, and [`INFLATER_BYTES`] for an inflater.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let context = if self.context.is_some() { INFLATER_BYTES } else { 0 };
        let Some(partial) = &self.partial else { return context };
        let message = partial.message.as_ref().map_or(0, |message| {
            let inflater =
                if let Compression::Inflating(_) = message.compression { INFLATER_BYTES } else { 0 };
            message.body.capacity() + inflater
        });
        context + size_of::<Partial>() + partial.control.capacity() + message
    }

    /// Whether there is nothing that [`Reader::held_bytes`] could count.
    #[inline]
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.partial.is_none() && self.context.is_none()
    }

    /// A compressed message has begun and keeps an inflater until it ends.
    #[must_use]
    pub fn holds_inflater(&self) -> bool {
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        message.is_some_and(|message| matches!(message.compression, Compression::Inflating(_)))
    }

    /// The size that an unfinished text message is known to have at least, 0 where there is none. For those who allow text
    /// less than binary messages.
    #[must_use]
    pub fn unfinished_text_bytes(&self) -> u64 {
        let Some(partial) = &self.partial else { return 0 };
        let Some(Message { body: body @ Body::Text { .. }, compression }) = &partial.message else {
            return 0;
        };
        let announced = match (&partial.frame, compression) {
            (Some(frame), Compression::None) if !frame.opcode.is_control() => frame.remaining,
            _ => 0,
        };
        announced.saturating_add(body.len() as u64)
    }

    /// Ends the reader: a borrowed inflater and a reserved context go back to the pool.
    pub fn release(mut self, pool: &mut InflaterPool) {
        let message = self.partial.take().and_then(|partial| partial.message);
        if self.takeover {
            pool.release_context();
        } else if let Some(Message { compression: Compression::Inflating(inflating), .. }) = message {
            pool.give_back(inflating.into_inflater());
        }
    }

    /// Where the rest of a long uncompressed message is to be read to, which then is not copied: what a transport gives may be
    /// appended here, as far as there is space, and told to [`Reader::appended`]. There is none before
    /// [`DIRECT_BYTES_MIN`] have arrived, and then no more than what has.
    pub fn space(&mut self) -> Option<&mut Vec<u8>> {
        let Partial { frame: Some(frame), message: Some(message), .. } = self.partial.as_deref_mut()? else {
            return None;
        };
        // Whoever has sent a header alone has no space made for it.
        let is_long = !frame.opcode.is_control() && message.body.len() >= DIRECT_BYTES_MIN;
        let is_plain = is_long && matches!(message.compression, Compression::None);
        let left =
            usize::try_from(frame.remaining).ok().filter(|left| is_plain && *left >= DIRECT_BYTES_MIN)?;
        if message.body.spare() < DIRECT_BYTES_MIN {
            message.body.grow(left.min(message.body.len()));
        }
        Some(message.body.bytes_mut())
    }

    /// So many bytes have been appended to [`Reader::space`]: they are unmasked and, of text, checked. What was too much for the
    /// frame comes back as it came, to be read like any other input, which has to be done in any case: the message may be complete.
    ///
    /// # Errors
    /// [`Misbehaved`] where the text is not UTF-8.
    pub fn appended(&mut self, bytes: usize) -> Result<Vec<u8>, Misbehaved> {
        let Some(Partial { frame: Some(frame), message: Some(message), .. }) = self.partial.as_deref_mut()
        else {
            return Ok(Vec::new());
        };
        let own = frame.available(bytes);
        let excess = if bytes > own { message.body.cut(bytes - own) } else { Vec::new() };
        frame.take(message.body.tail(own));
        message.body.check()?;
        Ok(excess)
    }

    /// The message at the front of `input` where it is as nearly all are: uncompressed, in one short frame, there whole, and
    /// with nothing begun before it. [`Reader::read`] reads it as well, and whatever this says no to.
    #[inline]
    #[must_use]
    pub fn short_message(&self, input: &[u8], limit_bytes: usize) -> Option<ShortMessage> {
        if !self.is_idle() {
            return None;
        }
        let &[first, second, ..] = input else { return None };
        let (masked, start) = match self.role {
            Role::Server => (0x80, 6),
            Role::Client => (0, 2),
        };
        // Where the mask's bit is wrong this is more than 125, as for the longer forms of a length.
        let length = usize::from(second ^ masked);
        let end = start + length;
        let is_short = matches!(first, WHOLE_TEXT | WHOLE_BINARY)
            && length <= SHORT_BYTES_MAX.min(limit_bytes)
            && end <= input.len();
        is_short.then_some(ShortMessage { start, end, is_text: first == WHOLE_TEXT })
    }

    fn read_any<'a>(
        &mut self,
        input: &'a mut [u8],
        cx: &mut ReadContext<'_>,
    ) -> Result<(usize, Read<'a>), Misbehaved> {
        let mut taken = 0;
        loop {
            let rest = input.get_mut(taken..).unwrap_or_default();
            let in_frame = self.partial.as_ref().is_some_and(|partial| partial.frame.is_some());
            let (more, step) =
                if in_frame { self.continue_frame(rest, cx)? } else { self.begin_frame(rest, cx)? };
            taken += more;
            match step {
                Step::Continue => {}
                Step::Stop(read) => return Ok((taken, read)),
                Step::Lend { opcode, mask, length } => {
                    let payload = input.get_mut(taken..taken + length).unwrap_or_default();
                    if let Some(mask) = mask {
                        unmask(payload, mask, 0);
                    }
                    let read = match opcode {
                        Opcode::Text => lend_text(payload)?,
                        Opcode::Binary | Opcode::Continuation => lend(payload),
                        Opcode::Close | Opcode::Ping | Opcode::Pong => {
                            control(opcode, Payload::Borrowed(payload))?
                        }
                    };
                    return Ok((taken + length, read));
                }
            }
        }
    }

    /// Reads a header. A frame that is whole in the input and needs no assembly is lent; else it becomes the partial one.
    fn begin_frame(&mut self, input: &[u8], cx: &ReadContext<'_>) -> Result<(usize, Step), Misbehaved> {
        let Some((header, taken)) = self.take_header(input)? else {
            return Ok((input.len(), Step::Stop(Read::NeedMore)));
        };
        let Header { opcode, fin, rsv1, payload_len, mask } = header;
        let message = self.partial.as_ref().and_then(|partial| partial.message.as_ref());
        let compressed =
            rsv1 || message.is_some_and(|message| !matches!(message.compression, Compression::None));
        if !opcode.is_control() && !compressed {
            let size_bytes =
                payload_len.saturating_add(message.map_or(0, |message| message.body.len()) as u64);
            if size_bytes > cx.message_limit_bytes as u64 {
                return Err(Misbehaved::TooBig { size_bytes, limit_bytes: cx.message_limit_bytes });
            }
        }
        let alone = opcode.is_control() || (fin && !rsv1 && opcode != Opcode::Continuation);
        if alone && payload_len <= (input.len() - taken) as u64 {
            return Ok((taken, Step::Lend { opcode, mask, length: payload_len as usize }));
        }
        let partial = self.partial.get_or_insert_default();
        let compression = if rsv1 { Compression::Waiting } else { Compression::None };
        match opcode {
            Opcode::Text => partial.message = Some(Message { body: Body::text(), compression }),
            Opcode::Binary => partial.message = Some(Message { body: Body::Binary(Vec::new()), compression }),
            _ => {}
        }
        partial.frame = Some(Frame { opcode, fin, remaining: payload_len, mask, phase: 0 });
        Ok((taken, Step::Continue))
    }

    /// A header from what is kept and the input, and how much of the input it took; or keeps the input.
    fn take_header(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, Misbehaved> {
        let expected = Expected { role: self.role, deflate: self.deflate, in_message: self.in_message() };
        let kept = self.partial.as_ref().map_or(0, |partial| usize::from(partial.header_len));
        if kept == 0 {
            if let Some(found) = Header::parse(input, expected)? {
                return Ok(Some(found));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
        let partial = self.partial.get_or_insert_default();
        let room = partial.header.get_mut(kept..).unwrap_or_default();
        let more = room.len().min(input.len());
        room[..more].copy_from_slice(&input[..more]);
        if let Some((header, length)) = Header::parse(&partial.header[..kept + more], expected)? {
            partial.header_len = 0;
            if partial.message.is_none() {
                self.partial = None;
            }
            return Ok(Some((header, length - kept)));
        }
        // An incomplete header is shorter than the longest, so it fits.
        partial.header_len = (kept + more) as u8;
        Ok(None)
    }

    /// Carries on with a frame whose header has arrived.
    fn continue_frame(
        &mut self,
        input: &mut [u8],
        cx: &mut ReadContext<'_>,
    ) -> Result<(usize, Step), Misbehaved> {
        let Some(partial) = self.partial.as_deref_mut() else { return Ok((0, Step::Continue)) };
        let Partial { frame: Some(frame), message, control: control_payload, .. } = partial else {
            return Ok((0, Step::Continue));
        };
        if frame.opcode.is_control() {
            let taken = frame.take(input);
            control_payload.extend_from_slice(taken);
            let taken = taken.len();
            if frame.remaining > 0 {
                return Ok((taken, Step::Stop(Read::NeedMore)));
            }
            let (opcode, payload) = (frame.opcode, std::mem::take(control_payload));
            partial.frame = None;
            if partial.message.is_none() {
                self.partial = None;
            }
            return Ok((taken, Step::Stop(control(opcode, Payload::Owned(payload))?)));
        }
        let Some(message) = message else { return Ok((0, Step::Continue)) };
        let taken = if let Compression::None = message.compression {
            let size = frame.fin.then(|| message.body.len() + frame.remaining as usize);
            let taken = frame.take(input);
            message.body.push(taken, size)?;
            taken.len()
        } else {
            match message.inflate(frame, input, self.takeover, &mut self.context, cx)? {
                (taken, Some(stop)) => return Ok((taken, Step::Stop(stop))),
                (taken, None) => taken,
            }
        };
        if frame.remaining > 0 {
            return Ok((taken, Step::Stop(Read::NeedMore)));
        }
        let fin = frame.fin;
        partial.frame = None;
        if !fin {
            return Ok((taken, Step::Continue));
        }
        let message = self.partial.take().and_then(|partial| partial.message);
        let Some(message) = message else { return Ok((taken, Step::Continue)) };
        Ok((taken, Step::Stop(self.finish(message, cx)?)))
    }

    fn finish(&mut self, message: Message, cx: &mut ReadContext<'_>) -> Result<Read<'static>, Misbehaved> {
        if let Compression::Inflating(inflating) = message.compression {
            if self.takeover {
                self.context = Some(inflating.into_inflater());
            } else {
                cx.inflaters.give_back(inflating.into_inflater());
            }
        }
        match message.body {
            Body::Binary(bytes) => Ok(Read::Binary(Payload::Owned(bytes))),
            Body::Text { bytes, .. } => {
                let text = utf8::string_of(bytes).ok_or(Misbehaved::TextNotUtf8)?;
                Ok(Read::Text(Text::Owned(text)))
            }
        }
    }
}

#[inline]
fn lend_text(payload: &[u8]) -> Result<Read<'_>, Misbehaved> {
    match utf8::checked(payload) {
        Some(text) => Ok(Read::Text(Text::Borrowed(text))),
        None => Err(Misbehaved::TextNotUtf8),
    }
}

#[inline]
fn lend(payload: &[u8]) -> Read<'_> {
    Read::Binary(Payload::Borrowed(payload))
}

fn control(opcode: Opcode, payload: Payload<'_>) -> Result<Read<'_>, Misbehaved> {
    Ok(match opcode {
        Opcode::Ping => Read::Ping(payload),
        Opcode::Pong => Read::Pong(payload),
        _ => Read::Close(parse_close(payload)?),
    })
}

#[cfg(test)]
mod tests;
