//! What a handler asks for: each of its parameters is taken from the event at hand.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use fanfare_hub::{CloseCode, Gone, Handshake, elements};
use serde::de::DeserializeOwned;

use super::args::{Args, Binary, EmitError, IntoArgs, placeholder, read};
use super::command::{Command, ask};
use super::operators::checked;
use super::socket::Socket;

/// Why a parameter cannot be had from an event. The client is told: in its acknowledgement where it wants one, in an event
/// `error` otherwise.
///
/// ```
/// use fanfare::{Args, Event, Extract, Rejection};
///
/// /// Two numbers of which the first is the smaller.
/// struct Range(u32, u32);
///
/// impl Extract for Range {
///     fn extract(event: &mut Event) -> Result<Self, Rejection> {
///         let (from, to) = Args::extract(event)?.all().map_err(|error| Rejection::new(error.to_string()))?;
///         if from <= to { Ok(Self(from, to)) } else { Err(Rejection::new(format!("{from} is more than {to}"))) }
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid message format: {reason}")]
pub struct Rejection {
    pub(crate) reason: String,
}

impl Rejection {
    /// A rejection with these words, which name the argument, the limit and the value.
    ///
    /// ```
    /// let rejection = fanfare::Rejection::new("count is 1 to 9, and is 12");
    /// assert_eq!(rejection.to_string(), "Invalid message format: count is 1 to 9, and is 12");
    /// ```
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The states of an app, by their types.
pub(crate) type States = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// An event on its way into a handler.
///
/// ```
/// use fanfare::{Event, EventName, Extract, Rejection};
///
/// /// The name, in capitals.
/// struct Loud(String);
///
/// impl Extract for Loud {
///     fn extract(event: &mut Event) -> Result<Self, Rejection> {
///         EventName::extract(event).map(|name| Self(name.0.to_uppercase()))
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    pub(crate) socket: Socket,
    pub(crate) name: Arc<str>,
    pub(crate) args: Args,
    pub(crate) next: usize,
    pub(crate) id: Option<u64>,
    pub(crate) context: Arc<Context>,
    pub(crate) reason: Option<DisconnectReason>,
}

/// What all events of one socket share.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) namespace: Arc<str>,
    pub(crate) auth: Box<str>,
    pub(crate) handshake: Option<Arc<Handshake>>,
    pub(crate) states: Arc<States>,
}

/// A parameter of a handler.
///
/// ```
/// use fanfare::{Event, Extract, Rejection, Socket};
///
/// /// The id of who sent the event.
/// struct From(String);
///
/// impl Extract for From {
///     fn extract(event: &mut Event) -> Result<Self, Rejection> {
///         Ok(Self(Socket::extract(event)?.id()))
///     }
/// }
/// ```
pub trait Extract: Sized {
    /// Whether it may look at what the client said when its connection was opened ([`HandshakeInfo`]). Where no parameter of an
    /// app's handlers does, nothing of it is kept: some 500 bytes for each client. Only an extractor that knows better says no.
    ///
    /// ```
    /// use fanfare::{Event, Extract, Rejection};
    ///
    /// /// How many events have come, in all.
    /// struct Count(usize);
    ///
    /// impl Extract for Count {
    ///     const NEEDS_HANDSHAKE: bool = false;
    ///
    ///     fn extract(_: &mut Event) -> Result<Self, Rejection> {
    ///         static CAME: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    ///         Ok(Self(CAME.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    ///     }
    /// }
    /// assert!(!Count::NEEDS_HANDSHAKE && fanfare::HandshakeInfo::NEEDS_HANDSHAKE);
    /// ```
    const NEEDS_HANDSHAKE: bool = true;

    /// Takes it from the event.
    ///
    /// # Errors
    /// [`Rejection`], in words for the client.
    fn extract(event: &mut Event) -> Result<Self, Rejection>;

    /// The same for a handler's last parameter: nobody asks for what it takes after it.
    #[doc(hidden)]
    fn extract_last(event: &mut Event) -> Result<Self, Rejection> {
        Self::extract(event)
    }
}

