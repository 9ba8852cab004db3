//! Packets in their canonical form as MessagePack, byte for byte as notepack.io encodes them.

use crate::malformed::Malformed;
use crate::outline::{Part, outline};
use crate::packet::Kind;
use crate::scan::{Scanner, unescape};

/// Appends a packet as one binary message. `data` is a JSON text, `""` where there is nothing; its placeholders are written as
/// the attachments that they name, and one that names none as the object that it is. Where an attachment is named again it is
/// nil, so that a peer that can write placeholders cannot make us send its bytes ten thousand times.
pub fn write(
    out: &mut Vec<u8>,
    kind: Kind,
    namespace: &str,
    id: Option<u64>,
    data: &str,
    attachments: &[&[u8]],
) {
    let number = match kind {
        Kind::Connect => 0,
        Kind::Disconnect => 1,
        Kind::Event | Kind::BinaryEvent => 2,
        Kind::Ack | Kind::BinaryAck => 3,
        Kind::ConnectError => 4,
    };
    sized(out, &MAP, 2 + usize::from(!data.is_empty()) + usize::from(id.is_some()));
    text(out, "type");
    unsigned(out, number);
    if !data.is_empty() {
        text(out, "data");
        let start = out.len();
        if json(out, data, attachments).is_err() {
            debug_assert!(false, "data is a JSON text: {data}");
            out.truncate(start);
            out.push(NIL);
        }
    }
    if let Some(id) = id {
        text(out, "id");
        unsigned(out, id);
    }
    text(out, "nsp");
    text(out, namespace);
}

fn json(out: &mut Vec<u8>, data: &str, attachments: &[&[u8]]) -> Result<(), Malformed> {
    let mut parts = outline(data, attachments.len())?.into_iter();
    let mut scanner = Scanner::new(data);
    let mut left: Vec<Option<&[u8]>> = attachments.iter().copied().map(Some).collect();
    loop {
        scanner.space();
        let Some(byte) = scanner.peek() else { return Ok(()) };
        match byte {
            b',' | b':' | b']' | b'}' => drop(scanner.take(byte)),
            b'[' | b'{' => match parts.next() {
                Some(Part::Attachment(index)) => {
                    scanner.value(0)?;
                    match left.get_mut(index).and_then(Option::take) {
                        Some(bytes) => {
                            sized(out, &BINARY, bytes.len());
                            out.extend_from_slice(bytes);
                        }
                        None => out.push(NIL),
                    }
                }
                Some(Part::Values(values) | Part::Missing(values, _)) => {
                    scanner.take(byte);
                    sized(out, if byte == b'[' { &ARRAY } else { &MAP }, values);
                }
                None => return Err(Malformed::Json { at: scanner.at() }),
            },
            b'"' => text(out, &unescape(scanner.string()?)),
            b'-' | b'0'..=b'9' => number(out, scanner.number()?),
            _ => out.push(match scanner.word()? {
                "true" => 0xc3,
                "false" => 0xc2,
                _ => NIL,
            }),
        }
    }
}

const NIL: u8 = 0xc0;

/// How something with a length begins: its format for a length that the format's own byte holds, with the least that it does
/// not hold, and its formats for lengths of one, two and four bytes.
struct Sized {
    fixed: (u8, usize),
    formats: [Option<u8>; 3],
}

const TEXT: Sized = Sized { fixed: (0xa0, 0x20), formats: [Some(0xd9), Some(0xda), Some(0xdb)] };
const BINARY: Sized = Sized { fixed: (0, 0), formats: [Some(0xc4), Some(0xc5), Some(0xc6)] };
const ARRAY: Sized = Sized { fixed: (0x90, 0x10), formats: [None, Some(0xdc), Some(0xdd)] };
const MAP: Sized = Sized { fixed: (0x80, 0x10), formats: [None, Some(0xde), Some(0xdf)] };

fn sized(out: &mut Vec<u8>, shape: &Sized, length: usize) {
    if length < shape.fixed.1 {
        return out.push(shape.fixed.0 + length as u8);
    }
    // What holds this many bytes or values would be past any limit on messages.
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match (shape.formats, length) {
        ([Some(one), _, _], [0, 0, 0, length]) => out.extend([one, length]),
        ([_, Some(two), _], [0, 0, high, low]) => out.extend([two, high, low]),
        ([_, _, four], length) => {
            out.extend(four);
            out.extend(length);
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    sized(out, &TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Writes a number as JavaScript would, which has one kind: what is whole is an integer, however it is written in JSON.
fn number(out: &mut Vec<u8>, text: &str) {
    const WORD: f64 = 18_446_744_073_709_551_616.0;
    if let Ok(number) = text.parse() {
        return unsigned(out, number);
    }
    if let Ok(number) = text.parse() {
        return signed(out, number);
    }
    let number: f64 = text.parse().unwrap_or_default();
    match number.fract() == 0.0 {
        true if (0.0..WORD).contains(&number) => unsigned(out, number as u64),
        true if (-WORD / 2.0..0.0).contains(&number) => signed(out, number as i64),
        // The reference writes garbage for what is past 64 bits.
        _ => {
            out.push(0xcb);
            out.extend(number.to_be_bytes());
        }
    }
}

fn unsigned(out: &mut Vec<u8>, number: u64) {
    let power = match number {
        0..0x80 => return out.push(number as u8),
        0x80..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    };
    out.push(0xcc + power);
    out.extend(&number.to_be_bytes()[8 - (1 << power)..]);
}

fn signed(out: &mut Vec<u8>, number: i64) {
    let power = match number {
        0.. => return unsigned(out, number.unsigned_abs()),
        -0x20..0 => return out.push(number as u8),
        -0x80..-0x20 => 0,
        -0x8000..-0x80 => 1,
        -0x8000_0000..-0x8000 => 2,
        _ => 3,
    };
    out.push(0xd0 + power);
    out.extend(&number.to_be_bytes()[8 - (1 << power)..]);
}
