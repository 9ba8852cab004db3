//! Where a run goes: `ws://host:port/path` or `http://host:port/namespace`.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::wire::{Wire, socketio};

/// How one speaks to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Plain WebSocket: each message is one of WebSocket.
    WebSocket,
    /// Socket.IO v5 over WebSocket: each message is an event.
    SocketIo,
}

/// A server's door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    text: String,
    host: String,
    port: u16,
    /// With the query; of Socket.IO only the query.
    path: String,
    namespace: String,
    protocol: Protocol,
}

impl Url {
    /// Reads an address. `ws://` means WebSocket and `http://` means Socket.IO, unless `protocol` says so: then `ws://` may be
    /// a namespace of Socket.IO, too.
    pub fn read(text: &str, protocol: Option<Protocol>) -> Result<Self, String> {
        let wrong = |what: &str| format!("`{text}`: {what}");
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| wrong("an address begins with ws:// or http://"))?;
        if let Some(char) = text.chars().find(|char| !char.is_ascii_graphic()) {
            return Err(wrong(&format!("{char:?} does not stand in an address: write it as %XX")));
        }
        let protocol = match (scheme, protocol) {
            ("ws", None | Some(Protocol::WebSocket)) => Protocol::WebSocket,
            ("http", None | Some(Protocol::SocketIo)) | ("ws", Some(Protocol::SocketIo)) => {
                Protocol::SocketIo
            }
            ("http", Some(Protocol::WebSocket)) => {
                return Err(wrong("plain WebSocket is at ws://, not http://"));
            }
            ("wss" | "https", _) => {
                return Err(wrong("no TLS is spoken here: measure the server itself, behind its proxy"));
            }
            _ => return Err(wrong("an address begins with ws:// or http://")),
        };
        if rest.contains('#') {
            return Err(wrong("a `#` and what follows never reaches a server: leave it out"));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.contains('@') {
            return Err(wrong("names and passwords are not sent: leave out what stands before the `@`"));
        }
        let (host, port) = split(authority).ok_or_else(|| wrong("its port is no number from 1 to 65535"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        let path = if path.is_empty() { "/" } else { path };
        let (path, namespace) = match protocol {
            Protocol::WebSocket => (format!("{path}{query}"), "/"),
            Protocol::SocketIo => (format!("{}{}", socketio::PATH, query.replacen('?', "&", 1)), path),
        };
        if namespace.contains(',') {
            return Err(wrong("a namespace has no comma"));
        }
        Ok(Self {
            text: text.to_owned(),
            host: host.to_owned(),
            port,
            path,
            namespace: namespace.to_owned(),
            protocol,
        })
    }

    /// As it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How one speaks there.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The namespace of Socket.IO.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What the upgrade request asks for.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What the upgrade request says the server is called.
    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn wire(&self) -> Wire {
        match self.protocol {
            Protocol::WebSocket => Wire::WebSocket,
            Protocol::SocketIo => Wire::SocketIo,
        }
    }

    /// The address to take. Of several it is the first that lets us connect, so `localhost` finds a server at either of its two.
    pub(crate) fn resolve(&self, limit: Duration) -> Result<SocketAddr, Failure> {
        let failed = |error| Failure::NoAddress { host: self.host.clone(), error };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = (host, self.port).to_socket_addrs().map_err(failed)?.collect();
        match addresses[..] {
            [] => Err(failed(io::Error::other("the name leads nowhere"))),
            [only] => Ok(only),
            [first, ..] => {
                let mut open = addresses.iter().filter(|to| TcpStream::connect_timeout(to, limit).is_ok());
                Ok(*open.next().unwrap_or(&first))
            }
        }
    }
}

/// Host and port; an IPv6 address keeps its brackets.
fn split(authority: &str) -> Option<(&str, u16)> {
    const DEFAULT_PORT: u16 = 80;
    let name_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[name_end..].rfind(':') {
        None => Some((authority, DEFAULT_PORT)),
        Some(colon) => {
            let port = authority[name_end + colon + 1..].parse().ok().filter(|port| *port > 0)?;
            Some((&authority[..name_end + colon], port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_address_is_host_port_and_path() {
        let url = Url::read("ws://example.net:8080/chat?token=a", None).unwrap();
        assert_eq!((url.protocol(), url.wire()), (Protocol::WebSocket, Wire::WebSocket));
        assert_eq!((&*url.host(), url.path()), ("example.net:8080", "/chat?token=a"));
        let url = Url::read("ws://[::1]", None).unwrap();
        assert_eq!((&*url.host(), url.path()), ("[::1]:80", "/"));
        assert_eq!(url.resolve(Duration::ZERO).unwrap(), "[::1]:80".parse().unwrap());
        assert_eq!(Url::read("ws://a?x=1", None).unwrap().path(), "/?x=1");
    }

    #[test]
    fn a_socketio_address_is_host_port_and_namespace() {
        for (text, protocol) in [
            ("http://127.0.0.1:80/chat?token=a", None),
            ("ws://127.0.0.1:80/chat?token=a", Some(Protocol::SocketIo)),
        ] {
            let url = Url::read(text, protocol).unwrap();
            assert_eq!((url.protocol(), url.namespace()), (Protocol::SocketIo, "/chat"));
            assert_eq!(url.path(), "/socket.io/?EIO=4&transport=websocket&token=a");
        }
        assert_eq!(Url::read("http://127.0.0.1:80", None).unwrap().namespace(), "/");
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        for (text, protocol, word) in [
            ("localhost:8080/echo", None, "begins with ws://"),
            ("ftp://localhost", None, "begins with ws://"),
            ("wss://localhost/echo", None, "no TLS"),
            ("http://localhost/echo", Some(Protocol::WebSocket), "at ws://"),
            ("ws://localhost:0/", None, "its port"),
            ("ws://localhost:many/", None, "its port"),
            ("ws://:80/", None, "no host"),
            ("ws://me:secret@localhost/", None, "`@`"),
            ("ws://localhost/#top", None, "`#`"),
            ("ws://localhost/a b", None, "' '"),
            ("ws://localhost/\r\nX: y", None, "'\\r'"),
            ("http://localhost/a,b", None, "comma"),
        ] {
            let refused = Url::read(text, protocol).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
