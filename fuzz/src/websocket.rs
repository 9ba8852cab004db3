//! Frames and messages: what a reader finds does not depend on how its input is cut, and what it holds is bounded.

use fanfare_websocket::{
    DeflateParameters, Deflater, INFLATER_BYTES, InflaterPool, Opcode, Read, ReadContext, Reader, Role,
    write_frame,
};

use crate::input::Input;

/// Small, so that fuzzing reaches it.
const MESSAGE_LIMIT_BYTES: usize = 4096;

/// What an unfinished message costs beside its bytes.
const HELD_FIXED_BYTES: usize = 512;

/// Any bytes as frames, without compression.
pub fn frames(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let cut = input.byte();
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    compare(role, None, input.rest(), cut);
}

/// Frames that are mostly well formed, with permessage-deflate negotiated.
pub fn messages(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.byte();
    let cut = input.byte();
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let takeover = choice & 2 != 0;
    let parameters = DeflateParameters {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    if choice & 4 != 0 {
        return compare(role, Some(&parameters), input.rest(), cut);
    }
    let mut deflater = if takeover { Deflater::with_takeover(9) } else { Deflater::new(9) };
    let mut wire = Vec::new();
    let mask = (role == Role::Server).then_some([0x55, 0xAA, 0x0F, choice]);
    while !input.is_empty() {
        write_message_part(&mut input, &mut deflater, &mut wire, mask);
    }
    compare(role, Some(&parameters), &wire, cut);
}

/// One frame, or the fragments of a compressed message.
fn write_message_part(
    input: &mut Input<'_>,
    deflater: &mut Deflater,
    wire: &mut Vec<u8>,
    mask: Option<[u8; 4]>,
) {
    let shape = input.byte();
    let length = usize::from(input.byte());
    let payload = input.bytes(length);
    let opcode =
        [Opcode::Text, Opcode::Binary, Opcode::Continuation, Opcode::Ping, Opcode::Pong, Opcode::Close]
            [usize::from(shape & 0x7) % 6];
    let (fin, rsv1) = (shape & 0x08 == 0, shape & 0x10 != 0);
    if opcode.is_control() {
        return write_frame(wire, opcode, true, false, &payload[..payload.len().min(125)], mask);
    }
    if shape & 0x20 == 0 {
        return write_frame(wire, opcode, fin, rsv1, payload, mask);
    }
    // Compressed by ourselves: repeated, so that it may go over the limit, and cut into two fragments.
    let message = payload.repeat(usize::from(shape >> 6) * 12 + 1);
    let mut compressed = Vec::new();
    deflater.deflate(&message, &mut compressed).expect("deflating works");
    let opcode = if opcode == Opcode::Continuation { Opcode::Binary } else { opcode };
    let (first, second) = compressed.split_at(length.min(compressed.len()));
    write_frame(wire, opcode, false, true, first, mask);
    write_frame(wire, Opcode::Continuation, true, false, second, mask);
}

/// Reads the wire whole and in pieces and asserts that both find the same.
fn compare(role: Role, deflate: Option<&DeflateParameters>, wire: &[u8], cut: u8) {
    let whole = read(role, deflate, wire, usize::MAX, |rest| rest);
    let mut state = u64::from(cut).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let budget = 1 + usize::from(cut) * 16;
    let pieces = read(role, deflate, wire, budget, |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if cut == 0 { 1 } else { state as usize % (usize::from(cut) * 4) }
    });
    assert_eq!(whole, pieces);
}

fn read(
    role: Role,
    deflate: Option<&DeflateParameters>,
    wire: &[u8],
    budget: usize,
    mut size: impl FnMut(usize) -> usize,
) -> Vec<String> {
    let mut pool = InflaterPool::new(1, INFLATER_BYTES);
    assert!(!deflate.is_some_and(|deflate| deflate.peer_context_takeover(role)) || pool.reserve_context());
    let mut reader = Reader::new(role, deflate);
    let (mut events, mut delivered) = (Vec::new(), 0);
    'wire: while delivered < wire.len() {
        let rest = &wire[delivered..];
        let mut piece = rest[..size(rest.len()).clamp(1, rest.len())].to_vec();
        delivered += piece.len();
        let (mut at, mut again) = (0, false);
        while at < piece.len() || again {
            let mut cx = ReadContext {
                message_limit_bytes: MESSAGE_LIMIT_BYTES,
                inflaters: &mut pool,
                inflate_budget_bytes: budget,
            };
            let before = piece.len() - at;
            match reader.read(&mut piece[at..], &mut cx) {
                Ok((taken, read)) => {
                    assert!(taken <= before);
                    at += taken;
                    again = read == Read::Yield;
                    let closed = matches!(read, Read::Close(_));
                    match &read {
                        Read::Yield => assert_eq!(cx.inflate_budget_bytes, 0, "a yield has used its budget"),
                        Read::NeedMore => assert_eq!(taken, before, "what is there is taken"),
                        Read::NoInflater { .. } => panic!("the pool's one inflater is still out"),
                        Read::Text(text) => assert!(text.len() <= MESSAGE_LIMIT_BYTES),
                        Read::Binary(bytes) => assert!(bytes.len() <= MESSAGE_LIMIT_BYTES),
                        Read::Ping(payload) | Read::Pong(payload) => assert!(payload.len() <= 125),
                        Read::Close(_) => {}
                    }
                    if !matches!(read, Read::Yield | Read::NeedMore) {
                        events.push(format!("{read:?}").replace("Owned(", "Borrowed("));
                    }
                    if closed {
                        break 'wire;
                    }
                }
                Err(misbehaved) => {
                    assert!(matches!(misbehaved.close_code().get(), 1002 | 1007 | 1009));
                    events.push(format!("{misbehaved:?}"));
                    break 'wire;
                }
            }
        }
        let content =
            if deflate.is_some() { 2 * MESSAGE_LIMIT_BYTES + INFLATER_BYTES } else { 2 * delivered };
        assert!(reader.held_bytes() <= content + HELD_FIXED_BYTES, "{} bytes are held", reader.held_bytes());
    }
    reader.release(&mut pool);
    assert_eq!(pool.borrowed(), 0, "an inflater is lost");
    events
}
