//! Who is compared.

use std::path::Path;
use std::process::Command;

/// What a server does with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Echo,
    Broadcast,
    /// Nothing: everybody is in a room of a hundred.
    Room,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Broadcast => "broadcast",
            Self::Room => "room",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Raw,
    /// The binary.
    Ours,
    /// An app on the library, by itself or inside something else.
    Library(&'static str),
    Rust,
    Node,
}

/// A server of the comparison.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: Program,
    /// How the load speaks with it.
    pub(crate) wire: &'static [&'static str],
}

pub(crate) const RAW: &str = "raw TCP (mio)";
pub(crate) const OURS: &str = "fanfare";

const WEBSOCKET: &[&str] = &["--wire", "websocket"];
const SOCKETIO: &[&str] = &["--wire", "socketio"];

/// In the order of the tables.
pub(crate) const WEBSOCKET_PEERS: &[Peer] = &[
    Peer { name: RAW, program: Program::Raw, wire: &["--wire", "raw"] },
    Peer { name: OURS, program: Program::Ours, wire: WEBSOCKET },
    Peer { name: "fastwebsockets", program: Program::Rust, wire: WEBSOCKET },
    Peer { name: "tokio-websockets", program: Program::Rust, wire: WEBSOCKET },
    Peer { name: "tungstenite", program: Program::Rust, wire: WEBSOCKET },
    Peer { name: "ws", program: Program::Node, wire: WEBSOCKET },
];

pub(crate) const SOCKETIO_PEERS: &[Peer] = &[
    Peer { name: OURS, program: Program::Library(""), wire: SOCKETIO },
    Peer { name: "socketioxide", program: Program::Rust, wire: SOCKETIO },
    Peer { name: "socket.io", program: Program::Node, wire: SOCKETIO },
];

pub(crate) const SERVICE_PEERS: &[Peer] = &[
    Peer { name: "`Server::bind`", program: Program::Library(""), wire: WEBSOCKET },
    Peer { name: "`into_service()` under `axum::serve`", program: Program::Library("axum"), wire: WEBSOCKET },
    Peer {
        name: "`into_service()` under axum-server with TLS",
        program: Program::Library("tls"),
        wire: &["--wire", "websocket", "--tls"],
    },
];

impl Peer {
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.program, Program::Ours | Program::Library(_))
    }

    /// The server, on one thread of its own for the connections.
    pub(crate) fn command(&self, root: &Path, target: &Path, port: u16, mode: Mode) -> Vec<String> {
        let release = |name: &str| target.join("release").join(name).display().to_string();
        let words: Vec<String> = match self.program {
            Program::Ours => return ours(target, port),
            Program::Library(inside) => return library(target, port, mode, inside),
            Program::Raw => vec![release("fanfare-bench"), "serve".to_owned(), "raw".to_owned()],
            Program::Rust => vec![release("fanfare-bench-peers"), self.name.to_owned()],
            Program::Node => {
                let script = format!("bench/peers/node/{}.mjs", self.name);
                vec!["node".to_owned(), root.join(script).display().to_string()]
            }
        };
        let options = ["--port".to_owned(), port.to_string(), "--mode".to_owned(), mode.name().to_owned()];
        words.into_iter().chain(options).collect()
    }

    /// Its version, from the lock file that pins it.
    pub(crate) fn version(&self, root: &Path) -> String {
        let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
        match self.program {
            Program::Raw => locked(&read("Cargo.lock"), "mio"),
            Program::Ours => locked(&read("Cargo.lock"), "fanfare-server"),
            Program::Library("") => locked(&read("Cargo.lock"), "fanfare"),
            Program::Library("axum") => format!("axum {}", locked(&read("Cargo.lock"), "axum")),
            Program::Library(_) => {
                let lock = read("Cargo.lock");
                format!("axum-server {}, rustls {}", locked(&lock, "axum-server"), locked(&lock, "rustls"))
            }
            Program::Rust => locked(&read("bench/peers/Cargo.lock"), self.name),
            Program::Node => {
                let lock: serde_json::Value =
                    serde_json::from_str(&read("bench/peers/node/package-lock.json")).unwrap_or_default();
                let node = Command::new("node").arg("--version").output();
                let node = node.map(|node| String::from_utf8_lossy(&node.stdout).trim().to_owned());
                let package = format!("node_modules/{}", self.name);
                let version = lock["packages"][&package]["version"].as_str().unwrap_or("?").to_owned();
                format!("{version}, Node {}", node.unwrap_or_default())
            }
        }
    }
}

/// An app on the library, as `fanfare-bench` has it.
pub(crate) fn library(target: &Path, port: u16, mode: Mode, inside: &str) -> Vec<String> {
    let binary = target.join("release").join("fanfare-bench").display().to_string();
    let port = port.to_string();
    let options = ["serve", "library", "--port", &port, "--mode", mode.name(), "--inside", inside];
    let options = if inside.is_empty() { &options[..6] } else { &options[..] };
    std::iter::once(binary).chain(options.iter().map(|word| (*word).to_owned())).collect()
}

/// The real server, as users start it; everything but the shard count is what they get.
pub(crate) fn ours(target: &Path, port: u16) -> Vec<String> {
    let port = port.to_string();
    let binary = target.join("release").join("fanfare").display().to_string();
    let options = ["serve", "--host", "127.0.0.1", "--port", &port, "--shards", "1", "--drain-seconds", "0"];
    std::iter::once(binary).chain(options.map(str::to_owned)).collect()
}

fn locked(lock: &str, package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or_else(|| "?".to_owned(), |version| version.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_that_of_the_package() {
        let lock = "[[package]]\nname = \"mio\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"mi\"\nversion = \"2.0.0\"\n";
        assert_eq!(locked(lock, "mio"), "1.2.3");
        assert_eq!(locked(lock, "mi"), "2.0.0");
        assert_eq!(locked(lock, "m"), "?");
    }
}
