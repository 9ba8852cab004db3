//! Who is compared.

use std::path::Path;
use std::process::Command;

/// What a server does with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Echo,
    Broadcast,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Broadcast => "broadcast",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Raw,
    Ours,
    Rust,
    Node,
}

/// A server of the comparison.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: Program,
}

pub(crate) const RAW: &str = "raw TCP (mio)";
pub(crate) const OURS: &str = "fanfare";

/// In the order of the tables.
pub(crate) const PEERS: &[Peer] = &[
    Peer { name: RAW, program: Program::Raw },
    Peer { name: OURS, program: Program::Ours },
    Peer { name: "fastwebsockets", program: Program::Rust },
    Peer { name: "tokio-websockets", program: Program::Rust },
    Peer { name: "tungstenite", program: Program::Rust },
    Peer { name: "ws", program: Program::Node },
];

impl Peer {
    pub(crate) fn is_ours(&self) -> bool {
        self.program == Program::Ours
    }

    /// The dialect that the load speaks with it.
    pub(crate) fn wire(&self) -> &'static str {
        if self.program == Program::Raw { "raw" } else { "websocket" }
    }

    /// The server, on one thread.
    pub(crate) fn command(&self, root: &Path, target: &Path, port: u16, mode: Mode) -> Vec<String> {
        let release = |name: &str| target.join("release").join(name).display().to_string();
        let words: Vec<String> = match self.program {
            Program::Ours => return ours(target, port),
            Program::Raw => vec![release("fanfare-bench"), "serve".to_owned(), "raw".to_owned()],
            Program::Rust => vec![release("fanfare-bench-peers"), self.name.to_owned()],
            Program::Node => {
                vec!["node".to_owned(), root.join("bench/peers/node/ws.mjs").display().to_string()]
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
            Program::Rust => locked(&read("bench/peers/Cargo.lock"), self.name),
            Program::Node => {
                let lock: serde_json::Value =
                    serde_json::from_str(&read("bench/peers/node/package-lock.json")).unwrap_or_default();
                let node = Command::new("node").arg("--version").output();
                let node = node.map(|node| String::from_utf8_lossy(&node.stdout).trim().to_owned());
                let ws = lock["packages"]["node_modules/ws"]["version"].as_str().unwrap_or("?").to_owned();
                format!("{ws}, Node {}", node.unwrap_or_default())
            }
        }
    }
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
