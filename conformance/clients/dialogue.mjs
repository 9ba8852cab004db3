// What every client of the native doors does, whoever wrote its WebSocket.

import { test } from "../report.mjs";
import { Peer, check, door, equal, newRoom } from "./peer.mjs";

/**
 * @param {string} base
 * @param {(url: string) => any} open makes a socket with the browser's interface
 */
export async function dialogue(base, open) {
  const connect = (path) => new Peer(open(door(base, path)));
  await chat(connect);
  await faults(connect);
  await echo(connect);
  await binary(connect);
}

async function chat(connect) {
  await test("welcome comes first and says who one is", async () => {
    const peer = connect("/chat");
    await peer.opened;
    const first = await peer.expect(() => true);
    equal(first.type, "welcome", "the first message");
    check(typeof first.clientId === "string" && Number.isInteger(first.clientNumber), "clientId or clientNumber is missing");
    equal([first.userId, first.authentication], [`guest-${first.clientId}`, "none"]);
    await peer.close();
  });
  await test("auth without a token gives the name and not the userId that was asked for", async () => {
    const peer = connect("/chat");
    await peer.opened;
    const { clientId } = await peer.expect("welcome");
    peer.send({ type: "auth", token: null, userId: "admin", userName: "Ada" });
    const { userId, userName } = await peer.expect("authenticated");
    equal([userId, userName], [`guest-${clientId}`, "Ada"]);
    await peer.close();
  });
  await test("two clients talk in a room", async () => {
    const room = newRoom();
    const ada = await connect("/chat").enter("Ada", room);
    const bob = await connect("/chat").enter("Bob", room);
    const joined = await ada.expect("userJoined");
    equal([joined.room, joined.user, joined.userId, joined.userName], [room, bob.clientId, bob.userId, "Bob"]);
    ada.send({ type: "chat", room, text: "Grüße, 世界 🎺", id: 7, clientMessageId: "0123456789abcdef" });
    for (const peer of [ada, bob]) {
      const said = await peer.expect("chat");
      equal([said.room, said.from, said.userId, said.userName, said.text], [room, ada.clientId, ada.userId, "Ada", "Grüße, 世界 🎺"]);
      equal(said.clientMessageId, "0123456789abcdef", "clientMessageId");
      check(typeof said.id === "string" && Math.abs(Date.now() - said.timestamp) < 60_000, `id or timestamp: ${JSON.stringify(said)}`);
    }
    const ack = await ada.expect({ type: "ack", messageId: 7 });
    check(typeof ack.id === "string", "the acknowledgement has no id");
    bob.send({ type: "leave", room });
    equal((await ada.expect("userLeft")).user, bob.clientId, "who left");
    ada.send({ type: "chat", room, text: "gone?" });
    await ada.expect("chat");
    await bob.expectNone({ type: "chat" });
    await Promise.all([ada.close(), bob.close()]);
  });
  await test("private messages find a clientId and a userId, and nobody else", async () => {
    const [ada, bob, cyd] = await Promise.all(["Ada", "Bob", "Cyd"].map((name) => connect("/chat").enter(name)));
    for (const to of [bob.clientId, bob.userId]) {
      ada.send({ type: "private", to, text: "psst" });
      const got = await bob.expect("private");
      equal([got.from, got.userId, got.userName, got.text], [ada.clientId, ada.userId, "Ada", "psst"]);
    }
    ada.send({ type: "private", to: "nobody", text: "psst" });
    equal((await ada.expect("error")).message, "Client nobody not found");
    await cyd.expectNone({ type: "private" });
    await Promise.all([ada.close(), bob.close(), cyd.close()]);
  });
  await test("typing and presence", async () => {
    const room = newRoom();
    const ada = await connect("/chat").enter("Ada", room);
    const bob = await connect("/chat").enter("Bob", room);
    bob.send({ type: "typing", room, isTyping: true });
    const typing = await ada.expect("typing");
    equal([typing.room, typing.userId, typing.userName, typing.isTyping], [room, bob.userId, "Bob", true]);
    ada.send({ type: "presence", room });
    const presence = await ada.expect("presence");
    equal([presence.room, presence.count, presence.users.map((user) => user.userName).sort()], [room, 2, ["Ada", "Bob"]]);
    await Promise.all([ada.close(), bob.close()]);
    });
}

