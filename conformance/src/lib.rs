//! The standards' rules as tables of cases: an input, and what must be found in it however it is cut.

mod websocket;

pub use websocket::{Case, Event, client, frame, server};
