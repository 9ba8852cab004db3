//! A Socket.IO client's parts in namespaces: each is a connection of its own to its door, whose messages go through the
//! session that carries it.

use std::collections::VecDeque;
use std::sync::Arc;

use fanfare_session::native::ErrorCode;
use fanfare_session::socketio::{write_connect, write_connect_error, write_disconnect};
use serde::Deserialize;

use super::connection::{Connection, NOWHERE, connection_in};
use super::core::{Core, Gone, guest};
use super::role::{Member, Role};
use crate::envelope::{Answer, DoorId};
use crate::fanout::{Arguments, Encoded, Event, Outgoing, Wire, body};
use crate::ids::{SocketId, check_user_name, client_id};
use crate::limits::{AUTH_BYTES_MAX, Dialect, NAMESPACE_NAME_BYTES_MAX, NAMESPACES_PER_CONNECTION_MAX};

/// What the built-in applications take from the auth payload.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    user_name: Option<String>,
}

/// Whether a client may ask for this, whatever the namespace says to it.
///
/// # Errors
/// A sentence for the client.
fn check_connect(name: &str, auth: &str) -> Result<(), String> {
    let parts = [
        ("name of a namespace", name.len(), NAMESPACE_NAME_BYTES_MAX),
        ("auth payload", auth.len(), AUTH_BYTES_MAX),
    ];
    for (part, bytes, limit) in parts {
        if bytes > limit {
            return Err(format!("The {part} has {bytes} bytes; at most {limit} are allowed"));
        }
    }
    Ok(())
}

impl Core {
    /// The client's part in the namespace, where it has one.
    pub(crate) fn member_of(&self, carrier: SocketId, namespace: &str) -> Option<SocketId> {
        let members = &self.get(carrier)?.carrier()?.members;
        let is_in = |slot: &&u32| {
            self.at(**slot).and_then(Connection::member).is_some_and(|member| *member.namespace == *namespace)
        };
        members.iter().find(is_in).and_then(|slot| self.socket_at(*slot))
    }

    /// The door that a namespace leads to.
    pub(crate) fn door_of(&self, namespace: &str) -> Option<DoorId> {
        let named = |is: &dyn Fn(&crate::limits::Namespace) -> bool| {
            self.rules.iter().position(|rules| rules.namespace.as_ref().is_some_and(is))
        };
        let door = named(&|own| own.is(namespace)).or_else(|| named(&|own| own.fits(namespace)))?;
        u8::try_from(door).ok().map(DoorId)
    }

