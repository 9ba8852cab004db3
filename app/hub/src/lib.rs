//! The hub: doors, rooms, acknowledgements, outboxes and fan-out, as one pure state machine a shard.
//!
//! Bytes, envelopes and the time are arguments, so the whole of it runs in a simulation as it runs on a core. Start with
//! [`Shard`], which says what the driver does with it; [`Kit`] and [`Place`] are what applications implement.

mod envelope;
mod fanout;
mod ids;
mod kit;
mod limits;
mod links;
mod room;
mod shard;
mod state;
mod transport;

pub use envelope::{Answer, DoorId, Envelope, Sender};
pub use fanout::{Arguments, Event, Outgoing, OwnedOutgoing, body};
pub use ids::{
    CLIENT_ID_CHARS, EngineId, Instance, ROOM_NAME_CHARS_MAX, ShardId, SocketId, USER_NAME_CHARS_MAX, User,
    check_room_name, check_user_name, client_id, home_of, socket_of,
};
pub use kit::{Edge, Kit, Message, Place, PlaceContext, PlainPlace, Silent, SocketEvent};
pub use limits::{
    AUTH_BYTES_MAX, BATCH_INTERVAL_MS_MAX, CROWDED_MEMBERS, Dialect, DoorRules, Limits, MAILBOX_BYTES_MAX,
    MEMORY_STALL_MS, MESSAGE_BYTES_MAX, NAMESPACE_NAME_BYTES_MAX, NAMESPACES_PER_CONNECTION_MAX, Namespace,
    OUTBOX_MESSAGES_MAX, PRESENCE_USERS_MAX, SlowPolicy,
};
pub use links::{Links, READ_BUFFER_BYTES};
pub use shard::{Door, Shard, ShardSetup};
pub use state::{
    Arrival, Closed, Counters, EngineAnswer, EngineArrival, Gone, Handshake, Headers, Now, Reading,
};
pub use transport::{Readiness, Token, Transport};

pub use fanfare_session::engineio::RequestError;
pub use fanfare_session::native::{ErrorCode, Request};
pub use fanfare_session::socketio::{ATTACHMENTS_MAX, elements, is_reserved};
pub use fanfare_session::websocket::{CloseCode, DeflateParameters, Payload, Text};
pub use fanfare_session::{Heartbeat, Parser, Share};