impl Event {
    /// The text of the next argument, and which it is.
    fn next_argument(&mut self) -> Result<(usize, &str), Rejection> {
        let index = self.next;
        self.next += 1;
        let argument = elements(&self.args.json).get(index).copied();
        argument
            .map(|text| (index, text))
            .ok_or_else(|| Rejection::new(format!("{} carries at least {} arguments", self.name, index + 1)))
    }
}

impl Extract for Socket {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        Ok(event.socket)
    }
}

/// The next argument, read as a `T`.
///
/// ```
/// # use fanfare::{App, Json, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("move", async |socket: Socket, Json(x): Json<f64>, Json(y): Json<f64>| {
///     socket.broadcast().emit("moved", &(x, y))
/// })
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Extract for Json<T> {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        let attachments = std::mem::take(&mut event.args.attachments);
        let value = event.next_argument().and_then(|(index, text)| {
            read(text, &attachments)
                .map_err(|error| Rejection::new(format!("argument {}: {error}", index + 1)))
        });
        event.args.attachments = attachments;
        value.map(Self)
    }
}

/// The next argument, which is a buffer.
impl Extract for Binary {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        let (index, text) = event.next_argument()?;
        let number = placeholder(text);
        let bytes = number.and_then(|number| event.args.attachments.get(number)).cloned();
        bytes.map(Self).ok_or_else(|| Rejection::new(format!("argument {} is a buffer", index + 1)))
    }
}

/// All arguments, as they came.
impl Extract for Args {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        Ok(event.args.clone())
    }

    fn extract_last(event: &mut Event) -> Result<Self, Rejection> {
        Ok(std::mem::take(&mut event.args))
    }
}

/// The name of the event, for [`on_any`](super::Namespace::on_any).
///
/// ```
/// # use fanfare::{App, EventName};
/// # App::new().namespace("/", |root| {
/// root.on_any(async |name: EventName| println!("{}", name.0))
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub String);

impl Extract for EventName {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        Ok(Self(event.name.to_string()))
    }
}

/// A way to acknowledge the event. A client that wants no acknowledgement gets none.
///
/// ```
/// # use fanfare::{Ack, App, Json};
/// # App::new().namespace("/", |root| {
/// root.on("double", async |Json(number): Json<f64>, ack: Ack| ack.send(&(2.0 * number)))
/// # });
/// ```
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    id: Option<u64>,
}

impl Ack {
    /// Whether the client waits for it.
    ///
    /// ```
    /// # use fanfare::{Ack, App};
    /// # App::new().namespace("/", |root| {
    /// root.on("maybe", async |ack: Ack| println!("{}", ack.is_wanted()))
    /// # });
    /// ```
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Acknowledges the event with these arguments.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Args};
    /// # App::new().namespace("/", |root| {
    /// root.on("echo", async |args: Args, ack: Ack| ack.send(args))
    /// # });
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be sent.
    pub fn send(self, args: impl IntoArgs) -> Result<(), EmitError> {
        let args = checked(self.socket.app, args)?;
        if let Some(id) = self.id {
            let command = Command::Acknowledge(self.socket.id, id, args);
            ask(self.socket.app, self.socket.id.shard(), self.socket.door, command);
        }
        Ok(())
    }
}

impl Extract for Ack {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        // It is acknowledged once.
        Ok(Self { socket: event.socket, id: event.id.take() })
    }
}

/// The auth payload that the client joined the namespace with; `{}` where it gave none.
///
/// ```
/// # use fanfare::{App, Auth, Refusal};
/// # App::new().namespace("/", |root| {
/// root.middleware(async |Auth(token): Auth<std::collections::HashMap<String, String>>| {
///     if token.contains_key("token") { Ok(()) } else { Err(Refusal::new("a token, please")) }
/// })
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> Extract for Auth<T> {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        let text = if event.context.auth.is_empty() { "{}" } else { &event.context.auth };
        serde_json::from_str(text).map(Self).map_err(|error| Rejection::new(format!("auth: {error}")))
    }
}

