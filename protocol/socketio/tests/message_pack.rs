//! MessagePack packets: bytes that notepack.io 2.2 wrote, and what it reads.

use fanfare_socketio::msgpack::{ATTACHMENTS_MAX, Owned, read, write};
use fanfare_socketio::{Kind, Malformed};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("a byte"))
        .collect()
}

/// An acknowledgement with these arguments, as MessagePack.
fn ack(count: u8, args: &[u8]) -> Vec<u8> {
    let mut out = bytes("84 a474797065 03 a46461746190 a26964 00 a36e7370 a12f");
    out.splice(12..13, [&[0x90 | count], args].concat());
    out
}

/// The data of an acknowledgement that has one argument.
fn data(argument: &str) -> Result<String, Malformed> {
    read(&ack(1, &bytes(argument))).map(|packet| packet.data)
}

fn written(data: &str, attachments: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, Kind::Ack, "/", Some(0), data, attachments);
    out
}

/// Both ways: these are the reference's own bytes.
#[test]
fn packets_are_those_of_the_reference() {
    let packet = |kind, namespace: &str, id, data: &str, attachments: &[&[u8]]| Owned {
        kind,
        namespace: namespace.to_owned(),
        id,
        data: data.to_owned(),
        attachments: attachments.iter().map(|bytes| bytes.to_vec()).collect(),
    };
    for (hex, packet) in [
        (
            "83a47479706500a46461746181a3736964a3616263a36e7370a12f",
            packet(Kind::Connect, "/", None, r#"{"sid":"abc"}"#, &[]),
        ),
        ("82a47479706501a36e7370a72f637573746f6d", packet(Kind::Disconnect, "/custom", None, "", &[])),
        (
            "84a47479706502a46461746194a76d65737361676501a13281a16192c3c0a26964cd01c8a36e7370a72f637573746f6d",
            packet(Kind::Event, "/custom", Some(456), r#"["message",1,"2",{"a":[true,null]}]"#, &[]),
        ),
        (
            "83a47479706502a46461746192a76d657373616765c403010203a36e7370a12f",
            packet(
                Kind::BinaryEvent,
                "/",
                None,
                r#"["message",{"_placeholder":true,"num":0}]"#,
                &[&[1, 2, 3]],
            ),
        ),
        ("84a47479706503a46461746190a2696400a36e7370a12f", packet(Kind::Ack, "/", Some(0), "[]", &[])),
        (
            "84a47479706503a46461746191c400a2696400a36e7370a12f",
            packet(Kind::BinaryAck, "/", Some(0), r#"[{"_placeholder":true,"num":0}]"#, &[&[]]),
        ),
        (
            "83a47479706504a46461746181a76d657373616765b1496e76616c6964206e616d657370616365a36e7370a72f72616e646f6d",
            packet(Kind::ConnectError, "/random", None, r#"{"message":"Invalid namespace"}"#, &[]),
        ),
    ] {
        assert_eq!(read(&bytes(hex)).as_ref(), Ok(&packet));
        let attachments: Vec<&[u8]> = packet.attachments.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        write(&mut out, packet.kind, &packet.namespace, packet.id, &packet.data, &attachments);
        assert_eq!(out, bytes(hex), "{packet:?}");
    }
}

#[test]
fn clients_send_more_than_is_needed() {
    // `data` that is undefined, and `options`.
    let connect = "84a47479706500a464617461d40000a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f";
    let packet = read(&bytes(connect)).expect("a packet");
    assert_eq!((packet.kind, packet.data.as_str()), (Kind::Connect, ""));
    // An ArrayBuffer, and a member with bytes in it that nobody wants.
    let event = "84a47479706502 a178 91c40163 a46461746192a16dc7010009 a36e7370a12f";
    let packet = read(&bytes(event)).expect("a packet");
    assert_eq!(packet.data, r#"["m",{"_placeholder":true,"num":0}]"#);
    assert_eq!(packet.attachments, [[9]]);
    // The same afterwards.
    let event = "84a47479706502 a46461746192a16dc7010009 a178 91c40163 a36e7370a12f";
    assert_eq!(read(&bytes(event)).expect("a packet"), packet);
    // An id that is undefined, and whole numbers that are floats.
    let event = "84a474797065cb4000000000000000 a46461746191a16d a26964d40000 a36e7370a12f";
    assert_eq!(read(&bytes(event)).map(|packet| (packet.kind, packet.id)), Ok((Kind::Event, None)));
    let event = "84a47479706502 a46461746191a16d a26964cb4014000000000000 a36e7370a12f";
    assert_eq!(read(&bytes(event)).map(|packet| packet.id), Ok(Some(5)));
    // Numbers in formats that have a sign and do not need it.
    let leave = "83a474797065d001 a26964d1012c a36e7370a12f";
    let packet = read(&bytes(leave)).expect("a packet");
    assert_eq!((packet.kind, packet.id), (Kind::Disconnect, Some(300)));
    // Of a member that is there twice the last one counts.
    let event = "85a47479706502 a46461746191c400 a46461746191a16d a36e7370a178 a36e7370a12f";
    let packet = read(&bytes(event)).expect("a packet");
    assert_eq!(
        (packet.kind, packet.namespace.as_str(), packet.data.as_str()),
        (Kind::Event, "/", r#"["m"]"#)
    );
}

#[test]
fn what_is_no_packet_is_refused() {
    let payload = "an event carries an array";
    for (hex, malformed) in [
        ("", Malformed::MessagePack { at: 0 }),
        ("c0", Malformed::MessagePack { at: 0 }),
        ("90", Malformed::MessagePack { at: 0 }),
        ("c1", Malformed::MessagePack { at: 1 }),
        ("80", Malformed::Member("type")),
        ("81a36e7370a12f", Malformed::Member("type")),
        ("81a474797065a132", Malformed::Member("type")),
        ("81a474797065ff", Malformed::Member("type")),
        ("81a474797065cb3ff8000000000000", Malformed::Member("type")),
        ("82a47479706505a36e7370a12f", Malformed::Member("type")),
        ("82a47479706506a36e7370a12f", Malformed::Member("type")),
        ("81a47479706501", Malformed::Member("nsp")),
        ("82a47479706501a36e737001", Malformed::Member("nsp")),
        ("83a47479706501a26964ffa36e7370a12f", Malformed::Member("id")),
        ("83a47479706501a26964c0a36e7370a12f", Malformed::Member("id")),
        ("83a47479706501a26964a131a36e7370a12f", Malformed::Member("id")),
        ("83a47479706501a26964cb43f0000000000000a36e7370a12f", Malformed::Member("id")),
        ("83a47479706501a26964cbbff0000000000000a36e7370a12f", Malformed::Member("id")),
        ("82a47479706502a36e7370a12f", Malformed::Payload(payload)),
        ("83a47479706502a464617461 80 a36e7370a12f", Malformed::Payload(payload)),
        ("83a47479706502a464617461 c0 a36e7370a12f", Malformed::Payload(payload)),
        ("83a47479706502a464617461 c400 a36e7370a12f", Malformed::Payload(payload)),
        ("83a47479706502a464617461 90 a36e7370a12f", Malformed::NoName),
        ("83a47479706502a464617461 91c0 a36e7370a12f", Malformed::NoName),
        ("83a47479706502a464617461 91a7636f6e6e656374 a36e7370a12f", Malformed::ReservedName("connect")),
        ("83a47479706502a464617461 92a7636f6e6e656374c400 a36e7370a12f", Malformed::ReservedName("connect")),
        (
            "83a47479706503a464617461 80 a36e7370a12f",
            Malformed::Payload("an acknowledgement carries an array"),
        ),
        (
            "83a47479706500a464617461 90 a36e7370a12f",
            Malformed::Payload("a CONNECT carries an object or nothing"),
        ),
        (
            "83a47479706500a464617461 c0 a36e7370a12f",
            Malformed::Payload("a CONNECT carries an object or nothing"),
        ),
        // An object in JSON, and none in JavaScript.
        (
            "83a47479706500a464617461 c400 a36e7370a12f",
            Malformed::Payload("a CONNECT carries an object or nothing"),
        ),
        ("83a47479706501a464617461 80 a36e7370a12f", Malformed::Payload("a DISCONNECT carries nothing")),
        ("82a47479706504a36e7370a12f", Malformed::Payload("a CONNECT_ERROR carries an object or a string")),
        (
            "83a47479706504a464617461 90 a36e7370a12f",
            Malformed::Payload("a CONNECT_ERROR carries an object or a string"),
        ),
        ("82a47479706501a36e7370a12fc0", Malformed::MessagePack { at: 13 }),
        ("82a47479706501a36e7370a12f00", Malformed::MessagePack { at: 13 }),
        ("82a47479706501a36e7370a2 2f", Malformed::MessagePack { at: 12 }),
    ] {
        assert_eq!(read(&bytes(hex)), Err(malformed), "{hex}");
    }
    assert!(read(&bytes("83a47479706504a464617461 a178 a36e7370a12f")).is_ok());
}

#[test]
fn every_format_is_what_json_makes_of_it() {
    for (hex, json) in [
        ("c0", "null"),
        ("c2", "false"),
        ("c3", "true"),
        ("00", "0"),
        ("7f", "127"),
        ("ff", "-1"),
        ("e0", "-32"),
        ("cc80", "128"),
        ("cd0100", "256"),
        ("ce00010000", "65536"),
        ("cf0000000100000000", "4294967296"),
        ("cfffffffffffffffff", "18446744073709551615"),
        ("d080", "-128"),
        ("d07f", "127"),
        ("d1ff7f", "-129"),
        ("d2ffff7fff", "-32769"),
        ("d3ffffffff7fffffff", "-2147483649"),
        ("d38000000000000000", "-9223372036854775808"),
        ("ca3fc00000", "1.5"),
        ("ca3dcccccd", "0.10000000149011612"),
        ("cb3fb999999999999a", "0.1"),
        ("cb4008000000000000", "3"),
        ("cb8000000000000000", "0"),
        ("cb7ff8000000000000", "null"),
        ("cbfff0000000000000", "null"),
        ("a0", "\"\""),
        ("a3e282ac", "\"€\""),
        ("a4220a5c00", r#""\"\n\\\u0000""#),
        ("a2c328", "\"\u{fffd}(\""),
        ("d90161", "\"a\""),
        ("da000161", "\"a\""),
        ("db0000000161", "\"a\""),
        ("90", "[]"),
        ("920102", "[1,2]"),
        ("dc00020102", "[1,2]"),
        ("dd00000001c0", "[null]"),
        ("80", "{}"),
        ("82a16101a16202", r#"{"a":1,"b":2}"#),
        ("de0001a16101", r#"{"a":1}"#),
        ("df00000001a16101", r#"{"a":1}"#),
        // Keys are texts in JavaScript.
        ("8501 01 ff02 c003 c304 cb3ff800000000000005", r#"{"1":1,"-1":2,"null":3,"true":4,"1.5":5}"#),
        // Undefined: null in an array, nothing in an object.
        ("d40000", "null"),
        ("93d40000c0d40000", "[null,null,null]"),
        ("83a161d40000a16201a163d40000", r#"{"b":1}"#),
        ("82a16101a162d40000", r#"{"a":1}"#),
        ("81a161d40000", "{}"),
        // Dates.
        ("d70000000000 00000000", "\"1970-01-01T00:00:00.000Z\""),
        ("d700000000e8d4a51000", "\"2001-09-09T01:46:40.000Z\""),
        ("d700ffffffffffffffff", "\"1969-12-31T23:59:59.999Z\""),
        ("d7000000000000000000", "\"1970-01-01T00:00:00.000Z\""),
    ] {
        assert_eq!(data(hex), Ok(format!("[{json}]")), "{hex}");
    }
}

#[test]
fn dates_are_those_of_javascript() {
    for (ms, text) in [
        (951_782_400_000_i64, "\"2000-02-29T00:00:00.000Z\""),
        (951_868_799_999, "\"2000-02-29T23:59:59.999Z\""),
        (1_709_164_800_000, "\"2024-02-29T00:00:00.000Z\""),
        (1_704_067_199_999, "\"2023-12-31T23:59:59.999Z\""),
        (4_107_542_400_000, "\"2100-03-01T00:00:00.000Z\""),
        (-2_203_891_200_000, "\"1900-03-01T00:00:00.000Z\""),
        (-62_167_219_200_000, "\"0000-01-01T00:00:00.000Z\""),
        (-62_167_219_200_001, "\"-000001-12-31T23:59:59.999Z\""),
        (253_402_300_799_999, "\"9999-12-31T23:59:59.999Z\""),
        (253_402_300_800_000, "\"+010000-01-01T00:00:00.000Z\""),
        (8_640_000_000_000_000, "\"+275760-09-13T00:00:00.000Z\""),
        (8_640_000_000_000_001, "null"),
        (-8_640_000_000_000_000, "\"-271821-04-20T00:00:00.000Z\""),
        (-8_640_000_000_000_001, "null"),
        (i64::MIN, "null"),
    ] {
        let argument = [&[0xd7, 0][..], &ms.to_be_bytes()].concat();
        assert_eq!(read(&ack(1, &argument)).map(|packet| packet.data), Ok(format!("[{text}]")), "{ms}");
    }
}

#[test]
fn extensions_are_an_array_of_type_and_bytes() {
    for (hex, kind, length) in [
        ("d40102", 1, 1),
        ("d4ff02", -1, 1),
        ("d5000203", 0, 2),
        ("d60000010203", 0, 4),
        ("d6ff00000001", -1, 4),
        ("d701000102030405 0607", 1, 8),
        ("d7ff0001020304050607", -1, 8),
        ("d80000112233445566778899aabbccddeeff", 0, 16),
        ("c702050102", 5, 2),
        ("c70cff000000000000000000000000", -1, 12),
        ("c80001800a", -128, 1),
        ("c900000000 7f", 127, 0),
    ] {
        let packet = read(&ack(1, &bytes(hex))).expect(hex);
        assert_eq!(packet.data, format!(r#"[[{kind},{{"_placeholder":true,"num":0}}]]"#), "{hex}");
        assert_eq!(packet.attachments[0].len(), length, "{hex}");
        assert_eq!(packet.kind, Kind::BinaryAck);
    }
    // Extension 0 that says its length is an ArrayBuffer.
    for hex in [
        "c70300010203",
        "c8000300010203",
        "c90000000300010203",
        "c403010203",
        "c50003010203",
        "c600000003010203",
    ] {
        let packet = read(&ack(1, &bytes(hex))).expect(hex);
        assert_eq!(packet.data, r#"[{"_placeholder":true,"num":0}]"#, "{hex}");
        assert_eq!(packet.attachments, [[1, 2, 3]], "{hex}");
    }
}

#[test]
fn what_is_cut_off_is_refused_and_what_is_only_announced_costs_nothing() {
    let whole = bytes(
        "84a47479706502a46461746194a76d657373616765c403010203d70000000000000000 00cb3ff8000000000000a26964cd01c8a36e7370a12f",
    );
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    for hex in [
        "c6ffffffff",
        "dbffffffff",
        "ddffffffff",
        "dfffffffff",
        "c9ffffffff00",
        "ddffffffffc0",
        "dfffffffffa161c0",
    ] {
        assert!(matches!(data(hex), Err(Malformed::MessagePack { .. })), "{hex}");
    }
    for key in ["90", "80", "c400", "d40000", "c1"] {
        assert!(matches!(data(&format!("81{key}01")), Err(Malformed::MessagePack { .. })), "{key}");
    }
}

#[test]
fn depth_and_attachments_have_their_limits() {
    let nested = |levels: usize, inner: &str| format!("{}{inner}", "91".repeat(levels));
    let maps = |levels: usize, inner: &str| format!("{}{inner}", "81a161".repeat(levels));
    // The packet's own array is the first level.
    assert!(data(&nested(63, "c0")).is_ok() && data(&maps(63, "c0")).is_ok());
    assert!(data(&nested(62, "90")).is_ok() && data(&nested(62, "c400")).is_ok());
    assert!(data(&nested(61, "d5010000")).is_ok());
    for hex in [
        nested(64, "c0"),
        maps(64, "c0"),
        nested(63, "90"),
        nested(63, "80"),
        nested(63, "c400"),
        nested(62, "d5010000"),
        nested(50_000, "c0"),
    ] {
        assert_eq!(data(&hex), Err(Malformed::TooDeep));
    }
    // Outside of the data too.
    let skipped = format!("83a47479706501a36e7370a12fa178{}", nested(65, "c0"));
    assert_eq!(read(&bytes(&skipped)), Err(Malformed::TooDeep));
    let many =
        |count: u16| ack(1, &[&[0xdc][..], &count.to_be_bytes(), &[0xc4, 0].repeat(count.into())].concat());
    assert_eq!(read(&many(1024)).map(|packet| packet.attachments.len()), Ok(ATTACHMENTS_MAX));
    assert_eq!(read(&many(1025)), Err(Malformed::TooManyAttachments));
}

#[test]
fn what_would_be_taken_for_a_placeholder_is_refused() {
    let object = |placeholder: &str| data(&format!("82ac5f706c616365686f6c646572{placeholder}a36e756d00"));
    assert_eq!(object("c3"), Err(Malformed::OwnPlaceholder));
    assert_eq!(data("9181ac5f706c616365686f6c646572c3"), Err(Malformed::OwnPlaceholder));
    for (other, json) in [("c2", "false"), ("01", "1"), ("a474727565", "\"true\""), ("91c3", "[true]")] {
        assert_eq!(object(other), Ok(format!(r#"[{{"_placeholder":{json},"num":0}}]"#)));
    }
    assert_eq!(object("d40000").as_deref(), Ok(r#"[{"num":0}]"#));
    assert_eq!(data("81a16ec3").as_deref(), Ok(r#"[{"n":true}]"#));
}

#[test]
fn numbers_and_lengths_take_the_least_room() {
    for (json, hex) in [
        ("0", "00"),
        ("-0", "00"),
        ("-0.0", "00"),
        ("127", "7f"),
        ("128", "cc80"),
        ("255", "ccff"),
        ("256", "cd0100"),
        ("65535", "cdffff"),
        ("65536", "ce00010000"),
        ("4294967295", "ceffffffff"),
        ("4294967296", "cf0000000100000000"),
        ("18446744073709551615", "cfffffffffffffffff"),
        ("-1", "ff"),
        ("-32", "e0"),
        ("-33", "d0df"),
        ("-128", "d080"),
        ("-129", "d1ff7f"),
        ("-32768", "d18000"),
        ("-32769", "d2ffff7fff"),
        ("-2147483648", "d280000000"),
        ("-2147483649", "d3ffffffff7fffffff"),
        ("-9223372036854775808", "d38000000000000000"),
        ("1.0", "01"),
        ("1e2", "64"),
        ("-1e2", "d09c"),
        ("9007199254740992.0", "cf0020000000000000"),
        ("-9223372036854775808.0", "d38000000000000000"),
        ("0.1", "cb3fb999999999999a"),
        ("-1.5", "cbbff8000000000000"),
        ("1e20", "cb4415af1d78b58c40"),
        ("-1e19", "cbc3e158e460913d00"),
        ("18446744073709551616", "cb43f0000000000000"),
        ("1e999", "cb7ff0000000000000"),
        ("true", "c3"),
        ("false", "c2"),
        ("null", "c0"),
        (r#""\ud83d\ude00\n""#, "a5f09f98800a"),
        (r#"{ "a" : [ ] , "b" : { } }"#, "82a16190a16280"),
    ] {
        assert_eq!(written(&format!("[{json}]"), &[]), ack(1, &bytes(hex)), "{json}");
    }
}

#[test]
fn lengths_turn_where_the_formats_do() {
    let head =
        |data: &str, attachments: &[&[u8]]| written(&format!("[{data}]"), attachments)[13..18].to_vec();
    let text = |length: usize| head(&format!("\"{}\"", "x".repeat(length)), &[]);
    for (length, expected) in [
        (31, &[0xbf][..]),
        (32, &[0xd9, 32]),
        (255, &[0xd9, 255]),
        (256, &[0xda, 1, 0]),
        (65_535, &[0xda, 255, 255]),
        (65_536, &[0xdb, 0, 1, 0, 0]),
    ] {
        assert!(text(length).starts_with(expected), "{length}");
    }
    let array = |length: usize| head(&format!("[{}]", vec!["0"; length].join(",")), &[]);
    let map = |length: usize| head(&format!("{{{}}}", vec!["\"a\":0"; length].join(",")), &[]);
    for (length, expected) in
        [(15, &[0x0f][..]), (16, &[0x5c, 0, 16]), (65_535, &[0x5c, 255, 255]), (65_536, &[0x5d, 0, 1, 0, 0])]
    {
        let with = |low: u8, high: u8| {
            let mut expected = expected.to_vec();
            expected[0] = expected[0] % 16 + if expected.len() == 1 { low } else { high };
            expected
        };
        assert!(array(length).starts_with(&with(0x90, 0xd0)), "{length}");
        assert!(map(length).starts_with(&with(0x80, 0xd2)), "{length}");
    }
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for (length, expected) in
        [(0, &[0xc4, 0][..]), (255, &[0xc4, 255]), (256, &[0xc5, 1, 0]), (65_536, &[0xc6, 0, 1, 0, 0])]
    {
        assert!(head(placeholder, &[&vec![7; length]]).starts_with(expected), "{length}");
    }
}

#[test]
fn placeholders_are_written_as_what_they_stand_for() {
    let two: [&[u8]; 2] = [&[1], &[2]];
    for (json, hex) in [
        (r#"{"_placeholder":true,"num":1}"#, "c40102"),
        (r#"{"num":0,"_placeholder":true}"#, "c40101"),
        (r#"{"num":0,"x":[{},[{"_placeholder":true,"num":1}]],"_placeholder":true}"#, "c40101"),
        (r#"[{"a":[]},{"_placeholder":true,"num":1},{"b":[1]}]"#, "93 81a16190 c40102 81a16291 01"),
        // An attachment is written once.
        (
            r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            "93c40101c0c40102",
        ),
        // One that names none is an object like any other.
        (r#"{"_placeholder":true,"num":2}"#, "82ac5f706c616365686f6c646572c3a36e756d02"),
        (r#"{"_placeholder":true,"a":[1]}"#, "82ac5f706c616365686f6c646572c3a1619101"),
        (r#"{"_placeholder":false,"num":0}"#, "82ac5f706c616365686f6c646572c2a36e756d00"),
    ] {
        assert_eq!(written(&format!("[{json}]"), &two), ack(1, &bytes(hex)), "{json}");
    }
}
