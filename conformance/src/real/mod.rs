//! The real server as a process, and clients of it.

mod client;
mod flags;
mod pieces;
mod probe;
mod server;

use std::fmt::Display;

pub use client::{Client, Seen, client_frame, http};
pub use flags::Flags;
pub use pieces::{View, check_room};
pub use probe::{Delays, Probe};
pub use server::{Server, mebibytes, refused_start};

/// What went wrong, in words.
pub type Outcome<T> = Result<T, String>;

/// Words around an error.
pub trait Saying<T> {
    /// The error with what was being done.
    ///
    /// # Errors
    /// The same one, in words.
    fn saying(self, what: &str) -> Outcome<T>;
}

impl<T, E: Display> Saying<T> for Result<T, E> {
    fn saying(self, what: &str) -> Outcome<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// Fails with `why` where `so` does not hold.
///
/// # Errors
/// `why`.
pub fn ensure(so: bool, why: impl FnOnce() -> String) -> Outcome<()> {
    if so { Ok(()) } else { Err(why()) }
}
