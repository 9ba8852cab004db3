//! The readers against slow, obvious ones that parse everything into values; and there and back again.

use std::collections::BTreeMap;

use fanfare_socketio::{Kind, ack_args, check_placeholders, elements, event, is_reserved, msgpack, read};
use fanfare_socketio::{write_ack, write_event};
use proptest::prelude::*;
use serde_json::Value;

const KINDS: [Kind; 7] = [
    Kind::Connect,
    Kind::Disconnect,
    Kind::Event,
    Kind::Ack,
    Kind::ConnectError,
    Kind::BinaryEvent,
    Kind::BinaryAck,
];

/// A packet by the letter of the protocol: type, attachments, namespace, id, payload.
type Packet = (Kind, usize, String, Option<u64>, Option<Value>);

fn slow_read(text: &str) -> Option<Packet> {
    let mut characters = text.chars().peekable();
    let kind = *KINDS.get(characters.next()?.to_digit(10)? as usize)?;
    let digits = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut digits = String::new();
        while let Some(digit) = characters.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits
    };
    let mut attachments = 0;
    if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
        attachments = digits(&mut characters).parse().ok()?;
        if characters.next()? != '-' || attachments == 0 || attachments > 10 {
            return None;
        }
    }
    let mut namespace = String::from("/");
    if characters.peek() == Some(&'/') {
        namespace = characters.by_ref().take_while(|character| *character != ',').collect();
    }
    let id = match digits(&mut characters).as_str() {
        "" => None,
        digits => Some(digits.parse().ok()?),
    };
    let rest: String = characters.collect();
    if rest.trim().is_empty() {
        return Some((kind, attachments, namespace, id, None));
    }
    let payload: Value = serde_json::from_str(&rest).ok()?;
    let fits = match kind {
        Kind::Connect => payload.is_object(),
        Kind::Disconnect => false,
        Kind::ConnectError => payload.is_object() || payload.is_string(),
        Kind::Ack | Kind::BinaryAck => payload.is_array(),
        Kind::Event | Kind::BinaryEvent => payload
            .get(0)
            .is_some_and(|name| name.is_number() || name.as_str().is_some_and(|name| !is_reserved(name))),
    };
    fits.then_some((kind, attachments, namespace, id, Some(payload)))
}

fn slow_placeholders(value: &Value, attachments: u64) -> bool {
    match value {
        Value::Object(members) if members.get("_placeholder") == Some(&Value::Bool(true)) => {
            members.get("num").and_then(Value::as_u64).is_some_and(|num| num < attachments)
        }
        Value::Object(members) => members.values().all(|value| slow_placeholders(value, attachments)),
        Value::Array(values) => values.iter().all(|value| slow_placeholders(value, attachments)),
        _ => true,
    }
}

/// Any value that stays itself as text. Its objects like to be placeholders.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0u64..4).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i16>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key = prop_oneof!["[a-c\"é]{0,2}", Just("_placeholder".to_owned()), Just("num".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            (any::<bool>(), 0u64..4)
                .prop_map(|(placeholder, num)| serde_json::json!({"_placeholder": placeholder, "num": num})),
        ]
    })
}

/// A packet, or what is nearly one.
fn packets() -> impl Strategy<Value = String> {
    let names = prop_oneof![Just("\"a\""), Just("1.5"), Just("\"connect\""), Just("null"), Just("{}")];
    let payload = prop_oneof![
        (names, proptest::collection::vec(values(), 0..4)).prop_map(|(name, values)| {
            values.iter().fold(format!("[{name}"), |text, value| format!("{text} ,{value}")) + "]"
        }),
        values().prop_map(|value| value.to_string()),
        "[\\[\\]{}\",:a1 -]{0,6}",
    ];
    let head = ("[0-7]", "(1?[0-9]-?)?", "(/[a-z/?]{0,3},?)?", "[0-9]{0,3}");
    (head, payload, "[ ,x\\]]{0,2}").prop_map(|((kind, count, namespace, id), payload, rest)| {
        format!("{kind}{count}{namespace}{id}{payload}{rest}")
    })
}

