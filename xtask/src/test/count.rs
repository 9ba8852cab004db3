//! Counts, read from what a test runner printed.

use super::Outcome;
use crate::process::Done;

/// The sum of all `test result:` lines; a run that failed before its first test counts as one failure.
pub(super) fn cargo_tests(done: &Done) -> Outcome {
    let mut outcome = Outcome::default();
    for line in done.output.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        outcome.passed += number_before(line, " passed");
        outcome.failed += number_before(line, " failed");
    }
    at_least_one(outcome, done.success)
}

/// The last line `N passed, N failed`, which our own scripts end with.
pub(super) fn last_line(done: &Done) -> Outcome {
    let mut outcome = Outcome::default();
    if let Some(line) = done.output.lines().rev().find(|line| line.contains(" passed, ")) {
        outcome = Outcome::of(number_before(line, " passed"), number_before(line, " failed"));
    }
    at_least_one(outcome, done.success && outcome_is_something(&done.output))
}

/// As many passed as lines end with `mark`; one failed if the command did, or if nothing passed.
pub(super) fn marked(done: &Done, mark: &str) -> Outcome {
    let passed = done.output.lines().filter(|line| line.ends_with(mark)).count();
    let passed = u32::try_from(passed).unwrap_or(u32::MAX);
    at_least_one(Outcome::of(passed, 0), done.success && passed > 0)
}

/// One command that either finds nothing or fails.
pub(super) fn whole(done: &Done) -> Outcome {
    Outcome::of(u32::from(done.success), u32::from(!done.success))
}

fn outcome_is_something(output: &str) -> bool {
    output.lines().any(|line| line.contains(" passed, "))
}

fn at_least_one(mut outcome: Outcome, success: bool) -> Outcome {
    if !success && outcome.failed == 0 {
        outcome.failed = 1;
    }
    outcome
}

fn number_before(line: &str, word: &str) -> u32 {
    line.find(word)
        .and_then(|end| line[..end].rsplit(|character: char| !character.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(success: bool, output: &str) -> Done {
        Done { success, output: output.to_owned() }
    }

    #[test]
    fn results_add_up() {
        let text = "test result: ok. 3 passed; 0 failed; 1 ignored\n\ntest result: FAILED. 10 passed; 2 failed; 0 ignored";
        assert_eq!(cargo_tests(&done(false, text)), Outcome::of(13, 2));
        assert_eq!(cargo_tests(&done(false, "error[E0425]")), Outcome::of(0, 1));
        assert_eq!(cargo_tests(&done(false, "test result: ok. 3 passed; 0 failed")), Outcome::of(3, 1));
    }

    #[test]
    fn marked_lines_are_counted_and_none_is_a_failure() {
        let text = "frames: 9 runs, nothing found\nmessages: 8 runs, nothing found\n";
        assert_eq!(marked(&done(true, text), "nothing found"), Outcome::of(2, 0));
        assert_eq!(marked(&done(false, text), "nothing found"), Outcome::of(2, 1));
        assert_eq!(marked(&done(true, "usage"), "nothing found"), Outcome::of(0, 1));
    }

    #[test]
    fn a_script_without_its_last_line_has_failed() {
        assert_eq!(last_line(&done(true, "ok 1\n12 passed, 0 failed\n")), Outcome::of(12, 0));
        assert_eq!(last_line(&done(false, "ok 1\n12 passed, 3 failed\n")), Outcome::of(12, 3));
        assert_eq!(last_line(&done(true, "ok 1\n")), Outcome::of(0, 1));
    }
}
