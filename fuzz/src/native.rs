//! Native messages: the head of a message alone, and whole messages through a shard with its kits.

use fanfare_hub::{
    Arrival, Door, DoorId, Instance, Kit, Limits, Now, Shard, ShardId, ShardSetup, Share, SocketId,
};
use fanfare_kits::{Binary, Chat, Echo};
use fanfare_native::{batch_messages, depth_exceeds, read, write_ack, write_error, write_event};
use fanfare_websocket::{InflaterPool, Opcode, Read, ReadContext, Reader, Role, write_frame};
use std::io::IoSlice;

/// The head of one message: whatever is read of it can be answered with JSON.
pub fn native(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let deep = depth_exceeds(text, 64);
    match read(text) {
        Ok(request) => {
            assert!(!deep, "a message that is too deep was read");
            let mut out = Vec::new();
            if let Some(id) = request.id {
                write_ack(&mut out, id, b"{}");
                is_json(&out);
                out.clear();
            }
            write_event(&mut out, &request.kind, b"{\"a\":1}");
            is_json(&out);
            if let Ok(messages) = batch_messages(text) {
                assert!(messages.len() <= 256);
                for message in messages {
                    let _ = read(message);
                }
            }
        }
        Err(malformed) => {
            let mut out = Vec::new();
            write_error(&mut out, malformed.code, &malformed.to_string());
            is_json(&out);
        }
    }
}

fn is_json(text: &[u8]) {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).expect("what the server sends is JSON");
}

/// Messages of three clients through a shard, one for each door. The first byte of each piece says whose it is and how it is
/// sent; a zero byte ends it.
pub fn shard(data: &[u8]) {
    let setup = ShardSetup {
        shard: ShardId(0),
        shards: 1,
        instance: Instance([1; 5]),
        seed: 1,
        limits: Limits { outbox_bytes: 4_000, memory_budget_bytes: 8 << 20, ..Limits::default() },
    };
    let doors =
        vec![Door::new(Echo.rules(), Echo), Door::new(Chat.rules(), Chat), Door::new(Binary.rules(), Binary)];
    let mut now = Now { ms: 1_000, unix_ms: 1_000_000 };
    let mut shard = Shard::new(setup, doors, now);
    let sockets: Vec<SocketId> = [1u8, 1, 2, 0]
        .into_iter()
        .map(|door| shard.accept(DoorId(door), &Arrival { wants_binary: door == 1, ..Arrival::default() }))
        .collect();
    let mut peers: Vec<(Reader, InflaterPool)> =
        sockets.iter().map(|_| (Reader::new(Role::Client, None), InflaterPool::new(1, 0))).collect();
    for piece in data.split(|byte| *byte == 0).filter(|piece| !piece.is_empty()) {
        now.ms += u64::from(piece[0]) * 10;
        shard.begin_turn(now);
        let socket = sockets[usize::from(piece[0] & 3)];
        let mut bytes = Vec::new();
        match piece[0] >> 2 & 7 {
            0 => bytes.extend_from_slice(&piece[1..]),
            1 => write_frame(&mut bytes, Opcode::Binary, true, false, &piece[1..], Some([1, 2, 3, 4])),
            _ => write_frame(&mut bytes, Opcode::Text, true, false, &piece[1..], Some([1, 2, 3, 4])),
        }
        shard.receive(socket, &mut bytes, &mut Share::default());
        shard.resume(socket, &mut Share::default());
        finish(&mut shard, &sockets, &mut peers);
    }
    for socket in &sockets {
        shard.lost(*socket);
    }
    finish(&mut shard, &sockets, &mut peers);
    assert_eq!(shard.connections(), 0, "a lost connection was kept");
    assert_eq!(shard.rooms_and_places(), (0, 0), "a room outlived its members");
    assert_eq!(shard.counters().panics, 0, "a kit panicked");
}

fn finish(shard: &mut Shard, sockets: &[SocketId], peers: &mut [(Reader, InflaterPool)]) {
    shard.finish_handling();
    while let Some(socket) = shard.next_dirty() {
        let mut slices = [IoSlice::new(&[]); 16];
        let filled = shard.outgoing(socket, &mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        shard.sent(socket, bytes.len(), false);
        if let Some(peer) = sockets.iter().position(|known| *known == socket) {
            understand(&mut peers[peer], bytes, peer == 3);
        }
    }
    while shard.next_closed().is_some() {}
    while shard.next_resumed().is_some() {}
    shard.end_turn();
}

/// Whatever the server sends, a client can read.
fn understand((reader, inflaters): &mut (Reader, InflaterPool), mut bytes: Vec<u8>, plain: bool) {
    let mut taken = 0;
    while taken < bytes.len() {
        let mut cx =
            ReadContext { message_limit_bytes: 1 << 26, inflaters, inflate_budget_bytes: usize::MAX };
        let (more, read) =
            reader.read(&mut bytes[taken..], &mut cx).expect("the server keeps to the protocol");
        taken += more;
        match read {
            Read::Text(text) if !plain => is_json(text.as_bytes()),
            Read::Close(_) => return,
            _ => {}
        }
    }
}
