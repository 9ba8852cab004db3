//! Peers that poll, and their upgrades.

use fanfare_hub::{Arrival, DoorId, EngineAnswer, EngineArrival, EngineId, RequestError, SocketId};

use super::{House, Peer};

/// A session that polls, as its client knows it.
#[derive(Clone, Debug)]
pub struct Session {
    shard: usize,
    door: u8,
    socket: SocketId,
    /// The session's id, as the open packet has it.
    pub id: String,
}

impl House {
    /// Opens a session that polls.
    pub fn open_session(&mut self, shard: usize, door: u8) -> Session {
        let secret = [self.lines.len() as u8, 2, 3, 4, 5, 6, 7, 8, self.over.len() as u8];
        let engine = EngineArrival::Open { secret, polling: true, handshake: None };
        self.shards[shard].begin_turn(self.now);
        let arrival = Arrival { engine: Some(engine), ..Arrival::default() };
        let socket = self.shards[shard].accept(DoorId(door), &arrival);
        let mut session = Session { shard, door, socket, id: String::new() };
        let open = self.poll(&session).expect("a new session is polled").expect("there is the open packet");
        let id = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        session.id = id.expect("the open packet has an id").to_owned();
        session
    }

    /// The session polls: what there is for it, or `None` where the poll waits.
    ///
    /// # Errors
    /// What the poll is refused with.
    pub fn poll(&mut self, session: &Session) -> Result<Option<String>, RequestError> {
        self.shards[session.shard].begin_turn(self.now);
        let polled = self.shards[session.shard].poll(session.socket);
        self.settle();
        polled?;
        Ok(self.polled(session))
    }

    /// What has been answered to the poll that waited.
    pub fn polled(&mut self, session: &Session) -> Option<String> {
        let is_it = |(shard, socket, answer): &(usize, SocketId, EngineAnswer)| {
            *shard == session.shard && *socket == session.socket && matches!(answer, EngineAnswer::Polled(_))
        };
        let at = self.answers.iter().position(is_it)?;
        let EngineAnswer::Polled(body) = self.answers.remove(at).2 else { return None };
        Some(String::from_utf8(body).expect("a polling body is text"))
    }

    /// The session posts a body. Says whether it is handled.
    ///
    /// # Errors
    /// What the post is refused with.
    pub fn post(&mut self, session: &Session, body: &str) -> Result<bool, RequestError> {
        self.shards[session.shard].begin_turn(self.now);
        self.shards[session.shard].post(session.socket, body.to_owned())?;
        self.settle();
        Ok(self.posted(session))
    }

    /// Whether what was posted has been handled since.
    pub fn posted(&mut self, session: &Session) -> bool {
        let before = self.answers.len();
        self.answers.retain(|(shard, socket, answer)| {
            *shard != session.shard || *socket != session.socket || *answer != EngineAnswer::Posted
        });
        self.answers.len() < before
    }

    /// A WebSocket comes for the session.
    pub fn probe(&mut self, session: &Session) -> Peer {
        let id = EngineId::read(&session.id).expect("an id");
        let arrival = Arrival { engine: Some(EngineArrival::Probe(id)), ..Arrival::default() };
        self.connect(session.shard, session.door, &arrival)
    }

    /// A Socket.IO client over WebSocket.
    pub fn connect_socketio(&mut self, shard: usize, door: u8) -> Peer {
        let engine = EngineArrival::Open { secret: [9; 9], polling: false, handshake: None };
        self.connect(shard, door, &Arrival { engine: Some(engine), ..Arrival::default() })
    }

    /// Whether the session is over and forgotten.
    #[must_use]
    pub fn is_over(&self, session: &Session) -> bool {
        self.over.contains(&(session.shard, session.socket))
    }
}
