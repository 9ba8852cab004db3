//! Values: how each kind is read, checked and written.

use std::net::IpAddr;

use tracing_subscriber::filter::{LevelFilter, Targets};

/// What a setting may be.
pub(super) enum Kind {
    /// An IP address, or a host name.
    Address,
    Number {
        least: u64,
        most: u64,
    },
    /// A number of bytes, with or without a unit.
    Bytes {
        least: u64,
        most: u64,
    },
    Switch,
    Choice(&'static [&'static str]),
    /// A log filter.
    Filter,
    /// Origins of web pages, with commas between them.
    Origins,
    /// The name of a cookie, and what its line says after the value.
    Cookie,
}

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Bytes(u64),
    Switch(bool),
}

const UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Kind {
    /// The value that `text` stands for, if it may.
    pub(super) fn read(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Address => is_address(text).then(|| Value::Text(text.to_owned())),
            Self::Number { least, most } => {
                number(text).filter(|number| (least..=most).contains(&number)).map(Value::Number)
            }
            Self::Bytes { least, most } => {
                bytes(text).filter(|number| (least..=most).contains(&number)).map(Value::Bytes)
            }
            Self::Switch => match text {
                "on" | "true" | "yes" | "1" => Some(Value::Switch(true)),
                "off" | "false" | "no" | "0" => Some(Value::Switch(false)),
                _ => None,
            },
            Self::Choice(choices) => choices.contains(&text).then(|| Value::Text(text.to_owned())),
            Self::Filter => is_filter(text).then(|| Value::Text(text.to_owned())),
            Self::Origins => {
                origins(text).iter().all(|one| is_origin(one)).then(|| Value::Text(text.to_owned()))
            }
            Self::Cookie => is_cookie(text).then(|| Value::Text(text.to_owned())),
        }
    }

    /// What is expected, to follow the words "expected" and "may be".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Address => "an address such as 127.0.0.1 or ::, or a host name".to_owned(),
            Self::Number { least, most } => format!("a whole number from {least} to {most}"),
            Self::Bytes { least, most } => {
                let range = format!("{} to {}", written_bytes(*least), written_bytes(*most));
                format!("a number of bytes from {range}, such as 65536, 64 KiB, 1 MiB or 2 GiB")
            }
            Self::Switch => "on or off".to_owned(),
            Self::Choice(choices) => format!("one of: {}", choices.join(", ")),
            Self::Filter => {
                "a level (error, warn, info, debug, trace, off) or a list such as info,fanfare_driver=debug"
                    .to_owned()
            }
            Self::Origins => {
                "origins with commas between them, such as https://example.org,http://localhost:3000, or *"
                    .to_owned()
            }
            Self::Cookie => {
                "the name of a cookie and its attributes, such as io; Path=/; HttpOnly".to_owned()
            }
        }
    }

    /// What stands for a value in the help of a flag.
    pub(super) fn placeholder(&self) -> &'static str {
        match self {
            Self::Address => "ADDRESS",
            Self::Number { .. } => "NUMBER",
            Self::Bytes { .. } => "BYTES",
            Self::Switch => "on|off",
            Self::Choice(_) => "CHOICE",
            Self::Filter => "FILTER",
            Self::Origins => "ORIGINS",
            Self::Cookie => "COOKIE",
        }
    }
}

/// A word that stands alone is a level; `tracing` itself would take any other for the name of a part, and log nothing else.
/// It would also take nothing at all for a level.
fn is_filter(text: &str) -> bool {
    let whole = |word: &str| {
        let level = word.rsplit_once('=').map_or(word, |(_, level)| level).trim();
        !level.is_empty() && (word.contains('=') || level.parse::<LevelFilter>().is_ok())
    };
    text.split(',').all(whole) && text.parse::<Targets>().is_ok()
}

/// The origins of a list.
pub(crate) fn origins(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect()
}

/// As a browser sends it: scheme, host, port, and nothing after (RFC 6454 §7).
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '"']);
    text == "*" || host.is_some_and(is_host)
}

/// A name of RFC 6265 §4.1.1, then attributes; nothing at all is no cookie.
fn is_cookie(text: &str) -> bool {
    let name = text.split(';').next().unwrap_or_default().trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_clean = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    text.is_empty() || (!name.is_empty() && name.bytes().all(is_token) && is_clean)
}

