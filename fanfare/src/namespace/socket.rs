//! A client's part in a namespace, as handlers see it.

use std::time::Duration;

use fanfare_hub::{DoorId, Instance, SocketId, client_id};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::args::{Args, EmitError, IntoArgs};
use super::command::{Command, Scope, Selection, ask};
use super::handle::AppId;
use super::operators::{AckError, Operators, first, packet};

/// The socket is gone, so there is nothing to read of it.
///
/// ```
/// # use fanfare::{Ack, App, Disconnected, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("rooms", async |socket: Socket, ack: Ack| match socket.rooms().await {
///     Ok(rooms) => ack.send(&rooms),
///     Err(Disconnected) => Ok(()),
/// })
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("socket has been disconnected")]
pub struct Disconnected;

/// A client's part in one namespace. It can be kept, copied and used from any thread, as long as one likes: what is sent to one
/// that has gone goes nowhere.
///
/// What changes something returns at once and is done in order; what reads something waits for it.
///
/// ```
/// # use fanfare::{App, Args, Socket};
/// # App::new().namespace("/", |root| {
/// root.on("echo", async |socket: Socket, args: Args| socket.emit("echo", args))
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Socket {
    pub(crate) app: AppId,
    pub(crate) door: DoorId,
    pub(crate) id: SocketId,
    pub(crate) instance: Instance,
    pub(crate) volatile: bool,
    pub(crate) timeout: Option<Duration>,
}

impl Socket {
    /// Its id in the namespace: 20 URL-safe characters, which also name a room with it alone in it.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on_connect(async |socket: Socket| println!("{} is here", socket.id()))
    /// # });
    /// ```
    #[must_use]
    pub fn id(&self) -> String {
        client_id(self.instance, self.id)
    }

    /// Sends an event to it.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("hello", async |socket: Socket| socket.emit("hello back", "to you"))
    /// # });
    /// ```
    ///
    /// # Errors
    /// Where the arguments cannot be sent.
    pub fn emit(&self, name: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.ask(Command::Emit(self.id, packet(self.app, name, args, self.volatile)?));
        Ok(())
    }

