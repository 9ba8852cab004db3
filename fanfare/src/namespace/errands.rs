//! What is asked of a namespace, done: on this shard, and begun on the others.

use std::sync::Arc;

use fanfare_hub::{Arguments, Edge, Outgoing, ShardId, SocketId, client_id, socket_of};

use super::command::{Command, Errand, Packet, Scope, Selection};
use super::kit::NamespaceKit;
use super::operators::{AckEvent, RemoteSocket};

/// Between the name of a namespace and that of a room, where one door has several namespaces: no room of another can be meant.
const BETWEEN: char = '\u{0}';

impl NamespaceKit {
    /// A room's name at its door.
    pub(super) fn key(&self, namespace: &str, room: Option<&str>) -> String {
        match (&self.setup.name, room) {
            (Some(_), room) => room.unwrap_or_default().to_owned(),
            (None, room) => format!("{namespace}{BETWEEN}{}", room.unwrap_or_default()),
        }
    }

    /// Carries a command out.
    pub(super) fn execute(&mut self, cx: &mut Edge<'_, Self>, command: Command) {
        match command {
            Command::Emit(socket, packet) => {
                if !packet.volatile || cx.is_writable(socket) {
                    cx.send(socket, &outgoing(&packet, None));
                }
            }
            Command::EmitWithAck(socket, packet, sender) => {
                if cx.is_connected(socket) {
                    let id = cx.fresh_acknowledgement();
                    self.owed.expect_one(socket, id, sender);
                    cx.send(socket, &outgoing(&packet, Some(id)));
                }
            }
            Command::Acknowledge(socket, id, args) => {
                let arguments = Arguments { json: &args.json, attachments: &args.attachments };
                cx.send(socket, &Outgoing::Acknowledge { id, arguments });
            }
            Command::Join(socket, rooms) => self.join_rooms(cx, socket, &rooms),
            Command::Leave(socket, rooms) => self.leave_rooms(cx, socket, &rooms),
            Command::Disconnect(socket, true) => cx.close_connection(socket),
            Command::Disconnect(socket, false) => cx.send_away(socket),
            Command::Rooms(socket, sender) => {
                if cx.is_connected(socket) {
                    let _ = sender.send(self.rooms(cx, socket));
                }
            }
            Command::SetData(socket, data) => {
                if cx.is_connected(socket) {
                    self.data.insert(socket, data);
                }
            }
            Command::Data(socket, sender) => {
                if cx.is_connected(socket) || self.data.contains_key(&socket) {
                    let _ = sender.send(self.data.get(&socket).cloned());
                }
            }
            Command::Select(selection, errand) => self.begin_errand(cx, &selection, errand),
            Command::Carried(selection, errand) => self.carry_out(cx, &selection, errand),
            Command::Decided(socket, decision) => self.decided(cx, socket, decision),
            Command::Done(socket) => self.go_on(cx, socket),
            Command::GiveUp(socket) => self.give_up(cx, socket),
        }
    }

    /// Carries an errand out here and sends it to every other shard, in the order of everything that is sent there.
    fn begin_errand(&mut self, cx: &mut Edge<'_, Self>, selection: &Arc<Selection>, errand: Errand) {
        let scope = match &selection.scope {
            Scope::Of(socket) => Scope::Named(Arc::clone(&self.context(*socket).namespace)),
            scope => scope.clone(),
        };
        let errand = match errand {
            Errand::EmitWithAck(packet, _, sender) => {
                Errand::EmitWithAck(packet, cx.fresh_acknowledgement(), sender)
            }
            other => other,
        };
        let selection = if matches!(selection.scope, Scope::Of(_)) {
            Arc::new(Selection { scope, ..(**selection).clone() })
        } else {
            Arc::clone(selection)
        };
        let cost_bytes = match &errand {
            Errand::Emit(packet) | Errand::EmitWithAck(packet, ..) => {
                packet.args.json.len() + packet.args.attachments.iter().map(Vec::len).sum::<usize>()
            }
            _ => 0,
        };
        for shard in (0..cx.shards()).map(ShardId).filter(|shard| *shard != cx.shard()).collect::<Vec<_>>() {
            let command = Command::Carried(Arc::clone(&selection), errand.clone());
            cx.tell_shard(shard, Box::new(command), cost_bytes);
        }
        self.carry_out(cx, &selection, errand);
    }