    /// Makes a client's part in a namespace; the namespace's kit is still to take it in.
    ///
    /// # Errors
    /// A sentence for the client.
    pub(crate) fn enter_namespace(
        &mut self,
        carrier: SocketId,
        namespace: &str,
        auth: &str,
    ) -> Result<SocketId, String> {
        check_connect(namespace, auth)?;
        let door = self.door_of(namespace).ok_or("Invalid namespace")?;
        let connection = self.get(carrier).ok_or("Disconnected")?;
        let variant = connection.variant;
        let Some(session) = connection.carrier() else { return Err("Disconnected".to_owned()) };
        if session.members.len() >= NAMESPACES_PER_CONNECTION_MAX {
            return Err(format!("A client may be in {NAMESPACES_PER_CONNECTION_MAX} namespaces at once"));
        }
        let namespace = self.namespace_name(door, namespace);
        let member = Member { namespace, carrier, admitted: false, parked: VecDeque::new() };
        let socket = self.insert(door, variant, Some(Role::Member(member)), None);
        if let Some(carrier) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            carrier.members.push(socket.slot);
        }
        Ok(socket)
    }

    /// The name of a namespace, shared where it is the door's own.
    fn namespace_name(&self, door: DoorId, namespace: &str) -> Arc<str> {
        match self.rules[usize::from(door.0)].namespace.as_ref() {
            Some(crate::limits::Namespace::Named(name)) => Arc::clone(name),
            _ => namespace.into(),
        }
    }

    /// The namespace takes a client in: it is told its id there, and takes part from now on.
    pub(crate) fn admit_member(&mut self, socket: SocketId) {
        let instance = self.instance;
        let Some(connection) = self.get_mut(socket).filter(|connection| connection.gone.is_none()) else {
            return;
        };
        let (door, number) = (connection.door, connection.number);
        let Some(member) = connection.member_mut().filter(|member| !member.admitted) else { return };
        member.admitted = true;
        let (namespace, carrier) = (Arc::clone(&member.namespace), member.carrier);
        if let Some(carrier) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            carrier.engine.join();
        }
        self.stand_at_door(socket.slot, door);
        let mut data = Vec::new();
        let id = client_id(instance, socket);
        write_connect(&mut data, &namespace, &id);
        self.push_control(carrier, &namespace, &data, || {
            let sid = serde_json::json!({ "sid": id }).to_string();
            (fanfare_session::socketio::Kind::Connect, sid)
        });
        if self.rules[usize::from(door.0)].dialect == Dialect::Native {
            self.welcome(socket, number);
        }
        self.admitted.push_back(socket);
    }

    /// The name that the auth payload of a client of the built-in applications asks for.
    ///
    /// # Errors
    /// A sentence for the client.
    pub(crate) fn take_name(&mut self, socket: SocketId, auth: &str) -> Result<bool, String> {
        let auth: Auth = serde_json::from_str(auth).unwrap_or_default();
        let Some(name) = auth.user_name else { return Ok(false) };
        check_user_name(&name)?;
        let instance = self.instance;
        if let Some(connection) = self.get_mut(socket) {
            connection.user = Some(Arc::new(guest(instance, socket, connection.number, Some(&name))));
        }
        Ok(true)
    }

    /// The namespace does not take a client in.
    pub(crate) fn refuse_member(&mut self, socket: SocketId, message: &str, data: Option<&str>) {
        let Some(member) = self.get(socket).and_then(Connection::member).filter(|member| !member.admitted)
        else {
            return;
        };
        let (namespace, carrier) = (Arc::clone(&member.namespace), member.carrier);
        self.refuse_namespace(carrier, &namespace, message, data);
        self.forget_member(socket);
        self.depart(socket.slot, Gone::SentAway);
    }

    /// Tells a client that it is not in a namespace that it asked for.
    pub(crate) fn refuse_namespace(
        &mut self,
        carrier: SocketId,
        namespace: &str,
        message: &str,
        data: Option<&str>,
    ) {
        let mut text = Vec::new();
        write_connect_error(&mut text, namespace, message, data);
        self.push_control(carrier, namespace, &text, || {
            let message = serde_json::Value::from(message);
            let data = data.map_or_else(String::new, |data| format!(",\"data\":{data}"));
            (fanfare_session::socketio::Kind::ConnectError, format!("{{\"message\":{message}{data}}}"))
        });
    }

    /// Sends a client out of a namespace, with word of it.
    pub(crate) fn send_away(&mut self, socket: SocketId) {
        let Some(member) = self.get(socket).filter(|there| there.gone.is_none()).and_then(Connection::member)
        else {
            return;
        };
        let (namespace, carrier) = (Arc::clone(&member.namespace), member.carrier);
        let mut text = Vec::new();
        write_disconnect(&mut text, &namespace);
        self.push_control(carrier, &namespace, &text, || {
            (fanfare_session::socketio::Kind::Disconnect, String::new())
        });
        self.forget_member(socket);
        self.depart(socket.slot, Gone::SentAway);
    }

    /// Ends a client's connection, with word in each of its namespaces.
    pub(crate) fn send_all_away(&mut self, carrier: SocketId) {
        let Some(it) = self.get(carrier).and_then(Connection::carrier) else { return };
        for slot in it.members.clone() {
            if let Some(member) = self.socket_at(slot) {
                self.send_away(member);
            }
        }
        self.end_engine(carrier, Gone::SentAway, true);
    }

    /// A client has left a namespace.
    pub(crate) fn leave_namespace(&mut self, socket: SocketId) {
        self.forget_member(socket);
        self.depart(socket.slot, Gone::LeftNamespace);
    }

    fn forget_member(&mut self, socket: SocketId) {
        let Some(carrier) = self.get(socket).and_then(Connection::member).map(|member| member.carrier) else {
            return;
        };
        if let Some(carrier) = self.get_mut(carrier).and_then(Connection::carrier_mut) {
            carrier.members.retain(|slot| *slot != socket.slot);
        }
        self.release(socket);
    }

    /// Sends a packet that belongs to no event: as text, or in msgpack what `other` says.
    fn push_control(
        &mut self,
        carrier: SocketId,
        namespace: &str,
        text: &[u8],
        other: impl FnOnce() -> (fanfare_session::socketio::Kind, String),
    ) {
        let Some(connection) = self.get(carrier).filter(|there| there.gone.is_none()) else { return };
        let variant = connection.variant;
        if self.is_overfull(carrier.slot) {
            // Someone who comes and goes without ever reading what is said to that.
            return self.cut_slow(carrier.slot);
        }
        let span = if variant.wire == Wire::MsgPack {
            let (kind, data) = other();
            let mut bytes = Vec::new();
            fanfare_session::socketio::msgpack::write(&mut bytes, kind, namespace, None, &data, &[]);
            self.encoder.packets(&mut self.log, None, &[&bytes], variant)
        } else {
            let text = [b"4", text].concat();
            self.encoder.packets(&mut self.log, Some(&text), &[], variant)
        };
        self.push_span(carrier.slot, span);
    }

    /// An answer to a client in a namespace of a built-in application.
    pub(crate) fn answer_member(&mut self, to: SocketId, id: Option<&str>, answer: Answer) {
        let id = id.and_then(|id| id.parse::<u64>().ok());
        let json = match &answer {
            Answer::Ack(members) => acknowledged(members),
            Answer::Refuse(code, text) => {
                let error = serde_json::Value::from(&**text);
                format!("{{\"ok\":false,\"error\":{error},\"code\":\"{}\"}}", code.as_str())
            }
        };
        match (id, answer) {
            (Some(id), _) => {
                let arguments = Arguments { json: &json, attachments: &[] };
                self.push(to.slot, &Outgoing::Acknowledge { id, arguments }, &mut Encoded::default());
            }
            (None, Answer::Refuse(code, text)) => self.member_error(to, code, &text),
            (None, Answer::Ack(_)) => {}
        }
    }

    /// Tells a client in a namespace of a built-in application what is wrong.
    pub(crate) fn member_error(&mut self, to: SocketId, code: ErrorCode, message: &str) {
        let body = body(&serde_json::json!({ "message": message, "code": code.as_str() }));
        self.push(to.slot, &Outgoing::Event(Event { name: "error", body: &body }), &mut Encoded::default());
    }

    /// Puts a connection among everyone at its door.
    pub(crate) fn stand_at_door(&mut self, slot: u32, door: DoorId) {
        // Nothing of what was said before is for it.
        self.end_sharing();
        if let Some(connection) = connection_in(&mut self.slots, slot) {
            let position = self.everyone[usize::from(door.0)].enter(slot, connection.kind());
            connection.door_position = position.unwrap_or(NOWHERE);
        }
    }
}

/// `{"ok":true, …members}`.
fn acknowledged(members: &[u8]) -> String {
    let members = String::from_utf8_lossy(members);
    match members.trim().strip_prefix('{') {
        Some("}") | None => "{\"ok\":true}".to_owned(),
        Some(rest) => format!("{{\"ok\":true,{rest}"),
    }
}
