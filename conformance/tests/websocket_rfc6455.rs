//! RFC 6455, the rules for what arrives.

use fanfare_conformance::{Case, Event, client, frame, server};
use fanfare_websocket::Opcode::{Binary, Close, Continuation, Ping, Pong, Text};

const PROTOCOL: u16 = 1002;
const PAYLOAD: u16 = 1007;
const TOO_BIG: u16 = 1009;

fn run(cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        case.run();
    }
}

fn text(text: &str) -> Event {
    Event::Text(text.to_owned())
}

#[test]
fn section_5_2_lengths() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20] {
        let payload = vec![b'*'; length];
        let expected = Event::Text("*".repeat(length));
        run([
            server(format!("5.2 text of {length}")).frame(Text, true, &payload).finds(expected.clone()),
            client(format!("5.2 text of {length}")).frame(Text, true, &payload).finds(expected),
            server(format!("5.2 binary of {length}"))
                .frame(Binary, true, &payload)
                .finds(Event::Binary(payload.clone())),
            client(format!("5.2 binary of {length}"))
                .frame(Binary, true, &payload)
                .finds(Event::Binary(payload)),
        ]);
    }
}

#[test]
fn section_5_2_length_encoding() {
    run([
        client("5.2 125 in 16 bits").raw(&[0x82, 126, 0, 125]).fails_here(PROTOCOL).raw(&[0; 125]),
        client("5.2 0 in 16 bits").raw(&[0x82, 126, 0, 0]).fails_here(PROTOCOL),
        client("5.2 65,535 in 64 bits").raw(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]).fails_here(PROTOCOL),
        client("5.2 1 in 64 bits").raw(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1]).fails_here(PROTOCOL),
        client("5.2 the top bit").raw(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]).fails_here(PROTOCOL),
        server("5.2 126 masked in 64 bits").raw(&[0x82, 255, 0, 0, 0, 0, 0, 0, 0, 126]).fails_here(PROTOCOL),
    ]);
}

#[test]
fn section_5_2_reserved_bits() {
    for bits in 1..8_u8 {
        for opcode in [Text, Binary, Ping, Pong, Close] {
            let first = 0x80 | bits << 4 | opcode as u8;
            run([
                server(format!("5.2 RSV {bits:03b} on {opcode:?}"))
                    .raw(&[first])
                    .fails_here(PROTOCOL)
                    .raw(&[0x80, 0, 0, 0, 0]),
                client(format!("5.2 RSV {bits:03b} after a message"))
                    .frame(Text, true, b"good")
                    .finds(text("good"))
                    .raw(&[first])
                    .fails_here(PROTOCOL),
            ]);
        }
        run([client(format!("5.2 RSV {bits:03b} on a continuation"))
            .frame(Text, false, b"a")
            .raw(&[0x80 | bits << 4])
            .fails_here(PROTOCOL)]);
    }
}

#[test]
fn section_5_2_reserved_opcodes() {
    for opcode in (3..8).chain(11..16_u8) {
        run([
            server(format!("5.2 opcode {opcode}"))
                .raw(&[0x80 | opcode])
                .fails_here(PROTOCOL)
                .raw(&[0x80, 0, 0, 0, 0]),
            client(format!("5.2 opcode {opcode} between messages"))
                .frame(Text, true, b"good")
                .finds(text("good"))
                .raw(&[0x80 | opcode])
                .fails_here(PROTOCOL),
            client(format!("5.2 opcode {opcode} within a message"))
                .frame(Text, false, b"a")
                .raw(&[0x80 | opcode])
                .fails_here(PROTOCOL),
            client(format!("5.2 opcode {opcode} not final")).raw(&[opcode]).fails_here(PROTOCOL),
        ]);
    }
}

