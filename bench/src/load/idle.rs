//! Idle connections: what each of them keeps in the server's memory, at once and after each had something to do.

use std::time::{Duration, Instant};

use fanfare_load::{Connection, Kind, READ_BUFFER_BYTES, Target, payload};
use mio::{Events, Poll};

use super::STALL;
use crate::arguments::Arguments;
use crate::measure::resident_bytes;

/// What a server allocates once is not a connection's: the count begins behind these.
const UNCOUNTED: usize = 100;

/// Members of a room, where they join.
const ROOM_MEMBERS: usize = 100;

/// Time for the server to finish what it does after the last handshake.
const SETTLE: Duration = Duration::from_secs(1);

/// The same after a burst: for garbage to be collected, and for what is given back by and by.
const SETTLE_AFTER_BURST: Duration = Duration::from_secs(5);

/// How often memory is looked at during a burst.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

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
    let counted = count.saturating_sub(UNCOUNTED).max(1) as f64;
    let each = |now: u64| (now as f64 - before as f64) / counted;
    let mut line = format!(
        "{{\"connections\":{count},\"bytes_each\":{:.1},\"before_bytes\":{before},\"after_bytes\":{after}",
        each(after)
    );
    let burst: usize = arguments.number("burst", 0)?;
    if burst > 0 {
        let most = idle.burst(&target, burst, server)?;
        idle.read_for(SETTLE_AFTER_BURST)?;
        let last = resident_bytes(server)?;
        line +=
            &format!(",\"burst_bytes\":{most},\"last_bytes\":{last},\"last_bytes_each\":{:.1}", each(last));
    }
    Ok(line + "}")
}

struct Idle {
    poll: Poll,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Idle {
    /// Each connection sends a message of so many bytes and gets it back, all at once; the most memory that was seen meanwhile.
    fn burst(&mut self, target: &Target, bytes: usize, server: u32) -> Result<u64, String> {
        let mut frame = Vec::new();
        target.wire.write(&mut frame, Kind::Text, &payload(0, 0, bytes));
        for connection in &mut self.connections {
            connection.send(&frame)?;
        }
        let (mut came, mut most) = (0, 0);
        let mut last = Instant::now();
        while came < self.connections.len() as u64 {
            let more = self.read_for(BETWEEN_LOOKS)?;
            most = most.max(resident_bytes(server)?);
            if more > 0 {
                last = Instant::now();
            } else if last.elapsed() > STALL {
                return Err(format!("{came} of {} messages came back", self.connections.len()));
            }
            came += more;
        }
        Ok(most)
    }

    /// Reads whatever comes, until so much time has gone; how many messages came.
    fn read_for(&mut self, wait: Duration) -> Result<u64, String> {
        let mut messages = 0;
        let until = Instant::now() + wait;
        let mut events = Events::with_capacity(1024);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.poll.poll(&mut events, Some(left)).map_err(|error| error.to_string())?;
            for event in events.iter() {
                let connection = &mut self.connections[event.token().0];
                connection.flush()?;
                messages += connection.count(&mut self.buffer)?;
            }
            if left.is_zero() {
                return Ok(messages);
            }
        }
    }
}
