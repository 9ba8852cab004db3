//! Engine.IO and Socket.IO: whatever is read can be written again, and reads the same then.

use fanfare_engineio::{Beat, Packet, Probe, Pulse, SEPARATOR, asked, read_payload, write_binary};
use fanfare_socketio::{
    ATTACHMENTS_MAX, Assembly, Event, Head, Kind, ack_args, check_placeholders, elements, event, is_reserved,
    msgpack, read, write_ack, write_event,
};
use serde::de::IgnoredAny;

use crate::input::Input;

/// A polling body, each of its packets as a message of a WebSocket, and the text as a query.
pub fn engineio(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    if let Ok(asked) = asked("GET", body, false) {
        assert!(asked.sid.is_none_or(|sid| !sid.is_empty() && body.contains(sid)));
    }
    let texts: Vec<&str> = body.split(char::from(SEPARATOR)).collect();
    let (mut again, mut probe) = (Vec::new(), Probe::new(0));
    for (index, packet) in read_payload(body).enumerate() {
        assert_eq!(packet, fanfare_engineio::read(texts[index]), "a packet is the same in a body and alone");
        let Ok(packet) = packet else {
            assert_eq!(read_payload(body).count(), index + 1, "something was read after a fault");
            break;
        };
        probe.packet(&packet);
        again.clear();
        match &packet {
            Packet::Binary(bytes) => write_binary(&mut again, bytes),
            Packet::Text(text) => again.extend(["4", text].concat().bytes()),
            _ => continue,
        }
        let again = std::str::from_utf8(&again).expect("a packet is text");
        assert_eq!(fanfare_engineio::read(again), Ok(packet));
    }
    pulse(data);
}

/// A heartbeat whose socket does as the bytes say never asks to be looked at in the past.
fn pulse(data: &[u8]) {
    let (mut input, mut now_ms, mut pulse) = (Input::new(data), 0, Pulse::new(0));
    while !input.is_empty() {
        let step = input.byte();
        now_ms += u64::from(step >> 2);
        match step & 3 {
            0 => pulse.pong(now_ms),
            1 => pulse.heard(now_ms),
            2 => pulse.rest(now_ms),
            _ => match pulse.check(now_ms, 25, 20) {
                Beat::Again { at_ms } => assert!(at_ms > now_ms && at_ms <= now_ms + 25),
                Beat::Ping { check_at_ms } => assert_eq!(check_at_ms, now_ms + 20),
                Beat::Expired => return,
            },
        }
    }
}

/// A packet in text.
pub fn socketio(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // None of these may panic, whatever they are given.
    let _ = (
        event(text).is_ok(),
        ack_args(text).is_ok(),
        elements(text).len(),
        check_placeholders(text, 1).is_ok(),
    );
    let Ok(head) = read(text) else { return };
    let binary = matches!(head.kind, Kind::BinaryEvent | Kind::BinaryAck);
    assert_eq!(binary, (1..=ATTACHMENTS_MAX).contains(&head.attachments));
    assert!(head.data.is_empty() || is_json(head.data), "what was read is no JSON");
    assert!(head.data.is_empty() || text.contains(head.data));
    if check_placeholders(head.data, head.attachments).is_ok() {
        message_pack_of(&head);
    }
    let mut again = Vec::new();
    match head.kind {
        Kind::Event | Kind::BinaryEvent if !head.data.is_empty() => {
            let Event { name, args } = event(head.data).expect("an event was read");
            assert!(!is_reserved(&name));
            assert_eq!(elements(args).len() + 1, elements(ack_args(head.data).expect("an array")).len());
            write_event(&mut again, head.namespace, head.id, &name, args.as_bytes(), head.attachments);
            assert_eq!(event(same(&again, &head)).map(|event| event.name), Ok(name));
        }
        Kind::Ack | Kind::BinaryAck => {
            let args = ack_args(head.data).expect("an acknowledgement was read");
            write_ack(
                &mut again,
                head.namespace,
                head.id.unwrap_or_default(),
                args.as_bytes(),
                head.attachments,
            );
            let again = std::str::from_utf8(&again).expect("a packet is text");
            assert_eq!(read(again).map(|again| ack_args(again.data)), Ok(Ok(args)));
        }
        _ => {}
    }
    let mut assembly = Assembly::new(text.to_owned(), head.attachments);
    for missing in (0..head.attachments).rev() {
        assert_eq!(assembly.push(Vec::new()), missing == 0);
    }
}

fn same<'a>(again: &'a [u8], head: &Head<'_>) -> &'a str {
    let text = std::str::from_utf8(again).expect("a packet is text");
    let again = read(text).expect("what was read and written can be read");
    assert_eq!((again.kind, again.attachments), (head.kind, head.attachments));
    assert_eq!((again.namespace, again.id), (head.namespace, head.id));
    again.data
}

/// The same packet as MessagePack.
fn message_pack_of(head: &Head<'_>) {
    let (mut bytes, attachment) = (Vec::new(), [&b"attached"[..]; ATTACHMENTS_MAX]);
    let attachments = &attachment[..head.attachments];
    msgpack::write(&mut bytes, head.kind, head.namespace, head.id, head.data, attachments);
    // Its numbers may take more room than they did, its attachments do not.
    assert!(bytes.len() <= 9 * head.data.len() + head.namespace.len() + 100 * (1 + attachments.len()));
    if let Ok(packet) = msgpack::read(&bytes) {
        assert_eq!((packet.namespace.as_str(), packet.id), (head.namespace, head.id));
        assert!(packet.attachments.iter().all(|bytes| bytes == b"attached"));
    }
}

/// A packet in MessagePack.
pub fn message_pack(data: &[u8]) {
    let Ok(packet) = msgpack::read(data) else { return };
    assert!(packet.data.is_empty() || is_json(&packet.data), "what was read is no JSON");
    assert!(packet.attachments.len() <= msgpack::ATTACHMENTS_MAX);
    let carried: usize = packet.attachments.iter().map(Vec::len).sum();
    assert!(carried <= data.len(), "bytes came from nowhere");
    // A control character is six bytes in JSON, a date 29 for ten, a placeholder up to 34 for two.
    assert!(packet.data.len() <= 18 * data.len(), "a little became much");
    let lent: Vec<&[u8]> = packet.attachments.iter().map(Vec::as_slice).collect();
    let mut again = Vec::new();
    msgpack::write(&mut again, packet.kind, &packet.namespace, packet.id, &packet.data, &lent);
    let read = msgpack::read(&again).expect("what was read and written can be read");
    let mut third = Vec::new();
    assert_eq!(read.attachments, packet.attachments);
    msgpack::write(&mut third, read.kind, &read.namespace, read.id, &read.data, &lent);
    assert_eq!(again, third, "what is written settles");
    if packet.data.starts_with('[') {
        assert!(elements(ack_args(&packet.data).expect("an array")).len() <= data.len());
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}
