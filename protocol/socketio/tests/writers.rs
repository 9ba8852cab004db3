//! What the server says, to the letter.

use fanfare_socketio::{write_ack, write_connect, write_connect_error, write_disconnect, write_event};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"4".to_vec();
    write(&mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn the_server_answers_a_connect() {
    assert_eq!(written(|out| write_connect(out, "/", "wZX3oN0b")), r#"40{"sid":"wZX3oN0b"}"#);
    assert_eq!(written(|out| write_connect(out, "/custom", "a\"b")), r#"40/custom,{"sid":"a\"b"}"#);
    assert_eq!(
        written(|out| write_connect_error(out, "/random", "Invalid namespace", None)),
        r#"44/random,{"message":"Invalid namespace"}"#
    );
    assert_eq!(
        written(|out| write_connect_error(out, "/", "no \"way\"", Some(r#"{"code":1}"#))),
        r#"44{"message":"no \"way\"","data":{"code":1}}"#
    );
    assert_eq!(written(|out| write_disconnect(out, "/")), "41");
    assert_eq!(written(|out| write_disconnect(out, "/custom")), "41/custom,");
}

#[test]
fn events_and_acknowledgements_carry_their_arguments() {
    for (namespace, id, name, args, attachments, text) in [
        ("/", None, "message", "", 0, r#"42["message"]"#),
        ("/", None, "message-back", r#"1,"2",{"3":[true]}"#, 0, r#"42["message-back",1,"2",{"3":[true]}]"#),
        ("/custom", Some(456), "a\n", "1", 0, r#"42/custom,456["a\n",1]"#),
        ("/", Some(0), "a", "", 0, r#"420["a"]"#),
        ("/", None, "a", r#"{"_placeholder":true,"num":0}"#, 1, r#"451-["a",{"_placeholder":true,"num":0}]"#),
        ("/custom", Some(7), "a", "1", 10, r#"4510-/custom,7["a",1]"#),
    ] {
        let event = written(|out| write_event(out, namespace, id, name, args.as_bytes(), attachments));
        assert_eq!(event, text);
    }
    for (namespace, id, args, attachments, text) in [
        ("/", 456, "", 0, "43456[]"),
        ("/", u64::MAX, "1,2", 0, "4318446744073709551615[1,2]"),
        ("/custom", 0, "1", 0, "43/custom,0[1]"),
        ("/", 3, r#"{"_placeholder":true,"num":0}"#, 1, r#"461-3[{"_placeholder":true,"num":0}]"#),
        ("/custom", 3, "1", 2, "462-/custom,3[1]"),
    ] {
        assert_eq!(written(|out| write_ack(out, namespace, id, args.as_bytes(), attachments)), text);
    }
}
