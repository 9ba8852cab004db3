// Clients that were written against loosely described servers, each behaving just so: node behaviours.mjs http://127.0.0.1:8080

import WebSocket from "ws";
import { finish, test } from "../report.mjs";
import { Peer, check, door, equal, newRoom } from "./peer.mjs";

const base = process.argv[2];
const connect = (path, options) => new Peer(new WebSocket(door(base, path), options));
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

await test("resilient socket: what it queued offline comes before its auth, and counts", async () => {
  const room = newRoom();
  const listener = await connect("/chat").enter("Bob", room);
  const peer = connect("/chat");
  await peer.opened;
  for (const queued of [{ type: "join", room }, { type: "chat", room, text: "queued" }, { type: "auth", userName: "Ada" }]) peer.send(queued);
  equal((await listener.expect("chat")).text, "queued");
  equal((await peer.expect("authenticated")).userName, "Ada");
  peer.send({ type: "ping", timestamp: Date.now() });
  await peer.expect("pong");
  peer.socket.terminate();
  equal((await listener.expect("userLeft")).room, room);
  const again = await connect("/chat").enter("Ada", room);
  await listener.expect("userJoined");
  await Promise.all([listener.close(), again.close()]);
});

await test("chat client: token null, a userId of its own, markRead for each chat, typing at each key", async () => {
  const room = newRoom();
  const [ada, bob] = [connect("/chat"), connect("/chat")];
  for (const [peer, userName] of [[ada, "Ada"], [bob, "Bob"]]) {
    await peer.opened;
    const { clientId } = await peer.expect("welcome");
    peer.send({ type: "auth", token: null, userId: `user-${userName}`, userName });
    equal((await peer.expect("authenticated")).userId, `guest-${clientId}`);
    peer.send({ type: "join", room });
    await peer.roundTrip();
  }
  for (let key = 0; key < 10; key += 1) ada.send({ type: "typing", room, isTyping: true });
  ada.send({ type: "typing", room, isTyping: false });
  ada.send({ type: "chat", room, text: "<img src=x onerror=alert(1)>", timestamp: 1 });
  for (const peer of [ada, bob]) {
    const { id, text, userName, timestamp } = await peer.expect("chat");
    equal([text, userName, timestamp !== 1], ["<img src=x onerror=alert(1)>", "Ada", true]);
    peer.send({ type: "markRead", messageId: id });
  }
  await bob.expect({ type: "typing", isTyping: true });
  await bob.expect({ type: "typing", isTyping: false });
  await ada.expectNone({ type: "error" });
  await bob.expectNone({ type: "error" });
  await Promise.all([ada.close(), bob.close()]);
});

await test("chat client: it puts names into its page as HTML, so no name has < or >", async () => {
  const peer = connect("/chat");
  await peer.opened;
  await peer.expect("welcome");
  peer.send({ type: "auth", userName: "<b>Ada</b>" });
  const answer = await peer.expect((message) => message.type === "authenticated" || message.type === "error");
  check(!/[<>]/.test(answer.userName ?? ""), `the name is ${answer.userName}`);
  await peer.close();
});

await test("acknowledging client: ids from 1 in each instance, on every message", async () => {
  const room = newRoom();
  for (let instance = 0; instance < 2; instance += 1) {
    const peer = connect("/chat");
    await peer.opened;
    await peer.expect("welcome");
    const messages = [{ type: "auth", userName: "Ada" }, { type: "join", room }, { type: "typing", room, isTyping: true }, { type: "chat", room, text: "x" }, { type: "ping", timestamp: 1 }, { type: "nosuch" }, { type: "leave", room }];
    messages.forEach((message, at) => peer.send({ ...message, id: at + 1 }));
    const answers = [];
    while (answers.length < messages.length) answers.push(await peer.expect((message) => message.type === "ack" || message.type === "nack"));
    equal(answers.map(({ messageId }) => messageId).sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7]);
    equal(answers.find(({ messageId }) => messageId === 6).code, "unknown_type");
    await peer.expectNone((message) => ["ack", "nack", "error"].includes(message.type));
    await peer.close();
  }
});

await test("ordering client: early ones wait, repeated ones are ignored, counting goes on over a reconnect", async () => {
  const room = newRoom();
  const listener = await connect("/chat").enter("Bob", room);
  const first = await connect("/chat").enter("Ada");
  const say = (peer, seq) => peer.send({ seq, type: "chat", room, text: `n${seq}` });
  first.send({ seq: 1, type: "join", room });
  for (const seq of [2, 4, 3, 3, 2, 5]) say(first, seq);
  for (const seq of [2, 3, 4, 5]) equal((await listener.expect("chat")).text, `n${seq}`);
  await first.close();
  const second = await connect("/chat").enter("Ada");
  second.send({ seq: 6, type: "join", room });
  for (const seq of [7, 8]) say(second, seq);
  for (const seq of [7, 8]) equal((await listener.expect("chat")).text, `n${seq}`);
  await listener.expectNone({ type: "chat" });
  await Promise.all([second.close(), listener.close()]);
});

