//! What is served: kits and handlers, each at its path.

use std::sync::Arc;

use fanfare_driver::{DoorSpec, Remote};
use fanfare_hub::{Dialect, Door, DoorRules, Kit};

use crate::handler::{Handler, Outcome};
use crate::websocket::{Message, WebSocket};

/// Bytes that a message of a plain WebSocket may have, unless [`App::message_limit`] says otherwise.
const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// Makes a kit, with the rules that it then has, for one shard.
type Make = Arc<dyn Fn(&Remote, DoorRules) -> Door + Send + Sync>;

struct Mounted {
    path: String,
    rules: DoorRules,
    make: Make,
}

/// What a [`Server`](crate::Server) serves.
#[derive(Default)]
pub struct App {
    mounted: Vec<Mounted>,
}

impl App {
    /// An app with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Mounts a kit at a path, such as `/chat`.
    ///
    /// Each shard is a thread with a clone of the kit, taken on that thread: hence `Clone + Send + Sync`. A clone sees the
    /// connections of its shard; what a kit counts or orders for all of them is the affair of its
    /// [`Place`](crate::hub::Place), which has no such bounds.
    ///
    /// A path begins with `/` and is mounted once; a [`Server`](crate::Server) refuses to start with anything else.
    #[must_use]
    pub fn mount<K: Kit + Clone + Send + Sync>(self, path: &str, kit: K) -> Self {
        let rules = kit.rules();
        self.add(path, rules, Arc::new(move |_, rules| Door::new(rules, kit.clone())))
    }

    /// Handles the messages of plain WebSocket connections at a path.
    ///
    /// The messages of one connection are handled in order: while the handler waits, later ones do too, and past 256 of them
    /// or 1 MiB the connection is not read. An error closes the connection with 1011 and is logged.
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new()
    ///     .websocket("/echo", async |socket: WebSocket, message: Message| socket.send(message))
    ///     .message_limit(64 << 20);
    /// ```
    #[must_use]
    pub fn websocket<H, R>(self, path: &str, handler: H) -> Self
    where
        H: AsyncFn(WebSocket, Message) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        let handler = Arc::new(handler);
        let rules = DoorRules {
            dialect: Dialect::Plain,
            text_limit_bytes: MESSAGE_LIMIT_BYTES,
            binary_limit_bytes: MESSAGE_LIMIT_BYTES,
            ..DoorRules::default()
        };
        let make = move |remote: &Remote, rules| {
            Door::new(rules, Handler::new(Arc::clone(&handler), remote.clone()))
        };
        self.add(path, rules, Arc::new(make))
    }

    /// The longest message, in bytes after inflating, of what was added last. A longer one closes the connection with 1009.
    ///
    /// # Panics
    /// Where nothing was added before: there is nothing to limit, which the author has to hear.
    #[must_use]
    pub fn message_limit(mut self, bytes: usize) -> Self {
        let Some(mounted) = self.mounted.last_mut() else {
            panic!("message_limit({bytes}) limits what was added before it, and nothing was");
        };
        mounted.rules.text_limit_bytes = bytes;
        mounted.rules.binary_limit_bytes = bytes;
        self
    }

    fn add(mut self, path: &str, rules: DoorRules, make: Make) -> Self {
        self.mounted.push(Mounted { path: path.to_owned(), rules, make });
        self
    }

    pub(crate) fn doors(self) -> Vec<DoorSpec> {
        let doors = self.mounted.into_iter().map(|Mounted { path, rules, make }| DoorSpec {
            path: Some(path),
            engine: None,
            make: Arc::new(move |remote| make(remote, rules.clone())),
        });
        doors.collect()
    }
}
