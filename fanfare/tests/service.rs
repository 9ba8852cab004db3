//! An app inside a router of axum's.

use std::time::Duration;

use fanfare::{App, Args, Message, Socket, WebSocket};
use fanfare_testkit::blocking::{Connection, Heard};

/// Serves on a thread of its own and says where.
fn serve_in_axum(app: App) -> std::net::SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let service = app.into_service().expect("its threads start");
            let router = axum::Router::new()
                .route("/hello", axum::routing::get(async || "hello"))
                .fallback_service(service);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            send.send(listener.local_addr().expect("bound")).expect("somebody waits");
            axum::serve(listener, router).await.expect("served");
        });
    });
    receive.recv_timeout(Duration::from_secs(10)).expect("it listens")
}

#[test]
fn a_plain_websocket_and_the_routes_beside_it() {
    let app = App::new().websocket("/echo", async |socket: WebSocket, message: Message| socket.send(message));
    let address = serve_in_axum(app);
    let mut client = Connection::connect(&address.to_string(), "/echo", None).expect("a connection");
    for number in 0..200 {
        client.say(&number.to_string()).expect("sent");
    }
    for number in 0..200 {
        assert_eq!(client.hear().expect("text"), Heard::Text(number.to_string()));
    }
    let answer = get(address, "/hello");
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(get(address, "/nothing").starts_with("HTTP/1.1 404"));
}

#[test]
fn socketio_over_polling_and_websocket() {
    let app = App::new().namespace("/", |root| {
        root.on("message", async |socket: Socket, args: Args| socket.emit("message-back", args))
    });
    let address = serve_in_axum(app);
    let open = get(address, "/socket.io/?EIO=4&transport=polling");
    assert!(open.contains("\"upgrades\":[\"websocket\"]"), "{open}");
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut client = Connection::connect(&address.to_string(), path, None).expect("a connection");
    assert!(matches!(client.hear().expect("open"), Heard::Text(text) if text.starts_with("0{")));
    client.say("40").expect("sent");
    assert!(matches!(client.hear().expect("connect"), Heard::Text(text) if text.starts_with("40{\"sid\"")));
    client.say(r#"42["message",1,"two"]"#).expect("sent");
    assert_eq!(client.hear().expect("back"), Heard::Text(r#"42["message-back",1,"two"]"#.to_owned()));
}

fn get(address: std::net::SocketAddr, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
