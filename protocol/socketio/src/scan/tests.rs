use super::*;
use proptest::prelude::*;
use serde::de::IgnoredAny;

/// Whether all of `text` is one value, by the scanner.
fn scanned(text: &str) -> Result<&str, Malformed> {
    let mut scanner = Scanner::new(text);
    scanner.space();
    let value = scanner.value(0)?;
    scanner.end()?;
    Ok(value)
}

/// The same by serde_json, and how deep it goes by counting: slow and obvious.
fn parsed(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// How deep a JSON text goes.
fn depth(text: &str) -> usize {
    let outside = text.replace("\\\\", "").replace("\\\"", "");
    let brackets: String = outside.split('"').step_by(2).collect();
    let (mut depth, mut most) = (0, 0);
    for character in brackets.chars() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

#[test]
fn values_end_where_they_end() {
    for text in ["0", "-0.5e+10", "\"\"", r#""a\"\\\u00e9""#, "true", "false", "null", "[]", "{}"] {
        assert_eq!(scanned(text), Ok(text));
        assert_eq!(scanned(&format!(" \t\r\n{text} \t\r\n")), Ok(text));
    }
    let text = r#"{ "a" : [ 1 , { } , [ ] , { "b" : [ [ 2 ] , 3 ] } ] , "c" : "}" }"#;
    assert_eq!(scanned(text), Ok(text));
}

#[test]
fn a_fault_is_found_where_it_is() {
    for (text, at) in [
        ("", 0),
        (" ", 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("{\"a\" 1}", 5),
        ("{1:2}", 1),
        ("{\"a\":1,}", 7),
        ("[", 1),
        ("[\"a", 3),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("\"\u{1f}\"", 1),
        ("\"\n\"", 1),
        ("01", 1),
        ("-", 1),
        ("+1", 0),
        ("1.", 2),
        (".5", 0),
        ("1e", 2),
        ("1e+", 3),
        ("1e+-1", 3),
        ("tru", 0),
        ("nulll", 4),
        ("NaN", 0),
        ("1\u{c}", 1),
        ("\u{a0}1", 0),
    ] {
        assert_eq!(scanned(text), Err(Malformed::Json { at }), "{text:?}");
        assert!(!parsed(text), "{text:?}");
    }
}

#[test]
fn sixty_four_levels_are_read_and_one_more_is_not() {
    let at = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(scanned(&at(64)).is_ok());
    assert_eq!(scanned(&at(65)), Err(Malformed::TooDeep));
    let objects = |levels: usize| "{\"a\":[".repeat(levels / 2) + &"]}".repeat(levels / 2);
    assert!(scanned(&objects(64)).is_ok());
    assert_eq!(scanned(&objects(66)), Err(Malformed::TooDeep));
    // Levels that have ended do not count, and those that a value stands in do.
    let text = format!("[{at},{at}]", at = at(63));
    assert!(scanned(&text).is_ok());
    assert!(Scanner::new(&at(63)).value(1).is_ok());
    assert_eq!(Scanner::new(&at(64)).value(1), Err(Malformed::TooDeep));
    assert_eq!(Scanner::new("[").value(64), Err(Malformed::TooDeep));
}

#[test]
fn escapes_are_taken_out_of_strings() {
    assert!(matches!(unescape("plain é"), Cow::Borrowed("plain é")));
    for (raw, text) in [
        (r#"a\"b\\c\/d"#, "a\"b\\c/d"),
        (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
        (r"\u00e9\u00E9", "éé"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\u{fffd}\u{fffd}\u{fffd}"),
        (r"x\udc00y", "x\u{fffd}\u{fffd}\u{fffd}y"),
    ] {
        assert_eq!(unescape(raw), text);
    }
}

/// JSON, and what is nearly JSON.
fn texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
        "\"([ -!#-\\[\\]-~é]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,6}\"",
        "true|false|null",
        "[\\[\\]{}:,\"\\\\0-9eE.+a-z \n-]{0,3}",
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            proptest::collection::vec(("[a-c]{0,2}", inner), 0..4).prop_map(|all| {
                let members: Vec<String> =
                    all.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_scanner_reads_what_serde_json_reads(text in texts()) {
        prop_assert_eq!(scanned(&text).is_ok(), parsed(&text), "{}", text);
        if let Ok(value) = scanned(&text) {
            prop_assert_eq!(value, text.trim_matches([' ', '\t', '\n', '\r']));
        }
    }

    #[test]
    fn depth_is_counted(text in texts(), below in 50usize..64) {
        if parsed(&text) {
            let fits = Scanner::new(text.trim_start()).value(below).is_ok();
            prop_assert_eq!(fits, below + depth(&text) <= DEPTH_MAX || depth(&text) == 0);
        }
    }

    #[test]
    fn strings_are_what_serde_json_makes_of_them(text in any::<String>(), ascii in any::<bool>()) {
        let mut json = serde_json::to_string(&text).expect("a string");
        if ascii {
            json = json.chars().fold(String::new(), |mut out, character| {
                if character.is_ascii() {
                    out.push(character);
                } else {
                    let mut units = [0; 2];
                    out.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
                }
                out
            });
        }
        let mut scanner = Scanner::new(&json);
        prop_assert_eq!(unescape(scanner.string().expect("a string")), text);
        prop_assert_eq!(scanner.at(), json.len());
    }
}

#[test]
fn eight_bytes_at_once_are_looked_at_as_one_by_one() {
    for around in [b'a', 0x20, 0x7f, 0x80, 0xff] {
        for byte in 0..=u8::MAX {
            let slow = byte >= b' ' && byte != b'"' && byte != b'\\';
            for at in 0..8 {
                let mut eight = [around; 8];
                eight[at] = byte;
                let found = special(u64::from_le_bytes(eight));
                assert_eq!(found == 0, slow, "{byte} at {at} among {around}");
                let first = eight.iter().position(|byte| matches!(byte, ..b' ' | b'"' | b'\\'));
                let marked = (found != 0).then(|| found.trailing_zeros() as usize / 8);
                assert_eq!(marked, first, "{byte} at {at} among {around}");
            }
        }
    }
}

#[test]
fn a_text_stands_for_itself_where_each_of_its_characters_does() {
    let odd = ["\u{1}", "\n\n", "\\", "\\\\\\", "\"", "\"\"", "\u{1f}\"", "é", " ", "\u{7f}", ""];
    for before in ["", "a", "seven--", "eight---", "sixteen bytes---"] {
        for odd in odd {
            for after in ["", "b"] {
                let text = format!("{before}{odd}{after}");
                let slow = text.chars().all(|char| char >= ' ' && char != '"' && char != '\\');
                assert_eq!(is_plain(&text), slow, "{text:?}");
            }
        }
    }
}

#[test]
fn the_first_special_of_several_is_the_one_that_is_found() {
    for first in 0..8 {
        for second in first..8 {
            let mut eight = *b"aaaaaaaa";
            (eight[second], eight[first]) = (b'"', b'\n');
            assert_eq!(special(u64::from_le_bytes(eight)).trailing_zeros() as usize / 8, first);
        }
    }
}

#[test]
fn a_string_ends_at_its_quote_wherever_that_is() {
    for length in 0..40 {
        for rest in ["", "]", ",1]", ", \"another string\"]"] {
            let text = format!("\"{}\"{rest}", "abcdefgh".repeat(5).get(..length).unwrap());
            let mut scanner = Scanner::new(&text);
            assert_eq!(scanner.string().unwrap().len(), length);
            assert_eq!(scanner.at(), length + 2);
        }
    }
}
