//! Rules on single source files.

use super::{Problem, imports::is_pure};
use crate::code::{has_word, production_code};
use crate::workspace::Workspace;

/// What a pure crate may not name, and what to do instead.
const IMPURE: &[(&str, &str)] = &[
    ("std::time::Instant", "take the time as an argument (`now: Millis`)"),
    ("std::time::SystemTime", "take the time as an argument (`now: Millis`)"),
    ("Instant::now", "take the time as an argument (`now: Millis`)"),
    ("SystemTime::now", "take the time as an argument (`now: Millis`)"),
    ("std::net", "sockets belong in io/; the address types are in `core::net`"),
    ("std::fs", "files belong in io/ or bin/"),
    ("std::thread", "threads belong in io/"),
    ("std::env", "the environment belongs in bin/server"),
    ("std::process", "processes belong in bin/ or xtask"),
];

/// Modules that may use `unsafe`: (file, reason). A measurement stands behind each, and a test against the slow version.
const UNSAFE_MODULES: &[(&str, &str)] = &[
    (
        "io/driver/src/append.rs",
        "long messages are read without zeros first: 4 to 8 % of their echo (bench/COSTS.md)",
    ),
    ("io/driver/src/trim.rs", "malloc_trim: memory comes back after a burst (bench/README.md)"),
    (
        "protocol/websocket/src/unchecked.rs",
        "text that is checked faster than std does: 80 instructions of some 900 that an echo took (bench/COSTS.md)",
    ),
];

/// Long before this a file holds two nouns.
const LONGEST_FILE_LINES: usize = 500;

/// Crates under protocol/ and app/ name no clock, socket, file or thread.
pub(super) fn pure(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.below("", &[".rs"]).filter(|file| is_pure(file) && !is_test(file)) {
        let code = production_code(&workspace.read(file).unwrap_or_default());
        for (number, line) in code.lines().enumerate() {
            let compact: String = line.split_whitespace().collect();
            for (word, mend) in IMPURE {
                if has_word(&compact, word) || grouped(&compact, word) {
                    problems.push(Problem::new(file, number + 1, format!("`{word}` in a pure crate"), *mend));
                }
            }
        }
    }
    problems
}

/// `use std::{fs, net::…}` names `std::fs` and `std::net`.
fn grouped(compact: &str, word: &str) -> bool {
    let Some((group, member)) = word.rsplit_once("::") else { return false };
    compact.split_once(&format!("{group}::{{")).is_some_and(|(_, inside)| {
        inside
            .split(['{', ',', '}', ';'])
            .any(|part| part == member || part.starts_with(&format!("{member}::")))
    })
}

/// `unsafe` stands nowhere but in the listed modules.
pub(super) fn no_unsafe(workspace: &Workspace) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in workspace.below("", &[".rs"]) {
        if UNSAFE_MODULES.iter().any(|(module, _)| *module == file) {
            continue;
        }
        let code = crate::code::code_only(&workspace.read(file).unwrap_or_default());
        for (number, line) in code.lines().enumerate().filter(|(_, line)| has_word(line, "unsafe")) {
            let mend = "write it safely; where a measurement shows that it must be, list the module in \
                        xtask/src/tidy/sources.rs with its reason and test it against the slow version";
            problems.push(Problem::new(file, number + 1, format!("`unsafe`: {}", line.trim()), mend));
        }
    }
    problems
}

/// No source file is longer than a person reads in one go.
pub(super) fn short(workspace: &Workspace) -> Vec<Problem> {
    workspace
        .below("", &[".rs"])
        .filter(|file| file.contains("src/"))
        .filter_map(|file| {
            let lines = workspace.read(file)?.lines().count();
            (lines > LONGEST_FILE_LINES).then(|| {
                let what = format!("{lines} lines; {LONGEST_FILE_LINES} is the most");
                Problem::new(
                    file,
                    LONGEST_FILE_LINES + 1,
                    what,
                    "find the two nouns in it and give each its file",
                )
            })
        })
        .collect()
}

pub(super) fn is_test(file: &str) -> bool {
    file.split('/').any(|part| matches!(part, "tests" | "benches" | "examples"))
        || file.ends_with("/tests.rs")
        || file.ends_with("_tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_a_pure_crate_is_found_and_one_in_its_tests_is_not() {
        let workspace = Workspace::of_files(
            "pure",
            &[
                (
                    "app/hub/src/lib.rs",
                    "//! std::fs\nuse std::{fmt, fs};\nfn f() { std::time::Instant::now(); }\n",
                ),
                (
                    "app/hub/src/room.rs",
                    "use core::net::IpAddr;\n#[cfg(test)]\nmod tests {\n use std::thread;\n}\n",
                ),
                ("app/hub/tests/all.rs", "use std::fs;\n"),
                ("io/driver/src/lib.rs", "use std::net::TcpStream;\n"),
            ],
        );
        let found: Vec<String> =
            pure(&workspace).iter().map(|problem| format!("{}:{}", problem.file, problem.line)).collect();
        assert!(found.contains(&"app/hub/src/lib.rs:2".to_owned()), "{found:?}");
        assert!(found.contains(&"app/hub/src/lib.rs:3".to_owned()), "{found:?}");
        assert!(found.iter().all(|place| place.starts_with("app/hub/src/lib.rs")), "{found:?}");
    }

    #[test]
    fn unsafe_is_found_in_code_and_not_in_words() {
        let workspace = Workspace::of_files(
            "unsafe",
            &[(
                "io/x/src/lib.rs",
                "//! no unsafe here\n#![forbid(unsafe_code)]\nfn f() { unsafe { g() } }\n",
            )],
        );
        let found = no_unsafe(&workspace);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
    }

    #[test]
    fn a_long_file_is_found() {
        let long = "\n".repeat(LONGEST_FILE_LINES + 1);
        let workspace =
            Workspace::of_files("long", &[("io/x/src/lib.rs", &long), ("io/x/src/short.rs", "\n")]);
        assert_eq!(short(&workspace).len(), 1);
    }
}
