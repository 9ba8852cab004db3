//! RFC 7692, the rules for compressed messages that arrive.

use fanfare_conformance::{Case, Event, client, server};
use fanfare_websocket::Opcode::{Binary, Continuation, Ping, Text};
use fanfare_websocket::{DeflateParameters, Deflater};

const NO_TAKEOVER: DeflateParameters = DeflateParameters {
    server_no_context_takeover: true,
    client_no_context_takeover: true,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
};
const TAKEOVER: DeflateParameters =
    DeflateParameters { server_no_context_takeover: false, client_no_context_takeover: false, ..NO_TAKEOVER };

fn run(cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        case.run();
    }
}

fn hello() -> Event {
    Event::Text("Hello".into())
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Deflater::new(15).deflate(payload, &mut out).expect("deflating works");
    out
}

#[test]
fn section_7_2_3_examples() {
    let one_block = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
    run([
        client("7.2.3.1 one block")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &one_block)
            .finds(hello()),
        server("7.2.3.1 one block in fragments")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &one_block[..3])
            .frame(Continuation, true, &one_block[3..])
            .finds(hello()),
        server("7.2.3.2 a shared window")
            .deflate(TAKEOVER)
            .compressed_frame(Text, true, &one_block)
            .finds(hello())
            .compressed_frame(Text, true, &[0xF2, 0x00, 0x11, 0x00, 0x00])
            .finds(hello()),
        server("7.2.3.2 without takeover there is no shared window")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &one_block)
            .finds(hello())
            .compressed_frame(Text, true, &[0xF2, 0x00, 0x11, 0x00, 0x00])
            .finds(Event::Fails(1007)),
        client("7.2.3.3 a block without compression")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00])
            .finds(hello()),
        client("7.2.3.4 a block that says it is the last")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00])
            .finds(hello()),
        client("7.2.3.4 the same, with a takeover")
            .deflate(TAKEOVER)
            .compressed_frame(Text, true, &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00])
            .finds(hello())
            .compressed_frame(Text, true, &one_block)
            .finds(hello()),
        client("7.2.3.4 a last block with nothing after it, which some senders make")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00])
            .finds(hello())
            .compressed_frame(Text, true, &one_block)
            .finds(hello()),
        client("7.2.3.5 two blocks")
            .deflate(NO_TAKEOVER)
            .compressed_frame(
                Text,
                true,
                &[0xF2, 0x48, 0x05, 0, 0, 0, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
            )
            .finds(hello()),
        client("7.2.3.6 an empty message")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &[0x00])
            .finds(Event::Text(String::new())),
        server("7.2.3.6 an empty message between others")
            .deflate(TAKEOVER)
            .compressed_frame(Text, true, &one_block)
            .finds(hello())
            .compressed_frame(Binary, true, &[0x00])
            .finds(Event::Binary(Vec::new()))
            .compressed_frame(Text, true, &[0xF2, 0x00, 0x11, 0x00, 0x00])
            .finds(hello()),
    ]);
}

#[test]
fn section_6_reserved_bit() {
    let compressed = deflated(b"Hello");
    run([
        server("6 an uncompressed message is allowed")
            .deflate(NO_TAKEOVER)
            .frame(Text, true, b"Hello")
            .finds(hello())
            .compressed_frame(Text, true, &compressed)
            .finds(hello()),
        server("6 RSV1 without negotiation").raw(&[0xC1]).fails_here(1002),
        server("6 RSV1 on a control frame").deflate(NO_TAKEOVER).raw(&[0xC9]).fails_here(1002),
        server("6.1 RSV1 on a continuation")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &compressed)
            .raw(&[0xC0])
            .fails_here(1002),
        server("6.1 RSV1 on a continuation of an uncompressed message")
            .deflate(NO_TAKEOVER)
            .frame(Text, false, b"a")
            .raw(&[0xC0])
            .fails_here(1002),
        server("6 RSV2 has no meaning still").deflate(NO_TAKEOVER).raw(&[0xE1]).fails_here(1002),
        server("6.1 a ping between compressed fragments")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &compressed[..2])
            .frame(Ping, true, b"p")
            .finds(Event::Ping(b"p".to_vec()))
            .frame(Continuation, false, b"")
            .frame(Continuation, true, &compressed[2..])
            .finds(hello()),
        server("6.1 an empty last fragment")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &compressed)
            .frame(Continuation, true, b"")
            .finds(hello()),
    ]);
}

