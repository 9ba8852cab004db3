use super::*;
use crate::deflate::{DeflateOptions, Deflater, EXPRESS_INFLATERS};
use crate::frame::write_frame;

const MASK: Option<[u8; 4]> = Some([0x12, 0x34, 0x56, 0x78]);
const LIMIT: usize = 1 << 20;
const DEFLATE: DeflateParameters = DeflateParameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};

fn cx(inflaters: &mut InflaterPool) -> ReadContext<'_> {
    ReadContext { message_limit_bytes: LIMIT, inflaters, inflate_budget_bytes: usize::MAX }
}

/// Everything found when `input` comes in pieces of `size`.
fn events(reader: &mut Reader, input: &[u8], size: usize, limit: usize) -> Vec<Result<String, Misbehaved>> {
    let mut pool = InflaterPool::new(1, 0);
    let mut cx = ReadContext { message_limit_bytes: limit, ..cx(&mut pool) };
    let mut events = Vec::new();
    for piece in input.chunks(size.max(1)) {
        let mut piece = piece.to_vec();
        let mut at = 0;
        while at < piece.len() {
            match reader.read(&mut piece[at..], &mut cx) {
                Ok((taken, read)) => {
                    assert!(!matches!(read, Read::NoInflater { .. }), "the pool's one inflater is still out");
                    if read != Read::NeedMore {
                        events.push(Ok(format!("{read:?}").replace("Owned", "Borrowed")));
                    }
                    at += taken;
                }
                Err(misbehaved) => {
                    events.push(Err(misbehaved));
                    return events;
                }
            }
        }
    }
    events
}

#[test]
fn a_reader_is_small_and_idle_ones_hold_nothing() {
    assert!(size_of::<Reader>() <= 48, "{}", size_of::<Reader>());
    assert_eq!(Reader::new(Role::Server, Some(&DEFLATE)).held_bytes(), 0);
}

#[test]
fn the_same_events_in_every_cut() {
    let mut wire = Vec::new();
    write_frame(&mut wire, Opcode::Text, true, false, "grüße".as_bytes(), MASK);
    write_frame(&mut wire, Opcode::Text, false, false, b"\xE2", MASK);
    write_frame(&mut wire, Opcode::Ping, true, false, b"ping", MASK);
    write_frame(&mut wire, Opcode::Continuation, false, false, b"", MASK);
    write_frame(&mut wire, Opcode::Continuation, true, false, b"\x82\xAC", MASK);
    write_frame(&mut wire, Opcode::Binary, true, false, &[7; 300], MASK);
    write_frame(&mut wire, Opcode::Close, true, false, b"\x03\xE8bye", MASK);
    let whole = events(&mut Reader::new(Role::Server, None), &wire, wire.len(), LIMIT);
    assert_eq!(whole.len(), 5);
    assert_eq!(whole[0], Ok("Text(Borrowed(\"grüße\"))".into()));
    assert_eq!(whole[2], Ok("Text(Borrowed(\"€\"))".into()));
    for size in 1..wire.len() {
        let mut reader = Reader::new(Role::Server, None);
        assert_eq!(events(&mut reader, &wire, size, LIMIT), whole, "pieces of {size}");
        assert!(reader.is_idle() && reader.held_bytes() == 0);
    }
}

#[test]
fn a_message_over_the_limit_is_refused_at_its_header() {
    let mut reader = Reader::new(Role::Client, None);
    let header = [0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 1];
    let refused = Err(Misbehaved::TooBig { size_bytes: (1 << 20) + 1, limit_bytes: LIMIT });
    assert_eq!(events(&mut reader, &header, 14, LIMIT), [refused]);
    assert_eq!(reader.held_bytes(), 0);
    let mut reader = Reader::new(Role::Client, None);
    let fragments = [0x02, 2, 0, 0, 0x80, 2];
    let refused = Err(Misbehaved::TooBig { size_bytes: 4, limit_bytes: 3 });
    assert_eq!(events(&mut reader, &fragments, 14, 3), [refused]);
}

