//! The native dialect's share of a connection: ids, order, and the messages that need no application.

use fanfare_native::{ErrorCode, Order, Request, Sequenced, batch_messages, read};

use crate::pending::{IdRefused, Pending, Reply, UNANSWERED_MAX};

/// What the native dialect keeps for a connection that has used `id` or `seq`.
#[derive(Debug, Default)]
pub struct NativeState {
    pub(crate) pending: Pending,
    pub(crate) order: Order,
}

/// One text message, opened.
#[derive(Debug)]
pub enum Opened<'a> {
    /// For the application, with the reply that its `id` asks for.
    Request(Request<'a>, Option<Reply>),
    /// Several messages, each to be opened in turn; the batch's own reply comes first.
    Batch(Vec<&'a str>, Option<Reply>),
    /// Kept for later, or had before.
    Nothing,
    /// Refused: an `error` is due, or a `nack` where there is an id (as it stands in the text).
    Refused {
        /// The code on the wire.
        code: ErrorCode,
        /// For a person: names the field, the limit and the value.
        reason: String,
        /// The id to answer, where it could be read and is not still owed another answer.
        id: Option<&'a str>,
    },
}

/// Whether a message stands alone or inside a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Alone,
    InBatch,
    /// It waited for its `seq`, which has been dealt with.
    InOrder,
}

pub(crate) fn open<'a>(state: &mut Option<Box<NativeState>>, text: &'a str, place: Place) -> Opened<'a> {
    let request = match read(text) {
        Ok(request) => request,
        Err(error) => return refuse(state, error.code, error.to_string(), error.id),
    };
    let is_batch = request.kind == "batch";
    if is_batch && request.seq.is_some() {
        let reason = "Invalid message format: a \"seq\" belongs to the messages inside a batch".to_owned();
        return refuse(state, ErrorCode::InvalidMessage, reason, request.id);
    }
    if let (Some(seq), true) = (request.seq, place != Place::InOrder) {
        match state.get_or_insert_default().order.receive(seq, text) {
            Sequenced::Now => {}
            // A repeat is a copy of what has had its answer.
            Sequenced::Kept | Sequenced::Repeated => return Opened::Nothing,
            Sequenced::Refused(reason) => {
                return refuse(state, ErrorCode::RateLimited, reason, request.id);
            }
        }
    }
    let reply = match request.id.map(|id| state.get_or_insert_default().pending.open(id)).transpose() {
        Ok(reply) => reply,
        Err(refused) => return refuse_id(state, request.id, refused),
    };
    if !is_batch {
        return Opened::Request(request, reply);
    }
    let messages = match place {
        Place::InBatch => Err("a batch inside a batch".to_owned()),
        Place::Alone | Place::InOrder => batch_messages(text).map_err(|error| error.reason),
    };
    match messages {
        Ok(messages) => Opened::Batch(messages, reply),
        Err(reason) => {
            if let (Some(reply), Some(state)) = (reply, state.as_mut()) {
                state.pending.take(reply);
            }
            let reason = format!("Invalid message format: {reason}");
            refuse(state, ErrorCode::InvalidMessage, reason, request.id)
        }
    }
}

/// A refusal. Where the id is still owed another answer, that one must stay the only one: this goes out as an `error`.
fn refuse<'a>(
    state: &Option<Box<NativeState>>,
    code: ErrorCode,
    reason: String,
    id: Option<&'a str>,
) -> Opened<'a> {
    let owed = |id: &str| state.as_ref().is_some_and(|state| state.pending.contains(id));
    Opened::Refused { code, reason, id: id.filter(|id| !owed(id)) }
}

fn refuse_id<'a>(state: &Option<Box<NativeState>>, id: Option<&'a str>, refused: IdRefused) -> Opened<'a> {
    let (code, reason) = id_refused(refused, id.unwrap_or_default());
    refuse(state, code, reason, id)
}

/// Why an id is not taken, for its client.
pub(crate) fn id_refused(refused: IdRefused, id: &str) -> (ErrorCode, String) {
    match refused {
        IdRefused::Conflict => {
            (ErrorCode::Conflict, format!("id {id} is still unanswered on this connection"))
        }
        IdRefused::TooMany => {
            (ErrorCode::RateLimited, format!("at most {UNANSWERED_MAX} ids may be unanswered"))
        }
    }
}
