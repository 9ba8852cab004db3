//! What packets carry: events and acknowledgements, attachments and their placeholders.

use fanfare_socketio::{Assembly, Malformed, ack_args, check_placeholders, elements, event, read};

#[test]
fn an_event_is_a_name_and_the_text_of_its_arguments() {
    for (data, name, args) in [
        (r#"["message"]"#, "message", ""),
        (r#"["message",1,"2",{"3":[true]}]"#, "message", r#"1,"2",{"3":[true]}"#),
        ("[ \"a\" , 1 ,\t[ 2 ] ]", "a", "1 ,\t[ 2 ]"),
        ("[\n\"a\"\n]", "a", ""),
        // Space on one side alone.
        ("[\"a\", 1]", "a", "1"),
        ("[\"a\",1 ]", "a", "1"),
        (r#"["",""]"#, "", r#""""#),
        (r#"["\u00e9\n",0]"#, "é\n", "0"),
        (r#"["a\"]",0]"#, "a\"]", "0"),
        (r#"["]",1]"#, "]", "1"),
        // A number is the name that JavaScript would make of it.
        ("[1]", "1", ""),
        ("[1.0,2]", "1", "2"),
        ("[-0]", "0", ""),
        ("[1.50e1]", "15", ""),
        ("[1e21]", "1e+21", ""),
        ("[1e999]", "Infinity", ""),
        ("", "", ""),
    ] {
        assert!(data.is_empty() || read(&format!("2{data}")).is_ok(), "{data}");
        let event = event(data).expect(data);
        assert_eq!((event.name.as_ref(), event.args), (name, args), "{data}");
    }
}

#[test]
fn a_name_without_escapes_is_lent() {
    let borrowed = |data| matches!(event(data).expect(data).name, std::borrow::Cow::Borrowed(_));
    assert!(borrowed(r#"["message",1]"#));
    assert!(!borrowed(r#"["m\u0065ssage",1]"#));
}

#[test]
fn what_is_no_event_is_none_even_unread() {
    for data in ["[]", "[null]", "{}", "x", "[", "[\"a\"", "[\"a\",1", "[\"a", "\"a\"", " "] {
        assert!(event(data).is_err(), "{data}");
    }
    assert_eq!(event("[\"a\",1"), Err(Malformed::Json { at: 6 }));
}

#[test]
fn an_acknowledgement_is_the_text_of_its_arguments() {
    for (data, args) in
        [("", ""), ("[]", ""), ("[ ]", ""), ("[1]", "1"), ("[ 1 , {\"a\":[]} ]", "1 , {\"a\":[]}")]
    {
        assert_eq!(ack_args(data), Ok(args), "{data}");
    }
    for data in ["{}", "[", "]", "1", "[1"] {
        assert_eq!(ack_args(data), Err(Malformed::Json { at: 0 }), "{data}");
    }
}

#[test]
fn elements_are_split_at_their_own_commas() {
    for (args, expected) in [
        ("", &[][..]),
        ("1", &["1"]),
        (" 1 , \"a,b\" ,[2,3],\t{\"c\":\",\"}\n", &["1", "\"a,b\"", "[2,3]", "{\"c\":\",\"}"]),
        ("null,,1", &["null"]),
        ("1 2", &["1"]),
        ("1,[", &["1"]),
    ] {
        assert_eq!(elements(args), expected, "{args}");
    }
    // As deep as they may be where they came from, in the packet's array.
    let deep = "[".repeat(63) + &"]".repeat(63);
    assert_eq!(elements(&deep), [&deep]);
}

/// As socket.io-parser 4.2 puts packets together, but for the last two.
#[test]
fn a_placeholder_names_an_attachment_that_is_there() {
    for (data, attachments) in [
        (r#"["a",{"_placeholder":true,"num":0}]"#, 1),
        (r#"["a",{"num":1,"x":2,"_placeholder":true}]"#, 2),
        (r#"["a",{"_placeholder":true,"num":9}]"#, 10),
        (r#"["a",{"_placeholder":true,"num":0.0},{"_placeholder":true,"num":-0}]"#, 1),
        (r#"["a",{"_placeholder":true,"num":10e-1}]"#, 2),
        (r#"["a",{"_placehold\u0065r":true,"num":0}]"#, 1),
        // One that is not used, and one that is used twice.
        (r#"["a"]"#, 1),
        (r#"["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, 1),
        // No placeholders: only `true` makes one.
        (
            r#"["a",{"_placeholder":false,"num":9},{"_placeholder":1,"num":9},{"num":9},{"_placeholder":"true"}]"#,
            1,
        ),
        (r#"["a",{"_placeholder":{"_placeholder":false},"num":9},["_placeholder",true,"num",9]]"#, 1),
        (r#"{"_placeholder":[true],"num":9}"#, 1),
        // Of a key that is there twice the last counts; what stands in a placeholder is never looked at.
        (r#"["a",{"_placeholder":true,"_placeholder":null,"num":9}]"#, 1),
        (r#"["a",{"_placeholder":true,"num":9,"num":0}]"#, 1),
        (r#"["a",{"_placeholder":true,"num":0,"x":[{"_placeholder":true,"num":9}]}]"#, 1),
        (r#"["a",{"x":{"_placeholder":true,"num":9},"_placeholder":true,"num":0},[]]"#, 1),
        ("", 1),
    ] {
        assert_eq!(check_placeholders(data, attachments), Ok(()), "{data}");
    }
    for (data, num) in [
        (r#"["a",{"_placeholder":true,"num":1}]"#, Some(1)),
        (r#"["a",{"_placeholder":true,"num":18446744073709551616}]"#, Some(u64::MAX)),
        (r#"["a",{"_placeholder":true,"num":-1}]"#, None),
        (r#"["a",{"_placeholder":true}]"#, None),
        (r#"["a",{"_placeholder":true,"num":"0"}]"#, None),
        (r#"["a",{"_placeholder":true,"num":null}]"#, None),
        (r#"["a",{"_placeholder":true,"num":[0]}]"#, None),
        (r#"["a",{"_placeholder":true,"num":0,"num":1}]"#, Some(1)),
        (r#"["a",{"_placeholder":true,"num":0},{"x":[[{"_placeholder":true,"num":2}]]}]"#, Some(2)),
        (r#"["a",{"_placeholder":true,"num":0.5}]"#, None),
        (r#"["a",{"x":{"_placeholder":true,"num":7},"x":1}]"#, Some(7)),
    ] {
        assert!(read(&format!("51-{data}")).is_ok(), "{data}");
        assert_eq!(
            check_placeholders(data, 1),
            Err(Malformed::Placeholder { num, attachments: 1 }),
            "{data}"
        );
    }
}

#[test]
fn placeholders_of_what_nobody_has_read_do_no_harm() {
    for data in [
        "[",
        "]",
        "{",
        "}",
        "{\"a\"",
        "{\"_placeholder\"",
        "[\"",
        "x",
        "{\"_placeholder\":true,\"num\":0",
        "[}",
        "1,2",
    ] {
        let _ = check_placeholders(data, 1);
    }
    assert_eq!(check_placeholders("[1]]", 1), Err(Malformed::Json { at: 3 }));
    assert_eq!(check_placeholders("[tru]", 1), Err(Malformed::Json { at: 1 }));
    let deep = "[".repeat(100_000) + r#"{"_placeholder":true}"#;
    assert!(check_placeholders(&format!("{deep}{}", "]".repeat(100_000)), 1).is_err());
}

#[test]
fn a_packet_waits_for_its_attachments() {
    let mut assembly = Assembly::new("52-[\"a\"]".to_owned(), 2);
    assert_eq!(assembly.held_bytes(), 8);
    assert!(!assembly.push(vec![1, 2, 3]));
    assert_eq!(assembly.held_bytes(), 11);
    assert!(assembly.push(vec![]));
    assert!(assembly.push(vec![4]), "what comes after is not kept");
    assert_eq!(assembly.held_bytes(), 11);
    assert_eq!(assembly.finish(), ("52-[\"a\"]".to_owned(), vec![vec![1, 2, 3], vec![]]));
}
