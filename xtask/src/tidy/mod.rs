//! The rules of the house that a compiler does not know, each with what it found, where, and how to mend it.

mod architecture;
mod dependencies;
mod imports;
mod links;
mod modules;
mod pages;
mod sources;
mod words;

use std::fmt;

use crate::workspace::Workspace;

/// One finding.
#[derive(Debug)]
pub(crate) struct Problem {
    file: String,
    line: usize,
    what: String,
    mend: String,
}

impl Problem {
    fn new(file: &str, line: usize, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), mend: mend.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    mend: {}", self.file, self.line, self.what, self.mend)
    }
}

type Check = fn(&Workspace) -> Vec<Problem>;

const CHECKS: &[(&str, Check)] = &[
    ("imports follow the table", imports::table),
    ("no runtime under protocol/ and app/", imports::no_runtime),
    ("no clock, socket, file or thread under protocol/ and app/", sources::pure),
    ("no unsafe", sources::no_unsafe),
    ("files stay short", sources::short),
    ("no circle between modules", modules::no_circle),
    ("no dead files", modules::no_dead_file),
    ("every kit is mounted", modules::kits_mounted),
    ("one version of each dependency", dependencies::one_version),
    ("no forbidden words", words::none_forbidden),
    ("user text is never HTML", pages::no_html),
    ("pages begin alike", pages::same_beginning),
    ("ARCHITECTURE.md tells the truth", architecture::true_way),
    ("links lead somewhere", links::lead_somewhere),
];

/// Runs every check and prints what it found; true if nothing.
pub(crate) fn report(workspace: &Workspace) -> bool {
    let (passed, failed) = counts(workspace);
    println!("{passed} passed, {failed} failed");
    failed == 0
}

/// How many checks passed and failed; the findings are printed.
pub(crate) fn counts(workspace: &Workspace) -> (u32, u32) {
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in CHECKS {
        let problems = check(workspace);
        if problems.is_empty() {
            passed += 1;
            continue;
        }
        failed += 1;
        println!("not so: {name}");
        for problem in problems {
            println!("  {problem}");
        }
    }
    (passed, failed)
}