#[test]
fn section_7_2_2_sizes_and_windows() {
    for window_bits in 9..=15 {
        for size in [0, 1, 15, 64, 1_024, 16_384, 131_072] {
            let payload: Vec<u8> = (0..size).map(|at: usize| (at * at / 7 % 61) as u8 + b'0').collect();
            let expected = Event::Text(String::from_utf8(payload.clone()).unwrap());
            let mut shared = Deflater::with_takeover(window_bits);
            let mut case = server(format!("7.2.2 {size} bytes, window {window_bits}")).deflate(TAKEOVER);
            for _ in 0..3 {
                let mut out = Vec::new();
                shared.deflate(&payload, &mut out).unwrap();
                case = case.compressed_frame(Text, true, &out).finds(expected.clone());
            }
            case.run();
        }
    }
}

#[test]
fn section_8_1_of_rfc_6455_inside_compressed_text() {
    let good = "κόσμε ".repeat(50);
    let bad = [good.as_bytes(), b"\xED\xA0\x80"].concat();
    let cut = deflated("€".as_bytes());
    run([
        server("compressed text that is not UTF-8")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &deflated(&bad))
            .finds(Event::Fails(1007)),
        server("compressed text that ends within a character")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, true, &deflated(b"\xE2\x82"))
            .finds(Event::Fails(1007)),
        server("compressed text in fragments, refused with the first")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &[&deflated(b"\xFF")[..], &[0, 0, 0xFF, 0xFF]].concat())
            .fails_here(1007)
            .frame(Continuation, true, b""),
        server("a compressed character cut by fragments")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Text, false, &cut[..2])
            .frame(Continuation, true, &cut[2..])
            .finds(Event::Text("€".into())),
        server("compressed binary need not be UTF-8")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &deflated(&bad))
            .finds(Event::Binary(bad.clone())),
    ]);
}

#[test]
fn section_8_bombs_and_broken_streams() {
    let bomb = deflated(&vec![0; 4 << 20]);
    run([
        server("a bomb")
            .deflate(NO_TAKEOVER)
            .limit(100_000)
            .compressed_frame(Binary, true, &bomb)
            .finds(Event::Fails(1009)),
        server("a bomb in an unfinished fragment")
            .deflate(NO_TAKEOVER)
            .limit(100_000)
            .compressed_frame(Binary, false, &bomb)
            .fails_here(1009),
        server("one byte over the limit")
            .deflate(NO_TAKEOVER)
            .limit(1000)
            .compressed_frame(Binary, true, &deflated(&[7; 1001]))
            .finds(Event::Fails(1009)),
        server("at the limit")
            .deflate(NO_TAKEOVER)
            .limit(1000)
            .compressed_frame(Binary, true, &deflated(&[7; 1000]))
            .finds(Event::Binary(vec![7; 1000])),
        server("a block type that does not exist")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &[0x06])
            .finds(Event::Fails(1007)),
        server("a stored block with a bad length")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &[0x00, 0x05, 0x00, 0x00, 0x00, 1, 2])
            .finds(Event::Fails(1007)),
        server("a distance before the start")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &[0xF2, 0x00, 0x11, 0x00, 0x00])
            .finds(Event::Fails(1007)),
        server("a stored block that is cut")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &[0x00, 0x64, 0x00, 0x9B, 0xFF, 1, 2, 3])
            .finds(Event::Fails(1007)),
        server("no data at all")
            .deflate(NO_TAKEOVER)
            .compressed_frame(Binary, true, &[])
            .finds(Event::Fails(1007)),
    ]);
}
