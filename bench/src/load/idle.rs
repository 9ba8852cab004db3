//! Idle connections: what each of them keeps in the server's memory.

use std::time::{Duration, Instant};

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES};
use mio::{Events, Poll};

use crate::arguments::Arguments;
use crate::measure::resident_bytes;

/// What a server allocates once is not a connection's: the count begins behind these.
const UNCOUNTED: usize = 100;

/// Members of a room, where they join.
const ROOM_MEMBERS: usize = 100;

/// Time for the server to finish what it does after the last handshake.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let count: usize = arguments.number("connections", 10_000)?;
    let server = arguments.needed("pid")?;
    let joins = arguments.has("join");
    let target = super::target(arguments, if joins { "/chat" } else { "/echo" }, 20)?;
    let mut idle = Idle {
        poll: Poll::new().map_err(|error| error.to_string())?,
        connections: Vec::new(),
        buffer: vec![0; READ_BUFFER_BYTES],
    };
    let mut before = 0;
    for index in 0..count {
        if index == UNCOUNTED {
            idle.read_for(SETTLE)?;
            before = resident_bytes(server)?;
        }
        let mut connection = target.open(index, &idle.poll)?;
        if joins {
            let join = format!("{{\"type\":\"join\",\"room\":\"room-{}\"}}", index / ROOM_MEMBERS);
            let mut frame = Vec::new();
            target.wire.write(&mut frame, Kind::Text, join.as_bytes());
            connection.send(&frame)?;
        }
        idle.connections.push(connection);
        idle.read_for(Duration::ZERO)?;
    }
    idle.read_for(SETTLE)?;
    let after = resident_bytes(server)?;
    let each = (after as f64 - before as f64) / count.saturating_sub(UNCOUNTED).max(1) as f64;
    Ok(format!(
        "{{\"connections\":{count},\"bytes_each\":{each:.1},\"before_bytes\":{before},\"after_bytes\":{after}}}"
    ))
}

struct Idle {
    poll: Poll,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Idle {
    /// Reads whatever comes, until so much time has gone.
    fn read_for(&mut self, wait: Duration) -> Result<(), String> {
        let until = Instant::now() + wait;
        let mut events = Events::with_capacity(1024);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.poll.poll(&mut events, Some(left)).map_err(|error| error.to_string())?;
            for event in events.iter() {
                self.connections[event.token().0].count(&mut self.buffer)?;
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }
}