async function faults(connect) {
  await test("ack and nack: exactly one, with the id as it was", async () => {
    const room = newRoom();
    const peer = await connect("/chat").enter("Ada", room);
    peer.send({ type: "chat", room, text: "x", id: "7" });
    peer.send({ type: "chat", room: newRoom(), text: "x", id: 7 });
    await peer.expect({ type: "ack", messageId: "7" });
    const nack = await peer.expect({ type: "nack", messageId: 7 });
    check(typeof nack.error === "string" && nack.code === "forbidden", JSON.stringify(nack));
    await peer.expectNone((message) => ["ack", "nack", "error"].includes(message.type));
    await peer.close();
  });
  await test("ping returns its timestamp, before auth, too", async () => {
    const peer = connect("/chat");
    await peer.opened;
    peer.send({ type: "ping", timestamp: 1234567890123 });
    await peer.expect({ type: "pong", timestamp: 1234567890123 });
    await peer.close();
  });
  await test("bad JSON, no object, no type and unknown types get their error, and the connection lives", async () => {
    const peer = await connect("/chat").enter("Ada");
    for (const [text, code] of [["{", "invalid_json"], ["[1]", "invalid_message"], ["{}", "invalid_message"], ['{"type":"chat","text":5}', "invalid_message"], ['{"type":"nosuch"}', "unknown_type"]]) {
      peer.send(text);
      const error = await peer.expect("error");
      equal(error.code, code, `the code for ${text}`);
      if (code !== "unknown_type") check(error.message.startsWith("Invalid message format: "), error.message);
    }
    await peer.roundTrip();
    await peer.close();
  });
  await test("another path is no door", async () => {
    const peer = connect("/nothing-here");
    const refused = await peer.opened.then(() => false, () => true);
    check(refused, "it opened");
  });
}

async function echo(connect) {
  await test("echo returns text and bytes unchanged, in order", async () => {
    const peer = connect("/echo");
    await peer.opened;
    for (const text of ["hello", "", "Grüße, 世界 🎺", "x".repeat(200_000)]) {
      peer.send(text);
      equal(await peer.expect((message) => typeof message === "string"), text, "the text");
    }
    const bytes = noise(1_000_000);
    peer.send(bytes);
    check(bytes.equals(await peer.expect(Buffer.isBuffer)), "the bytes changed");
    for (let number = 0; number < 500; number += 1) peer.send(`n${number}`);
    for (let number = 0; number < 500; number += 1) equal(await peer.expect((message) => typeof message === "string"), `n${number}`);
    await peer.close();
  });
  await test("a megabyte that compresses comes back whole", async () => {
    const peer = connect("/echo");
    await peer.opened;
    const text = "Compression is agreed on in the handshake. ".repeat(25_000);
    peer.send(text);
    check((await peer.expect((message) => typeof message === "string")) === text, "the text changed");
    await peer.close();
  });
}

async function binary(connect) {
  await test("binary goes to everyone else on the door, in order", async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map(() => connect("/binary").enter("x")));
    const parts = [0, 1, 2].map((at) => Buffer.concat([Buffer.from([0xee, at]), noise(100_000)]));
    for (const part of parts) one.send(part);
    for (const peer of [two, three]) {
      for (const part of parts) check(part.equals(await peer.expect((message) => Buffer.isBuffer(message) && message[0] === 0xee)), "the bytes changed");
    }
    await one.expectNone(Buffer.isBuffer);
    await Promise.all([one.close(), two.close(), three.close()]);
  });
}

/** Bytes that do not compress, the same each time. */
function noise(length) {
  const bytes = Buffer.alloc(length);
  let state = 42;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}
