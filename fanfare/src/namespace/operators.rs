//! Broadcasting: to whom, how, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use fanfare_hub::DoorId;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::args::{Args, EmitError, IntoArgs};
use super::command::{Command, Errand, Packet, Selection, ask, starting_shard};
use super::handle::{AppId, remote_of};

/// How long answers of many are waited for, unless [`Operators::timeout`] says otherwise.
const ACKS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the shards of a server may take to say who is there.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no acknowledgement.
///
/// ```
/// # use fanfare::{AckError, App, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("ask me", async |socket: Socket| match socket.emit_with_ack::<u32>("how old", ()).await {
///     Ok(age) => println!("{age}"),
///     Err(AckError::Unexpected(error)) => println!("no number: {error}"),
///     Err(other) => println!("{other}"),
/// })
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// It did not come in time.
    #[error("operation has timed out")]
    Timeout,
    /// The socket has gone.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The event could not be sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// What came is not what was expected.
    #[error("the acknowledgement is not what was expected: {0}")]
    Unexpected(serde_json::Error),
}

/// Why not all have acknowledged; what came until then is there.
///
/// ```
/// # use fanfare::{AcksError, App, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("vote", async |socket: Socket| {
///     if let Err(AcksError { answers, expected }) = socket.to("lobby").emit_with_ack("vote", ()).await {
///         println!("{} of {expected} have voted", answers.len());
///     }
/// })
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
#[error("operation has timed out: {} of {expected} acknowledgements came", answers.len())]
pub struct AcksError {
    /// The acknowledgements that came.
    pub answers: Vec<Args>,
    /// How many sockets the event went to.
    pub expected: usize,
}

/// A socket as [`Operators::fetch_sockets`] finds it: a picture of the moment.
///
/// ```
/// # use fanfare::{App, RemoteSocket, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("list", async |socket: Socket| {
///     for RemoteSocket { id, rooms, data } in socket.everyone().fetch_sockets().await {
///         println!("{id} is in {rooms:?} and has {data:?}");
///     }
/// })
/// # });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSocket {
    /// Its id in the namespace.
    pub id: String,
    /// The rooms that it is in, its own among them.
    pub rooms: Vec<String>,
    /// What [`Socket::set_data`](super::Socket::set_data) has kept with it.
    pub data: Option<Value>,
}

/// What comes of an event that many are to acknowledge.
#[derive(Debug)]
pub(crate) enum AckEvent {
    /// A shard has sent it to so many.
    Sent(usize),
    Answer(Args),
    /// One of them has gone.
    Gone,
}

/// Sockets of a namespace, and how they are spoken to.
///
/// ```
/// # use fanfare::{App, Socket, Args};
/// # use std::time::Duration;
/// App::new().namespace("/", |root| {
///     root.on("say", async |socket: Socket, args: Args| {
///         socket.to("lobby").except("quiet").volatile().emit("said", args)
///     })
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before `emit`"]
pub struct Operators {
    app: AppId,
    door: DoorId,
    selection: Selection,
    volatile: bool,
    timeout: Duration,
}

impl Operators {
    pub(crate) fn new(app: AppId, door: DoorId, selection: Selection) -> Self {
        Self { app, door, selection, volatile: false, timeout: ACKS_TIMEOUT }
    }

    /// Those in this room too. Whoever is in several gets one.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.to("lobby").to("hall").emit("news", "for both rooms").unwrap();
    /// ```
    pub fn to(mut self, room: impl AsRef<str>) -> Self {
        self.selection.rooms.push(room.as_ref().into());
        self
    }

    /// The same as [`to`](Self::to).
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.within("lobby").emit("news", "for a room").unwrap();
    /// ```
    pub fn within(self, room: impl AsRef<str>) -> Self {
        self.to(room)
    }

    /// Not those in this room.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.except("quiet").emit("news", "for all others").unwrap();
    /// ```
    pub fn except(mut self, room: impl AsRef<str>) -> Self {
        self.selection.except_rooms.push(room.as_ref().into());
        self
    }

    /// Not for those whose connection could not take it now: what is lost then is not missed.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.volatile().emit("position", &[1.5, 2.5]).unwrap();
    /// ```
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether this may be compressed. It is where the client agreed to it and it is long enough, either way; the method is
    /// there for those who come from Socket.IO.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.compress(true).emit("news", "long").unwrap();
    /// ```
    pub fn compress(self, _: bool) -> Self {
        self
    }

    /// Only those whose connection this server has. An app is served by one server so far, so these are all.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.local().emit("news", "for whom this server has").unwrap();
    /// ```
    pub fn local(self) -> Self {
        self
    }

    /// How long acknowledgements are waited for.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("vote", async |socket: Socket| {
    ///     let asked = socket.to("lobby").timeout(std::time::Duration::from_secs(2));
    ///     println!("{:?}", asked.emit_with_ack("yes or no", ()).await);
    /// })
    /// # });
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends an event.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.emit("news", &["one", "argument"]).unwrap();
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be sent.
    pub fn emit(self, name: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        let packet = packet(self.app, name, args, self.volatile)?;
        self.begin(Errand::Emit(packet));
        Ok(())
    }