impl Value {
    /// As it stands in a configuration file.
    pub(super) fn in_file(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Number(number) => number.to_string(),
            Self::Bytes(bytes) => format!("{:?}", written_bytes(*bytes)),
            Self::Switch(on) => on.to_string(),
        }
    }
}

/// The largest unit that divides it.
fn written_bytes(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size));
    unit.map_or_else(|| bytes.to_string(), |(unit, size)| format!("{} {unit}", bytes / size))
}

fn number(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn bytes(text: &str) -> Option<u64> {
    let (digits, size) = UNITS
        .iter()
        .find_map(|(unit, size)| Some((text.strip_suffix(unit)?.trim_end(), *size)))
        .unwrap_or((text, 1));
    number(digits)?.checked_mul(size)
}

fn is_address(text: &str) -> bool {
    let name = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253
            && text.split('.').all(name)
            && text.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// How a field of `Settings` takes its value; the kind of the setting has seen to its range.
pub(super) trait FromValue {
    fn from_value(value: &Value) -> Self;
}

impl FromValue for String {
    fn from_value(value: &Value) -> Self {
        match value {
            Value::Text(text) => text.clone(),
            other => other.in_file(),
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: &Value) -> Self {
        match value {
            Value::Number(number) | Value::Bytes(number) => *number,
            Value::Switch(on) => u64::from(*on),
            Value::Text(_) => 0,
        }
    }
}

impl FromValue for u16 {
    fn from_value(value: &Value) -> Self {
        Self::try_from(u64::from_value(value)).unwrap_or(Self::MAX)
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Self {
        matches!(value, Value::Switch(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units_and_a_range() {
        let kind = Kind::Bytes { least: 1, most: 4 << 30 };
        for (text, bytes) in [
            ("65536", 65_536),
            ("64 KiB", 65_536),
            ("64KiB", 65_536),
            ("1_000", 1_000),
            ("2 GiB", 2 << 30),
            ("7 B", 7),
        ] {
            assert_eq!(kind.read(text), Some(Value::Bytes(bytes)), "{text}");
        }
        for text in [
            "",
            "0",
            "64 KB",
            "-1",
            "1.5 MiB",
            "MiB",
            "5 GiB",
            "99999999999999999999",
            "18446744073709551615 GiB",
        ] {
            assert_eq!(kind.read(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_are_written_as_they_are_read() {
        for bytes in [1, 1000, 1024, 1536, 1 << 20, 3 << 30] {
            assert_eq!(super::bytes(&written_bytes(bytes)), Some(bytes));
        }
        assert_eq!(written_bytes(16 << 20), "16 MiB");
    }

    #[test]
    fn an_address_is_an_address_or_a_name() {
        for text in ["0.0.0.0", "::", "::1", "localhost", "chat.example.org"] {
            assert!(Kind::Address.read(text).is_some(), "{text}");
        }
        for text in ["", "256.0.0.1", "a b", "localhost:8080", "..", "1.2.3"] {
            assert!(Kind::Address.read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn origins_are_what_browsers_send() {
        for text in ["", "*", "https://example.org", "http://localhost:3000, https://a.example"] {
            assert!(Kind::Origins.read(text).is_some(), "{text}");
        }
        for text in ["example.org", "https://", "https://example.org/", "https://example.org/chat", "ftp://a"]
        {
            assert!(Kind::Origins.read(text).is_none(), "{text}");
        }
        assert_eq!(origins("a, b,"), ["a", "b"]);
    }

    #[test]
    fn a_cookie_has_a_name() {
        for text in ["", "io", "io; Path=/; HttpOnly; SameSite=Lax"] {
            assert!(Kind::Cookie.read(text).is_some(), "{text}");
        }
        for text in ["; Path=/", "a b; Path=/", "io; Path=/\r\nX: y", "io=1"] {
            assert!(Kind::Cookie.read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn switches_choices_and_filters() {
        assert_eq!(Kind::Switch.read("off"), Some(Value::Switch(false)));
        assert_eq!(Kind::Switch.read("maybe"), None);
        assert!(Kind::Choice(&["auto", "json"]).read("xml").is_none());
        assert!(Kind::Filter.read("info,fanfare_driver=debug").is_some());
        for text in ["", " ", "info,", "fanfare=", "fanfare=loud"] {
            assert!(Kind::Filter.read(text).is_none(), "{text}");
        }
    }
}
