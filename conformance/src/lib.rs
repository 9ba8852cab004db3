//! The standards' rules as tables of cases: an input, and what must be found in it however it is cut. And what trials of the
//! real server are made of: the server as a process, clients, and a client that only watches how long others keep it waiting.

mod random;
pub mod real;
pub mod socketio;
mod websocket;

pub use random::Random;
pub use websocket::{Case, Event, client, frame, server};