    /// Sends an event, and waits until everyone whom it went to has acknowledged it.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("vote", async |socket: Socket, ack: Ack| {
    ///     let votes = match socket.to("lobby").emit_with_ack("yes or no", ()).await {
    ///         Ok(all) => all.len(),
    ///         Err(some) => some.answers.len(),
    ///     };
    ///     ack.send(&votes)
    /// })
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AcksError`] with what came, where the time ran out or somebody has gone.
    pub async fn emit_with_ack(self, name: &str, args: impl IntoArgs) -> Result<Vec<Args>, AcksError> {
        let failed = |answers, expected| Err(AcksError { answers, expected });
        let Ok(packet) = packet(self.app, name, args, self.volatile) else { return failed(Vec::new(), 0) };
        let shards = self.shards();
        let (send, mut receive) = mpsc::unbounded_channel();
        let deadline = tokio::time::Instant::now() + self.timeout;
        self.begin(Errand::EmitWithAck(packet, 0, send));
        let (mut answers, mut reports, mut expected, mut gone) = (Vec::new(), 0, 0, 0);
        while reports < shards || answers.len() + gone < expected {
            match tokio::time::timeout_at(deadline, receive.recv()).await {
                Ok(Some(AckEvent::Sent(count))) => {
                    reports += 1;
                    expected += count;
                }
                Ok(Some(AckEvent::Answer(args))) => answers.push(args),
                Ok(Some(AckEvent::Gone)) => gone += 1,
                Ok(None) | Err(_) => return failed(answers, expected),
            }
        }
        if gone > 0 { failed(answers, expected) } else { Ok(answers) }
    }

    /// Puts them into a room.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.to("lobby").sockets_join("hall");
    /// ```
    pub fn sockets_join(self, room: impl AsRef<str>) {
        self.begin(Errand::Join(vec![room.as_ref().into()]));
    }

    /// Takes them out of a room.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.to("lobby").sockets_leave("hall");
    /// ```
    pub fn sockets_leave(self, room: impl AsRef<str>) {
        self.begin(Errand::Leave(vec![room.as_ref().into()]));
    }

    /// Sends them out of the namespace; with `close`, ends their connections.
    ///
    /// ```
    /// # use fanfare::App;
    /// # let everybody = App::new().namespace("/", |root| root).handle().of("/").unwrap().everyone();
    /// everybody.to("lobby").disconnect_sockets(false);
    /// ```
    pub fn disconnect_sockets(self, close: bool) {
        self.begin(Errand::Disconnect { close });
    }

    /// Who they are, as of now. Empty where the app is not served.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("how many", async |socket: Socket, ack: Ack| {
    ///     ack.send(&socket.within("lobby").fetch_sockets().await.len())
    /// })
    /// # });
    /// ```
    pub async fn fetch_sockets(self) -> Vec<RemoteSocket> {
        let shards = self.shards();
        let (send, mut receive) = mpsc::unbounded_channel();
        let deadline = tokio::time::Instant::now() + FETCH_TIMEOUT;
        self.begin(Errand::Fetch(send));
        let mut found = Vec::new();
        for _ in 0..shards {
            match tokio::time::timeout_at(deadline, receive.recv()).await {
                Ok(Some(sockets)) => found.extend(sockets),
                Ok(None) | Err(_) => break,
            }
        }
        found
    }

    fn shards(&self) -> usize {
        remote_of(self.app).map_or(0, |remote| usize::from(remote.shards()))
    }

    fn begin(self, errand: Errand) {
        let shard = starting_shard(self.app, &self.selection.scope);
        ask(self.app, shard, self.door, Command::Select(Arc::new(self.selection), errand));
    }
}

pub(crate) fn packet(
    app: AppId,
    name: &str,
    args: impl IntoArgs,
    volatile: bool,
) -> Result<Packet, EmitError> {
    if fanfare_hub::is_reserved(name) {
        return Err(EmitError::Reserved(name.to_owned()));
    }
    Ok(Packet { name: name.into(), args: checked(app, args)?, volatile })
}

/// Arguments that clients take.
pub(crate) fn checked(app: AppId, args: impl IntoArgs) -> Result<Args, EmitError> {
    let args = args.into_args()?;
    let buffers = args.attachments.len();
    if !app.is_msgpack && buffers > fanfare_hub::ATTACHMENTS_MAX {
        return Err(EmitError::TooManyBuffers(buffers));
    }
    Ok(args)
}

/// The first argument of an acknowledgement, read.
pub(crate) fn first<T: DeserializeOwned>(args: &Args) -> Result<T, AckError> {
    args.get(0).map_err(AckError::Unexpected)
}
