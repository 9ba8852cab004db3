//! What a namespace does: its middlewares and handlers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::handler::{Erased, EventHandler, Reply, erased, erased_middleware};
use super::refusal::Refusal;

/// A namespace that is being set up.
///
/// A handler is an async closure whose parameters are taken from the event ([`Extract`](super::Extract)). The events of one
/// client are handled in order: while a handler waits, its client's later events do too.
///
/// ```
/// use fanfare::{Ack, App, Args, Auth, DisconnectReason, Json, Refusal, Socket};
///
/// #[derive(serde::Deserialize)]
/// struct Ticket {
///     token: String,
/// }
///
/// let app = App::new().namespace("/support", |support| {
///     support
///         .middleware(async |auth: Auth<Ticket>| -> Result<(), Refusal> {
///             if auth.0.token == "let me in" { Ok(()) } else { Err("not allowed".into()) }
///         })
///         .on_connect(async |socket: Socket| socket.join("lobby"))
///         .on("say", async |socket: Socket, Json(said): Json<String>, ack: Ack| {
///             socket.to("lobby").emit("said", &said)?;
///             ack.send(&"heard")
///         })
///         .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
///             socket.to("lobby").emit("gone", &reason.to_string())
///         })
/// });
/// ```
#[derive(Clone, Default)]
pub struct Namespace {
    pub(crate) handlers: Handlers,
    pub(crate) packet_limit_bytes: Option<usize>,
}

#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) middlewares: Vec<Erased>,
    pub(crate) packet_middlewares: Vec<Erased>,
    pub(crate) connect: Option<Erased>,
    pub(crate) disconnect: Option<Erased>,
    /// A client chooses what is looked up here, and the app what there is: a handful, found by a few comparisons.
    pub(crate) events: BTreeMap<Arc<str>, Erased>,
    pub(crate) any: Vec<Erased>,
    /// One of them may look at the handshake.
    pub(crate) need_handshake: bool,
}

impl Namespace {
    /// Asks whether a client may come in, before it does. Several are asked in the order in which they were added; the first
    /// refusal is what the client hears.
    ///
    /// ```
    /// # use fanfare::{App, HandshakeInfo, Refusal};
    /// # App::new().namespace("/", |root| {
    /// root.middleware(async |handshake: HandshakeInfo| -> Result<(), Refusal> {
    ///     handshake.header("cookie").map(|_| ()).ok_or_else(|| "sign in first".into())
    /// })
    /// # });
    /// ```
    #[must_use]
    pub fn middleware<A>(mut self, middleware: impl EventHandler<A, Result<(), Refusal>>) -> Self {
        self.handlers.note(&middleware);
        self.handlers.middlewares.push(erased_middleware(middleware));
        self
    }

    /// Asks whether an event may go on to its handler. A refusal is acknowledged with `{ok: false, error}` where the client
    /// wants an acknowledgement, and is otherwise an event `error`.
    ///
    /// ```
    /// # use fanfare::{App, EventName, Refusal};
    /// # App::new().namespace("/", |root| {
    /// root.packet_middleware(async |name: EventName| -> Result<(), Refusal> {
    ///     if name.0.starts_with("admin") { Err("not for you".into()) } else { Ok(()) }
    /// })
    /// # });
    /// ```
    #[must_use]
    pub fn packet_middleware<A>(mut self, middleware: impl EventHandler<A, Result<(), Refusal>>) -> Self {
        self.handlers.note(&middleware);
        self.handlers.packet_middlewares.push(erased_middleware(middleware));
        self
    }

