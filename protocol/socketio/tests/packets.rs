//! Packets as text, line by line: what socket.io-parser 4.2 answered to the same inputs, and where this reader is stricter.

use fanfare_socketio::{Head, Kind, Malformed, read};

fn head<'a>(kind: Kind, namespace: &'a str, id: Option<u64>, data: &'a str) -> Head<'a> {
    Head { kind, attachments: 0, namespace, id, data }
}

#[test]
fn clients_connect_talk_and_leave() {
    let text = r#"["message-with-ack",1,"2",{"3":[true]}]"#;
    for (packet, expected) in [
        ("0", head(Kind::Connect, "/", None, "")),
        (r#"0{"token":"123"}"#, head(Kind::Connect, "/", None, r#"{"token":"123"}"#)),
        ("0/custom,", head(Kind::Connect, "/custom", None, "")),
        ("0/custom", head(Kind::Connect, "/custom", None, "")),
        (r#"0/custom,{"a":1}"#, head(Kind::Connect, "/custom", None, r#"{"a":1}"#)),
        // A query belongs to the name: the reference answers "Invalid namespace" to `/custom?x=1`.
        ("0/custom?x=1,{}", head(Kind::Connect, "/custom?x=1", None, "{}")),
        ("1", head(Kind::Disconnect, "/", None, "")),
        ("1/custom,", head(Kind::Disconnect, "/custom", None, "")),
        (&format!("2{text}"), head(Kind::Event, "/", None, text)),
        (&format!("2456{text}"), head(Kind::Event, "/", Some(456), text)),
        (&format!("2/custom,456{text}"), head(Kind::Event, "/custom", Some(456), text)),
        ("3456[]", head(Kind::Ack, "/", Some(456), "[]")),
        ("3/custom,456[1,2]", head(Kind::Ack, "/custom", Some(456), "[1,2]")),
        ("2/,[\"a\"]", head(Kind::Event, "/", None, "[\"a\"]")),
        ("20[\"a\"]", head(Kind::Event, "/", Some(0), "[\"a\"]")),
        ("2007[\"a\"]", head(Kind::Event, "/", Some(7), "[\"a\"]")),
        ("218446744073709551615[\"a\"]", head(Kind::Event, "/", Some(u64::MAX), "[\"a\"]")),
        (r#"4{"message":"x"}"#, head(Kind::ConnectError, "/", None, r#"{"message":"x"}"#)),
        (r#"4"x""#, head(Kind::ConnectError, "/", None, r#""x""#)),
    ] {
        assert_eq!(read(packet), Ok(expected), "{packet}");
    }
}

#[test]
fn attachments_are_announced() {
    for (packet, kind, attachments, namespace, id) in [
        (r#"51-["a",{"_placeholder":true,"num":0}]"#, Kind::BinaryEvent, 1, "/", None),
        (r#"510-["a"]"#, Kind::BinaryEvent, 10, "/", None),
        (r#"501-["a"]"#, Kind::BinaryEvent, 1, "/", None),
        (r#"52-/custom,7["a"]"#, Kind::BinaryEvent, 2, "/custom", Some(7)),
        (r#"61-3[{"_placeholder":true,"num":0}]"#, Kind::BinaryAck, 1, "/", Some(3)),
        (r#"62-/custom,0[]"#, Kind::BinaryAck, 2, "/custom", Some(0)),
    ] {
        let head = read(packet).expect(packet);
        assert_eq!((head.kind, head.attachments), (kind, attachments), "{packet}");
        assert_eq!((head.namespace, head.id), (namespace, id), "{packet}");
        assert!(head.data.starts_with('[') && packet.ends_with(head.data), "{packet}");
    }
}

#[test]
fn what_the_reference_tolerates_is_tolerated() {
    for packet in [
        "2",
        "212",
        "3",
        "312",
        "51-",
        "61-",
        "4",
        "01{}",
        "0/custom,1",
        "11",
        "2[1]",
        "2[-1.5e3,2]",
        "2[1e999]",
        "2[\"\"]",
        "2[\"\\ud800\"]",
        "2[\"a\",\"\\udfff\"]",
        "2[\"connecting\"]",
        "2[\"Connect\"]",
        "2[\"connect \"]",
        "51-[\"a\"]",
    ] {
        assert!(read(packet).is_ok(), "{packet}");
    }
    // Space is JSON's business, before, after and between.
    for packet in ["2[\"a\",1] ", "2[\"a\",1]\n", "2 [\"a\",1]", "2[ \"a\" ,\t1 ]", "2\r\n[\n\"a\"\n,1]"] {
        let head = read(packet).expect(packet);
        assert!(head.data.starts_with('[') && head.data.ends_with(']'), "{packet:?}");
    }
    assert_eq!(read("2 ").map(|head| head.data), Ok(""));
    assert_eq!(read("1\n").map(|head| head.data), Ok(""));
}

/// Each of these closes the connection, here as there.
#[test]
fn what_breaks_the_protocol_says_how() {
    let of = |kind: &str| {
        Malformed::Payload(match kind {
            "CONNECT" => "a CONNECT carries an object or nothing",
            "DISCONNECT" => "a DISCONNECT carries nothing",
            "EVENT" => "an event carries an array",
            "ACK" => "an acknowledgement carries an array",
            _ => "a CONNECT_ERROR carries an object or a string",
        })
    };
    for (packet, malformed) in [
        ("", Malformed::Empty),
        ("7", Malformed::UnknownType('7')),
        ("7[\"a\"]", Malformed::UnknownType('7')),
        ("abc", Malformed::UnknownType('a')),
        ("é", Malformed::UnknownType('é')),
        ("/custom,", Malformed::UnknownType('/')),
        ("0[]", of("CONNECT")),
        ("0\"x\"", of("CONNECT")),
        ("0null", of("CONNECT")),
        ("0true", of("CONNECT")),
        ("0abc", of("CONNECT")),
        ("0{", Malformed::Json { at: 1 }),
        ("0{}x", Malformed::Json { at: 2 }),
        ("0{}{}", Malformed::Json { at: 2 }),
        ("1{}", of("DISCONNECT")),
        ("1[]", of("DISCONNECT")),
        ("1null", of("DISCONNECT")),
        ("1abc", of("DISCONNECT")),
        ("2[]", Malformed::NoName),
        ("2[null]", Malformed::NoName),
        ("2[true]", Malformed::NoName),
        ("2[{}]", Malformed::NoName),
        ("2[[\"a\"]]", Malformed::NoName),
        ("2[,\"a\"]", Malformed::NoName),
        ("2{}", of("EVENT")),
        ("2\"a\"", of("EVENT")),
        ("2abc[\"message\"]", of("EVENT")),
        ("2-1[\"a\"]", of("EVENT")),
        ("212,[\"a\"]", of("EVENT")),
        ("2[\"a\"", Malformed::Json { at: 4 }),
        ("2[\"a\",]", Malformed::Json { at: 5 }),
        ("2[\"a\" 1]", Malformed::Json { at: 5 }),
        ("2[\"a\",1}", Malformed::Json { at: 6 }),
        ("2[\"a\"]x", Malformed::Json { at: 5 }),
        ("2[\"a\"],", Malformed::Json { at: 5 }),
        ("2[\"a\"][\"b\"]", Malformed::Json { at: 5 }),
        ("2[\"a\"]\u{c}", Malformed::Json { at: 5 }),
        ("2[\"a", Malformed::Json { at: 3 }),
        ("2[01]", Malformed::Json { at: 2 }),
        ("3{}", of("ACK")),
        ("3\"x\"", of("ACK")),
        ("31null", of("ACK")),
        ("31[1", Malformed::Json { at: 2 }),
        ("4[]", of("CONNECT_ERROR")),
        ("4null", of("CONNECT_ERROR")),
        ("41{}x", Malformed::Json { at: 2 }),
        ("5", Malformed::NoAttachmentCount),
        ("5[\"a\"]", Malformed::NoAttachmentCount),
        ("5-[\"a\"]", Malformed::NoAttachmentCount),
        ("51[\"a\"]", Malformed::NoAttachmentCount),
        ("5a-[\"a\"]", Malformed::NoAttachmentCount),
        ("51.5-[\"a\"]", Malformed::NoAttachmentCount),
        ("5-1-[\"a\"]", Malformed::NoAttachmentCount),
        ("6", Malformed::NoAttachmentCount),
        ("50-[\"a\"]", Malformed::AttachmentCount(0)),
        ("60-[]", Malformed::AttachmentCount(0)),
        ("511-[\"a\"]", Malformed::AttachmentCount(11)),
        ("599999999999999999999-[\"a\"]", Malformed::AttachmentCount(u64::MAX)),
        ("51-{}", of("EVENT")),
        ("51-[]", Malformed::NoName),
        ("61-{}", of("ACK")),
        ("61-3\"x\"", of("ACK")),
    ] {
        assert_eq!(read(packet), Err(malformed), "{packet:?}");
    }
}

/// The reference reads these with JavaScript's idea of a number, or rounds them; no client writes them.
#[test]
fn numbers_are_decimal_digits_that_can_be_counted_to() {
    for (packet, malformed) in [
        (" ", Malformed::UnknownType(' ')),
        ("\t", Malformed::UnknownType('\t')),
        ("5+1-[\"a\"]", Malformed::NoAttachmentCount),
        ("50x1-[\"a\"]", Malformed::NoAttachmentCount),
        ("5 1-[\"a\"]", Malformed::NoAttachmentCount),
        ("51e0-[\"a\"]", Malformed::NoAttachmentCount),
        ("218446744073709551616[\"a\"]", Malformed::Id),
    ] {
        assert_eq!(read(packet), Err(malformed), "{packet:?}");
    }
}

#[test]
fn reserved_names_are_refused_however_they_are_written() {
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        let malformed = Malformed::ReservedName(name);
        assert_eq!(read(&format!("2[\"{name}\"]")), Err(malformed));
        assert_eq!(read(&format!("2/custom,1[\"{name}\",1]")), Err(malformed));
        assert_eq!(read(&format!("51-[\"{name}\"]")), Err(malformed));
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        assert_eq!(read(&format!("2[\"{escaped}\"]")), Err(malformed));
        assert!(fanfare_socketio::is_reserved(name));
        assert_eq!(malformed.to_string(), format!("the event name {name:?} is reserved"));
        // It is a name only where a name stands.
        assert!(read(&format!("2[\"a\",\"{name}\"]")).is_ok());
        assert!(read(&format!("3[\"{name}\"]")).is_ok());
    }
    assert!(!fanfare_socketio::is_reserved("message") && !fanfare_socketio::is_reserved(""));
}

#[test]
fn sixty_four_levels_are_read_and_one_more_has_an_error_of_its_own() {
    let at = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (before, outer, after) in
        [("2[\"a\",", 1, "]"), ("31[", 1, "]"), ("0{\"a\":", 1, "}"), ("51-[\"a\",1,", 1, "]")]
    {
        let packet = |levels: usize| format!("{before}{}{after}", at(levels - outer));
        assert!(read(&packet(64)).is_ok(), "{before}");
        assert_eq!(read(&packet(65)), Err(Malformed::TooDeep), "{before}");
        assert_eq!(read(&packet(100_000)), Err(Malformed::TooDeep), "{before}");
    }
}

#[test]
fn what_is_wrong_is_said_with_field_limit_and_value() {
    for (malformed, text) in [
        (Malformed::Empty, "a packet begins with its type, and this one is empty"),
        (Malformed::UnknownType('9'), "the packet type is one of 0 to 6, and is '9'"),
        (Malformed::AttachmentCount(11), "a binary packet has 1 to 10 attachments, and this one 11"),
        (Malformed::Id, "an id is at most 18446744073709551615"),
        (Malformed::Json { at: 7 }, "the payload is no JSON text: byte 7 of it"),
        (Malformed::TooDeep, "the payload nests deeper than 64 levels"),
        (
            Malformed::Placeholder { num: Some(3), attachments: 2 },
            "the num of a placeholder is an index into 2 attachments, and is 3",
        ),
        (
            Malformed::Placeholder { num: None, attachments: 2 },
            "the num of a placeholder is an index into 2 attachments, and is none",
        ),
        (Malformed::TooManyAttachments, "a packet holds at most 1024 binary values"),
    ] {
        assert_eq!(malformed.to_string(), text);
    }
}
