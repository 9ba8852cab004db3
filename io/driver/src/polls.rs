//! Requests of Engine.IO sessions on their way to the shard that has the session, and their answers on the way back.

use std::collections::HashMap;

use fanfare_hub::{Arrival, DoorId, EngineAnswer, EngineId, Gone, RequestError, Shard, SocketId};
use tokio::sync::oneshot;

use crate::admission::Admitted;

/// What a request is answered.
pub(crate) type Answer = Result<Vec<u8>, RequestError>;

/// A request for a shard.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) ask: Ask,
    pub(crate) answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
pub(crate) enum Ask {
    /// A new session, which counts against the server's limits for as long as it polls.
    Open(DoorId, Box<Arrival>, Admitted),
    /// Is there a session of this id?
    Exists(EngineId),
    /// A body from it begins to come; one at a time may.
    BeginPost(EngineId),
    /// What waits for it.
    Poll(EngineId),
    /// Packets from it.
    Post(EngineId, String),
    /// The body under way counts for nothing.
    DropPost(EngineId),
    /// Its client has given up a request, or asked amiss.
    End(EngineId, Gone),
}

/// The requests of one session that wait.
#[derive(Debug, Default)]
struct Waiting {
    poll: Option<oneshot::Sender<Answer>>,
    post: Option<oneshot::Sender<Answer>>,
    /// A body is under way.
    posts: bool,
    /// Counts until the session ends, or has a WebSocket which counts itself.
    _admitted: Option<Admitted>,
}

/// The sessions of one shard that poll.
#[derive(Debug, Default)]
pub(crate) struct Polls(HashMap<SocketId, Waiting>);

impl Polls {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Carries a request out, or begins to. Whoever asked may have gone by the time of the answer.
    pub(crate) fn run(&mut self, shard: &mut Shard, errand: Errand) {
        let Errand { ask, answer } = errand;
        let find = |shard: &Shard, id: &EngineId| shard.engine(id).ok_or(RequestError::UnknownSession);
        let refused = match ask {
            Ask::Open(door, arrival, admitted) => {
                let socket = shard.accept(door, &arrival);
                let polled = shard.poll(socket);
                let waiting = Waiting { _admitted: Some(admitted), ..Waiting::default() };
                let waiting = self.0.entry(socket).insert_entry(waiting);
                match polled {
                    Ok(()) => {
                        waiting.into_mut().poll = Some(answer);
                        return;
                    }
                    Err(refused) => Err(refused),
                }
            }
            Ask::Exists(id) => find(shard, &id).map(|_| Vec::new()),
            Ask::Poll(id) => match find(shard, &id).and_then(|socket| shard.poll(socket).map(|()| socket)) {
                Ok(socket) => {
                    self.0.entry(socket).or_default().poll = Some(answer);
                    return;
                }
                Err(refused) => Err(refused),
            },
            Ask::BeginPost(id) => find(shard, &id).and_then(|socket| {
                if !shard.polls(socket) {
                    return Err(RequestError::BadRequest);
                }
                if std::mem::replace(&mut self.0.entry(socket).or_default().posts, true) {
                    shard.end_session(socket, Gone::Misbehaved);
                    return Err(RequestError::BadRequest);
                }
                Ok(Vec::new())
            }),
            Ask::Post(id, body) => {
                match find(shard, &id).and_then(|socket| shard.post(socket, body).map(|()| socket)) {
                    Ok(socket) => {
                        self.0.entry(socket).or_default().post = Some(answer);
                        return;
                    }
                    Err(refused) => Err(refused),
                }
            }
            Ask::DropPost(id) => find(shard, &id).map(|socket| {
                if let Some(waiting) = self.0.get_mut(&socket) {
                    waiting.posts = false;
                }
                Vec::new()
            }),
            Ask::End(id, gone) => {
                if let Some(socket) = shard.engine(&id) {
                    shard.end_session(socket, gone);
                }
                return;
            }
        };
        let _ = answer.send(refused);
    }

    /// Hands an answer to whoever asked.
    pub(crate) fn answer(&mut self, socket: SocketId, answer: EngineAnswer) {
        let Some(waiting) = self.0.get_mut(&socket) else { return };
        let (asked, body) = match answer {
            EngineAnswer::Polled(body) => (waiting.poll.take(), body),
            EngineAnswer::Posted => {
                waiting.posts = false;
                (waiting.post.take(), Vec::new())
            }
            EngineAnswer::Upgraded => {
                self.0.remove(&socket);
                return;
            }
        };
        if let Some(asked) = asked {
            let _ = asked.send(Ok(body));
        }
    }

    /// The session is over. What still waits is told so.
    pub(crate) fn remove(&mut self, socket: SocketId) {
        let Some(waiting) = self.0.remove(&socket) else { return };
        for asked in [waiting.poll, waiting.post].into_iter().flatten() {
            let _ = asked.send(Err(RequestError::UnknownSession));
        }
    }
}
