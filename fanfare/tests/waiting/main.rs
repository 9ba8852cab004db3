//! Handlers that wait, over real sockets: for their own client, for ever, for a client that leaves.

mod client;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::{App, Args, Heartbeat, Limits, Message, Refusal, Running, Server, Socket, WebSocket};

use client::{Client, Transport, pause, until};

/// Both transports, each with a single shard and with several.
fn each(case: impl Fn(Transport, usize)) {
    for transport in [Transport::WebSocket, Transport::Polling] {
        for shards in [1, 4] {
            case(transport, shards);
        }
    }
}

fn serve(app: App, shards: usize) -> Running {
    Server::bind("127.0.0.1:0").shards(shards).start(app).expect("a free port")
}

/// What handlers at work and clients that have gone are counted by.
#[derive(Clone, Default)]
struct Counts {
    at_work: Arc<AtomicUsize>,
    noise: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
}

impl Counts {
    fn of(count: &Arc<AtomicUsize>) -> usize {
        count.load(Ordering::SeqCst)
    }
}

/// A handler that is at work as long as this is there.
struct AtWork(Arc<AtomicUsize>);

impl AtWork {
    fn new(counts: &Counts) -> Self {
        counts.at_work.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&counts.at_work))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `ask` asks its own client, `ask-bytes` too, `forever` waits for ever, `noise` is counted, `count` says how much there was.
fn app(counts: &Counts) -> App {
    let [asking, forever, noise, count, gone] = [(); 5].map(|()| counts.clone());
    let app = App::new().namespace("/", |root| {
        root.on("ask", async move |socket: Socket| {
            let _at_work = AtWork::new(&asking);
            let answer: String = socket.emit_with_ack("question", &1).await.unwrap_or_default();
            socket.emit("thanks", &answer)
        })
        .on("ask-bytes", async |socket: Socket| {
            let answer = socket.emit_with_ack_args("question", &1).await.unwrap_or_default();
            socket.emit("thanks", answer.bytes(0).unwrap_or_default())
        })
        .on("forever", async move || {
            let _at_work = AtWork::new(&forever);
            std::future::pending::<()>().await;
        })
        .on("noise", async move |_: Args| {
            noise.noise.fetch_add(1, Ordering::SeqCst);
        })
        .on("count", async move |socket: Socket| socket.emit("counted", &Counts::of(&count.noise)))
        .on_disconnect(async move || {
            gone.gone.fetch_add(1, Ordering::SeqCst);
        })
    });
    app.namespace("/other", |other| {
        other.on("say", async |socket: Socket, args: Args| socket.emit("said", args))
    })
}

