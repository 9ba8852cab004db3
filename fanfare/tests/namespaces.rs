//! Namespaces of one's own, over real sockets: what a client says and hears, with 1 and with 4 shards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanfare::{
    Ack, AckError, App, Args, Auth, Binary, DisconnectReason, EventName, HandshakeInfo, Json, Refusal,
    Running, Server, Socket, State,
};
use fanfare_testkit::blocking::{Connection, Heard};
use serde::Deserialize;
use serde_json::{Value, json};

/// A Socket.IO client over WebSocket, as simple as can be.
struct Client(Connection);

impl Client {
    fn connect(running: &Running) -> Self {
        let path = "/socket.io/?EIO=4&transport=websocket&room=a%20b";
        let mut connection =
            Connection::connect(&running.address().to_string(), path, None).expect("a connection");
        assert!(
            matches!(connection.hear().expect("an open packet"), Heard::Text(text) if text.starts_with("0{"))
        );
        Self(connection)
    }

    /// Joins a namespace; gives its id there.
    fn join(&mut self, namespace: &str, auth: &str) -> String {
        self.say(&format!("40{namespace},{auth}"));
        let heard = self.hear();
        let json = heard.strip_prefix(&format!("40{namespace},")).unwrap_or_else(|| panic!("{heard}"));
        let answer: Value = serde_json::from_str(json).expect("JSON");
        answer["sid"].as_str().expect("an id").to_owned()
    }

    fn say(&mut self, packet: &str) {
        self.0.say(packet).expect("sent");
    }

