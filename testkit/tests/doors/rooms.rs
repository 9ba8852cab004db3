//! Whom a message reaches: one, a room, a door.

use fanfare_hub::Arrival;
use fanfare_testkit::dialogue::Heard;
use serde_json::json;

use crate::common::{BINARY, CHAT, ECHO, guest, house, member, only};

#[test]
fn private_messages_find_their_way_between_shards() {
    let mut house = house(4);
    let (ann, ann_id) = guest(&mut house, 0);
    let (bob, bob_id) = guest(&mut house, 3);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "psst", "id": 1}));
    assert_eq!(only(&mut house, ann), json!({"type": "ack", "messageId": 1}));
    let heard = only(&mut house, bob);
    assert_eq!(
        (&heard["type"], &heard["from"], &heard["text"]),
        (&json!("private"), &json!(ann_id), &json!("psst"))
    );
    house.says(bob, &json!({"type": "private", "to": format!("guest-{ann_id}"), "text": "yes"}));
    assert_eq!(only(&mut house, ann)["text"], "yes");
    house.breaks(bob);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "still there?"}));
    assert_eq!(only(&mut house, ann)["message"], format!("Client {bob_id} not found"));
    // The slot is used again; the id is not.
    let (next, next_id) = guest(&mut house, 3);
    assert_ne!(next_id, bob_id);
    house.says(ann, &json!({"type": "private", "to": bob_id, "text": "still there?"}));
    assert!(house.heard(next).is_empty());
}

#[test]
fn typing_is_told_once_and_ends_by_itself() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    let (bob, _) = member(&mut house, 1, "r");
    house.heard(ann);
    for _ in 0..3 {
        house.says(bob, &json!({"type": "typing", "room": "r", "isTyping": true}));
        house.pass(1_000);
    }
    assert_eq!(only(&mut house, ann)["isTyping"], true);
    house.pass(3_900);
    assert!(house.heard(ann).is_empty());
    house.pass(200);
    assert_eq!(only(&mut house, ann)["isTyping"], false);
    house.says(bob, &json!({"type": "typing", "room": "r", "isTyping": true}));
    house.breaks(bob);
    let heard: Vec<_> = house.messages(ann).iter().map(|message| message["type"].clone()).collect();
    assert_eq!(heard, ["typing", "typing", "userLeft"]);
}

#[test]
fn presence_lists_who_is_here_by_time_of_coming() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    house.says(ann, &json!({"type": "auth", "userName": "Ann"}));
    house.pass(1_000);
    let (bob, bob_id) = member(&mut house, 1, "r");
    house.heard(ann);
    house.says(ann, &json!({"type": "presence", "room": "r"}));
    let presence = only(&mut house, ann);
    assert_eq!((&presence["count"], &presence["users"][0]["userName"]), (&json!(2), &json!("Ann")));
    assert_eq!(presence["users"][1]["userId"], format!("guest-{bob_id}"));
    let since = |user: usize| presence["users"][user]["since"].as_u64().expect("a time");
    assert_eq!(since(1) - since(0), 1_000);
    house.says(bob, &json!({"type": "presence", "room": "elsewhere"}));
    assert_eq!(only(&mut house, bob)["code"], "forbidden");
}

#[test]
fn a_connection_is_in_so_many_rooms_and_no_more() {
    let mut house = house(2);
    let (peer, _) = guest(&mut house, 0);
    for room in 0..128 {
        house.says(peer, &json!({"type": "join", "room": format!("room-{room}"), "id": room}));
    }
    house.heard(peer);
    house.says(peer, &json!({"type": "join", "room": "one-more", "id": 200}));
    assert_eq!(only(&mut house, peer)["code"], "forbidden");
    // One that it is in already is none more; one that it leaves makes room.
    house.says(peer, &json!({"type": "join", "room": "room-5", "id": 201}));
    assert_eq!(only(&mut house, peer)["type"], "ack");
    house.says(peer, &json!({"type": "leave", "room": "room-5"}));
    house.says(peer, &json!({"type": "join", "room": "one-more", "id": 202}));
    assert_eq!(house.messages(peer).last().expect("an answer")["type"], "ack");
    house.breaks(peer);
    assert_eq!([house.shard(0).rooms_and_places(), house.shard(1).rooms_and_places()], [(0, 0), (0, 0)]);
}