fn flood(events: usize) -> Vec<String> {
    (0..events).map(|number| format!(r#"42["noise",{number}]"#)).collect()
}

/// Who comes, leaves a large event with a handler that never ends, and goes, again and again, does not fill the memory with it:
/// past 64 MiB the handler goes with its client.
#[test]
fn what_is_left_behind_has_a_limit_for_all_together() {
    let counts = Counts::default();
    let running = serve(app(&counts), 1);
    let mut client = Client::join(running.address(), Transport::WebSocket, &["/other"]);
    let large = format!(r#"42["forever","{}"]"#, "x".repeat(900_000));
    for _ in 0..100 {
        client.say("40").expect("sent");
        client.hear_start("40{");
        client.say(&large).expect("sent");
        client.say("41").expect("sent");
    }
    // 74 of them are 64 MiB.
    let counted = || (Counts::of(&counts.at_work), Counts::of(&counts.gone));
    until(Duration::from_secs(20), "the others are given up", || counted() == (74, 26));
}

/// A client's acknowledgement comes to the handler that waits for it, whatever the client said before it.
#[test]
fn a_handler_gets_the_acknowledgement_of_its_own_client() {
    each(|transport, shards| {
        let counts = Counts::default();
        let running = serve(app(&counts), shards);
        for noise in [0, 300, 10_000] {
            let before = Counts::of(&counts.noise);
            let mut client = Client::join(running.address(), transport, &[""]);
            client.say(r#"42["ask"]"#).expect("sent");
            let question = client.hear_start("42");
            let id = question.strip_suffix(r#"["question",1]"#).expect("a question");
            client.say_all(&flood(noise)).expect("sent");
            client.say(&format!(r#"43{id}["yes"]"#)).expect("sent");
            client.say(r#"42["count"]"#).expect("sent");
            client.hear_start(r#"42["thanks","yes"]"#);
            // And nothing of what stood before it is lost, or handled out of order.
            client.hear_start(&format!(r#"42["counted",{}]"#, before + noise));
        }
        assert_eq!(Counts::of(&counts.at_work), 0);
    });
}

#[test]
fn an_acknowledgement_of_bytes_does_not_queue_either() {
    each(|transport, shards| {
        let running = serve(app(&Counts::default()), shards);
        let mut client = Client::join(running.address(), transport, &[""]);
        client.say(r#"42["ask-bytes"]"#).expect("sent");
        let question = client.hear_start("42");
        let id = question.strip_suffix(r#"["question",1]"#).expect("a question");
        client.say_all(&flood(1_000)).expect("sent");
        client.say_with_bytes(&format!(r#"461-{id}[{{"_placeholder":true,"num":0}}]"#), &[1, 2, 3], "AQID");
        client.hear_start(r#"42["thanks",[1,2,3]]"#);
    });
}

/// While a handler waits in one namespace its client is heard in another, leaves it, and answers pings.
#[test]
fn what_a_client_says_elsewhere_does_not_queue() {
    each(|transport, shards| {
        let counts = Counts::default();
        let limits =
            Limits { heartbeat: Heartbeat { interval_ms: 300, timeout_ms: 300 }, ..Limits::default() };
        let server = Server::bind("127.0.0.1:0").shards(shards).limits(limits);
        let running = server.start(app(&counts)).expect("a free port");
        let mut client = Client::join(running.address(), transport, &["", "/other,"]);
        client.say(r#"42["forever"]"#).expect("sent");
        client.say_all(&flood(1_000)).expect("sent");
        for round in 0..8 {
            client.say(&format!(r#"42/other,["say",{round}]"#)).expect("sent");
            client.hear_start(&format!(r#"42/other,["said",{round}]"#));
            pause(150);
        }
        client.say("41/other,").expect("sent");
        client.say("40/other,").expect("sent");
        client.hear_start("40/other,");
        assert_eq!(Counts::of(&counts.noise), 0, "what waits is not handled");
    });
}

/// How a client may go.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    Namespace,
    Session,
    Without,
}

/// A client whose handler waits for ever floods, and goes.
fn flood_and_leave(running: &Running, transport: Transport, leaves: Leaves) {
    let mut client = Client::join(running.address(), transport, &[""]);
    client.say(r#"42["forever"]"#).expect("sent");
    client.say_all(&flood(10_000)).expect("sent");
    client.say(r#"42["forever"]"#).expect("sent");
    match leaves {
        Leaves::Namespace => {
            client.say("41").expect("sent");
            // It lives on, and may come in again.
            client.say("40").expect("sent");
            client.hear_start("40");
            client.say(r#"42["count"]"#).expect("sent");
            client.hear_start(r#"42["counted","#);
        }
        Leaves::Session => client.say("1").expect("sent"),
        Leaves::Without => {}
    }
}

#[test]
fn whoever_flooded_and_left_comes_back_at_once() {
    each(|transport, shards| {
        for leaves in [Leaves::Namespace, Leaves::Session, Leaves::Without] {
            let counts = Counts::default();
            let running = serve(app(&counts), shards);
            flood_and_leave(&running, transport, leaves);
            let mut client = Client::join(running.address(), transport, &[""]);
            client.say(r#"42["count"]"#).expect("sent");
            client.hear_start(r#"42["counted","#);
        }
    });
}

/// A handler that does not end is given half a minute from its client's going. Who ends only its direction, as a WebSocket does that
/// is dropped, has not gone before what it is owed has been waited for, 5 s.
#[test]
#[ignore = "takes half a minute: cargo xtask trial waiting"]
fn a_handler_that_waits_for_ever_is_given_up() {
    let cases: Vec<_> = [1, 4]
        .into_iter()
        .flat_map(|shards| {
            let limits =
                Limits { heartbeat: Heartbeat { interval_ms: 500, timeout_ms: 500 }, ..Limits::default() };
            let counts = Counts::default();
            let server = Server::bind("127.0.0.1:0").shards(shards).limits(limits);
            let running = Arc::new(server.start(app(&counts)).expect("a free port"));
            [Transport::WebSocket, Transport::Polling].map(|transport| {
                let (running, counts) = (Arc::clone(&running), counts.clone());
                std::thread::spawn(move || {
                    for leaves in [Leaves::Namespace, Leaves::Session, Leaves::Without] {
                        flood_and_leave(&running, transport, leaves);
                    }
                    until(Duration::from_secs(38), "everybody's going is handled", || {
                        // Each left once, and the one that came in again went with its session.
                        Counts::of(&counts.gone) == 8 && Counts::of(&counts.at_work) == 0
                    });
                    drop(running);
                })
            })
        })
        .collect();
    for case in cases {
        case.join().expect("a case");
    }
}

/// A frame of a client, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&u16::try_from(text.len()).expect("a short text").to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// Connects, and sends more than is taken.
fn push_until_full(running: &Running, path: &str, first: &[&str], then: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address()).expect("a connection");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = [0; 2048];
    let read = stream.read(&mut answer).expect("an answer");
    assert!(answer[..read].starts_with(b"HTTP/1.1 101"));
    for packet in first {
        stream.write_all(&frame(packet)).expect("sent");
        pause(50);
    }
    if then.is_empty() {
        return stream;
    }
    stream.set_nonblocking(true).expect("non-blocking");
    let wire = frame(then);
    let (mut at, mut idle) = (0, 0);
    while idle < 20 {
        match stream.write(&wire[at..]) {
            Ok(bytes) => (at, idle) = ((at + bytes) % wire.len(), 0),
            Err(_) => {
                idle += 1;
                pause(20);
            }
        }
    }
    stream
}

/// Behind more than is kept stands the end, and it is noticed all the same; of a plain WebSocket too.
#[test]
#[ignore = "takes half a minute: cargo xtask trial waiting"]
fn a_client_that_is_not_read_goes_when_it_hangs_up() {
    for shards in [1, 4] {
        let counts = Counts::default();
        let plain = counts.clone();
        let app = app(&counts).websocket("/forever", async move |_: WebSocket, _: Message| {
            let _at_work = AtWork::new(&plain);
            std::future::pending::<()>().await;
        });
        // An end that stands behind what is not read shows itself when a ping is answered with a reset.
        let limits =
            Limits { heartbeat: Heartbeat { interval_ms: 1_000, timeout_ms: 1_000 }, ..Limits::default() };
        let server = Server::bind("127.0.0.1:0").shards(shards).limits(limits);
        let running = server.start(app).expect("a free port");
        let noise = format!(r#"42["noise","{}"]"#, "x".repeat(10_000));
        let path = "/socket.io/?EIO=4&transport=websocket";
        let packets = ["40", r#"42["forever"]"#];
        let full = push_until_full(&running, path, &packets, &noise);
        let plain = push_until_full(&running, "/forever", &[], &noise);
        let silent = push_until_full(&running, "/forever", &["x"], "");
        assert_eq!(Counts::of(&counts.at_work), 3);
        drop((full, plain, silent));
        until(Duration::from_secs(40), "everybody has gone", || {
            Counts::of(&counts.gone) == 1 && Counts::of(&counts.at_work) == 0
        });
    }
}

/// A middleware that waits for ever costs nothing once its client has gone.
#[test]
fn a_middleware_that_waits_ends_with_its_client() {
    each(|transport, shards| {
        let counts = Counts::default();
        let asking = counts.clone();
        let app = App::new().namespace("/", |root| root).namespace("/guarded", |guarded| {
            guarded.middleware(async move || -> Result<(), Refusal> {
                let _at_work = AtWork::new(&asking);
                std::future::pending().await
            })
        });
        let running = serve(app, shards);
        let mut client = Client::join(running.address(), transport, &[""]);
        client.say("40/guarded,").expect("sent");
        until(client::PATIENCE, "it is asked", || Counts::of(&counts.at_work) == 1);
        if matches!(transport, Transport::Polling) {
            client.say("1").expect("sent");
        }
        drop(client);
        until(client::PATIENCE, "it has ended", || Counts::of(&counts.at_work) == 0);
    });
}
