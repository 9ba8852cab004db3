//! Words that have no business in the repository.

use super::Problem;
use crate::workspace::Workspace;

/// What is forbidden, and why. Written in pieces, so that this file does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one developer's machine: use a path relative to the repository"),
    (concat!("/ro", "ot/"), "a path of one developer's machine: use a path relative to the repository"),
    (concat!("/ho", "me/"), "a path of one developer's machine: use a path relative to the repository"),
    (concat!("://crates", ".io"), "a registry's address: name the package, the client knows where it is"),
    (concat!("static.crates", ".io"), "a registry's address: name the package, the client knows where it is"),
    (concat!("index.crates", ".io"), "a registry's address: name the package, the client knows where it is"),
    (concat!("npmjs", ".org"), "a registry's address: name the package, the client knows where it is"),
    (concat!("npmjs", ".com"), "a registry's address: name the package, the client knows where it is"),
    (concat!("pypi", ".org"), "a registry's address: name the package, the client knows where it is"),
    (concat!("pythonhosted", ".org"), "a registry's address: name the package, the client knows where it is"),
    (concat!("deb.debian", ".org"), "a registry's address: name the package, the client knows where it is"),
];

/// Cargo writes the registry's name into its lock file itself.
const NOT_OURS: &[&str] = &["Cargo.lock"];

/// No file that we wrote has a forbidden word.
pub(super) fn none_forbidden(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.files.iter().filter(|file| !NOT_OURS.contains(&file.as_str())) {
        let Some(text) = workspace.read(file) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if line.contains(word) {
                    problems.push(Problem::new(file, number + 1, format!("`{word}`"), *why));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found() {
        let text = format!("fine\ncd {}b\n", FORBIDDEN[0].0);
        let found =
            none_forbidden(&Workspace::of_files("words", &[("ops/start.sh", &text), ("Cargo.lock", &text)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("ops/start.sh", 2));
    }
}
