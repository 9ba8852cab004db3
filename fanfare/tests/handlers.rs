//! Handlers of one's own, over real sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fanfare::{App, CloseCode, Message, Running, Server, WebSocket, kits};
use fanfare_testkit::blocking::{Connection, Heard};

fn serve(app: App, shards: usize) -> Running {
    Server::bind("127.0.0.1:0").shards(shards).start(app).expect("a free port")
}

fn connect(running: &Running, path: &str) -> Connection {
    Connection::connect(&running.address().to_string(), path, None).expect("a connection")
}

#[test]
fn text_and_binary_come_back_in_order() {
    let app = App::new().websocket("/echo", async |socket: WebSocket, message: Message| socket.send(message));
    let running = serve(app, 2);
    let mut client = connect(&running, "/echo");
    for number in 0..200u8 {
        client.say(&number.to_string()).expect("sent");
        client.say_bytes(&[number; 300]).expect("sent");
    }
    for number in 0..200u8 {
        assert_eq!(client.hear().expect("text"), Heard::Text(number.to_string()));
        assert_eq!(client.hear().expect("bytes"), Heard::Binary(vec![number; 300]));
    }
}

/// What a handler waits for does not let later messages overtake.
#[test]
fn a_handler_that_waits_keeps_the_order() {
    let app = App::new().websocket("/slow", async |socket: WebSocket, message: Message| {
        if message == Message::from("0") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        socket.send(message);
    });
    let running = serve(app, 1);
    let mut client = connect(&running, "/slow");
    for number in 0..600 {
        client.say(&(number % 300).to_string()).expect("sent");
    }
    for number in 0..600 {
        assert_eq!(client.hear().expect("text"), Heard::Text((number % 300).to_string()));
    }
}

#[test]
fn a_handler_keeps_state_closes_and_fails() {
    let count = Arc::new(AtomicU32::new(0));
    let app = App::new().websocket("/", {
        let count = Arc::clone(&count);
        async move |socket: WebSocket, message: Message| -> Result<(), String> {
            count.fetch_add(1, Ordering::Relaxed);
            match message {
                Message::Text(text) if text == "close" => socket.close(CloseCode::NORMAL, "as you wish"),
                Message::Text(text) if text == "fail" => return Err("on purpose".to_owned()),
                _ => {}
            }
            Ok(())
        }
    });
    let running = serve(app, 1);
    for (word, code) in [("close", 1000), ("fail", 1011)] {
        let mut client = connect(&running, "/");
        client.say(word).expect("sent");
        assert_eq!(client.hear().expect("a close frame"), Heard::Closed(Some(code)));
    }
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn a_message_over_the_limit_is_refused() {
    let app = App::new()
        .mount("/chat", kits::Chat)
        .websocket("/small", async |socket: WebSocket, message: Message| socket.send(message))
        .message_limit(100);
    let running = serve(app, 1);
    let mut client = connect(&running, "/small");
    client.say_bytes(&[0; 101]).expect("sent");
    assert_eq!(client.hear().expect("a close frame"), Heard::Closed(Some(1009)));
}

/// A handler that panics costs its connection, not its server: at once, or after it has waited.
#[test]
fn a_handler_that_panics_costs_its_connection() {
    let app = App::new().websocket("/", async |socket: WebSocket, message: Message| {
        if message == Message::from("later") || message == Message::from("later, and fine") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let is_fine = message == Message::from("fine") || message == Message::from("later, and fine");
        assert!(is_fine, "on purpose");
        socket.send(message);
    });
    let running = serve(app, 1);
    for word in ["now", "later"] {
        let mut client = connect(&running, "/");
        client.say(word).expect("sent");
        assert_eq!(client.hear().expect("a close frame"), Heard::Closed(Some(1011)), "{word}");
    }
    // Or while it waited for an earlier one.
    let mut client = connect(&running, "/");
    client.say("later, and fine").expect("sent");
    client.say("now").expect("sent");
    assert_eq!(client.hear().expect("text"), Heard::Text("later, and fine".to_owned()));
    assert_eq!(client.hear().expect("a close frame"), Heard::Closed(Some(1011)));
    let mut client = connect(&running, "/");
    client.say("fine").expect("sent");
    assert_eq!(client.hear().expect("text"), Heard::Text("fine".to_owned()));
}

#[test]
fn doors_that_cannot_be_reached_are_refused() {
    let start = |app| Server::bind("127.0.0.1:0").shards(1).start(app).err().map(|error| error.to_string());
    let twice = start(App::new().mount("/chat", kits::Chat).mount("/chat", kits::Echo));
    assert!(twice.is_some_and(|error| error.contains("/chat")));
    assert!(start(App::new().mount("chat", kits::Chat)).is_some());
}

#[test]
#[should_panic(expected = "message_limit(100) limits what was added before it")]
fn a_limit_on_nothing_is_the_authors_mistake() {
    let _ = App::new().message_limit(100);
}
