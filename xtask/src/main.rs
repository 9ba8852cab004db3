//! The project's own commands: `cargo xtask test`, `cargo xtask tidy`.
fn main() {}