#[test]
fn bad_text_is_refused_as_it_arrives() {
    let mut reader = Reader::new(Role::Client, None);
    let cut_frame = [0x01, 100, b'a', 0xFF];
    assert_eq!(events(&mut reader, &cut_frame, 14, LIMIT), [Err(Misbehaved::TextNotUtf8)]);
    let mut reader = Reader::new(Role::Client, None);
    let ends_in_a_character = [0x01, 1, 0xE2, 0x80, 1, 0x82];
    assert_eq!(events(&mut reader, &ends_in_a_character, 14, LIMIT), [Err(Misbehaved::TextNotUtf8)]);
}

#[test]
fn compressed_messages_in_every_cut() {
    let text = "compress me, ".repeat(20);
    let mut compressed = Vec::new();
    Deflater::new(15).deflate(text.as_bytes(), &mut compressed).unwrap();
    let mut wire = Vec::new();
    write_frame(&mut wire, Opcode::Text, false, true, &compressed[..5], MASK);
    write_frame(&mut wire, Opcode::Pong, true, false, b"", MASK);
    write_frame(&mut wire, Opcode::Continuation, true, false, &compressed[5..], MASK);
    for size in 1..=wire.len() {
        let mut reader = Reader::new(Role::Server, Some(&DEFLATE));
        let events = events(&mut reader, &wire, size, LIMIT);
        assert_eq!(events[1], Ok(format!("Text(Borrowed({text:?}))")), "pieces of {size}");
        assert_eq!(reader.held_bytes(), 0);
    }
}

#[test]
fn examples_of_rfc_7692_section_7_2_3() {
    let final_block = [0xC1, 0x08, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00];
    let two_blocks =
        [0xC1, 0x0D, 0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00];
    let stored = [0xC1, 0x0B, 0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00];
    for wire in [&final_block[..], &two_blocks, &stored] {
        let mut reader = Reader::new(Role::Client, Some(&DEFLATE));
        assert_eq!(events(&mut reader, wire, 64, LIMIT), [Ok("Text(Borrowed(\"Hello\"))".to_owned())]);
    }
}

#[test]
fn a_bomb_is_refused_while_inflating() {
    let mut compressed = Vec::new();
    Deflater::new(15).deflate(&vec![0; 8 << 20], &mut compressed).unwrap();
    let mut wire = Vec::new();
    write_frame(&mut wire, Opcode::Binary, true, true, &compressed, MASK);
    let mut reader = Reader::new(Role::Server, Some(&DEFLATE));
    let refused = Misbehaved::TooBig { size_bytes: LIMIT as u64 + 1, limit_bytes: LIMIT };
    assert_eq!(events(&mut reader, &wire, usize::MAX, LIMIT), [Err(refused)]);
    assert!(reader.held_bytes() <= 2 * LIMIT + INFLATER_BYTES + 1024);
}

fn many_bytes(count: u32) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

/// One masked binary frame.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let (mut compressed, mut wire) = (Vec::new(), Vec::new());
    Deflater::new(15).deflate(payload, &mut compressed).unwrap();
    write_frame(&mut wire, Opcode::Binary, true, true, &compressed, MASK);
    wire
}

#[test]
fn the_budget_of_a_turn_yields_and_the_rest_is_read_later() {
    let payload = many_bytes(100_000);
    let mut wire = compressed(&payload);
    let mut pool = InflaterPool::new(1, 0);
    let mut reader = Reader::new(Role::Server, Some(&DEFLATE));
    let (mut at, mut yields) = (0, 0);
    loop {
        let mut cx = ReadContext { inflate_budget_bytes: 10_000, ..cx(&mut pool) };
        let (taken, read) = reader.read(&mut wire[at..], &mut cx).unwrap();
        at += taken;
        match read {
            Read::Yield => yields += 1,
            Read::Binary(found) => {
                assert_eq!(found.into_owned(), payload);
                break;
            }
            other => panic!("{other:?}"),
        }
        assert!(reader.in_message());
    }
    assert_eq!((at, yields), (wire.len(), 10));
}