    fn carry_out(&mut self, cx: &mut Edge<'_, Self>, selection: &Selection, errand: Errand) {
        match errand {
            Errand::Emit(packet) => self.emit(cx, selection, &packet),
            Errand::EmitWithAck(packet, id, sender) => {
                let sockets = self.targets(cx, selection, packet.volatile);
                let _ = sender.send(AckEvent::Sent(sockets.len()));
                for socket in &sockets {
                    self.owed.expect_of_many(*socket, id, sender.clone());
                }
                cx.emit_to(&sockets, &outgoing(&packet, Some(id)));
            }
            Errand::Join(rooms) => {
                for socket in self.targets(cx, selection, false) {
                    self.join_rooms(cx, socket, &rooms);
                }
            }
            Errand::Leave(rooms) => {
                for socket in self.targets(cx, selection, false) {
                    self.leave_rooms(cx, socket, &rooms);
                }
            }
            Errand::Disconnect { close } => {
                for socket in self.targets(cx, selection, false) {
                    if close {
                        cx.close_connection(socket);
                    } else {
                        cx.send_away(socket);
                    }
                }
            }
            Errand::Fetch(sender) => {
                let found = self.targets(cx, selection, false).into_iter().map(|socket| RemoteSocket {
                    id: client_id(cx.instance(), socket),
                    rooms: self.rooms(cx, socket),
                    data: self.data.get(&socket).cloned(),
                });
                let _ = sender.send(found.collect());
            }
        }
    }

    fn emit(&mut self, cx: &mut Edge<'_, Self>, selection: &Selection, packet: &Packet) {
        let message = outgoing(packet, None);
        let namespace = self.namespace_of(selection);
        let plain = !packet.volatile && selection.except_rooms.is_empty();
        match &selection.rooms[..] {
            [] if plain && self.setup.name.is_some() => cx.emit_all_here(selection.except, &message),
            [] if plain => cx.emit_here(&self.key(&namespace, None), selection.except, &message),
            [room] if plain && socket_of(cx.instance(), room).is_none() => match &self.setup.name {
                Some(_) => cx.emit_here(room, selection.except, &message),
                None => cx.emit_here(&self.key(&namespace, Some(room)), selection.except, &message),
            },
            _ => {
                let sockets = self.targets(cx, selection, packet.volatile);
                cx.emit_to(&sockets, &message);
            }
        }
    }

    fn namespace_of(&self, selection: &Selection) -> Arc<str> {
        match &selection.scope {
            Scope::Only => self.setup.name.clone().unwrap_or_default(),
            Scope::Named(name) => Arc::clone(name),
            Scope::Of(socket) => Arc::clone(&self.context(*socket).namespace),
        }
    }

    /// The sockets of this shard that are meant, each once.
    fn targets(&self, cx: &Edge<'_, Self>, selection: &Selection, writable: bool) -> Vec<SocketId> {
        let namespace = self.namespace_of(selection);
        let mut sockets = if selection.rooms.is_empty() {
            match self.setup.name {
                Some(_) => cx.everyone_here(),
                None => cx.members_here(&self.key(&namespace, None)),
            }
        } else {
            self.members(cx, &namespace, &selection.rooms)
        };
        if selection.rooms.len() > 1 {
            sockets.sort_unstable();
            sockets.dedup();
        }
        let mut excepted = self.members(cx, &namespace, &selection.except_rooms);
        excepted.extend(selection.except);
        excepted.sort_unstable();
        sockets.retain(|socket| {
            excepted.binary_search(socket).is_err()
                && cx.is_connected(*socket)
                && (!writable || cx.is_writable(*socket))
        });
        sockets
    }

    /// The members of these rooms that are here; a socket's id is a room with it alone in it.
    fn members(&self, cx: &Edge<'_, Self>, namespace: &str, rooms: &[Box<str>]) -> Vec<SocketId> {
        let mut members = Vec::new();
        for room in rooms {
            members.extend(cx.members_here(&self.key(namespace, Some(room))));
            let alone = socket_of(cx.instance(), room).filter(|socket| cx.is_at_door(*socket));
            members.extend(alone.filter(|socket| *self.context(*socket).namespace == *namespace));
        }
        members
    }

    fn join_rooms(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, rooms: &[Box<str>]) {
        let namespace = Arc::clone(&self.context(socket).namespace);
        for room in rooms {
            let key = self.key(&namespace, Some(room));
            self.join(cx, socket, &key);
        }
    }

    pub(super) fn join(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, key: &str) {
        if let Err((_, reason)) = cx.join_here(socket, key) {
            tracing::warn!(reason, socket = client_id(cx.instance(), socket), "a room could not be joined");
        }
    }

    fn leave_rooms(&mut self, cx: &mut Edge<'_, Self>, socket: SocketId, rooms: &[Box<str>]) {
        let namespace = Arc::clone(&self.context(socket).namespace);
        for room in rooms {
            cx.leave_here(socket, &self.key(&namespace, Some(room)));
        }
    }

    /// The rooms of a socket: first its own.
    fn rooms(&self, cx: &Edge<'_, Self>, socket: SocketId) -> Vec<String> {
        let own = client_id(cx.instance(), socket);
        let rooms = cx.rooms_of(socket).into_iter().filter_map(|key| match self.setup.name {
            Some(_) => Some(key.to_string()),
            None => key.split_once(BETWEEN).map(|(_, room)| room.to_owned()).filter(|room| !room.is_empty()),
        });
        std::iter::once(own).chain(rooms).collect()
    }
}

fn outgoing(packet: &Packet, id: Option<u64>) -> Outgoing<'_> {
    let arguments = Arguments { json: &packet.args.json, attachments: &packet.args.attachments };
    Outgoing::Emit { name: &packet.name, arguments, id }
}
