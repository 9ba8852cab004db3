//! Echo: each connection always has so many messages under way.

use std::collections::VecDeque;
use std::time::Instant;

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES, Target, Wire, beginning, payload};
use mio::{Events, Poll};

use super::{STALL, Window, verified};
use crate::arguments::Arguments;

/// Messages that each connection sends in the pass that looks at every byte.
const VERIFIED_PER_CONNECTION: u64 = 1_000;

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let bytes = arguments.number("bytes", 20)?;
    let in_flight: u64 = arguments.number("in-flight", 1)?;
    let target = super::target(arguments, "/echo", bytes)?;
    let mut poll = Poll::new().map_err(|error| error.to_string())?;
    let connections = (0..arguments.number("connections", 100)?).map(|index| target.open(index, &poll));
    let connections = connections.collect::<Result<Vec<_>, _>>()?;
    if arguments.has("verify") {
        return verify(&mut poll, connections, &target, bytes, in_flight);
    }
    let (frame_bytes, block) = block(&target, bytes, in_flight);
    let mut echoes: Vec<_> =
        connections.into_iter().map(|connection| Echo { connection, sent: VecDeque::new() }).collect();
    let mut window = Window::new(arguments)?;
    for echo in &mut echoes {
        echo.connection.send(&block)?;
        echo.sent.push_back((Instant::now(), in_flight));
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    loop {
        poll.poll(&mut events, Some(STALL)).map_err(|error| error.to_string())?;
        if events.is_empty() {
            return Err(format!("nothing came for {} s", STALL.as_secs()));
        }
        for event in events.iter() {
            let echo = &mut echoes[event.token().0];
            if event.is_writable() {
                echo.connection.flush()?;
            }
            if !event.is_readable() {
                continue;
            }
            let back = echo.connection.count(&mut buffer)?;
            if back > 0 {
                let now = Instant::now();
                echo.arrived(back, now, &mut window)?;
                echo.connection.send(&block[..frame_bytes * usize::try_from(back).unwrap_or(0)])?;
                echo.sent.push_back((now, back));
            }
        }
        let now = Instant::now();
        if window.is_over(now)? {
            return window.report(now);
        }
    }
}

/// One frame's length, and as many frames as may be in flight.
fn block(target: &Target, bytes: usize, in_flight: u64) -> (usize, Vec<u8>) {
    let mut block = Vec::new();
    target.wire.write(&mut block, Kind::Text, &payload(0, 0, bytes));
    let frame_bytes = block.len();
    (1..in_flight).for_each(|number| target.wire.write(&mut block, Kind::Text, &payload(0, number, bytes)));
    (frame_bytes, block)
}

struct Echo {
    connection: Connection,
    /// When, and how many at once.
    sent: VecDeque<(Instant, u64)>,
}

impl Echo {
    fn arrived(&mut self, mut messages: u64, now: Instant, window: &mut Window) -> Result<(), String> {
        while messages > 0 {
            let Some((at, waiting)) = self.sent.front_mut() else {
                return Err("more came back than was sent".to_owned());
            };
            let part = messages.min(*waiting);
            window.arrived(part, now - *at);
            *waiting -= part;
            messages -= part;
            if *waiting == 0 {
                self.sent.pop_front();
            }
        }
        Ok(())
    }
}

/// Every message differs and has to come back as it was, in order.
fn verify(
    poll: &mut Poll,
    mut connections: Vec<Connection>,
    target: &Target,
    bytes: usize,
    in_flight: u64,
) -> Result<String, String> {
    let mut sent = vec![0u64; connections.len()];
    let mut came = vec![0u64; connections.len()];
    let each = verified(VERIFIED_PER_CONNECTION, bytes, connections.len());
    let expected = |index: usize, number: u64| {
        let mut expected = payload(index, number, bytes);
        if let Wire::Raw { record_bytes } = target.wire {
            expected.resize(record_bytes, b'.');
        }
        expected
    };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    let mut send = |connection: &mut Connection, index: usize, wanted: u64| {
        let mut out = Vec::new();
        while sent[index] < wanted.min(each) {
            target.wire.write(&mut out, Kind::Text, &payload(index, sent[index], bytes));
            sent[index] += 1;
        }
        if out.is_empty() { Ok(()) } else { connection.send(&out) }
    };
    for (index, connection) in connections.iter_mut().enumerate() {
        send(connection, index, in_flight)?;
    }
    while came.iter().any(|came| *came < each) {
        poll.poll(&mut events, Some(STALL)).map_err(|error| error.to_string())?;
        if events.is_empty() {
            return Err(format!("nothing came for {} s", STALL.as_secs()));
        }
        for event in events.iter() {
            let index = event.token().0;
            let connection = &mut connections[index];
            connection.flush()?;
            connection.look(&mut buffer, |message| {
                let expected = expected(index, came[index]);
                if message != expected {
                    let (got, wanted) = (beginning(message), beginning(&expected));
                    return Err(format!("connection {index}: `{got}` came instead of `{wanted}`"));
                }
                came[index] += 1;
                Ok(())
            })?;
            send(connection, index, came[index] + in_flight)?;
        }
    }
    Ok(format!("{{\"verified\":{}}}", came.iter().sum::<u64>()))
}