await test("batching client: as if sent one by one, a bad one stops none, and none comes back", async () => {
  const room = newRoom();
  const listener = await connect("/chat").enter("Bob", room);
  const peer = await connect("/chat").enter("Ada", room);
  peer.send({ type: "batch", messages: [{ type: "chat", room, text: "one", id: 1 }, { type: "position", x: 1, y: 2, z: 3 }, { type: "batch", messages: [] }, { type: "chat", room, text: "two", id: 2 }] });
  for (const text of ["one", "two"]) equal((await listener.expect("chat")).text, text);
  for (const messageId of [1, 2]) await peer.expect({ type: "ack", messageId });
  await peer.expect({ type: "error", code: "unknown_type" });
  await peer.expect({ type: "error", code: "invalid_message" });
  for (let turn = 0; turn < 20; turn += 1) {
    peer.send({ type: "batch", messages: Array.from({ length: 4 }, (_, x) => ({ type: "position", x, y: 0, z: 0 })) });
    await new Promise((resolve) => setTimeout(resolve, 16));
  }
  await peer.expectNone({ type: "batch" });
  await listener.expectNone({ type: "batch" });
  await Promise.all([listener.close(), peer.close()]);
});

await test("room client: join, then userJoined with user and room for others only", async () => {
  const room = newRoom();
  const ada = await connect("/chat").enter("Ada", room);
  const bob = await connect("/chat").enter("Bob", room);
  equal((({ user, room }) => [user, room])(await ada.expect("userJoined")), [bob.clientId, room]);
  await bob.expectNone({ type: "userJoined" });
  await ada.expectNone({ type: "userJoined" });
  await Promise.all([ada.close(), bob.close()]);
});

await test("history client: loadMessages is always answered, and every frame is JSON", async () => {
  const room = newRoom();
  const peer = await connect("/chat").enter("Ada");
  for (const joined of [false, true]) {
    if (joined) peer.send({ type: "join", room });
    peer.send({ type: "loadMessages", requestId: `r${joined}`, offset: 0, limit: 50 });
    const page = await peer.expect({ type: "messages", requestId: `r${joined}` });
    check(Array.isArray(page.messages) && typeof page.hasMore === "boolean", JSON.stringify(page));
  }
  const other = connect("/chat?binary=1");
  await other.enter("Bob", room);
  const text = Buffer.from("binary words");
  other.send(Buffer.concat([Buffer.from([3, 0, 0, 0, 0, text.length, 0]), text]));
  equal((await peer.expect("chat")).text, "binary words");
  const header = Buffer.from(JSON.stringify({ room, name: "a.bin", mimeType: "application/octet-stream", size: 3 }));
  other.send(Buffer.concat([Buffer.from([6, header.length & 255, header.length >> 8]), header, Buffer.from([1, 2, 3])]));
  const file = await peer.expect("file");
  equal([file.room, file.from, file.name, file.size, file.userName], [room, other.clientId, "a.bin", 3, "Bob"]);
  await peer.expectNone(Buffer.isBuffer);
  await Promise.all([peer.close(), other.close()]);
});

await test("binary client: PING and PONG, CHAT with the sender's number; what is no layout of the door is an error", async () => {
  const room = newRoom();
  const [ada, bob] = [connect("/chat?binary=1"), connect("/chat?binary=1")];
  await ada.enter("Ada", room);
  await bob.enter("Bob", room);
  ada.send(Buffer.concat([Buffer.from([1]), u64(1234567890123)]));
  const pong = await ada.expect(Buffer.isBuffer);
  check(pong.equals(Buffer.concat([Buffer.from([2]), u64(1234567890123)])), pong.toString("hex"));
  const text = Buffer.from("Grüße");
  ada.send(Buffer.concat([Buffer.from([3, 9, 9, 9, 9, text.length, 0]), text]));
  const chat = await bob.expect(Buffer.isBuffer);
  equal([chat[0], chat.readUInt32LE(1), chat.subarray(7).toString()], [3, ada.welcome.clientNumber, "Grüße"]);
  const position = Buffer.alloc(25, 0);
  position[0] = 4;
  for (const wrong of [position, Buffer.from([5, 0]), Buffer.from([1, 2]), Buffer.from([3, 0, 0, 0, 0, 9, 0, 65]), Buffer.from([])]) {
    ada.send(wrong);
    equal((await ada.expect("error")).code, "invalid_message");
  }
  await ada.roundTrip();
  await Promise.all([ada.close(), bob.close()]);
});

await test("peer-to-peer-like binary client: to all others, never back to the sender", async () => {
  const peers = await Promise.all(Array.from({ length: 4 }, () => connect("/binary").enter("x")));
  const bytes = Buffer.from([0xd0, 1, 2, 3]);
  peers[0].send(bytes);
  for (const peer of peers.slice(1)) check(bytes.equals(await peer.expect((message) => Buffer.isBuffer(message) && message[0] === 0xd0)), "other bytes");
  await peers[0].expectNone(Buffer.isBuffer);
  await Promise.all(peers.map((peer) => peer.close()));
});

await test("compression benchmark: a thousand messages of 1 KB in one go, compressed", async () => {
  const peer = connect("/echo", { perMessageDeflate: { threshold: 0 } });
  await peer.opened;
  equal(peer.socket.extensions.split(";")[0], "permessage-deflate");
  const message = (number) => ({ number, data: "abcdefgh".repeat(120) });
  for (let number = 0; number < 1_000; number += 1) peer.send(message(number));
  for (let number = 0; number < 1_000; number += 1) equal((await peer.expect((back) => back.data)).number, number);
  await peer.close();
});

await test("Python and Go servers' clients: welcome first, an error with a message for one who is not there", async () => {
  const peer = connect("/chat");
  await peer.opened;
  equal((await peer.expect(() => true)).type, "welcome");
  peer.send({ type: "private", to: "Z9", text: "x" });
  equal((await peer.expect("error")).message, "Client Z9 not found");
  peer.send({ type: "ping", timestamp: 42 });
  equal((await peer.expect("pong")).timestamp, 42);
  await peer.close();
});

finish();
