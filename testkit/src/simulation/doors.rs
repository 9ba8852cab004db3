//! The doors of the simulated server.

use fanfare_hub::{Dialect, Door, DoorId, DoorRules, Kit, Namespace, Parser, Silent};
use fanfare_kits::{Binary, Chat, Echo};

/// The door of Socket.IO clients, who are in the chat as its namespace.
pub(super) const SOCKETIO: DoorId = DoorId(3);

/// The doors of one shard; every shard has the same.
pub(super) fn doors() -> Vec<Door> {
    let rules =
        |plain: DoorRules| DoorRules { text_limit_bytes: 1 << 20, binary_limit_bytes: 1 << 22, ..plain };
    let socketio = DoorRules { dialect: Dialect::SocketIo(Parser::Json), ..DoorRules::default() };
    let chat = Namespace::Named("/chat".into());
    vec![
        Door::new(rules(Echo.rules()), Echo),
        Door::new(DoorRules { namespace: Some(chat), ..rules(Chat.rules()) }, Chat),
        Door::new(rules(Binary.rules()), Binary),
        Door::new(rules(socketio), Silent),
    ]
}
