//! The operating system's randomness.

use fanfare_hub::Instance;

/// Bytes that nobody could guess.
///
/// # Panics
/// Where the system has no randomness to give, without which no session could be told from another's guess.
pub(crate) fn random_array<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the system gives no random numbers: {error}");
    }
    bytes
}

/// What tells this run of the server from any other.
pub(crate) fn instance() -> Instance {
    Instance(random_array())
}
