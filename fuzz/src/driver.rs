//! Runs a target on inputs from a corpus and mutations of them. It needs no nightly compiler; it sees no coverage either.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::Target;

/// Longest input made by mutation.
const INPUT_BYTES_MAX: usize = 4096;

/// Numbers at which lengths, codes and counts turn.
const INTERESTING: [u8; 16] = [0, 1, 8, 13, 16, 32, 63, 64, 125, 126, 127, 128, 129, 192, 254, 255];

/// An input at which an invariant did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The input.
    pub input: Vec<u8>,
    /// What the target said.
    pub message: String,
}

/// Runs a target on one input.
///
/// # Errors
/// The input, if the target panicked.
pub fn run_one(target: Target, input: &[u8]) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(|| target.1(input))).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        Failure { input: input.to_vec(), message }
    })
}

/// The seeds in a folder, ordered by name, so that a run follows from its seed.
///
/// # Errors
/// If the folder or a file cannot be read.
pub fn corpus(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    paths.iter().filter(|path| path.is_file()).map(std::fs::read).collect()
}

/// Makes inputs out of seeds; the same number gives the same inputs.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutator {
    /// A mutator of `seeds`.
    #[must_use]
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { seeds, state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// The next input: a seed with a few changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.any_seed();
        // One change finds what is next to a rule, many find what nobody thought of.
        let changes = 1 << self.below(6);
        for _ in 0..changes {
            self.change(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(24)).min(input.len());
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.number() as u8,
            2 if at < input.len() => input[at] = INTERESTING[self.below(INTERESTING.len())],
            3 if at < input.len() => input[at] = input[at].wrapping_add(1),
            4 => drop(input.drain(at..end)),
            5 => {
                let copied = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                input.splice(to..to, copied);
            }
            6 => {
                let noise: Vec<u8> = (0..self.below(8)).map(|_| self.number() as u8).collect();
                input.splice(at..at, noise);
            }
            7 => {
                let other = self.any_seed();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let other = self.any_seed();
                let from = self.below(other.len() + 1);
                let to = (from + self.below(32)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
        }
    }

    fn any_seed(&mut self) -> Vec<u8> {
        let index = self.below(self.seeds.len());
        self.seeds.get(index).cloned().unwrap_or_default()
    }

    fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.number() >> 16) as usize % limit }
    }

    fn number(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    #[test]
    fn every_target_holds_on_its_corpus_and_on_mutations_of_it() {
        for target in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.0);
            let seeds = corpus(&folder).unwrap();
            assert!(!seeds.is_empty(), "{} has no corpus", target.0);
            for seed in &seeds {
                run_one(*target, seed).unwrap();
            }
            let mut mutator = Mutator::new(seeds, 7);
            for _ in 0..2_000 {
                run_one(*target, &mutator.next_input()).unwrap();
            }
        }
    }

    #[test]
    fn a_failing_target_is_reported_with_its_input() {
        let failing: Target = ("failing", |data| assert!(data.len() < 3, "too long"));
        assert!(run_one(failing, b"ab").is_ok());
        let failure = run_one(failing, b"abc").unwrap_err();
        assert_eq!((failure.input.as_slice(), failure.message.as_str()), (&b"abc"[..], "too long"));
    }
}
