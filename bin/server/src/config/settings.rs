//! The settings: the one table of them.

use super::definition::{Default, Definition, Group};
use super::value::{FromValue, Kind, Value};

/// Makes the type that the server reads and the table that everything else is made of from the same lines.
macro_rules! settings {
    ($( $group:ident {
        $( $(#[doc = $help:literal])+ $name:ident: $type:ty = $default:expr, $kind:expr; )+
    } )+) => {
        /// The effective settings, checked.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct Settings {
            $( $( $(#[doc = $help])+ pub(crate) $name: $type, )+ )+
        }

        /// Every setting, in the order of the manual.
        pub(super) const DEFINITIONS: &[Definition] = &[
            $( $( Definition {
                name: stringify!($name),
                group: &$group,
                kind: $kind,
                default: $default,
                help: concat!($($help,)+).trim_ascii(),
            }, )+ )+
        ];

        impl Settings {
            /// Takes each value from `value_of`, which knows every name of the table.
            pub(super) fn from_values<'a>(value_of: impl Fn(&str) -> &'a Value) -> Self {
                Self { $( $( $name: <$type>::from_value(value_of(stringify!($name))), )+ )+ }
            }
        }
    };
}

const SERVER: Group = Group { heading: "The server", table: "" };
const SOCKETIO: Group = Group { heading: "Socket.IO", table: "" };
const LOG: Group = Group { heading: "Log", table: "" };
const COMPRESSION: Group = Group { heading: "Compression", table: "" };
const LIMITS: Group = Group { heading: "Limits", table: "limits" };
const TIMING: Group = Group { heading: "Timing", table: "timing" };

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_MS: u64 = 3_600_000;

use Default::{Computed, Fixed};

settings! {
    SERVER {
        /// The address to listen on. `0.0.0.0` is every IPv4 address of the machine, `::` every address, `127.0.0.1` this machine only.
        host: String = Fixed("0.0.0.0"), Kind::Address;
        /// The port to listen on. 0 picks a free one and prints it.
        port: u16 = Fixed("8080"), Kind::Number { least: 0, most: 65_535 };
        /// How many shards serve connections. Each is one thread with its own loop; more than cores gains nothing.
        shards: u64 = Computed { words: "one for each core", find: cores, example: "4" }, Kind::Number { least: 1, most: 1024 };
        /// How long a stop may take, in seconds. Clients are told to reconnect, spread over this time; what was accepted is delivered.
        drain_seconds: u64 = Fixed("30"), Kind::Number { least: 0, most: 3600 };
        /// Origins of other sites whose pages may poll. Each as a browser sends it, with commas between them; `*` is every one.
        origins: String = Fixed(""), Kind::Origins;
    }
    SOCKETIO {
        /// How Socket.IO packets are written. `msgpack` is for clients with socket.io-msgpack-parser, and for them alone.
        socketio_parser: String = Fixed("json"), Kind::Choice(&["json", "msgpack"]);
        /// The largest packet of a Socket.IO client, and the largest body of a poll. Each namespace has its own limit below it.
        socketio_packet_limit: u64 = Fixed("16 MiB"), Kind::Bytes { least: KIB, most: 2 * GIB };
        /// A cookie with the session's id, for balancers that route by one. Its name and its attributes; nothing sets none.
        socketio_cookie: String = Fixed(""), Kind::Cookie;
    }
    LOG {
        /// What is logged. A level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or levels by part: `info,fanfare_driver=debug`.
        log: String = Fixed("info"), Kind::Filter;
        /// How it is logged. `human` is for people, `json` for machines, `auto` is human on a terminal and JSON otherwise.
        log_format: String = Fixed("auto"), Kind::Choice(&["auto", "human", "json"]);
    }
    COMPRESSION {
        /// Whether permessage-deflate is agreed to with clients that offer it. Messages under the threshold still go as they are.
        compression: bool = Fixed("on"), Kind::Switch;
        /// From how many bytes on a message is compressed. Smaller ones gain nothing for the work.
        compression_threshold: u64 = Fixed("1 KiB"), Kind::Bytes { least: 0, most: GIB };
    }
    LIMITS {
        /// Memory that the server may use. Three quarters are for unfinished messages, inflaters, out-queues and rooms; past 80 % of that the largest holders are not read, past 100 % the largest is closed (1013). The rest is for what is not counted.
        memory_budget: u64 = Computed { words: "a quarter of memory", find: quarter_of_memory, example: "2 GiB" }, Kind::Bytes { least: 16 * MIB, most: 1 << 50 };
        /// The largest message of a door with JSON messages, after inflating. A larger one closes the connection (1009).
        message_limit: u64 = Fixed("1 MiB"), Kind::Bytes { least: KIB, most: 2 * GIB };
        /// The largest binary message: files, and the doors that carry bytes. A larger one closes the connection (1009).
        binary_message_limit: u64 = Fixed("16 MiB"), Kind::Bytes { least: KIB, most: 2 * GIB };
        /// The largest message of /echo. A larger one closes the connection (1009).
        echo_message_limit: u64 = Fixed("64 MiB"), Kind::Bytes { least: KIB, most: 2 * GIB };
        /// How much may wait for a slow client behind the message being sent. Past it the channel's policy decides; chat closes it (1013).
        outbox_limit: u64 = Fixed("1 MiB"), Kind::Bytes { least: 4 * KIB, most: 4 * GIB };
        /// Connections from one address, WebSocket or not yet; 0 is unlimited. Loopback is never limited; over it the answer is HTTP 429.
        connections_per_address: u64 = Fixed("1000"), Kind::Number { least: 0, most: u32::MAX as u64 };
        /// WebSocket connections in all; 0 is unlimited. Over it the answer is HTTP 503.
        connections: u64 = Fixed("0"), Kind::Number { least: 0, most: u32::MAX as u64 };
        /// Rooms that one connection may be in. Joining one more is refused (`forbidden`).
        rooms_per_connection: u64 = Fixed("128"), Kind::Number { least: 1, most: 65_536 };
    }
    TIMING {
        /// Time for the HTTP request and the handshake, in milliseconds. A slower connection is closed.
        handshake_timeout_ms: u64 = Fixed("10000"), Kind::Number { least: 100, most: HOUR_MS };
        /// How often a silent connection gets a ping, in milliseconds.
        heartbeat_interval_ms: u64 = Fixed("25000"), Kind::Number { least: 100, most: HOUR_MS };
        /// How long a ping may stay unanswered, in milliseconds. Then the connection is dropped.
        heartbeat_timeout_ms: u64 = Fixed("20000"), Kind::Number { least: 100, most: HOUR_MS };
    }
}

fn cores() -> String {
    std::thread::available_parallelism().map_or(1, usize::from).to_string()
}

/// Where memory can't be read, a quarter of 4 GiB.
fn quarter_of_memory() -> String {
    (memory().unwrap_or(4 * GIB) / 4).max(16 * MIB).to_string()
}

/// The memory of this machine, or of the container or unit around us where that is less.
fn memory() -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(file).ok();
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * KIB)
    });
    let own = read("/proc/self/cgroup").unwrap_or_default();
    let groups = control_groups(&own).into_iter().map(|group| format!("/sys/fs/cgroup{group}/memory.max"));
    let limits = groups.chain(["/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned()]);
    let limits = limits.filter_map(|file| read(&file)?.trim().parse::<u64>().ok());
    limits.chain(machine).min()
}

/// The control group that `/proc/self/cgroup` names in its line of version 2, and every group around it: a limit of any of
/// them holds (cgroups(7)).
fn control_groups(own: &str) -> Vec<&str> {
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::")) else { return vec![""] };
    let path = path.trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.map(|end| &path[..end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_any_group_around_us_counts() {
        let own = "12:memory:/old\n0::/system.slice/fanfare.service\n";
        assert_eq!(control_groups(own), ["", "/system.slice", "/system.slice/fanfare.service"]);
        assert_eq!(control_groups("0::/\n"), [""]);
        assert_eq!(control_groups(""), [""]);
        assert!(memory().is_some_and(|bytes| bytes >= 16 * MIB));
    }
}