/// What the client said when its connection was opened: headers, address, query, time.
///
/// ```
/// # use fanfare::{App, HandshakeInfo};
/// # App::new().namespace("/", |root| {
/// root.on_connect(async |handshake: HandshakeInfo| {
///     println!("{} from {}", handshake.header("user-agent").unwrap_or("somebody"), handshake.address);
/// })
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct HandshakeInfo {
    /// The namespace that it joined.
    pub namespace: Arc<str>,
    handshake: Arc<Handshake>,
}

impl Deref for HandshakeInfo {
    type Target = Handshake;

    fn deref(&self) -> &Handshake {
        &self.handshake
    }
}

impl HandshakeInfo {
    /// A header's value, by its name in any case.
    ///
    /// ```
    /// # use fanfare::{App, HandshakeInfo};
    /// # App::new().namespace("/", |root| {
    /// root.on_connect(async |handshake: HandshakeInfo| println!("{:?}", handshake.header("Origin")))
    /// # });
    /// ```
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The parameters of the query, decoded, in their order.
    ///
    /// ```
    /// # use fanfare::{App, HandshakeInfo};
    /// # App::new().namespace("/", |root| {
    /// root.on_connect(async |handshake: HandshakeInfo| println!("{:?}", handshake.queries()))
    /// # });
    /// ```
    #[must_use]
    pub fn queries(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The last parameter of this name, decoded.
    ///
    /// ```
    /// # use fanfare::{App, HandshakeInfo};
    /// # App::new().namespace("/", |root| {
    /// root.on_connect(async |handshake: HandshakeInfo| println!("{:?}", handshake.query("room")))
    /// # });
    /// ```
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.queries().into_iter().rev().find_map(|(key, value)| (key == name).then_some(value))
    }
}

impl Extract for HandshakeInfo {
    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        let handshake = event.context.handshake.clone().unwrap_or_default();
        Ok(Self { namespace: Arc::clone(&event.context.namespace), handshake })
    }
}

/// Something that the app was given with [`App::state`](crate::App::state).
///
/// ```
/// # use fanfare::{App, State};
/// # App::new().namespace("/", |root| {
/// root.on_connect(async |motto: State<String>| println!("{}", *motto))
/// # });
/// ```
#[derive(Debug)]
pub struct State<T>(pub Arc<T>);

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Extract for State<T> {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        let state = event.context.states.get(&TypeId::of::<T>()).cloned();
        let state = state.and_then(|state| state.downcast::<T>().ok());
        state.map(Self).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            tracing::error!("the app was given no state of the type {name}");
            Rejection::new("the server is not set up for this event")
        })
    }
}

/// Why a socket has gone, in the words of Socket.IO.
///
/// ```
/// # use fanfare::{App, DisconnectReason};
/// # App::new().namespace("/", |root| {
/// root.on_disconnect(async |reason: DisconnectReason| println!("{reason}"))
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisconnectReason(pub &'static str);

impl DisconnectReason {
    pub(crate) fn of(gone: Gone) -> Self {
        Self(match gone {
            Gone::LeftNamespace => "client namespace disconnect",
            Gone::SentAway => "server namespace disconnect",
            Gone::HeartbeatTimeout => "ping timeout",
            Gone::Misbehaved => "parse error",
            Gone::OutOfPlace => "forced server close",
            Gone::Undecodable => "forced close",
            Gone::ClosedByServer(CloseCode::SERVICE_RESTART) => "server shutting down",
            Gone::ClosedByServer(CloseCode::PROTOCOL_ERROR | CloseCode::INVALID_PAYLOAD) => "parse error",
            Gone::ClosedByServer(_) => "forced close",
            Gone::ClosedByPeer(_) | Gone::Lost => "transport close",
        })
    }
}

impl std::fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Extract for DisconnectReason {
    const NEEDS_HANDSHAKE: bool = false;

    fn extract(event: &mut Event) -> Result<Self, Rejection> {
        event.reason.ok_or_else(|| Rejection::new("only who has gone has a reason"))
    }
}
