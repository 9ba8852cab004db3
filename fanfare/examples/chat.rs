//! A chat for Socket.IO clients: rooms, names, who types.
//!
//! `cargo run -p fanfare --example chat`, then in Node: `io("http://localhost:3000/chat", { auth: { name: "Ann" } })`.

use fanfare::{Ack, App, Auth, DisconnectReason, Json, Refusal, Server, Socket};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Person {
    name: String,
}

#[derive(Deserialize)]
struct Said {
    room: String,
    text: String,
}

#[derive(Serialize)]
struct Heard<'a> {
    from: &'a str,
    text: &'a str,
}

async fn who(socket: Socket) -> Result<String, Refusal> {
    let person: Option<Person> = socket.data().await.map_err(|gone| gone.to_string())?;
    Ok(person.ok_or("nobody")?.name)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fanfare::ServeError> {
    let app = App::new().namespace("/chat", |chat| {
        chat.middleware(async |Auth(person): Auth<Person>| -> Result<(), Refusal> {
            if person.name.is_empty() { Err("a name has at least one letter".into()) } else { Ok(()) }
        })
        .on_connect(async |socket: Socket, Auth(person): Auth<Person>| socket.set_data(&person))
        .on("join", async |socket: Socket, Json(room): Json<String>, ack: Ack| {
            socket.join(&room);
            socket.to(&room).emit("joined", &who(socket).await.unwrap_or_default())?;
            ack.send(&socket.rooms().await.unwrap_or_default())
        })
        .on("say", async |socket: Socket, Json(said): Json<Said>, ack: Ack| {
            let name = who(socket).await.unwrap_or_default();
            socket.within(&said.room).emit("said", &Heard { from: &name, text: &said.text })?;
            ack.send(&true)
        })
        .on("typing", async |socket: Socket, Json(room): Json<String>| {
            socket.to(room).volatile().emit("typing", &who(socket).await.unwrap_or_default())
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            socket.broadcast().emit("left", reason.0)
        })
    });
    Server::bind("127.0.0.1:3000").serve(app).await
}
