//! Who is compared.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a server does with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Echo,
    Broadcast,
    /// The same to everybody in one room, through the library.
    Hall,
    /// Nothing: everybody is in a room of a hundred.
    Room,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Broadcast => "broadcast",
            Self::Hall => "hall",
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
    /// In a workspace of its own, since not every machine can build it.
    UWebSockets,
    Node,
}

/// A server of the comparison.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: Program,
    /// How the load speaks with it.
    pub(crate) wire: &'static [&'static str],
    /// Whether it can agree to permessage-deflate here.
    pub(crate) deflates: bool,
}

pub(crate) const RAW: &str = "raw TCP (mio)";
pub(crate) const OURS: &str = "fanfare";
pub(crate) const UWEBSOCKETS: &str = "uWebSockets";

const WEBSOCKET: &[&str] = &["--wire", "websocket"];
const SOCKETIO: &[&str] = &["--wire", "socketio"];

const fn peer(name: &'static str, program: Program, wire: &'static [&'static str]) -> Peer {
    Peer { name, program, wire, deflates: false }
}

const fn deflating(name: &'static str, program: Program) -> Peer {
    Peer { deflates: true, ..peer(name, program, WEBSOCKET) }
}

/// In the order of the tables.
pub(crate) const WEBSOCKET_PEERS: &[Peer] = &[
    peer(RAW, Program::Raw, &["--wire", "raw"]),
    deflating(OURS, Program::Ours),
    peer("fastwebsockets", Program::Rust, WEBSOCKET),
    deflating("sockudo-ws", Program::Rust),
    peer("tokio-websockets", Program::Rust, WEBSOCKET),
    peer("tungstenite", Program::Rust, WEBSOCKET),
    deflating(UWEBSOCKETS, Program::UWebSockets),
    deflating("ws", Program::Node),
    deflating("yawc", Program::Rust),
];

pub(crate) const SOCKETIO_PEERS: &[Peer] = &[
    peer(OURS, Program::Library(""), SOCKETIO),
    peer("socketioxide", Program::Rust, SOCKETIO),
    peer("socket.io", Program::Node, SOCKETIO),
];

pub(crate) const SERVICE_PEERS: &[Peer] = &[
    peer("`Server::bind`", Program::Library(""), WEBSOCKET),
    peer("`into_service()` under `axum::serve`", Program::Library("axum"), WEBSOCKET),
    peer(
        "`into_service()` under axum-server with TLS",
        Program::Library("tls"),
        &["--wire", "websocket", "--tls"],
    ),
];

impl Peer {
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self.program, Program::Ours | Program::Library(_))
    }

    /// The server, on one thread of its own for the connections.
    pub(crate) fn command(
        &self,
        root: &Path,
        target: &Path,
        port: u16,
        mode: Mode,
        deflates: bool,
    ) -> Vec<String> {
        let release = |name: &str| target.join("release").join(name).display().to_string();
        let words: Vec<String> = match self.program {
            // It agrees to whatever is offered.
            Program::Ours => return ours(target, port),
            Program::Library(inside) => return library(target, port, mode, inside),
            Program::Raw => return raw(target, port, mode),
            Program::Rust => vec![release("fanfare-bench-peers"), self.name.to_owned()],
            Program::UWebSockets => vec![uwebsockets(target).join(BINARY).display().to_string()],
            Program::Node => {
                let script = format!("bench/peers/node/{}.mjs", self.name);
                vec!["node".to_owned(), root.join(script).display().to_string()]
            }
        };
        let options = ["--port".to_owned(), port.to_string(), "--mode".to_owned(), mode.name().to_owned()];
        let deflate = deflates.then(|| "--deflate".to_owned());
        words.into_iter().chain(options).chain(deflate).collect()
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
            Program::UWebSockets => {
                let lock = read("bench/peers/uwebsockets/Cargo.lock");
                let (bindings, sources) =
                    (locked(&lock, "uwebsockets_rs"), locked(&lock, "libuwebsockets-sys"));
                format!("of libuwebsockets-sys {sources} (over libuv) under uwebsockets_rs {bindings}")
            }
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
    library_with(target, port, mode, inside, 1)
}

/// The same with so many shards.
pub(crate) fn library_with(target: &Path, port: u16, mode: Mode, inside: &str, shards: u16) -> Vec<String> {
    let binary = target.join("release").join("fanfare-bench").display().to_string();
    let (port, shards) = (port.to_string(), shards.to_string());
    let options = ["serve", "library", "--port", &port, "--mode", mode.name(), "--shards", &shards];
    let options =
        if inside.is_empty() { options.to_vec() } else { [&options[..], &["--inside", inside]].concat() };
    std::iter::once(binary).chain(options.iter().map(|word| (*word).to_owned())).collect()
}

/// The limit of the machine.
pub(crate) fn raw(target: &Path, port: u16, mode: Mode) -> Vec<String> {
    let binary = target.join("release").join("fanfare-bench").display().to_string();
    let port = port.to_string();
    let options = ["serve", "raw", "--port", &port, "--mode", mode.name()];
    std::iter::once(binary).chain(options.map(str::to_owned)).collect()
}

/// The real server, as users start it; everything but the shard count is what they get.
pub(crate) fn ours(target: &Path, port: u16) -> Vec<String> {
    ours_with(target, port, 1, &[])
}

/// The same with so many shards, and with options that a measurement cannot do without.
pub(crate) fn ours_with(target: &Path, port: u16, shards: u16, more: &[&str]) -> Vec<String> {
    let (port, shards) = (port.to_string(), shards.to_string());
    let binary = target.join("release").join("fanfare").display().to_string();
    let options =
        ["serve", "--host", "127.0.0.1", "--port", &port, "--shards", &shards, "--drain-seconds", "0"];
    std::iter::once(binary).chain(options.iter().chain(more).map(|word| (*word).to_owned())).collect()
}

/// Where uWebSockets is built: what else is built together would share its features.
pub(crate) fn uwebsockets(target: &Path) -> PathBuf {
    target.join("uwebsockets")
}

/// From there.
const BINARY: &str = "release/fanfare-bench-uwebsockets";

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
