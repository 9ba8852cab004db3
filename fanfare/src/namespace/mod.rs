//! Namespaces of Socket.IO with handlers of one's own.

mod acknowledgements;
mod args;
mod builder;
mod command;
mod conversation;
mod errands;
mod extract;
mod handle;
mod handler;
mod kit;
mod operators;
mod refusal;
mod socket;
mod table;

pub use args::{Args, Binary, EmitError, IntoArgs};
pub use builder::Namespace;
pub(crate) use extract::States;
pub use extract::{
    Ack, Auth, DisconnectReason, Event, EventName, Extract, HandshakeInfo, Json, Rejection, State,
};
pub(crate) use handle::{AppId, Doors, running, stopped};
pub use handle::{Handle, NamespaceHandle};
pub use handler::{EventHandler, Failure, Reply};
pub(crate) use kit::{NamespaceKit, Setup};
pub use operators::{AckError, AcksError, Operators, RemoteSocket};
pub use refusal::Refusal;
pub use socket::{Disconnected, Socket};
