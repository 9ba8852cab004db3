//! One plain WebSocket connection, as a handler sees it.

use std::cell::RefCell;

use fanfare_driver::Remote;
use fanfare_hub::{CloseCode, Outgoing, SocketId};

/// A message of a plain WebSocket.
///
/// ```
/// use fanfare::Message;
///
/// assert_eq!(Message::from("text"), Message::Text("text".to_owned()));
/// assert_eq!(Message::from(vec![1, 2]), Message::Binary(vec![1, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Message {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

/// Something that a handler asks for. While it runs in its shard's turn it is queued and done before the turn ends.
#[derive(Debug)]
pub(crate) enum Command {
    Send(SocketId, Message),
    Close(SocketId, CloseCode, String),
}

thread_local! {
    /// What the handler that runs in this thread's turn has asked for; `None` outside a turn.
    static ASKED: RefCell<Option<Vec<Command>>> = const { RefCell::new(None) };
}

/// Runs part of a handler in its shard's turn and returns what it asked for.
pub(crate) fn in_turn<R>(run: impl FnOnce() -> R) -> (R, Vec<Command>) {
    /// Ends the turn's part also where the handler panics.
    struct Outside;
    impl Drop for Outside {
        fn drop(&mut self) {
            ASKED.take();
        }
    }
    ASKED.with_borrow_mut(|asked| *asked = Some(Vec::new()));
    let _outside = Outside;
    let result = run();
    (result, ASKED.take().unwrap_or_default())
}

/// A connection. It can be kept, cloned and used from any thread; what is sent to one that has gone goes nowhere.
///
/// ```
/// use fanfare::{App, Message, WebSocket};
///
/// let app = App::new().websocket("/", async |socket: WebSocket, message: Message| socket.send(message));
/// ```
#[derive(Clone, Debug)]
pub struct WebSocket {
    pub(crate) id: SocketId,
    pub(crate) remote: Remote,
}

impl WebSocket {
    /// Which connection this is, for as long as the server runs.
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new().websocket("/", async |socket: WebSocket, message: Message| println!("{:?}", socket.id()));
    /// ```
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.id
    }

    /// Sends a message. It returns at once; a client too slow to take what is sent is closed with 1013.
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new().websocket("/", async |socket: WebSocket, message: Message| socket.send(message));
    /// ```
    pub fn send(&self, message: impl Into<Message>) {
        self.ask(Command::Send(self.id, message.into()));
    }

    /// Begins to close the connection; what was sent before arrives first.
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new().websocket("/", async |socket: WebSocket, message: Message| socket.close(fanfare::CloseCode::NORMAL, "as you wish"));
    /// ```
    pub fn close(&self, code: CloseCode, reason: &str) {
        self.ask(Command::Close(self.id, code, reason.to_owned()));
    }

    fn ask(&self, command: Command) {
        let outside = ASKED.with_borrow_mut(|asked| match asked {
            Some(asked) => {
                asked.push(command);
                None
            }
            None => Some(command),
        });
        match outside {
            Some(Command::Send(to, Message::Text(text))) => {
                self.remote.send(to, Outgoing::Text(&text).to_owned());
            }
            Some(Command::Send(to, Message::Binary(bytes))) => {
                self.remote.send(to, Outgoing::Binary(&bytes).to_owned());
            }
            Some(Command::Close(socket, code, reason)) => self.remote.close(socket, code, &reason),
            None => {}
        }
    }
}
