//! What each variant is sent, and that it is written once.

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
    for (length, bits, compressed) in [(99, 15, false), (100, 15, true), (100, 0, false), (100, 9, true)] {
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
            [0, 9, 15].map(|deflate_window_bits| Variant {
                wants_binary,
                deflate_window_bits,
                ..Variant::default()
            })
        })
        .collect();
    let mut spans = Vec::new();
    for _ in 0..2 {
        for variant in &variants {
            spans.push(
                encoder.encode(&mut log, &mut encoded, &message, (*variant, "")).expect("both have it"),
            );
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

fn written(wire: Wire, polling: bool, message: &Outgoing<'_>) -> Option<Vec<u8>> {
    let (mut encoder, mut log) = (Encoder::new(usize::MAX), Log::new());
    let variant = Variant { wire, polling, ..Variant::default() };
    let (mut encoded, mut spans) = (Encoded::default(), Vec::new());
    for _ in 0..2 {
        spans.push(encoder.encode(&mut log, &mut encoded, message, (variant, "/a")));
    }
    assert_eq!(spans[0], spans[1], "the second time nothing is written");
    spans[0].map(|span| log.bytes(span).to_vec())
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    [&[first, length], payload].concat()
}

#[test]
fn each_wire_has_its_own_form_of_a_message() {
    let attachments = [vec![1, 2, 3]];
    let json = r#"{"_placeholder":true,"num":0},7"#;
    let arguments = Arguments { json, attachments: &attachments };
    let emit = Outgoing::Emit { name: "x", arguments, id: Some(5) };
    let text = format!("451-/a,5[\"x\",{json}]");
    assert_eq!(
        written(Wire::SocketIo, false, &emit),
        Some([frame(0x81, text.as_bytes()), frame(0x82, &[1, 2, 3])].concat())
    );
    let polled = format!("\u{1e}{text}\u{1e}bAQID");
    assert_eq!(written(Wire::SocketIo, true, &emit), Some(polled.into_bytes()));
    assert_eq!(written(Wire::Plain, false, &emit), Some(frame(0x82, &[1, 2, 3])));
    let event = Outgoing::Event(Event { name: "said", body: br#"{"a":1}"# });
    let text = br#"42/a,["said",{"a":1}]"#;
    assert_eq!(written(Wire::SocketIo, false, &event), Some(frame(0x81, text)));
    assert_eq!(written(Wire::Plain, false, &event), Some(frame(0x81, br#"{"type":"said","a":1}"#)));
    let ack = Outgoing::Acknowledge { id: 9, arguments: Arguments { json: "true", attachments: &[] } };
    assert_eq!(written(Wire::SocketIo, true, &ack), Some(b"\x1e43/a,9[true]".to_vec()));
    let binary = Outgoing::Binary(b"abc");
    assert_eq!(written(Wire::Engine, false, &binary), Some(frame(0x82, b"abc")));
    assert_eq!(written(Wire::Engine, true, &binary), Some(b"\x1ebYWJj".to_vec()));
    let plain = Outgoing::Text("hi");
    assert_eq!(written(Wire::Engine, false, &plain), Some(frame(0x81, b"4hi")));
    assert_eq!(written(Wire::Engine, true, &plain), Some(b"\x1e4hi".to_vec()));
    assert_eq!(written(Wire::SocketIo, false, &plain), None, "text has no place in a namespace");
    let packed = written(Wire::MsgPack, false, &event).expect("msgpack");
    assert_eq!(packed[0], 0x82);
    let packet = msgpack::read(&packed[2..]).expect("a packet");
    assert_eq!((packet.kind, &*packet.namespace, &*packet.data), (Kind::Event, "/a", r#"["said",{"a":1}]"#));
}

#[test]
fn an_event_for_a_mixed_room_is_written_once_for_each_kind_of_client() {
    let (mut encoder, mut log) = (Encoder::new(usize::MAX), Log::new());
    let mut encoded = Encoded::default();
    let event = Event { name: "said", body: br#"{"a":1}"# };
    let message = Outgoing::Either { binary: b"bytes", event: Some(event) };
    let variants = [
        Variant::default(),
        Variant { wants_binary: true, ..Variant::default() },
        Variant { wire: Wire::SocketIo, ..Variant::default() },
        Variant { wire: Wire::SocketIo, polling: true, ..Variant::default() },
        Variant { wire: Wire::SocketIo, wants_binary: true, ..Variant::default() },
    ];
    let mut first = Vec::new();
    for round in 0..200 {
        for (index, variant) in variants.iter().enumerate() {
            let span = encoder.encode(&mut log, &mut encoded, &message, (*variant, "/a")).expect("a form");
            if round == 0 {
                assert!(!first.contains(&span));
                first.push(span);
            }
            assert_eq!(span, first[index]);
        }
    }
    assert!(log.bytes(first[3]).starts_with(b"\x1e42/a,[\"said\""));
    assert!(log.bytes(first[4]).ends_with(b"bytes"));
}
