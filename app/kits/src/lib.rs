//! Fanfare's kits: complete applications that are mounted behind a door. Each owns its messages and its layouts.

mod binary;
mod chat;
mod echo;
mod file;
mod request;

pub use binary::Binary;
pub use chat::Chat;
pub use echo::Echo;
