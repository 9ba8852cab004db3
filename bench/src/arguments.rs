//! `--name value` and `--name`.

use std::collections::BTreeMap;

/// The arguments of one command.
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut found = BTreeMap::new();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").ok_or_else(|| format!("`{word}` is no option"))?;
            let value = words.next_if(|next| !next.starts_with("--")).copied().unwrap_or_default();
            found.insert(name.to_owned(), value.to_owned());
        }
        Ok(Self(found))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("--{name} {value}: not a number that fits")),
        }
    }

    pub(crate) fn needed<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let value = self.0.get(name).ok_or_else(|| format!("--{name} is missing"))?;
        value.parse().map_err(|_| format!("--{name} {value}: not a number that fits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_switches() {
        let arguments = Arguments::read(&["--port", "80", "--verify", "--path", "/echo"]).unwrap();
        assert_eq!(arguments.needed::<u16>("port"), Ok(80));
        assert!(arguments.has("verify") && !arguments.has("room"));
        assert_eq!(arguments.text("path", "/"), "/echo");
        assert_eq!(arguments.number("in-flight", 16), Ok(16));
        assert!(arguments.needed::<u16>("path").is_err());
    }
}
