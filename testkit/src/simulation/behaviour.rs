//! What clients do: join, talk, leave, stall, break the protocol, come back.

use fanfare_websocket::Opcode;
use serde_json::{Value, json};

use super::client::What;
use super::world::{Happening, World};

impl World {
    pub(super) fn act(&mut self, number: usize) -> Result<(), String> {
        if !self.active || !self.clients[number].is_alive() {
            return Ok(());
        }
        let next = self.now_ms.get() + self.random.between(1, self.plan.pace_ms);
        self.schedule(next, Happening::Act(number));
        if self.clients[number].stalled_until_ms > self.now_ms.get() {
            return Ok(());
        }
        if self.clients[number].stalled_until_ms > 0 {
            self.clients[number].stalled_until_ms = 0;
            self.read_client(number)?;
        }
        match self.random.below(40) {
            0 => self.stall(number),
            1 if self.random.once_in(3) => {
                if self.random.once_in(2) {
                    self.cut(number);
                } else {
                    self.leave(number);
                }
                self.connect();
            }
            2 if self.random.once_in(6) => self.misbehave(number),
            _ => match self.clients[number].door {
                0 => self.act_echo(number),
                1 => self.act_chat(number),
                _ => self.act_binary(number),
            },
        }
        self.flush(number);
        Ok(())
    }

    fn stall(&mut self, number: usize) {
        let until_ms = self.now_ms.get() + self.random.between(50, 1_500);
        self.clients[number].stalled_until_ms = until_ms;
        self.clients[number].was_slow = true;
    }

