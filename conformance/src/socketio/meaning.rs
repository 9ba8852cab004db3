//! What a Socket.IO packet means to a client, however it is written: white space, escapes and numbers of JSON, and the order in
//! which attachments are numbered, are the server's own affair.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Number, Value};

/// A whole packet of the message type: its head without the count of attachments, and its value with the attachments in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// `42/custom,7` and the like; a binary event is an event, a binary acknowledgement an acknowledgement.
    pub head: String,
    /// The payload, or what stands there where that is no JSON.
    pub value: Value,
}

impl Meaning {
    /// How many attachments follow this text.
    #[must_use]
    pub fn owed(text: &str) -> usize {
        let rest = text.strip_prefix("45").or_else(|| text.strip_prefix("46"));
        let count = rest.and_then(|rest| rest.split_once('-')?.0.parse().ok());
        // A server that announces more than there can be is seen to send none of them.
        count.filter(|count| *count <= 1_000).unwrap_or(0)
    }

    /// What this text and its attachments mean.
    #[must_use]
    pub fn of(text: &str, attachments: &[Vec<u8>]) -> Self {
        let json = text.find(['[', '{']).unwrap_or(text.len());
        let (head, payload) = text.split_at(json);
        let head = match (head.get(..2), head.split_once('-')) {
            (Some("45"), Some((_, rest))) => format!("42{rest}"),
            (Some("46"), Some((_, rest))) => format!("43{rest}"),
            _ => head.to_owned(),
        };
        let mut value = serde_json::from_str(payload).unwrap_or_else(|_| Value::from(payload));
        settle(&mut value, attachments);
        Self { head, value }
    }
}

/// Puts the attachments in their places, and writes numbers one way.
fn settle(value: &mut Value, attachments: &[Vec<u8>]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, attachments)),
        Value::Object(members) => {
            if members.get("_placeholder") == Some(&Value::Bool(true)) {
                let number = members
                    .get("num")
                    .and_then(Value::as_u64)
                    .and_then(|number| usize::try_from(number).ok());
                if let Some(bytes) = number.and_then(|number| attachments.get(number)) {
                    *value = Value::from(format!("(binary) {}", BASE64_STANDARD.encode(bytes)));
                    return;
                }
            }
            members.values_mut().for_each(|member| settle(member, attachments));
        }
        Value::Number(number) => {
            if let Some(number) = number.as_f64().and_then(Number::from_f64) {
                *value = Value::Number(number);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_the_same() {
        let pairs = [
            (r#"42["a",1.0,"\u00e9",{"b":1,"c":1e21}]"#, r#"42[ "a", 1, "é", {"c":1e+21,"b":1} ]"#),
            (r#"42/custom,7["a"]"#, r#"42/custom,7[ "a" ]"#),
            (r#"40{"sid":"x"}"#, r#"40{"sid" : "x"}"#),
        ];
        for (one, other) in pairs {
            assert_eq!(Meaning::of(one, &[]), Meaning::of(other, &[]));
        }
        let bytes = [vec![1], vec![2]];
        let turned = [vec![2], vec![1]];
        let event = |one, other| {
            format!(
                r#"452-/n,5["a",{{"_placeholder":true,"num":{one}}},{{"_placeholder":true,"num":{other}}}]"#
            )
        };
        assert_eq!(Meaning::of(&event(0, 1), &bytes), Meaning::of(&event(1, 0), &turned));
        assert_eq!(Meaning::of(&event(0, 1), &bytes).head, "42/n,5");
        assert_ne!(Meaning::of(&event(0, 1), &bytes), Meaning::of(&event(0, 1), &turned));
        assert_eq!((Meaning::owed(&event(0, 1)), Meaning::owed("461-[]"), Meaning::owed("42[]")), (2, 1, 0));
    }

    #[test]
    fn what_means_something_else_is_not() {
        let texts = [
            r#"42["a"]"#,
            r#"42["b"]"#,
            r#"42["a",1]"#,
            r#"421["a"]"#,
            r#"43["a"]"#,
            r#"42/c,["a"]"#,
            "42",
            "6",
            r#"42["a",2]"#,
        ];
        for (at, one) in texts.iter().enumerate() {
            for other in &texts[..at] {
                assert_ne!(Meaning::of(one, &[]), Meaning::of(other, &[]));
            }
        }
    }
}
