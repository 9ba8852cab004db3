//! One version of each dependency.

use std::collections::BTreeMap;

use super::Problem;
use crate::workspace::Workspace;

/// Two versions that we must bear: (package, reason).
///
/// The lock file also names what optional features would need that nobody turns on; of those no second version is built.
const BORNE: &[(&str, &str)] = &[
    ("getrandom", "0.2 is ring's, which rcgen and rustls could use instead of aws-lc"),
    ("syn", "2 is of x509-parser's derives, which rcgen could read certificates with"),
    ("untrusted", "0.7 is of aws-lc-rs's imitation of ring's verification"),
    ("windows-sys", "0.52 is ring's, as above"),
];

/// No package is in Cargo.lock twice.
pub(super) fn one_version(workspace: &Workspace) -> Vec<Problem> {
    let lock = workspace.read("Cargo.lock").unwrap_or_default();
    let mut versions: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    let mut name = "";
    for (number, line) in lock.lines().enumerate() {
        if let Some(value) = line.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = line.strip_prefix("version = ")
            && !name.is_empty()
        {
            versions.entry(name).or_default().push((number + 1, value.trim_matches('"')));
        }
    }
    versions
        .into_iter()
        .filter(|(name, found)| found.len() > 1 && !BORNE.iter().any(|(borne, _)| borne == name))
        .map(|(name, found)| {
            let list: Vec<&str> = found.iter().map(|(_, version)| *version).collect();
            let what = format!("`{name}` is built in {} versions: {}", found.len(), list.join(", "));
            let mend = format!(
                "find who asks for it (cargo tree -i {name}@{}), update that, or bear it with a reason in \
                 xtask/src/tidy/dependencies.rs and deny.toml",
                list[0]
            );
            Problem::new("Cargo.lock", found[0].0, what, mend)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_is_found() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";
        let found = one_version(&Workspace::of_files("versions", &[("Cargo.lock", lock)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("1.0.0, 2.0.0"));
    }
}
