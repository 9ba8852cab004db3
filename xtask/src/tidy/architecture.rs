//! ARCHITECTURE.md lists the way of one message, file by file; here the list is held to the sources.

use super::Problem;
use crate::workspace::Workspace;

const FILE: &str = "ARCHITECTURE.md";
const SECTION: &str = "way of one message";

/// Every path of the section exists, and every numbered step names a function that its file has.
pub(super) fn true_way(workspace: &Workspace) -> Vec<Problem> {
    let Some(text) = workspace.read(FILE) else {
        // Before there is a driver no message has a way.
        return if workspace.has("io/driver") { vec![missing()] } else { Vec::new() };
    };
    let mut problems = Vec::new();
    let mut steps = 0;
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains(SECTION);
        } else if inside {
            steps += usize::from(is_step(line));
            problems.extend(
                false_claims(workspace, line).map(|(what, mend)| Problem::new(FILE, number + 1, what, mend)),
            );
        }
    }
    if steps == 0 {
        problems.push(missing());
    }
    problems
}

fn missing() -> Problem {
    let mend =
        "list the files in order, each step as: 1. `io/driver/src/connection.rs`, `receive`: what it does";
    Problem::new(FILE, 1, format!("no section on the {SECTION} with numbered steps"), mend)
}

fn is_step(line: &str) -> bool {
    let line = line.trim_start();
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    digits > 0 && line[digits..].starts_with(". ")
}

fn false_claims(workspace: &Workspace, line: &str) -> impl Iterator<Item = (String, String)> {
    let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
    let paths: Vec<&str> = quoted.iter().copied().filter(|quoted| quoted.contains('/')).collect();
    let gone = paths
        .iter()
        .filter(|path| !workspace.has(path))
        .map(|path| (format!("`{path}` is not there"), "name the file that does it now".to_owned()));
    let mut claims: Vec<(String, String)> = gone.collect();
    if is_step(line) && claims.is_empty() {
        let functions: Vec<&str> = quoted
            .iter()
            .filter(|quoted| !quoted.contains('/'))
            .filter_map(|quoted| quoted.trim_end_matches("()").rsplit("::").next())
            .collect();
        match paths.first() {
            None => claims.push(("a step without a file".to_owned(), "put its path in backticks".to_owned())),
            Some(path) => {
                let source = workspace.read(path).unwrap_or_default();
                let there = |name: &&str| {
                    source.lines().any(|line| line.contains("fn ") && crate::code::has_word(line, name))
                };
                if !functions.iter().any(there) {
                    let what = format!("`{path}` has no function of the names {functions:?}");
                    claims.push((what, "name the function that does the step now".to_owned()));
                }
            }
        }
    }
    claims.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(steps: &str) -> Vec<String> {
        let text =
            format!("# House\n\n## The way of one message\n\n{steps}\n\n## Else\n`gone/elsewhere.rs`\n");
        let name = format!("architecture-{}", steps.len());
        let files = [("ARCHITECTURE.md", text.as_str()), ("io/driver/src/a.rs", "fn receive() {}\n")];
        true_way(&Workspace::of_files(&name, &files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_true_list_passes_and_each_lie_is_found() {
        assert_eq!(found("1. `io/driver/src/a.rs`, `Connection::receive`: bytes in"), Vec::<String>::new());
        assert!(found("1. `io/driver/src/b.rs`, `receive`: bytes in")[0].contains("is not there"));
        assert!(found("1. `io/driver/src/a.rs`, `lost`: bytes in")[0].contains("has no function"));
        assert!(found("1. `receive` does it all")[0].contains("without a file"));
        assert!(found("no steps")[0].contains("numbered steps"));
    }
}