/// Values with bytes among them, as the canonical form numbers them.
#[derive(Debug, Clone)]
enum Tree {
    Value(Value),
    Bytes(Vec<u8>),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

impl Tree {
    fn json(&self, attachments: &mut Vec<Vec<u8>>) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Bytes(bytes) => {
                attachments.push(bytes.clone());
                serde_json::json!({"_placeholder": true, "num": attachments.len() - 1})
            }
            Self::Array(all) => all.iter().map(|tree| tree.json(attachments)).collect(),
            Self::Object(all) => {
                Value::Object(all.iter().map(|(key, tree)| (key.clone(), tree.json(attachments))).collect())
            }
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        values().prop_filter("no placeholder of its own", has_no_placeholder).prop_map(Tree::Value),
        proptest::collection::vec(any::<u8>(), 0..4).prop_map(Tree::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Tree::Array),
            proptest::collection::btree_map("[a-z]{0,40}", inner, 0..4).prop_map(Tree::Object),
        ]
    })
}

fn has_no_placeholder(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get("_placeholder") != Some(&Value::Bool(true))
                && members.values().all(has_no_placeholder)
        }
        Value::Array(values) => values.iter().all(has_no_placeholder),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn packets_are_read_as_the_protocol_says(text in packets()) {
        let fast = read(&text).ok().map(|head| {
            let data = (!head.data.is_empty()).then(|| serde_json::from_str(head.data).expect("JSON"));
            (head.kind, head.attachments, head.namespace.to_owned(), head.id, data)
        });
        prop_assert_eq!(fast, slow_read(&text), "{}", text);
    }

    #[test]
    fn placeholders_are_those_of_the_values(value in values(), attachments in 0usize..4) {
        let fits = check_placeholders(&value.to_string(), attachments).is_ok();
        prop_assert_eq!(fits, slow_placeholders(&value, attachments as u64), "{}", value);
    }

    #[test]
    fn an_event_arrives_as_it_was_sent(
        name in any::<String>(),
        args in proptest::collection::vec(values(), 0..4),
        id in any::<Option<u64>>(),
        namespace in "/[a-z]{0,3}",
        attachments in 0usize..=10,
    ) {
        prop_assume!(!is_reserved(&name));
        let texts: Vec<String> = args.iter().map(Value::to_string).collect();
        let mut out = Vec::new();
        write_event(&mut out, &namespace, id, &name, texts.join(",").as_bytes(), attachments);
        let text = String::from_utf8(out).expect("text");
        let head = read(&text).expect("a packet");
        prop_assert_eq!(head.kind, if attachments == 0 { Kind::Event } else { Kind::BinaryEvent });
        prop_assert_eq!((head.namespace, head.id, head.attachments), (namespace.as_str(), id, attachments));
        let event = event(head.data).expect("an event");
        prop_assert_eq!(event.name.as_ref(), name);
        prop_assert_eq!(elements(event.args), texts);
    }

    #[test]
    fn an_acknowledgement_arrives_as_it_was_sent(
        args in proptest::collection::vec(values(), 0..4),
        id: u64,
        attachments in 0usize..=10,
    ) {
        let texts: Vec<String> = args.iter().map(Value::to_string).collect();
        let mut out = Vec::new();
        write_ack(&mut out, "/", id, texts.join(",").as_bytes(), attachments);
        let text = String::from_utf8(out).expect("text");
        let head = read(&text).expect("a packet");
        prop_assert_eq!(head.kind, if attachments == 0 { Kind::Ack } else { Kind::BinaryAck });
        prop_assert_eq!((head.id, head.attachments), (Some(id), attachments));
        prop_assert_eq!(elements(ack_args(head.data).expect("an array")), texts);
    }

    #[test]
    fn message_pack_brings_back_what_was_written(args in proptest::collection::vec(trees(), 0..4), id in any::<Option<u64>>()) {
        let mut attachments = Vec::new();
        let data = Tree::Array(args).json(&mut attachments);
        let lent: Vec<&[u8]> = attachments.iter().map(Vec::as_slice).collect();
        let mut out = Vec::new();
        msgpack::write(&mut out, Kind::Ack, "/custom", id, &data.to_string(), &lent);
        let packet = msgpack::read(&out).expect("a packet");
        prop_assert_eq!(packet.kind, if attachments.is_empty() { Kind::Ack } else { Kind::BinaryAck });
        prop_assert_eq!((packet.namespace.as_str(), packet.id), ("/custom", id));
        prop_assert_eq!(serde_json::from_str::<Value>(&packet.data).expect("JSON"), whole(data));
        prop_assert_eq!(packet.attachments, attachments);
    }
}

/// JavaScript has one kind of number, so 2.0 comes back as 2.
fn whole(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            if number.fract() == 0.0 { Value::from(number as i64) } else { Value::from(number) }
        }
        Value::Array(all) => all.into_iter().map(whole).collect(),
        Value::Object(all) => {
            Value::Object(all.into_iter().map(|(key, value)| (key, whole(value))).collect())
        }
        value => value,
    }
}
