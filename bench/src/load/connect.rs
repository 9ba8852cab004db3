//! Handshake and close, one connection after another: TCP, the upgrade, Socket.IO's CONNECT where it is spoken, and the way out.

use std::time::Instant;

use super::Window;
use crate::arguments::Arguments;

/// Connections of the pass that only looks whether they open and close as they should.
const VERIFIED: usize = 200;

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let target = super::target(arguments, "/echo", 20)?;
    if arguments.has("verify") {
        for index in 0..VERIFIED {
            target.handshake(index)?.close(target.wire)?;
        }
        return Ok(format!("{{\"verified\":{VERIFIED}}}"));
    }
    let mut window = Window::new(arguments)?;
    for index in 0.. {
        let begun = Instant::now();
        target.handshake(index)?.close(target.wire)?;
        let now = Instant::now();
        window.arrived(1, now - begun);
        if window.is_over(now)? {
            return window.report(now);
        }
    }
    Err("the window never ended".to_owned())
}
