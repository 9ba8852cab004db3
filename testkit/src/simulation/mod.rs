//! Whole conversations in virtual time, from a seed.
//!
//! [`World`] runs real shards over a simulated network that delays, slows and cuts; clients act at random. Afterwards
//! [`check`] holds what each client saw against a model that knows nothing of the server's code: a plain list for each
//! room. [`run`] does one seed, and every failure names it.

mod behaviour;
mod check;
mod client;
mod doors;
mod lists;
mod network;
mod random;
mod world;

pub use check::check;
pub use client::{Client, Entry, Exit, What};
pub use random::Random;
pub use world::{Plan, World};

/// Runs one seed with so many shards and checks it.
///
/// # Errors
/// What was wrong, with the seed that shows it again.
pub fn run(seed: u64, shards: u16) -> Result<Report, String> {
    let outcome = std::panic::catch_unwind(|| {
        let mut world = World::new(Plan::from_seed(seed, shards));
        world.run().and_then(|()| check(&world)).map(|()| Report {
            messages: world.clients().iter().map(|client| client.log.len() as u64).sum(),
            clients: world.clients().len() as u64,
        })
    });
    let wrong = match outcome {
        Ok(Ok(report)) => return Ok(report),
        Ok(Err(wrong)) => wrong,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            format!("a panic: {}", text.unwrap_or_default())
        }
    };
    Err(format!("seed {seed} with {shards} shards: {wrong}"))
}

/// What one seed was about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Messages that clients sent or saw.
    pub messages: u64,
    /// Connections that were made.
    pub clients: u64,
}