#[test]
fn section_5_3_masking() {
    let two = [frame(Text, true, false, b"first"), frame(Text, true, false, b"second")].concat();
    run([
        server("5.1 an unmasked frame of a client").raw(&[0x81, 0x05]).fails_here(PROTOCOL).raw(b"hello"),
        server("5.1 an unmasked ping of a client").raw(&[0x89, 0x00]).fails_here(PROTOCOL),
        client("5.1 a masked frame of a server").raw(&[0x81, 0x85]).fails_here(PROTOCOL).raw(&[0; 9]),
        server("5.3 a mask of zeros").raw(&[0x81, 0x82, 0, 0, 0, 0, b'o', b'k']).finds(text("ok")),
        server("5.3 the example of 5.7")
            .raw(&[0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
            .finds(text("Hello")),
        server("5.3 two frames at once").raw(&two).finds(text("first")).finds(text("second")),
    ]);
}

#[test]
fn section_5_4_fragmentation() {
    run([
        client("5.4 two fragments")
            .frame(Text, false, b"one ")
            .frame(Continuation, true, b"two")
            .finds(text("one two")),
        server("5.4 empty fragments")
            .frame(Text, false, b"")
            .frame(Continuation, false, b"")
            .frame(Continuation, true, b"")
            .finds(text("")),
        server("5.4 an empty first and last fragment")
            .frame(Binary, false, b"")
            .frame(Continuation, false, b"middle")
            .frame(Continuation, true, b"")
            .finds(Event::Binary(b"middle".to_vec())),
        client("5.4 control frames between fragments")
            .frame(Text, false, b"one ")
            .frame(Ping, true, b"1")
            .finds(Event::Ping(b"1".to_vec()))
            .frame(Continuation, false, b"two ")
            .frame(Pong, true, b"")
            .finds(Event::Pong(Vec::new()))
            .frame(Ping, true, b"2")
            .finds(Event::Ping(b"2".to_vec()))
            .frame(Continuation, true, b"three")
            .finds(text("one two three")),
        client("5.4 nothing to continue").raw(&[0x80]).fails_here(PROTOCOL).raw(&[0]),
        client("5.4 nothing to continue, not final").raw(&[0x00]).fails_here(PROTOCOL).raw(&[0]),
        client("5.4 a message after a whole one is no continuation")
            .frame(Text, true, b"whole")
            .finds(text("whole"))
            .raw(&[0x80])
            .fails_here(PROTOCOL),
        client("5.4 a message in a message")
            .frame(Text, false, b"a")
            .raw(&[0x81])
            .fails_here(PROTOCOL)
            .raw(&[1, b'b']),
        client("5.4 binary in text").frame(Text, false, b"a").raw(&[0x02]).fails_here(PROTOCOL),
        client("5.4 a close within a message")
            .frame(Text, false, b"a")
            .close(1000, b"")
            .finds(Event::Close(Some((1000, String::new())))),
    ]);
}

#[test]
fn section_5_4_many_fragments() {
    for (fragments, size) in [(65_536, 1), (1_000, 0), (1_024, 64), (64, 4_096)] {
        let mut case = server(format!("5.4 {fragments} fragments of {size}")).frame(Binary, false, &[]);
        for _ in 0..fragments {
            case = case.frame(Continuation, false, &vec![7; size]);
        }
        case.frame(Continuation, true, &[]).finds(Event::Binary(vec![7; fragments * size])).run();
    }
}

#[test]
fn section_5_5_control_frames() {
    for opcode in [Close, Ping, Pong] {
        let first = 0x80 | opcode as u8;
        run([
            client(format!("5.5 {opcode:?} of 126")).raw(&[first, 126]).fails_here(PROTOCOL).raw(&[0; 128]),
            client(format!("5.5 {opcode:?} in 64 bits")).raw(&[first, 127]).fails_here(PROTOCOL),
            server(format!("5.5 {opcode:?} of 126, masked")).raw(&[first, 254]).fails_here(PROTOCOL),
            client(format!("5.5 {opcode:?} fragmented")).raw(&[opcode as u8]).fails_here(PROTOCOL).raw(&[0]),
        ]);
    }
    let full: Vec<u8> = (0..125).collect();
    run([
        server("5.5.2 a ping without payload").frame(Ping, true, b"").finds(Event::Ping(vec![])),
        server("5.5.2 a ping of 125 bytes").frame(Ping, true, &full).finds(Event::Ping(full.clone())),
        client("5.5.2 a ping that is not text")
            .frame(Ping, true, b"\0\xFF\xFE")
            .finds(Event::Ping(vec![0, 0xFF, 0xFE])),
        server("5.5.3 an unasked pong").frame(Pong, true, b"hi").finds(Event::Pong(b"hi".to_vec())),
        server("5.5.3 an unasked pong, then a ping")
            .frame(Pong, true, b"")
            .finds(Event::Pong(vec![]))
            .frame(Ping, true, b"x")
            .finds(Event::Ping(b"x".to_vec())),
    ]);
    let mut pings = server("5.5.2 ten pings");
    for number in 0..10 {
        pings = pings.frame(Ping, true, &[number]).finds(Event::Ping(vec![number]));
    }
    pings.run();
}

#[test]
fn section_5_5_1_close() {
    run([
        server("5.5.1 without a payload").frame(Close, true, b"").finds(Event::Close(None)),
        server("5.5.1 of one byte").frame(Close, true, b"\x03").finds(Event::Fails(PROTOCOL)),
        server("5.5.1 with a reason")
            .close(1000, "grüße".as_bytes())
            .finds(Event::Close(Some((1000, "grüße".into())))),
        server("5.5.1 with the longest reason")
            .close(1000, &[b'*'; 123])
            .finds(Event::Close(Some((1000, "*".repeat(123))))),
        server("5.5.1 with a reason that is too long").raw(&[0x88, 0xFE]).fails_here(PROTOCOL),
        server("5.5.1 with a reason that is not UTF-8")
            .close(1000, b"\xCE\xBA\xE1\xED\xA0\x80")
            .finds(Event::Fails(PAYLOAD)),
        server("5.5.1 with a reason cut in a character")
            .close(1000, b"\xE2\x82")
            .finds(Event::Fails(PAYLOAD)),
        server("5.5.1 nothing counts after it")
            .close(1001, b"")
            .finds(Event::Close(Some((1001, String::new()))))
            .frame(Ping, true, b"late"),
        server("5.5.1 a bad frame after it does not count")
            .frame(Close, true, b"")
            .finds(Event::Close(None))
            .raw(&[0xFF; 20]),
    ]);
}

#[test]
fn section_7_4_close_codes() {
    let valid = (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
    for code in valid {
        server(format!("7.4 code {code}"))
            .close(code, b"")
            .finds(Event::Close(Some((code, String::new()))))
            .run();
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        server(format!("7.4 code {code}")).close(code, b"").finds(Event::Fails(PROTOCOL)).run();
    }
}

/// Sequences that are not UTF-8, each with the place of the byte that shows it.
const NOT_UTF8: [(&str, &[u8], usize); 20] = [
    ("a lone continuation byte", b"\x80", 0),
    ("the last continuation byte", b"\xBF", 0),
    ("two continuation bytes", b"\x80\xBF", 0),
    ("0xC0", b"\xC0\xAF", 0),
    ("0xC1", b"\xC1\xBF", 0),
    ("overlong in three", b"\xE0\x80\xAF", 1),
    ("overlong in three, largest", b"\xE0\x9F\xBF", 1),
    ("overlong in four", b"\xF0\x80\x80\xAF", 1),
    ("overlong in four, largest", b"\xF0\x8F\xBF\xBF", 1),
    ("the first surrogate", b"\xED\xA0\x80", 1),
    ("the last surrogate", b"\xED\xBF\xBF", 1),
    ("a surrogate pair", b"\xED\xA0\x80\xED\xB0\x80", 1),
    ("beyond U+10FFFF", b"\xF4\x90\x80\x80", 1),
    ("0xF5", b"\xF5\x80\x80\x80", 0),
    ("five bytes", b"\xF8\x88\x80\x80\x80", 0),
    ("six bytes", b"\xFC\x84\x80\x80\x80\x80", 0),
    ("0xFE", b"\xFE", 0),
    ("0xFF", b"\xFF", 0),
    ("two bytes, the second missing", b"\xC3 ", 1),
    ("four bytes, the last missing", b"\xF0\x9F\x98x", 3),
];

#[test]
fn section_8_1_text_that_is_not_utf8() {
    for (name, bytes, at) in NOT_UTF8 {
        for before in ["", "κόσμε ", &"x".repeat(100)] {
            let good = [before.as_bytes(), &bytes[..=at]].concat();
            let rest = &bytes[at + 1..];
            let length = good.len() + rest.len() + 20;
            let head = [0x81, 126, 0, 126];
            let head = if length < 126 { vec![0x81, length as u8] } else { head.to_vec() };
            run([
                client(format!("8.1 {name} after {} bytes", before.len()))
                    .raw(&head)
                    .raw(&good)
                    .fails_here(PAYLOAD),
                server(format!("8.1 {name} in fragments"))
                    .frame(Text, false, before.as_bytes())
                    .frame(Continuation, false, &bytes[..=at])
                    .fails_here(PAYLOAD)
                    .frame(Continuation, true, rest),
                server(format!("8.1 {name} is fine in binary"))
                    .frame(Binary, true, bytes)
                    .finds(Event::Binary(bytes.to_vec())),
            ]);
            let mut bytewise =
                client(format!("8.1 {name}, a fragment a byte")).frame(Text, false, before.as_bytes());
            for byte in &bytes[..=at] {
                bytewise = bytewise.frame(Continuation, false, &[*byte]);
            }
            bytewise.fails_here(PAYLOAD).run();
        }
    }
}

#[test]
fn section_8_1_text_that_is_utf8() {
    let edges = "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFD}\u{FFFE}\u{FFFF}\u{10000}\u{10FFFF}";
    let long = "κόσμε 😀 ".repeat(40);
    for whole in ["", "Hello-µ@ßöäüàá-UTF-8!!", edges, &long] {
        run([server("8.1 whole").frame(Text, true, whole.as_bytes()).finds(text(whole))]);
        let mut bytewise = server("8.1 a fragment a byte").frame(Text, false, b"");
        for byte in whole.as_bytes() {
            bytewise = bytewise.frame(Continuation, false, &[*byte]);
        }
        bytewise.frame(Continuation, true, b"").finds(text(whole)).run();
    }
    for cut in [&b"\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98", b"good \xF4\x8F\xBF"] {
        run([
            client("8.1 the end is within a character").frame(Text, true, cut).finds(Event::Fails(PAYLOAD)),
            client("8.1 the end of the last fragment is")
                .frame(Text, false, cut)
                .frame(Continuation, true, b"")
                .finds(Event::Fails(PAYLOAD)),
        ]);
    }
}

#[test]
fn section_10_4_limits() {
    run([
        client("10.4 over it in a frame that is there whole")
            .limit(10)
            .frame(Binary, true, &[1; 11])
            .finds(Event::Fails(TOO_BIG)),
        server("10.4 at the limit").limit(10).frame(Binary, true, &[1; 10]).finds(Event::Binary(vec![1; 10])),
        client("10.4 over it, known from the header").limit(10).raw(&[0x82, 11]).fails_here(TOO_BIG),
        client("10.4 over it in 16 bits").limit(1000).raw(&[0x82, 126, 0x03, 0xE9]).fails_here(TOO_BIG),
        client("10.4 the largest length there is")
            .raw(&[0x81, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
            .fails_here(TOO_BIG),
        client("10.4 the whole counts, not the fragment")
            .limit(10)
            .frame(Binary, false, &[1; 6])
            .raw(&[0x80, 5])
            .fails_here(TOO_BIG),
        client("10.4 at the limit in fragments")
            .limit(10)
            .frame(Binary, false, &[1; 6])
            .frame(Continuation, true, &[1; 4])
            .finds(Event::Binary(vec![1; 10])),
        client("10.4 a length that would overflow a sum")
            .frame(Binary, false, &[1; 6])
            .raw(&[0x80, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
            .fails_here(TOO_BIG),
        client("10.4 control frames do not count")
            .limit(1)
            .frame(Ping, true, b"123")
            .finds(Event::Ping(b"123".to_vec())),
    ]);
}
