//! What is served: kits and handlers, each at its path, and namespaces of Socket.IO.

use std::any::TypeId;
use std::sync::Arc;

use fanfare_driver::{DoorSpec, Remote};
use fanfare_hub::{Dialect, Door, DoorId, DoorRules, Kit, Parser, Silent};

use crate::handler::{Handler, Outcome};
use crate::namespace::{AppId, Doors, Handle, Namespace, NamespaceKit, Setup, States};
use crate::websocket::{Message, WebSocket};

/// Bytes that a message of a plain WebSocket may have, unless [`App::message_limit`] says otherwise.
const MESSAGE_LIMIT_BYTES: usize = 1 << 20;

/// Bytes that a packet of Socket.IO may have, and the body of a poll, unless [`App::max_payload`] says otherwise.
const MAX_PAYLOAD_BYTES: usize = 16 << 20;

/// Makes a kit, with the rules that it then has, for one shard.
type Make = Arc<dyn Fn(&Remote, DoorRules, &Arc<States>) -> Door + Send + Sync>;

struct Mounted {
    path: Option<String>,
    rules: DoorRules,
    make: Make,
}

/// What a [`Server`](crate::Server) serves.
///
/// ```
/// use fanfare::{App, Args, Socket, kits};
///
/// let app = App::new().mount("/chat", kits::Chat).namespace("/", |root| {
///     root.on("say", async |socket: Socket, args: Args| socket.broadcast().emit("said", args))
/// });
/// ```
pub struct App {
    id: AppId,
    mounted: Vec<Mounted>,
    states: States,
    socketio_path: String,
    max_payload_bytes: usize,
    parser: Parser,
    need_handshake: bool,
}

impl Default for App {
    fn default() -> Self {
        Self {
            id: AppId::new(),
            mounted: Vec::new(),
            states: States::new(),
            socketio_path: "/socket.io/".to_owned(),
            max_payload_bytes: MAX_PAYLOAD_BYTES,
            parser: Parser::Json,
            need_handshake: false,
        }
    }
}

impl App {
    /// An app with nothing in it.
    ///
    /// ```
    /// let app = fanfare::App::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Mounts a kit at a path, such as `/chat`. Socket.IO clients reach it as the namespace of that name.
    ///
    /// Each shard is a thread with a clone of the kit, taken on that thread: hence `Clone + Send + Sync`. A clone sees the
    /// connections of its shard; what a kit counts or orders for all of them is the affair of its
    /// [`Place`](crate::hub::Place), which has no such bounds.
    ///
    /// A path begins with `/` and is mounted once; a [`Server`](crate::Server) refuses to start with anything else.
    ///
    /// ```
    /// use fanfare::{App, kits};
    ///
    /// let app = App::new().mount("/chat", kits::Chat);
    /// ```
    #[must_use]
    pub fn mount<K: Kit + Clone + Send + Sync>(self, path: &str, kit: K) -> Self {
        let mut rules = kit.rules();
        if rules.dialect == Dialect::Native && rules.namespace.is_none() {
            rules.namespace = Some(named(path));
        }
        self.add(Some(path), rules, Arc::new(move |_, rules, _| Door::new(rules, kit.clone())))
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
        self.add_handler(path, Dialect::Plain, MESSAGE_LIMIT_BYTES, handler)
    }

