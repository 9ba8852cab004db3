//! A handler of one's own as a kit: each message is a future, polled once in its turn and a task only where it waits.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fanfare_driver::Remote;
use fanfare_hub::{CloseCode, Edge, Gone, Kit, Payload, PlainPlace, SocketId, Text};
use tokio::sync::oneshot;

use crate::websocket::{Command, Message, WebSocket, in_turn};

/// Messages of one connection that may wait for its handler; past it the connection is not read.
const WAITING_MESSAGES_MAX: usize = 256;

/// Bytes of them.
const WAITING_BYTES_MAX: usize = 1 << 20;

/// How long a handler may go on after its connection has closed.
const GRACE: Duration = Duration::from_secs(30);

/// What a handler returns: nothing, or a result whose error closes the connection.
///
/// ```
/// use fanfare::Outcome;
///
/// assert!(().outcome().is_ok());
/// assert_eq!(Err::<(), _>("it went wrong").outcome(), Err("it went wrong".to_owned()));
/// ```
pub trait Outcome {
    /// The error, in words.
    ///
    /// # Errors
    /// Where the handler failed.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The messages that wait for one connection's handler.
struct Waiting {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Dropped with this: the handler at work has [`GRACE`] from then.
    stays: Stays,
}

/// The connection is there as long as this is; it says how long the handler may go on otherwise than [`GRACE`].
type Stays = oneshot::Sender<Duration>;

impl Waiting {
    fn new(stays: Stays) -> Self {
        Self { messages: VecDeque::new(), bytes: 0, stays }
    }

    fn push(&mut self, message: Message) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }

    fn is_full(&self) -> bool {
        self.messages.len() >= WAITING_MESSAGES_MAX || self.bytes >= WAITING_BYTES_MAX
    }
}

/// The kit behind [`App::websocket`](crate::App::websocket).
pub(crate) struct Handler<H> {
    handler: Arc<H>,
    remote: Remote,
    /// Connections whose handler waits for something.
    waiting: HashMap<SocketId, Waiting>,
}

impl<H> Handler<H> {
    pub(crate) fn new(handler: Arc<H>, remote: Remote) -> Self {
        Self { handler, remote, waiting: HashMap::new() }
    }
}

type Handling = Pin<Box<dyn Future<Output = Result<(), String>>>>;

impl<H, R> Handler<H>
where
    H: AsyncFn(WebSocket, Message) -> R + 'static,
    R: Outcome + 'static,
{
    /// Handles one message. Where its handler waits it does so as long as what this gives is there, and a little longer.
    fn handle(&self, cx: &mut Edge<'_, Self>, socket: SocketId, message: Message) -> Option<Stays> {
        let handler = Arc::clone(&self.handler);
        let connection = WebSocket { id: socket, remote: self.remote.clone() };
        let mut handling: Handling = Box::pin(async move { handler(connection, message).await.outcome() });
        let (poll, asked) = in_turn(|| handling.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        for command in asked {
            match command {
                Command::Send(to, Message::Text(text)) if to.shard() == socket.shard() => {
                    cx.send_text(to, Text::Owned(text));
                }
                Command::Send(to, Message::Binary(bytes)) if to.shard() == socket.shard() => {
                    cx.send_binary(to, Payload::Owned(bytes));
                }
                Command::Send(to, message) => WebSocket { id: to, remote: self.remote.clone() }.send(message),
                Command::Close(closed, code, reason) if closed.shard() == socket.shard() => {
                    cx.close(closed, code, &reason);
                }
                Command::Close(closed, code, reason) => self.remote.close(closed, code, &reason),
            }
        }
        match poll {
            Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(error)) => {
                tracing::warn!(%error, "a handler failed: its connection is closed");
                cx.close(socket, CloseCode::INTERNAL_ERROR, "Internal error");
                None
            }
            Poll::Pending => {
                cx.busy(socket, true);
                let ending =
                    Ending { remote: self.remote.clone(), socket, error: Some("it panicked".to_owned()) };
                let (stays, gone) = oneshot::channel();
                tokio::task::spawn_local(async move {
                    let mut ending = ending;
                    let given_up = async {
                        tokio::time::sleep(gone.await.unwrap_or(GRACE)).await;
                    };
                    tokio::select! {
                        handled = handling => ending.error = handled.err(),
                        () = given_up => ending.error = None,
                    }
                });
                Some(stays)
            }
        }
    }
}

/// The end of a handler that has waited, whatever way it comes: its kit goes on with what waits behind it.
struct Ending {
    remote: Remote,
    socket: SocketId,
    error: Option<String>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(error) = &self.error {
            tracing::warn!(%error, "a handler failed: its connection is closed");
            self.remote.close(self.socket, CloseCode::INTERNAL_ERROR, "Internal error");
        }
        self.remote.wake(self.socket);
    }
}

impl<H, R> Kit for Handler<H>
where
    H: AsyncFn(WebSocket, Message) -> R + 'static,
    R: Outcome + 'static,
{
    type Place = PlainPlace;

    fn received(&mut self, cx: &mut Edge<'_, Self>, from: SocketId, message: fanfare_hub::Message<'_>) {
        let message = match message {
            fanfare_hub::Message::Text(text) => Message::Text(text.into_owned()),
            fanfare_hub::Message::Binary(payload) => Message::Binary(payload.into_owned()),
            fanfare_hub::Message::Request(_)
            | fanfare_hub::Message::Event(_)
            | fanfare_hub::Message::Acknowledged { .. } => return,
        };
        if let Some(waiting) = self.waiting.get_mut(&from) {
            waiting.push(message);
            if waiting.is_full() {
                cx.hold(from);
            }
        } else if let Some(stays) = self.handle(cx, from, message) {
            self.waiting.insert(from, Waiting::new(stays));
        }
    }

    fn woken(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId) {
        while let Some(waiting) = self.waiting.get_mut(&socket) {
            let Some(message) = waiting.pop() else {
                self.waiting.remove(&socket);
                cx.busy(socket, false);
                break;
            };
            if let Some(stays) = self.handle(cx, socket, message)
                && let Some(waiting) = self.waiting.get_mut(&socket)
            {
                waiting.stays = stays;
                break;
            }
        }
        if self.waiting.get(&socket).is_none_or(|waiting| !waiting.is_full()) {
            cx.release(socket);
        }
    }

    fn disconnected(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, _: Gone) {
        let Some(Waiting { stays, .. }) = self.waiting.remove(&socket) else { return };
        if cx.was_waited_for(socket) {
            // Where the handler has just ended, it does not matter any more.
            let _ = stays.send(Duration::ZERO);
        }
    }

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}
