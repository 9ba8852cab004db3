//! What tests talk with: peers that are simple enough to be right by reading them, and a simulated network and time.

pub mod blocking;
pub mod dialogue;
pub mod simulation;