    /// Handles the messages of bare Engine.IO sessions at a path: as [`websocket`](Self::websocket), with long-polling as the
    /// other way to it. The longest message is that of [`max_payload`](Self::max_payload).
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new().engine("/engine.io/", async |socket: WebSocket, message: Message| socket.send(message));
    /// ```
    #[must_use]
    pub fn engine<H, R>(self, path: &str, handler: H) -> Self
    where
        H: AsyncFn(WebSocket, Message) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        self.add_handler(path, Dialect::Engine, usize::MAX, handler)
    }

    /// A namespace of Socket.IO. Its name begins with `/`; `/` itself is there in any case, and does nothing unless it is added.
    ///
    /// ```
    /// use fanfare::{App, Args, Socket};
    ///
    /// let app = App::new().namespace("/", |root| {
    ///     root.on("message", async |socket: Socket, args: Args| socket.emit("message-back", args))
    /// });
    /// ```
    #[must_use]
    pub fn namespace(self, name: &str, set_up: impl FnOnce(Namespace) -> Namespace) -> Self {
        let namespace = if name.starts_with('/') { named(name) } else { named(&format!("/{name}")) };
        self.add_namespace(namespace, set_up(Namespace::default()))
    }

    /// All namespaces whose name fits, each one of its own: its rooms and broadcasts are not another's. One that
    /// [`namespace`](Self::namespace) names comes first.
    ///
    /// ```
    /// use fanfare::{App, Socket};
    ///
    /// let is_project = |name: &str| name.strip_prefix("/project-").is_some_and(|id| id.parse::<u32>().is_ok());
    /// let app = App::new().namespaces(is_project, |project| {
    ///     project.on_connect(async |socket: Socket| socket.broadcast().emit("joined", &socket.id()))
    /// });
    /// ```
    #[must_use]
    pub fn namespaces(
        self,
        fits: impl Fn(&str) -> bool + Send + Sync + 'static,
        set_up: impl FnOnce(Namespace) -> Namespace,
    ) -> Self {
        self.add_namespace(fanfare_hub::Namespace::Fitting(Arc::new(fits)), set_up(Namespace::default()))
    }

    /// Something that handlers may take as [`State<T>`](crate::State): one of each type.
    ///
    /// ```
    /// use fanfare::{Ack, App, State};
    ///
    /// struct Motto(&'static str);
    ///
    /// let app = App::new().state(Motto("one call, every listener")).namespace("/", |root| {
    ///     root.on("motto", async |motto: State<Motto>, ack: Ack| ack.send(motto.0.0))
    /// });
    /// ```
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(TypeId::of::<T>(), Arc::new(state));
        self
    }

    /// Where Socket.IO clients come, instead of `/socket.io/`.
    ///
    /// ```
    /// let app = fanfare::App::new().socketio_path("/live/").namespace("/", |root| root);
    /// ```
    #[must_use]
    pub fn socketio_path(self, path: &str) -> Self {
        Self { socketio_path: path.to_owned(), ..self }
    }

    /// The longest packet of a Socket.IO client, and the longest body of a poll, in bytes. It is what clients are told.
    ///
    /// ```
    /// let app = fanfare::App::new().max_payload(1_000_000);
    /// ```
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        Self { max_payload_bytes: bytes, ..self }
    }

    /// How Socket.IO packets are written: as JSON, or in msgpack for clients with `socket.io-msgpack-parser`. It comes before
    /// the namespaces.
    ///
    /// ```
    /// let app = fanfare::App::new().parser(fanfare::Parser::MsgPack).namespace("/", |root| root);
    /// ```
    #[must_use]
    pub fn parser(mut self, parser: Parser) -> Self {
        self.id.is_msgpack = parser == Parser::MsgPack;
        Self { parser, ..self }
    }

    /// A way to the namespaces that the app has so far, from outside its handlers.
    ///
    /// ```
    /// let app = fanfare::App::new().namespace("/news", |news| news);
    /// let news = app.handle().of("/news").expect("it was just added");
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        let mounted = (0u8..).zip(&self.mounted);
        let doors = mounted
            .filter(|(_, mounted)| mounted.rules.dialect == Dialect::Events)
            .filter_map(|(door, mounted)| Some((mounted.rules.namespace.clone()?, DoorId(door))));
        Handle { app: self.id, doors: Arc::new(Doors(doors.collect())) }
    }

    /// The longest message, in bytes after inflating, of what was added last. A longer one closes the connection with 1009.
    ///
    /// ```
    /// use fanfare::{App, Message, WebSocket};
    ///
    /// let app = App::new()
    ///     .websocket("/small", async |socket: WebSocket, message: Message| socket.send(message))
    ///     .message_limit(1_000);
    /// ```
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

    fn add_handler<H, R>(self, path: &str, dialect: Dialect, limit_bytes: usize, handler: H) -> Self
    where
        H: AsyncFn(WebSocket, Message) -> R + Send + Sync + 'static,
        R: Outcome + 'static,
    {
        let handler = Arc::new(handler);
        let rules = DoorRules {
            dialect,
            text_limit_bytes: limit_bytes,
            binary_limit_bytes: limit_bytes,
            ..DoorRules::default()
        };
        let make = move |remote: &Remote, rules, _: &_| {
            Door::new(rules, Handler::new(Arc::clone(&handler), remote.clone()))
        };
        self.add(Some(path), rules, Arc::new(make))
    }

    fn add_namespace(mut self, namespace: fanfare_hub::Namespace, set_up: Namespace) -> Self {
        self.need_handshake |= set_up.handlers.need_handshake;
        let (app, handlers) = (self.id, Arc::new(set_up.handlers));
        let limit_bytes = set_up.packet_limit_bytes.unwrap_or(usize::MAX);
        let rules = DoorRules {
            dialect: Dialect::Events,
            text_limit_bytes: limit_bytes,
            binary_limit_bytes: limit_bytes,
            namespace: Some(namespace.clone()),
            ..DoorRules::default()
        };
        let name = match namespace {
            fanfare_hub::Namespace::Named(name) => Some(name),
            fanfare_hub::Namespace::Fitting(_) => None,
        };
        let make = move |remote: &Remote, rules, states: &Arc<States>| {
            let setup = Setup {
                app,
                handlers: Arc::clone(&handlers),
                states: Arc::clone(states),
                name: name.clone(),
            };
            Door::new(rules, NamespaceKit::new(setup, remote.clone()))
        };
        self.add(None, rules, Arc::new(make))
    }

    fn add(mut self, path: Option<&str>, rules: DoorRules, make: Make) -> Self {
        self.mounted.push(Mounted { path: path.map(str::to_owned), rules, make });
        self
    }

    pub(crate) fn id(&self) -> AppId {
        self.id
    }

    /// Whether a handler may look at what a client said when its connection was opened.
    pub(crate) fn needs_handshakes(&self) -> bool {
        self.need_handshake
    }

    pub(crate) fn doors(mut self) -> Vec<DoorSpec> {
        let payload = self.max_payload_bytes;
        let namespaces = || self.mounted.iter().filter_map(|mounted| mounted.rules.namespace.as_ref());
        let has_any = namespaces().next().is_some();
        let has_root =
            namespaces().any(|own| matches!(own, fanfare_hub::Namespace::Named(name) if **name == *"/"));
        if has_any && !has_root {
            self = self.add_namespace(named("/"), Namespace::default());
        }
        if has_any {
            let rules = DoorRules {
                dialect: Dialect::SocketIo(self.parser),
                text_limit_bytes: payload,
                binary_limit_bytes: payload,
                ..DoorRules::default()
            };
            let path = self.socketio_path.clone();
            self = self.add(Some(&path), rules, Arc::new(|_, rules, _| Door::new(rules, Silent)));
        }
        let states = Arc::new(self.states);
        let doors = self.mounted.into_iter().map(|Mounted { path, mut rules, make }| {
            let speaks_engine = matches!(rules.dialect, Dialect::Engine | Dialect::SocketIo(_));
            if speaks_engine {
                rules.text_limit_bytes = rules.text_limit_bytes.min(payload);
                rules.binary_limit_bytes = rules.binary_limit_bytes.min(payload);
            }
            let states = Arc::clone(&states);
            DoorSpec {
                path,
                engine: speaks_engine.then_some(payload),
                make: Arc::new(move |remote| make(remote, rules.clone(), &states)),
            }
        });
        doors.collect()
    }
}

fn named(name: &str) -> fanfare_hub::Namespace {
    fanfare_hub::Namespace::Named(name.into())
}