    /// Sends an event to it and waits for its acknowledgement, whose first argument is read.
    ///
    /// ```
    /// # use fanfare::{AckError, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("ask me", async |socket: Socket| -> Result<(), AckError> {
    ///     let age: u32 = socket.emit_with_ack("how old are you", ()).await?;
    ///     println!("{age}");
    ///     Ok(())
    /// })
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AckError`] where it has gone or goes, the time of [`timeout`](Self::timeout) runs out, or something else comes.
    pub async fn emit_with_ack<T: DeserializeOwned>(
        &self,
        name: &str,
        args: impl IntoArgs,
    ) -> Result<T, AckError> {
        first(&self.emit_with_ack_args(name, args).await?)
    }

    /// The same, with all arguments of the acknowledgement as they come.
    ///
    /// ```
    /// # use fanfare::{Ack, AckError, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("ask me", async |socket: Socket, ack: Ack| -> Result<(), AckError> {
    ///     let said = socket.emit_with_ack_args("what do you say", ()).await?;
    ///     Ok(ack.send(said)?)
    /// })
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`AckError`] where it has gone or goes, or the time of [`timeout`](Self::timeout) runs out.
    pub async fn emit_with_ack_args(&self, name: &str, args: impl IntoArgs) -> Result<Args, AckError> {
        let packet = packet(self.app, name, args, false)?;
        let (send, receive) = oneshot::channel();
        self.ask(Command::EmitWithAck(self.id, packet, send));
        let args = match self.timeout {
            Some(timeout) => tokio::time::timeout(timeout, receive).await.map_err(|_| AckError::Timeout)?,
            None => receive.await,
        };
        args.map_err(|_| AckError::Disconnected)
    }

    /// The same socket, whose events are lost where its connection could not take them now.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("where", async |socket: Socket| socket.volatile().emit("position", &[1.5, 2.5]))
    /// # });
    /// ```
    #[must_use]
    pub fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }

    /// The same socket, whose acknowledgements are waited for so long.
    ///
    /// ```
    /// # use fanfare::{AckError, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("ask me", async |socket: Socket| {
    ///     let second = std::time::Duration::from_secs(1);
    ///     match socket.timeout(second).emit_with_ack::<bool>("are you there", ()).await {
    ///         Err(AckError::Timeout) => socket.close(),
    ///         answer => println!("{answer:?}"),
    ///     }
    /// })
    /// # });
    /// ```
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Those in a room, but for itself.
    ///
    /// ```
    /// # use fanfare::{App, Args, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("say", async |socket: Socket, args: Args| socket.to("lobby").emit("said", args))
    /// # });
    /// ```
    pub fn to(&self, room: impl AsRef<str>) -> Operators {
        self.broadcast().to(room)
    }

    /// Those in a room, itself among them if it is in it.
    ///
    /// ```
    /// # use fanfare::{App, Args, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("say", async |socket: Socket, args: Args| socket.within("lobby").emit("said", args))
    /// # });
    /// ```
    pub fn within(&self, room: impl AsRef<str>) -> Operators {
        self.everyone().to(room)
    }

    /// Everyone else in the namespace but for those in a room.
    ///
    /// ```
    /// # use fanfare::{App, Args, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("say", async |socket: Socket, args: Args| socket.except("quiet").emit("said", args))
    /// # });
    /// ```
    pub fn except(&self, room: impl AsRef<str>) -> Operators {
        self.broadcast().except(room)
    }

    /// Everyone else in the namespace.
    ///
    /// ```
    /// # use fanfare::{App, Args, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("say", async |socket: Socket, args: Args| socket.broadcast().emit("said", args))
    /// # });
    /// ```
    pub fn broadcast(&self) -> Operators {
        let selection = Selection { except: Some(self.id), ..self.selection() };
        Operators::new(self.app, self.door, selection)
    }

    /// Everyone in the namespace, itself among them.
    ///
    /// ```
    /// # use fanfare::{App, Args, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("say", async |socket: Socket, args: Args| socket.everyone().emit("said", args))
    /// # });
    /// ```
    pub fn everyone(&self) -> Operators {
        Operators::new(self.app, self.door, self.selection())
    }

    fn selection(&self) -> Selection {
        Selection { scope: Scope::Of(self.id), ..Selection::default() }
    }

    /// Puts it into a room.
    ///
    /// ```
    /// # use fanfare::{App, Json, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("join", async |socket: Socket, Json(room): Json<String>| socket.join(room))
    /// # });
    /// ```
    pub fn join(&self, room: impl AsRef<str>) {
        self.ask(Command::Join(self.id, vec![room.as_ref().into()]));
    }

    /// Takes it out of a room.
    ///
    /// ```
    /// # use fanfare::{App, Json, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("leave", async |socket: Socket, Json(room): Json<String>| socket.leave(room))
    /// # });
    /// ```
    pub fn leave(&self, room: impl AsRef<str>) {
        self.ask(Command::Leave(self.id, vec![room.as_ref().into()]));
    }

    /// The rooms that it is in, its own among them.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("rooms", async |socket: Socket, ack: Ack| ack.send(&socket.rooms().await.unwrap_or_default()))
    /// # });
    /// ```
    ///
    /// # Errors
    /// Where it has gone.
    pub async fn rooms(&self) -> Result<Vec<String>, Disconnected> {
        let (send, receive) = oneshot::channel();
        self.ask(Command::Rooms(self.id, send));
        receive.await.map_err(|_| Disconnected)
    }

    /// Keeps something with it, for whoever asks: [`data`](Self::data), or
    /// [`fetch_sockets`](Operators::fetch_sockets) from anywhere.
    ///
    /// ```
    /// # use fanfare::{App, Json, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("my name is", async |socket: Socket, Json(name): Json<String>| socket.set_data(&name))
    /// # });
    /// ```
    ///
    /// # Errors
    /// Where the value has no JSON form.
    pub fn set_data(&self, data: &impl Serialize) -> Result<(), EmitError> {
        self.ask(Command::SetData(self.id, serde_json::to_value(data)?));
        Ok(())
    }

    /// What is kept with it; `None` where nothing is, or nothing that is a `T`.
    ///
    /// ```
    /// # use fanfare::{Ack, App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("who am I", async |socket: Socket, ack: Ack| {
    ///     let name: Option<String> = socket.data().await.unwrap_or_default();
    ///     ack.send(&name)
    /// })
    /// # });
    /// ```
    ///
    /// # Errors
    /// Where it has gone.
    pub async fn data<T: DeserializeOwned>(&self) -> Result<Option<T>, Disconnected> {
        let (send, receive) = oneshot::channel();
        self.ask(Command::Data(self.id, send));
        let data = receive.await.map_err(|_| Disconnected)?;
        Ok(data.and_then(|data| serde_json::from_value(data).ok()))
    }

    /// Sends it out of the namespace. Its connection stays, for other namespaces.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("bye", async |socket: Socket| socket.disconnect())
    /// # });
    /// ```
    pub fn disconnect(&self) {
        self.ask(Command::Disconnect(self.id, false));
    }

    /// Ends its whole connection.
    ///
    /// ```
    /// # use fanfare::{App, Socket};
    /// # App::new().namespace("/", |root| {
    /// root.on("bye for good", async |socket: Socket| socket.close())
    /// # });
    /// ```
    pub fn close(&self) {
        self.ask(Command::Disconnect(self.id, true));
    }

    fn ask(&self, command: Command) {
        ask(self.app, self.id.shard(), self.door, command);
    }
}
