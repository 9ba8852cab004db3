//! The native dialect's share of a connection: ids, order, and the messages that need no application.

use fanfare_native::{ErrorCode, Malformed, Order, Request, Sequenced, batch_messages, read};

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

impl<'a> Opened<'a> {
    fn malformed(error: &Malformed) -> Self {
        let reason = error.to_string();
        Self::Refused { code: error.code, reason, id: None }
    }
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
        Err(error) => return Opened::malformed(&error),
    };
    if let (Some(seq), true) = (request.seq, place != Place::InOrder) {
        match state.get_or_insert_default().order.receive(seq, text) {
            Sequenced::Now => {}
            Sequenced::Kept | Sequenced::Repeated => return Opened::Nothing,
            Sequenced::Refused(reason) => {
                return Opened::Refused { code: ErrorCode::RateLimited, reason, id: request.id };
            }
        }
    }
    let reply = match request.id.map(|id| state.get_or_insert_default().pending.open(id)).transpose() {
        Ok(reply) => reply,
        Err(refused) => return refuse_id(&request, refused),
    };
    if request.kind != "batch" {
        return Opened::Request(request, reply);
    }
    let messages = match place {
        Place::InBatch => Err("a batch inside a batch".to_owned()),
        Place::Alone | Place::InOrder => batch_messages(text).map_err(|error| error.reason),
    };
    match messages {
        Ok(messages) => Opened::Batch(messages, reply),
        Err(reason) => {
            if let (Some(reply), Some(state)) = (reply, state) {
                state.pending.take(reply);
            }
            let reason = format!("Invalid message format: {reason}");
            Opened::Refused { code: ErrorCode::InvalidMessage, reason, id: request.id }
        }
    }
}

fn refuse_id<'a>(request: &Request<'a>, refused: IdRefused) -> Opened<'a> {
    let id = request.id.unwrap_or_default();
    match refused {
        IdRefused::Conflict => Opened::Refused {
            code: ErrorCode::Conflict,
            reason: format!("id {id} is still unanswered on this connection"),
            // The answer that is owed must stay the only one: this refusal goes out as an `error`.
            id: None,
        },
        IdRefused::TooMany => Opened::Refused {
            code: ErrorCode::RateLimited,
            reason: format!("at most {UNANSWERED_MAX} ids may be unanswered"),
            id: request.id,
        },
    }
}
