//! The turn of the core loop over pipes that do as they are told.

mod crowds;
mod harness;
mod lingering;
mod reading;
mod sending;
mod sharing;
