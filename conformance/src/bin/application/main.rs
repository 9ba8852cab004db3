//! The application that the clients of others are tried with, on our library. Its contract, and its twin on the reference
//! server, is `reference/app.mjs`: `application --port 0 --parser json --origin http://good.example --shards 2`.
#![allow(clippy::print_stdout, reason = "it says where it listens")]

mod how;

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use fanfare::{
    Ack, App, Args, Auth, DisconnectReason, EventName, Handle, HandshakeInfo, Heartbeat, Json, Limits,
    Namespace, Parser, Refusal, Server, Socket, State,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use how::{How, sorted};

/// What the application knows beside its sockets.
#[derive(Default)]
struct Known {
    handle: OnceLock<Handle>,
    counts: Mutex<HashMap<String, (u64, bool)>>,
}

impl Known {
    fn counts(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u64, bool)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client said at its handshake.
#[derive(Serialize)]
struct Said<'a> {
    auth: Box<RawValue>,
    query: HashMap<String, String>,
    header: Option<&'a str>,
    address: &'a str,
    secure: bool,
    issued: u64,
}

async fn rooms_of(socket: Socket) -> Vec<String> {
    let mut rooms = socket.rooms().await.unwrap_or_default();
    rooms.retain(|room| *room != socket.id());
    rooms.sort_unstable();
    rooms
}

fn serve(namespace: Namespace) -> Namespace {
    let namespace = namespace
        .packet_middleware(async |socket: Socket, name: EventName| -> Result<(), Refusal> {
            if name.0 != "forbidden" {
                return Ok(());
            }
            socket.emit("refused", "not this one").map_err(|error| error.to_string())?;
            Err(Refusal::silent())
        })
        .on("forbidden", async |socket: Socket| socket.emit("forbidden", ()))
        .on("echo", async |socket: Socket, args: Args| socket.emit("echo", args))
        .on("ask", async |args: Args, ack: Ack| ack.send(args))
        .on("silence", async |_: Ack| {})
        .on("handshake", async |handshake: HandshakeInfo, auth: Auth<Box<RawValue>>, ack: Ack| {
            let is_own =
                |(key, _): &(String, String)| !["EIO", "transport", "t", "sid", "b64"].contains(&&**key);
            let own: HashMap<String, String> = handshake.queries().into_iter().filter(is_own).collect();
            ack.send(&Said {
                auth: auth.0,
                query: own,
                header: handshake.header("x-test"),
                address: &handshake.address,
                secure: handshake.secure,
                issued: handshake.issued_unix_ms,
            })
        })
        .on("join", async |socket: Socket, Json(room): Json<String>, ack: Ack| {
            socket.join(room);
            ack.send(&rooms_of(socket).await)
        })
        .on("leave", async |socket: Socket, Json(room): Json<String>, ack: Ack| {
            socket.leave(room);
            ack.send(&rooms_of(socket).await)
        });
    many(counting(namespace))
}

/// What concerns several sockets.
fn many(namespace: Namespace) -> Namespace {
    namespace
        .on("send", async |socket: Socket, Json(how): Json<How>, args: Args, ack: Ack| {
            let name: String = args.get(1)?;
            how.whom(socket).emit(&name, args.from(2))?;
            ack.send(&true)
        })
        .on(
            "survey",
            async |socket: Socket,
                   Json(how): Json<How>,
                   Json(ms): Json<u64>,
                   Json(value): Json<Value>,
                   ack: Ack| {
                let asked = how
                    .whom(socket)
                    .timeout(Duration::from_millis(ms))
                    .emit_with_ack("question", &value)
                    .await;
                let (answers, complete) = match asked {
                    Ok(answers) => (answers, true),
                    Err(error) => (error.answers, false),
                };
                let answers = sorted(answers.iter().filter_map(|args| args.get::<Value>(0).ok()));
                ack.send(&json!({ "answers": answers, "complete": complete }))
            },
        )
        .on("question", async |socket: Socket, Json(ms): Json<u64>, args: Args, ack: Ack| {
            let asked =
                socket.timeout(Duration::from_millis(ms)).emit_with_ack_args("question", args.from(1)).await;
            match asked {
                Ok(answer) => {
                    let text = format!("{{\"answer\":{}}}", answer.as_json());
                    ack.send(Args::from_json(text, answer.buffers().to_vec())?)
                }
                Err(_) => ack.send(&json!({ "error": "timeout" })),
            }
        })
        .on("data", async |socket: Socket, Json(value): Json<Value>, ack: Ack| {
            socket.set_data(&value)?;
            ack.send(&true)
        })
        .on("sockets", async |socket: Socket, Json(how): Json<How>, ack: Ack| {
            let mut found = how.whom(socket).fetch_sockets().await;
            found.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            let found: Vec<Value> = found
                .into_iter()
                .map(|one| {
                    let mut rooms: Vec<&String> = one.rooms.iter().filter(|room| **room != one.id).collect();
                    rooms.sort_unstable();
                    json!({ "id": one.id, "rooms": rooms, "value": one.data })
                })
                .collect();
            ack.send(&found)
        })
        .on(
            "move",
            async |socket: Socket,
                   Json(how): Json<How>,
                   Json(join): Json<Option<String>>,
                   Json(leave): Json<Option<String>>,
                   ack: Ack| {
                if let Some(room) = join {
                    how.whom(socket).sockets_join(room);
                }
                if let Some(room) = leave {
                    how.whom(socket).sockets_leave(room);
                }
                ack.send(&true)
            },
        )
        .on("kick", async |socket: Socket, Json(how): Json<How>, Json(close): Json<bool>| {
            how.whom(socket).disconnect_sockets(close);
        })
        .on("bye", async |socket: Socket, Json(close): Json<bool>| {
            if close {
                socket.close();
            } else {
                socket.disconnect();
            }
        })
}

fn counting(namespace: Namespace) -> Namespace {
    namespace
        .on("number", async |socket: Socket, Json(number): Json<u64>, known: State<Known>| {
            let mut counts = known.counts();
            let (count, in_order) = counts.entry(socket.id()).or_insert((0, true));
            *in_order &= number == *count;
            *count += 1;
        })
        .on("counted", async |socket: Socket, known: State<Known>, ack: Ack| {
            let (count, in_order) = known.counts().get(&socket.id()).copied().unwrap_or((0, true));
            ack.send(&json!({ "count": count, "inOrder": in_order }))
        })
        .on(
            "numbers",
            async |socket: Socket, Json(count): Json<u64>, Json(per): Json<u64>, Json(ms): Json<u64>| {
                // Its client says other things meanwhile.
                tokio::task::spawn_local(async move {
                    let mut pause = tokio::time::interval(Duration::from_millis(ms.max(1)));
                    pause.tick().await;
                    let mut next = 0;
                    while next < count {
                        pause.tick().await;
                        let end = count.min(next + per);
                        while next < end {
                            let _ = socket.emit("number", &next);
                            next += 1;
                        }
                    }
                });
            },
        )
        .on_disconnect(async |socket: Socket, reason: DisconnectReason, known: State<Known>| {
            known.counts().remove(&socket.id());
            let watch = known.handle.get().and_then(|handle| handle.of("/watch"));
            match watch {
                Some(watch) => watch.emit("gone", &json!({ "id": socket.id(), "reason": reason.0 })),
                None => Ok(()),
            }
        })
}

fn app(parser: Parser) -> App {
    let known = Known::default();
    let app = App::new()
        .parser(parser)
        .max_payload(1_000_000)
        .namespace("/", serve)
        .namespace("/watch", |watch| watch)
        .namespace("/guarded", |guarded| {
            serve(guarded.middleware(async |auth: Auth<Value>| -> Result<(), Refusal> {
                if auth.0["token"] == "secret" {
                    return Ok(());
                }
                Err(Refusal::new("not authorized").with_data(&json!({ "code": 401 })))
            }))
        })
        .namespaces(
            |name| {
                let digits = name.strip_prefix("/dynamic-").unwrap_or_default();
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            },
            |dynamic| {
                serve(dynamic).on_connect(async |socket: Socket, handshake: HandshakeInfo| {
                    socket.emit("hello", &*handshake.namespace)
                })
            },
        );
    let _ = known.handle.set(app.handle());
    app.state(known)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str, default: &str| {
        let at = arguments.iter().position(|argument| argument.trim_start_matches("--") == name);
        at.and_then(|at| arguments.get(at + 1)).map_or(default, String::as_str).to_owned()
    };
    let parser = if flag("parser", "json") == "msgpack" { Parser::MsgPack } else { Parser::Json };
    let heartbeat = Heartbeat {
        interval_ms: flag("ping-interval-ms", "25000").parse()?,
        timeout_ms: flag("ping-timeout-ms", "20000").parse()?,
    };
    let running = Server::bind(format!("127.0.0.1:{}", flag("port", "3000")))
        .limits(Limits { heartbeat, ..Limits::default() })
        .shards(flag("shards", "2").parse()?)
        .origins([flag("origin", "http://good.example")])
        .allow_request(|handshake| handshake.headers.get("origin") != Some("http://evil.example"))
        .start(app(parser))?;
    println!("listening on http://{}", running.address());
    tokio::signal::ctrl_c().await?;
    running.drain(Duration::from_secs(1));
    Ok(running.wait().await?)
}