#[test]
fn without_an_inflater_the_connection_waits() {
    let mut pool = InflaterPool::new(1, 0);
    let mut first = Reader::new(Role::Client, Some(&DEFLATE));
    let mut second = Reader::new(Role::Client, Some(&DEFLATE));
    let mut hello = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let mut again = hello;
    assert_eq!(first.read(&mut hello[..4], &mut cx(&mut pool)), Ok((4, Read::NeedMore)));
    let (taken, read) = second.read(&mut again[..6], &mut cx(&mut pool)).unwrap();
    assert_eq!((taken, read), (2, Read::NoInflater { whole: false }));
    first.release(&mut pool);
    assert_eq!(pool.borrowed(), 0);
    let read = second.read(&mut again[2..], &mut cx(&mut pool));
    assert_eq!(read, Ok((7, Read::Text(Text::Owned("Hello".into())))));
    assert_eq!(pool.borrowed(), 0);
}

#[test]
fn a_whole_message_does_not_wait_for_those_that_have_stalled() {
    let mut pool = InflaterPool::new(1, 0);
    let hello = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    let mut stalled = Reader::new(Role::Client, Some(&DEFLATE));
    assert_eq!(stalled.read(&mut { hello }[..4], &mut cx(&mut pool)), Ok((4, Read::NeedMore)));
    let mut honest = Reader::new(Role::Client, Some(&DEFLATE));
    for _ in 0..2 * EXPRESS_INFLATERS {
        let mut hello = hello;
        let read = honest.read(&mut hello, &mut cx(&mut pool));
        assert_eq!(read, Ok((9, Read::Text(Text::Owned("Hello".into())))));
    }
    // Whole ones that take many turns are bounded as well.
    let mut long = compressed(&many_bytes(100_000));
    let mut readers: Vec<_> =
        (0..=EXPRESS_INFLATERS).map(|_| Reader::new(Role::Server, Some(&DEFLATE))).collect();
    for (number, reader) in readers.iter_mut().enumerate() {
        let mut cx = ReadContext { inflate_budget_bytes: 1_000, ..cx(&mut pool) };
        let mut wire = long.clone();
        let (_, read) = reader.read(&mut wire, &mut cx).unwrap();
        let expected =
            if number < EXPRESS_INFLATERS { Read::Yield } else { Read::NoInflater { whole: true } };
        assert_eq!(read, expected, "reader {number}");
    }
    let last = long.len() - 1;
    let mut part = Reader::new(Role::Server, Some(&DEFLATE));
    let (_, read) = part.read(&mut long[..last], &mut cx(&mut pool)).unwrap();
    assert_eq!(read, Read::NoInflater { whole: false });
    for reader in readers.into_iter().chain([stalled, honest, part]) {
        reader.release(&mut pool);
    }
    assert_eq!((pool.borrowed(), pool.available(false)), (0, 1));
}

#[test]
fn a_context_is_taken_over_and_counted() {
    let parameters = DeflateParameters { client_no_context_takeover: false, ..DEFLATE };
    let mut pool = InflaterPool::new(1, INFLATER_BYTES);
    assert!(pool.reserve_context() && !pool.context_available());
    let mut reader = Reader::new(Role::Server, Some(&parameters));
    let mut deflater = Deflater::with_takeover(15);
    for _ in 0..3 {
        let (mut compressed, mut wire) = (Vec::new(), Vec::new());
        deflater.deflate(b"again and again", &mut compressed).unwrap();
        write_frame(&mut wire, Opcode::Text, true, true, &compressed, MASK);
        let (_, read) = reader.read(&mut wire, &mut cx(&mut pool)).unwrap();
        assert_eq!(read, Read::Text(Text::Owned("again and again".into())));
        assert_eq!(reader.held_bytes(), INFLATER_BYTES);
    }
    reader.release(&mut pool);
    assert!(pool.context_available());
    assert!(DeflateOptions::default().client_no_context_takeover);
}

#[test]
fn corrupt_and_cut_streams() {
    let corrupt = [0xC2, 0x03, 0xFF, 0xFF, 0xFF];
    let mut reader = Reader::new(Role::Client, Some(&DEFLATE));
    assert_eq!(events(&mut reader, &corrupt, 64, LIMIT), [Err(Misbehaved::DeflateCorrupt)]);
    let cut = [0xC2, 0x04, 0xF2, 0x48, 0xCD, 0xC9];
    let mut reader = Reader::new(Role::Client, Some(&DEFLATE));
    let found = events(&mut reader, &cut, 64, LIMIT);
    assert!(
        matches!(found[..], [Err(Misbehaved::DeflateTruncated | Misbehaved::DeflateCorrupt)]),
        "{found:?}"
    );
}