    /// Handles a client's coming, before any of its events.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on_connect(async |socket: Socket| socket.join("lobby"))
    /// # });
    /// ```
    #[must_use]
    pub fn on_connect<A, R: Reply + 'static>(mut self, handler: impl EventHandler<A, R>) -> Self {
        self.handlers.note(&handler);
        self.handlers.connect = Some(erased(handler));
        self
    }

    /// Handles the events of a name.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Json};
    /// # App::new().namespace("/", |root| {
    /// root.on("add", async |Json(a): Json<i32>, Json(b): Json<i32>, ack: Ack| ack.send(&(a + b)))
    /// # });
    /// ```
    ///
    /// # Panics
    /// Where the name is reserved by the protocol or has a handler already: either is a mistake that its author has to hear of.
    #[must_use]
    pub fn on<A, R: Reply + 'static>(mut self, name: &str, handler: impl EventHandler<A, R>) -> Self {
        assert!(!fanfare_hub::is_reserved(name), "{name:?} is a reserved event name");
        self.handlers.note(&handler);
        let before = self.handlers.events.insert(name.into(), erased(handler));
        assert!(before.is_none(), "the event {name:?} has a handler already");
        self
    }

    /// Handles every event, before the handler of its name. [`EventName`](super::EventName) tells which it is.
    ///
    /// ```
    /// # use fanfare::{App, Args, EventName, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on_any(async |socket: Socket, name: EventName, args: Args| socket.broadcast().emit(&name.0, args))
    /// # });
    /// ```
    #[must_use]
    pub fn on_any<A, R: Reply + 'static>(mut self, handler: impl EventHandler<A, R>) -> Self {
        self.handlers.note(&handler);
        self.handlers.any.push(erased(handler));
        self
    }

    /// Handles a client's going. [`DisconnectReason`](super::DisconnectReason) tells why.
    ///
    /// ```
    /// # use fanfare::{App, DisconnectReason, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on_disconnect(async |socket: Socket, reason: DisconnectReason| {
    ///     println!("{} has gone: {reason}", socket.id());
    /// })
    /// # });
    /// ```
    #[must_use]
    pub fn on_disconnect<A, R: Reply + 'static>(mut self, handler: impl EventHandler<A, R>) -> Self {
        self.handlers.note(&handler);
        self.handlers.disconnect = Some(erased(handler));
        self
    }

    /// The longest event of this namespace, in bytes: its text, and its buffers together. A longer one closes the connection.
    ///
    /// ```
    /// # use fanfare::App;
    /// # App::new().namespace("/", |root| {
    /// root.packet_limit(64 << 10)
    /// # });
    /// ```
    #[must_use]
    pub fn packet_limit(self, bytes: usize) -> Self {
        Self { packet_limit_bytes: Some(bytes), ..self }
    }
}

impl std::fmt::Debug for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&Arc<str>> = self.handlers.events.keys().collect();
        f.debug_struct("Namespace").field("events", &names).finish_non_exhaustive()
    }
}

/// The handlers of an event, in the order in which they are asked.
impl Handlers {
    fn note<A, R, H: EventHandler<A, R>>(&mut self, _: &H) {
        self.need_handshake |= H::NEEDS_HANDSHAKE;
    }

    pub(crate) fn of(&self, name: &str) -> Vec<Erased> {
        let named = self.events.get(name);
        self.packet_middlewares.iter().chain(&self.any).chain(named).map(Arc::clone).collect()
    }

    /// An event's name: the one that its handler has, or a copy.
    pub(crate) fn known(&self, name: &str) -> Arc<str> {
        self.events.get_key_value(name).map_or_else(|| name.into(), |(known, _)| Arc::clone(known))
    }

    /// The one handler of an event, where there is no more than that.
    pub(crate) fn only(&self, name: &str) -> Option<&Erased> {
        let alone = self.packet_middlewares.is_empty() && self.any.is_empty();
        alone.then(|| self.events.get(name)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::super::extract::{Event, Extract, HandshakeInfo, Rejection};
    use super::super::socket::Socket;
    use super::*;

    /// What somebody else wrote, who looks at the handshake inside.
    struct Agent;

    impl Extract for Agent {
        fn extract(event: &mut Event) -> Result<Self, Rejection> {
            HandshakeInfo::extract(event).map(|_| Self)
        }
    }

    #[test]
    fn the_handshake_is_kept_where_a_parameter_may_look_at_it() {
        let plain = Namespace::default().on("say", async |_: Socket| ()).on_connect(async || ());
        assert!(!plain.handlers.need_handshake);
        let late = plain.clone().on_disconnect(async |_: Socket, _: HandshakeInfo| ());
        assert!(late.handlers.need_handshake);
        let own = plain.clone().middleware(async |_: Agent| Ok(()));
        assert!(own.handlers.need_handshake);
        let any = plain.on_any(async |_: HandshakeInfo, _: Socket| ()).on("more", async || ());
        assert!(any.handlers.need_handshake, "another handler does not take it back");
    }
}