    fn misbehave(&mut self, number: usize) {
        let broken: [&[u8]; 4] = [
            // Not masked; a reserved bit; a reserved opcode; a fragmented control frame.
            &[0x81, 0x01, b'x'],
            &[0xc2 | 0x10, 0x80, 0, 0, 0, 0],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x09, 0x80, 0, 0, 0, 0],
        ];
        let bytes = broken[self.random.below(broken.len())];
        self.clients[number].misbehaved = true;
        self.clients[number].left_at_ms = Some(self.now_ms.get());
        self.clients[number].raw(bytes);
        self.connect();
    }

    fn act_echo(&mut self, number: usize) {
        for _ in 0..1 + self.random.below(100) * usize::from(self.random.once_in(10)) {
            let length =
                if self.random.once_in(10) { self.random.below(5_000) } else { self.random.below(30) };
            let text = format!("{}-{}", self.clients[number].next_text, "e".repeat(length));
            self.clients[number].next_text += 1;
            let now_ms = self.now_ms.get();
            if self.random.once_in(2) {
                self.clients[number].frame(&mut self.random, Opcode::Text, text.as_bytes());
                self.clients[number].note(now_ms, What::SentText(text));
            } else {
                self.clients[number].frame(&mut self.random, Opcode::Binary, text.as_bytes());
                self.clients[number].note(now_ms, What::SentBinary(text.into_bytes()));
            }
        }
    }

    fn act_binary(&mut self, number: usize) {
        let now_ms = self.now_ms.get();
        let length = if self.random.once_in(8) { self.random.below(20_000) } else { self.random.below(40) };
        let mut bytes = format!("B{number}-{}-", self.clients[number].next_text).into_bytes();
        bytes.resize(bytes.len() + length, b'b');
        self.clients[number].next_text += 1;
        self.clients[number].frame(&mut self.random, Opcode::Binary, &bytes);
        self.clients[number].note(now_ms, What::SentBinary(bytes));
    }

    fn act_chat(&mut self, number: usize) {
        let room = format!("room-{}", self.random.below(self.plan.rooms));
        let wanted = self.clients[number].rooms_wanted.contains(&room);
        if self.clients[number].socketio && self.clients[number].id.is_none() {
            return;
        }
        match self.random.below(20) {
            0..=3 if !wanted => {
                self.clients[number].rooms_wanted.push(room.clone());
                self.ask(number, json!({"type": "join", "room": room}));
            }
            0 | 1 => {
                self.clients[number].rooms_wanted.retain(|known| *known != room);
                self.ask(number, json!({"type": "leave", "room": room}));
            }
            2 => self.ask(number, json!({"type": "typing", "room": room, "isTyping": true})),
            3 => self.private(number),
            4 => {
                let text = self.text(number);
                self.ask(number, json!({"type": "chat", "text": text}));
            }
            5 => self.batch(number, &room),
            6 if self.clients[number].socketio => {}
            6 => self.tell(number, &json!({"type": "ping", "timestamp": self.now_ms.get()})),
            7 => self.ask(number, json!({"type": "presence", "room": room})),
            8 if self.clients[number].socketio => {
                let bad = b"42/chat,[\"chat\",{\"room\":1}]";
                self.clients[number].frame(&mut self.random, Opcode::Text, bad);
            }
            8 => {
                self.clients[number].frame(&mut self.random, Opcode::Text, b"{\"type\":\"chat\",\"room\":1}");
            }
            9 if self.random.once_in(3) => {
                for _ in 0..150 {
                    let message = self.say(number, &room);
                    self.ask(number, message);
                }
            }
            _ => {
                let message = self.say(number, &room);
                self.ask(number, message);
            }
        }
    }

    /// A text that nobody else says.
    fn text(&mut self, number: usize) -> String {
        let text = self.clients[number].next_text;
        self.clients[number].next_text += 1;
        let long = if self.random.once_in(12) { self.random.below(900) } else { 0 };
        format!("c{number}-{text}-{}", "t".repeat(long))
    }

    fn say(&mut self, number: usize, room: &str) -> Value {
        let text = self.text(number);
        json!({"type": "chat", "room": room, "text": text})
    }

    fn private(&mut self, number: usize) {
        let other = self.random.below(self.clients.len());
        let to = self.clients[other].id.clone().unwrap_or_else(|| "nobody".to_owned());
        let text = self.text(number);
        self.ask(number, json!({"type": "private", "to": to, "text": text}));
    }

    fn batch(&mut self, number: usize, room: &str) {
        if self.clients[number].socketio {
            let message = self.say(number, room);
            return self.ask(number, message);
        }
        let mut messages = Vec::new();
        for _ in 0..1 + self.random.below(6) {
            let message = self.say(number, room);
            messages.push(self.with_id(number, message));
        }
        let now_ms = self.now_ms.get();
        for message in &messages {
            self.clients[number].note(now_ms, What::Sent(message.clone()));
        }
        let batch = json!({"type": "batch", "messages": messages});
        self.clients[number].frame(&mut self.random, Opcode::Text, batch.to_string().as_bytes());
    }

    fn with_id(&mut self, number: usize, mut message: Value) -> Value {
        let client = &mut self.clients[number];
        message["id"] = if client.next_id.is_multiple_of(5) && !client.socketio {
            json!(format!("id-{}", client.next_id))
        } else {
            json!(client.next_id)
        };
        client.next_id += 1;
        if let Some(seq) = &mut client.next_seq {
            message["seq"] = json!(*seq);
            *seq += 1;
        }
        message
    }

    /// Sends a message that wants an acknowledgement. A client that numbers its messages sometimes sends two in the wrong
    /// order, or one twice.
    fn ask(&mut self, number: usize, message: Value) {
        let message = self.with_id(number, message);
        let now_ms = self.now_ms.get();
        self.clients[number].note(now_ms, What::Sent(message.clone()));
        // The first `seq` that arrives sets the start, so it is never held back.
        let may_wait = message["seq"].as_u64().is_some_and(|seq| seq > 1);
        if may_wait && self.clients[number].held_back.is_none() && self.random.once_in(5) {
            self.clients[number].held_back = Some(message);
            return;
        }
        self.tell(number, &message);
        self.release_held_back(number);
        if may_wait && self.random.once_in(8) {
            self.tell(number, &message);
        }
    }

    pub(super) fn release_held_back(&mut self, number: usize) {
        if let Some(message) = self.clients[number].held_back.take() {
            self.tell(number, &message);
        }
    }

    fn tell(&mut self, number: usize, message: &Value) {
        let text = if self.clients[number].socketio { event(message) } else { message.to_string() };
        self.clients[number].frame(&mut self.random, Opcode::Text, text.as_bytes());
    }
}

/// A native message as the event that it is in Socket.IO.
fn event(message: &Value) -> String {
    let (kind, id) = (&message["type"], &message["id"]);
    let id = if id.is_null() { String::new() } else { id.to_string() };
    let mut body = message.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("type");
        members.remove("id");
    }
    format!("42/chat,{id}[{kind},{body}]")
}
