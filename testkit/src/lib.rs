//! What tests talk with: peers that are simple enough to be right by reading them.

pub mod blocking;
