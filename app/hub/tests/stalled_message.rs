//! A compressed message that is begun and never finished: its sender is told why it is sent away.

use std::io::IoSlice;

use fanfare_hub::{
    Arrival, DeflateParameters, Dialect, Door, DoorId, DoorRules, Edge, Instance, Kit, Limits, Message, Now,
    PlainPlace, Shard, ShardId, ShardSetup, SocketId,
};
use fanfare_session::INFLATER_STALL_MS;

struct Silent;

impl Kit for Silent {
    type Place = PlainPlace;

    fn received(&mut self, _: &mut Edge<'_, Self>, _: SocketId, _: Message<'_>) {}

    fn place(&mut self, _: &str) -> PlainPlace {
        PlainPlace
    }
}

fn at(ms: u64) -> Now {
    Now { ms, unix_ms: ms }
}

fn end_turn(shard: &mut Shard) -> Vec<u8> {
    let mut sent = Vec::new();
    shard.finish_handling();
    while let Some(socket) = shard.next_dirty() {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = shard.outgoing(socket, &mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        shard.sent(socket, bytes.len(), false);
        sent.extend(bytes);
    }
    shard.end_turn();
    sent
}

#[test]
fn the_close_frame_of_a_stalled_message_is_sent() {
    let setup = ShardSetup {
        shard: ShardId(0),
        shards: 1,
        instance: Instance([0; 5]),
        seed: 1,
        limits: Limits::default(),
    };
    let rules = DoorRules { dialect: Dialect::Plain, ..DoorRules::default() };
    let mut shard = Shard::new(setup, vec![Door::new(rules, Silent)], at(0));
    shard.begin_turn(at(0));
    let deflate = DeflateParameters {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: 15,
        client_max_window_bits: 15,
    };
    let socket = shard.accept(DoorId(0), &Arrival { deflate: Some(deflate), ..Arrival::default() });
    // Text with RSV1 and without FIN, masked with zeros: the first bytes of a stored block.
    let mut frame = [0x41, 0x85, 0, 0, 0, 0, 0x00, 0x05, 0x00, 0xFA, 0xFF];
    let _ = shard.receive(socket, &mut frame, &mut fanfare_hub::Share::default());
    assert_eq!(end_turn(&mut shard), b"");
    let due = shard.wake_at_ms().expect("it is watched");
    assert!((INFLATER_STALL_MS..INFLATER_STALL_MS + 100).contains(&due), "{due}");
    shard.begin_turn(at(due));
    let sent = end_turn(&mut shard);
    assert_eq!(sent.get(..1), Some(&[0x88][..]), "a Close frame is sent: {sent:?}");
    assert_eq!(sent.get(2..4), Some(&1008_u16.to_be_bytes()[..]));
    assert_eq!(sent.get(4..), Some(&b"Compressed message not finished in time"[..]));
    // It is said once, and the inflater is free again.
    shard.begin_turn(at(due + 100));
    assert_eq!(end_turn(&mut shard), b"");
    assert!(shard.held_bytes() < 100_000, "{}", shard.held_bytes());
}
