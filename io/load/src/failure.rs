//! What goes wrong with a connection, in words that name it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// What went wrong with a connection.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No address for the server's name.
    #[error("{host} has no address: {error}")]
    NoAddress {
        /// The name.
        host: String,
        /// What the resolver says.
        error: io::Error,
    },
    /// No TCP connection.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No more open files.
    #[error(
        "this process may have {limit} files open, and a connection is one: raise it with `ulimit -n NUMBER` (or \
         LimitNOFILE= of a systemd unit, nofile in limits.conf), or ask for fewer --connections"
    )]
    FileLimit {
        /// The limit, already as high as this process may set it.
        limit: u64,
    },
    /// No local port.
    #[error(
        "no local port is left towards {address}: net.ipv4.ip_local_port_range says how many there are, and one that was \
         closed rests for a minute"
    )]
    NoPort {
        /// Where to.
        address: SocketAddr,
    },
    /// An answer to the handshake other than 101.
    #[error("the server refused the handshake with HTTP {status}{}", told(.body))]
    Refused {
        /// The code and its reason phrase.
        status: String,
        /// The beginning of what came with it.
        body: String,
    },
    /// An answer to the handshake that is none.
    #[error("the handshake failed: {what}")]
    Handshake {
        /// What was wrong.
        what: String,
    },
    /// A namespace of Socket.IO does not let us in.
    #[error("the server refused the namespace{}", told(.reason))]
    Namespace {
        /// Its word.
        reason: String,
    },
    /// A room does not let us in.
    #[error("the server refused the room{}", told(.reason))]
    Room {
        /// Its word.
        reason: String,
    },
    /// A close frame (RFC 6455 §7.4), or the end of a session.
    #[error("the server closed it with code {code}{}", told(.reason))]
    Closed {
        /// 1005 where it has none.
        code: u16,
        /// Its word.
        reason: String,
    },
    /// The end without a close frame.
    #[error("the server ended it without a close frame")]
    Ended,
    /// It broke.
    #[error("it broke: {0}")]
    Broken(io::Error),
    /// The server breaks the protocol.
    #[error("the server broke the protocol: {0}")]
    Misbehaved(&'static str),
    /// Silence.
    #[error("no answer within {} s", .limit.as_secs_f64())]
    Silent {
        /// How long was waited.
        limit: Duration,
    },
    /// We were told to end.
    #[error("interrupted")]
    Interrupted,
}

/// What a server told us, fit to be shown in a terminal: one line, nothing that a terminal would obey.
fn told(text: &str) -> String {
    const SHOWN_CHARS: usize = 200;
    let shown: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match shown.char_indices().nth(SHOWN_CHARS) {
        _ if shown.is_empty() => String::new(),
        None => format!(": {shown}"),
        Some((end, _)) => format!(": {}…", &shown[..end]),
    }
}

/// The same words, for those whose errors are text.
impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.to_string()
    }
}

/// What went wrong, and with which connection.
#[derive(Debug)]
pub struct Trouble {
    /// Its number, from 0.
    pub connection: usize,
    /// What.
    pub failure: Failure,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}: {}", self.connection + 1, self.failure)
    }
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> Self {
        trouble.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_shown_and_not_obeyed() {
        let refused = Failure::Refused {
            status: "404 Not Found".to_owned(),
            body: "No\u{1b}[31m door\r\n here".to_owned(),
        };
        assert_eq!(
            refused.to_string(),
            "the server refused the handshake with HTTP 404 Not Found: No [31m door here"
        );
        let closed = Failure::Closed { code: 1012, reason: String::new() };
        assert_eq!(closed.to_string(), "the server closed it with code 1012");
        let long = Failure::Namespace { reason: "é".repeat(500) };
        assert!(long.to_string().ends_with('…') && long.to_string().chars().count() < 300);
        assert_eq!(
            Trouble { connection: 57, failure: closed }.to_string().split(':').next(),
            Some("connection 58")
        );
    }
}