    fn hear(&mut self) -> String {
        match self.0.hear().expect("a packet") {
            Heard::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Says something and expects the next packet.
    fn ask(&mut self, packet: &str) -> String {
        self.say(packet);
        self.hear()
    }

    /// Nothing has come but what is asked for now.
    fn is_quiet(&mut self, namespace: &str) {
        assert_eq!(self.ask(&format!("42{namespace},1[\"sync\"]")), format!("43{namespace},1[]"));
    }
}

fn serve(app: App, shards: usize) -> Running {
    Server::bind("127.0.0.1:0").shards(shards).start(app).expect("a free port")
}

/// Runs with 1 and with 4 shards.
fn each(app: impl Fn() -> App, run: impl Fn(&Running)) {
    for shards in [1, 4] {
        run(&serve(app(), shards));
    }
}

#[derive(Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[test]
fn parameters_are_taken_from_the_event_and_a_client_hears_what_is_wrong() {
    let app = || {
        App::new().state("the state".to_owned()).namespace("/a", |a| {
            a.on("point", async |Json(point): Json<Point>, Json(name): Json<String>, ack: Ack| {
                ack.send(&json!([point.x + point.y, name]))
            })
            .on("bytes", async |Binary(bytes): Binary, ack: Ack| ack.send(&bytes.len()))
            .on("state", async |state: State<String>, ack: Ack| ack.send(&**state))
            .on("query", async |handshake: HandshakeInfo, ack: Ack| ack.send(&handshake.query("room")))
            .on("fail", async |_: Ack| -> Result<(), String> { Err("a secret of ours".to_owned()) })
            .on("missing", async |_: State<u64>, ack: Ack| ack.send(&1))
        })
    };
    each(app, |running| {
        let mut client = Client::connect(running);
        client.join("/a", "");
        assert_eq!(client.ask(r#"42/a,7["point",{"x":1,"y":2.5},"p"]"#), r#"43/a,7[[3.5,"p"]]"#);
        assert_eq!(client.ask(r#"42/a,1["state"]"#), r#"43/a,1["the state"]"#);
        assert_eq!(client.ask(r#"42/a,2["query"]"#), r#"43/a,2["a b"]"#);
        client.say(r#"451-/a,3["bytes",{"_placeholder":true,"num":0}]"#);
        client.0.say_bytes(&[1, 2, 3, 4]).expect("sent");
        assert_eq!(client.hear(), "43/a,3[4]");
        let refused = client.ask(r#"42/a,8["point",{"x":1},"p"]"#);
        assert!(
            refused.starts_with(
                r#"43/a,8[{"code":"invalid_message","error":"Invalid message format: argument 1"#
            )
        );
        let refused = client.ask(r#"42/a,["point",{"x":1,"y":1}]"#);
        assert!(refused.starts_with(r#"42/a,["error",{"#) && refused.contains("2 arguments"), "{refused}");
        let failed = client.ask(r#"42/a,9["fail"]"#);
        assert!(failed.contains("Internal error") && !failed.contains("secret"), "{failed}");
        assert!(client.ask(r#"42/a,10["missing"]"#).contains("not set up"));
    });
}

#[test]
fn middlewares_let_in_and_turn_away_also_when_they_wait() {
    let app = || {
        App::new().namespace("/a", |a| {
            a.middleware(async |Auth(auth): Auth<Value>| -> Result<(), Refusal> {
                if auth["slow"] == true {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                if auth["token"] == "right" {
                    return Ok(());
                }
                Err(Refusal::new("not authorized").with_data(&json!({ "code": 401 })))
            })
            .packet_middleware(async |name: EventName| -> Result<(), Refusal> {
                if name.0 == "forbidden" { Err("not this one".into()) } else { Ok(()) }
            })
            .on_connect(async |socket: Socket| socket.emit("welcome", &socket.id()))
            .on("sync", async |ack: Ack| ack.send(()))
            .on("forbidden", async |ack: Ack| ack.send("passed"))
        })
    };
    each(app, |running| {
        for slow in [false, true] {
            let mut client = Client::connect(running);
            let refused = client.ask(&format!(r#"40/a,{{"slow":{slow}}}"#));
            assert_eq!(refused, r#"44/a,{"message":"not authorized","data":{"code":401}}"#);
            let id = client.join("/a", &format!(r#"{{"token":"right","slow":{slow}}}"#));
            assert_eq!(client.hear(), format!("42/a,[\"welcome\",\"{id}\"]"));
            let refused = client.ask(r#"42/a,5["forbidden"]"#);
            assert_eq!(refused, r#"43/a,5[{"code":"forbidden","error":"not this one","ok":false}]"#);
            client.is_quiet("/a");
        }
    });
}

#[test]
fn operators_reach_whom_they_name_and_each_once() {
    let app = || {
        App::new().namespace("/a", |a| {
            a.on("join", async |socket: Socket, Json(room): Json<String>, ack: Ack| {
                socket.join(room);
                ack.send(&socket.rooms().await.unwrap_or_default().len())
            })
            .on("both", async |socket: Socket| socket.to("x").to("y").emit("both", ()))
            .on("not x", async |socket: Socket| socket.except("x").emit("not x", ()))
            .on("within", async |socket: Socket| socket.within("x").emit("within", ()))
            .on("one", async |socket: Socket, Json(id): Json<String>| socket.to(id).emit("one", ()))
            .on("move", async |socket: Socket| {
                socket.within("x").sockets_join("z");
                socket.within("x").sockets_leave("x");
            })
            .on("in z", async |socket: Socket, ack: Ack| {
                ack.send(&socket.within("z").fetch_sockets().await.len())
            })
            .on("sync", async |ack: Ack| ack.send(()))
        })
    };
    each(app, |running| {
        let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(running)).collect();
        let ids: Vec<String> = clients.iter_mut().map(|client| client.join("/a", "")).collect();
        for (client, rooms) in [(0, vec!["x", "y"]), (1, vec!["x"]), (2, vec!["y"])] {
            for (count, room) in rooms.into_iter().enumerate() {
                let answer = clients[client].ask(&format!("42/a,1[\"join\",\"{room}\"]"));
                assert_eq!(answer, format!("43/a,1[{}]", count + 2), "its own room too");
            }
        }
        clients[3].say(r#"42/a,["both"]"#);
        for client in &mut clients[..3] {
            assert_eq!(client.hear(), r#"42/a,["both"]"#);
        }
        clients[3].say(r#"42/a,["not x"]"#);
        assert_eq!(clients[2].hear(), r#"42/a,["not x"]"#);
        clients[0].say(r#"42/a,["within"]"#);
        for client in &mut clients[..2] {
            assert_eq!(client.hear(), r#"42/a,["within"]"#);
        }
        clients[0].say(&format!("42/a,[\"one\",\"{}\"]", ids[3]));
        assert_eq!(clients[3].hear(), r#"42/a,["one"]"#);
        clients[3].say(r#"42/a,["move"]"#);
        assert_eq!(clients[3].ask(r#"42/a,2["in z"]"#), "43/a,2[2]");
        for client in &mut clients {
            client.is_quiet("/a");
        }
    });
}

#[test]
fn namespaces_of_a_pattern_are_each_their_own() {
    let app = || {
        App::new().namespaces(
            |name| name.starts_with("/project-"),
            |project| {
                project
                    .on("join", async |socket: Socket, ack: Ack| {
                        socket.join("r");
                        ack.send(&socket.rooms().await.unwrap_or_default()[1..])
                    })
                    .on("all", async |socket: Socket| socket.everyone().emit("all", ()))
                    .on("room", async |socket: Socket| socket.within("r").emit("room", ()))
                    .on("count", async |socket: Socket, ack: Ack| {
                        ack.send(&socket.everyone().fetch_sockets().await.len())
                    })
                    .on("sync", async |ack: Ack| ack.send(()))
            },
        )
    };
    each(app, |running| {
        let mut clients: Vec<(Client, &str)> = ["/project-1", "/project-1", "/project-2"]
            .map(|namespace| (Client::connect(running), namespace))
            .into();
        for (client, namespace) in &mut clients {
            client.join(namespace, "");
            let joined = client.ask(&format!("42{namespace},1[\"join\"]"));
            assert_eq!(joined, format!("43{namespace},1[[\"r\"]]"));
        }
        for event in ["all", "room"] {
            let (client, _) = &mut clients[0];
            client.say(&format!("42/project-1,[\"{event}\"]"));
            for (client, _) in &mut clients[..2] {
                assert_eq!(client.hear(), format!("42/project-1,[\"{event}\"]"));
            }
        }
        let (other, _) = &mut clients[2];
        other.is_quiet("/project-2");
        assert_eq!(other.ask("42/project-2,1[\"count\"]"), "43/project-2,1[1]");
        assert_eq!(other.ask("40/elsewhere,"), r#"44/elsewhere,{"message":"Invalid namespace"}"#);
    });
}

#[test]
fn acknowledgements_come_from_one_and_from_many() {
    let app = || {
        App::new().namespace("/a", |a| {
            a.on("ask me", async |socket: Socket, ack: Ack| -> Result<(), AckError> {
                let second = Duration::from_secs(1);
                let answer: u32 = socket.timeout(second).emit_with_ack("how many", ()).await?;
                Ok(ack.send(&(answer + 1))?)
            })
            .on("ask all", async |socket: Socket, Json(ms): Json<u64>, ack: Ack| {
                let asked = socket.everyone().timeout(Duration::from_millis(ms));
                match asked.emit_with_ack("vote", ()).await {
                    Ok(answers) => ack.send(&json!({ "all": answers.len() })),
                    Err(error) => ack.send(&json!({ "some": error.answers.len(), "of": error.expected })),
                }
            })
        })
    };
    each(app, |running| {
        let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(running)).collect();
        for client in &mut clients {
            client.join("/a", "");
        }
        let ack = |packet: &str, answer: &str| {
            let id: String = packet[5..].chars().take_while(char::is_ascii_digit).collect();
            format!("43/a,{id}[{answer}]")
        };
        let asked = clients[0].ask(r#"42/a,4["ask me"]"#);
        assert!(asked.ends_with(r#"["how many"]"#), "{asked}");
        assert_eq!(clients[0].ask(&ack(&asked, "41")), "43/a,4[42]");
        clients[0].say(r#"42/a,5["ask all",5000]"#);
        for client in &mut clients {
            let asked = client.hear();
            client.say(&ack(&asked, "true"));
        }
        assert_eq!(clients[0].hear(), r#"43/a,5[{"all":3}]"#);
        clients[0].say(r#"42/a,6["ask all",200]"#);
        for (index, client) in clients.iter_mut().enumerate() {
            let asked = client.hear();
            if index == 1 {
                client.say(&ack(&asked, "true"));
            }
        }
        assert_eq!(clients[0].hear(), r#"43/a,6[{"of":3,"some":1}]"#);
    });
}

#[test]
fn events_of_one_client_are_in_order_also_when_one_waits() {
    let app = || {
        App::new().namespace("/a", |a| {
            a.on("say", async |socket: Socket, Json(number): Json<u32>| {
                if number.is_multiple_of(50) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                socket.emit("said", &number)
            })
        })
    };
    each(app, |running| {
        let mut client = Client::connect(running);
        client.join("/a", "");
        for number in 0..600 {
            client.say(&format!("42/a,[\"say\",{number}]"));
        }
        for number in 0..600 {
            assert_eq!(client.hear(), format!("42/a,[\"said\",{number}]"));
        }
    });
}

#[test]
fn whoever_goes_is_told_of_with_the_reason_and_can_still_be_spoken_of() {
    let reasons: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let app = || {
        let reasons = Arc::clone(&reasons);
        App::new().namespace("/a", move |a| {
            a.on_connect(async |socket: Socket| socket.join("r"))
                .on("bye", async |socket: Socket| socket.disconnect())
                .on_disconnect(async move |socket: Socket, reason: DisconnectReason| {
                    reasons.lock().expect("no panic before").push(reason.0);
                    socket.within("r").emit("gone", reason.0)
                })
                .on("sync", async |ack: Ack| ack.send(()))
        })
    };
    each(app, |running| {
        let mut watcher = Client::connect(running);
        watcher.join("/a", "");
        for (last, expected) in [
            ("41/a,", "client namespace disconnect"),
            (r#"42/a,["bye"]"#, "server namespace disconnect"),
            ("2", "parse error"),
            ("42", "forced server close"),
            ("4{", "forced close"),
        ] {
            let mut client = Client::connect(running);
            client.join("/a", "");
            client.is_quiet("/a");
            client.say(last);
            assert_eq!(watcher.hear(), format!("42/a,[\"gone\",\"{expected}\"]"), "{last}");
        }
        let mut client = Client::connect(running);
        client.join("/a", "");
        drop(client);
        assert_eq!(watcher.hear(), r#"42/a,["gone","transport close"]"#);
    });
}

#[test]
fn others_of_the_program_speak_through_a_handle() {
    let app = App::new().namespace("/a", |a| a.on_connect(async |socket: Socket| socket.join("r")));
    let handle = app.handle();
    let everybody = handle.of("/a").expect("it was added");
    assert!(handle.of("/b").is_none());
    everybody.emit("lost", ()).expect("nobody is there yet");
    let running = serve(app, 2);
    let mut client = Client::connect(&running);
    let id = client.join("/a", "");
    for _ in 0..200 {
        let speaker = everybody.clone();
        std::thread::spawn(move || {
            speaker.to("r").emit("said", Args::new().json(&1).expect("a number").binary(vec![7]))
        })
        .join()
        .expect("no panic")
        .expect("sent");
        // Whoever has just come may not be in the room yet.
        let there = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let there = there.block_on(everybody.to("r").fetch_sockets());
        if there.len() == 1 {
            assert_eq!(there[0].id, id);
            break;
        }
    }
    everybody.to("r").emit("last", ()).expect("sent");
    let mut heard = Vec::new();
    loop {
        match client.0.hear().expect("a message") {
            Heard::Text(text) if text == r#"42/a,["last"]"# => break,
            other => heard.push(other),
        }
    }
    for pair in heard.chunks(2) {
        let packet = r#"451-/a,["said",1,{"_placeholder":true,"num":0}]"#;
        assert_eq!(pair, [Heard::Text(packet.to_owned()), Heard::Binary(vec![7])]);
    }
}

#[test]
fn a_handler_that_panics_answers_like_one_that_fails() {
    let app = App::new().namespace("/p", |root| {
        root.on("sync", async |ack: Ack| ack.send(()))
            .on("now", async || {
                if true {
                    panic!("on purpose");
                }
            })
            .on("later", async |_: Ack| {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if true {
                    panic!("on purpose");
                }
            })
    });
    let running = serve(app, 1);
    let mut client = Client::connect(&running);
    client.join("/p", "");
    let failed = r#"[{"code":"internal","error":"Internal error","ok":false}]"#;
    assert_eq!(client.ask(r#"42/p,7["now"]"#), format!("43/p,7{failed}"));
    assert_eq!(client.ask(r#"42/p,8["later"]"#), format!("43/p,8{failed}"));
    client.say(r#"42/p,["later"]"#);
    client.say(r#"42/p,["now"]"#);
    assert_eq!(client.ask(r#"42/p,1["sync"]"#), "43/p,1[]");
}