#[test]
fn binary_goes_to_those_who_take_it_and_word_of_it_to_the_others() {
    let mut house = house(2);
    let (ann, _) = member(&mut house, 0, "r");
    let (bob, _) = member(&mut house, 1, "r");
    let cyd = house.connect(1, CHAT, &Arrival { wants_binary: true, ..Arrival::default() });
    house.says(cyd, &json!({"type": "join", "room": "r"}));
    for peer in [ann, bob, cyd] {
        house.heard(peer);
    }
    house.binary(ann, &[3, 9, 9, 9, 9, 2, 0, b'h', b'i']);
    assert!(
        matches!(&house.heard(cyd)[..], [Heard::Binary(chat)] if chat.ends_with(b"hi") && chat[1..5] != [9; 4])
    );
    assert_eq!(only(&mut house, bob)["text"], "hi");
    assert!(matches!(&house.heard(ann)[..], [Heard::Binary(_)]), "who sends binary gets binary");
    let header = br#"{"name":"a","mimeType":"b","size":3}"#;
    let file = [&[6, header.len() as u8, 0], &header[..], b"abc"].concat();
    house.binary(ann, &file);
    assert!(matches!(&house.heard(cyd)[..], [Heard::Binary(file)] if file.ends_with(b"abc")));
    assert_eq!(only(&mut house, bob)["type"], "file");
    assert_eq!(only(&mut house, ann)["type"], "file");
    house.binary(bob, &[1, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(house.heard(bob), [Heard::Binary(vec![2, 1, 2, 3, 4, 5, 6, 7, 8])]);
    house.binary(bob, &[0x42, 1]);
    assert_eq!(only(&mut house, bob)["code"], "invalid_message");
}

#[test]
fn at_the_binary_door_everyone_else_gets_the_bytes() {
    let mut house = house(2);
    let peers: Vec<_> = [0, 0, 1].map(|shard| house.connect(shard, BINARY, &Arrival::default())).into();
    for peer in &peers {
        house.heard(*peer);
    }
    house.binary(peers[0], b"bytes");
    assert!(house.heard(peers[0]).is_empty());
    for peer in &peers[1..] {
        assert_eq!(house.heard(*peer), [Heard::Binary(b"bytes".to_vec())]);
    }
    house.binary(peers[1], &[6, 200, 0]);
    assert_eq!(only(&mut house, peers[1])["code"], "invalid_message");
    assert!(house.heard(peers[2]).is_empty());
}

#[test]
fn from_501_members_on_nobody_is_told_who_comes_and_goes() {
    let mut house = house(1);
    let (witness, _) = member(&mut house, 0, "r");
    let last = (1..500).map(|_| member(&mut house, 0, "r").0).last().expect("499 others");
    assert_eq!(house.messages(witness).len(), 499, "with it there are 500 members");
    let (one_more, _) = member(&mut house, 0, "r");
    assert!(house.heard(witness).is_empty());
    house.says(one_more, &json!({"type": "leave", "room": "r"}));
    assert_eq!(only(&mut house, witness)["type"], "userLeft", "there are 500 again");
    let [_, _] = [0, 0].map(|shard| member(&mut house, shard, "r"));
    house.says(last, &json!({"type": "leave", "room": "r"}));
    assert!(house.heard(witness).is_empty(), "501 are left");
}

#[test]
fn whoever_comes_in_the_place_of_one_who_has_gone_hears_everything_once() {
    let mut house = house(1);
    let peers = [0; 3].map(|shard| house.connect(shard, BINARY, &Arrival::default()));
    house.breaks(peers[0]);
    let next = house.connect(0, BINARY, &Arrival::default());
    let elsewhere = house.connect(0, ECHO, &Arrival::default());
    house.heard(next);
    house.breaks(peers[1]);
    let at_another_door = house.connect(0, ECHO, &Arrival::default());
    house.binary(peers[2], b"bytes");
    assert_eq!(house.heard(next), [Heard::Binary(b"bytes".to_vec())]);
    assert!(house.heard(elsewhere).is_empty() && house.heard(at_another_door).is_empty());
}

#[test]
fn whoever_has_left_a_room_hears_no_more_of_it_nor_does_the_next_in_its_place() {
    let mut house = house(1);
    let [ann, bob, cyd] = [0, 0, 0].map(|shard| member(&mut house, shard, "r").0);
    let say = json!({"type": "chat", "room": "r", "text": "hello"});
    house.says(bob, &json!({"type": "leave", "room": "r"}));
    house.breaks(cyd);
    let (next, _) = guest(&mut house, 0);
    house.heard(bob);
    house.says(ann, &say);
    assert!(house.heard(bob).is_empty() && house.heard(next).is_empty());
    house.says(bob, &json!({"type": "join", "room": "r"}));
    house.heard(bob);
    house.says(ann, &say);
    assert_eq!(only(&mut house, bob)["text"], "hello", "once, and again");
}
