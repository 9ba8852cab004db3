// Our own JavaScript client, over the npm package `ws`: node fanfare_client.mjs http://127.0.0.1:8080

import WebSocket, { WebSocketServer } from "ws";
import { Fanfare } from "../../web/client/fanfare.js";
import { comesBack, pauseMs } from "../../web/client/backoff.js";
import { decode, encodeChat, encodeFile } from "../../web/client/layouts.js";
import { finish, test } from "../report.mjs";
import { check, door, equal, newRoom } from "./peer.mjs";

const base = process.argv[2];
const connect = (path, options) => new Fanfare(door(base, path), { WebSocket, ...options });
const once = (client, type, wanted = () => true) =>
  new Promise((resolve) => client.on(type, (detail) => wanted(detail) && resolve(detail)));

await test("pauses grow, are random and end at the most", () => {
  equal([0, 1, 2].map((attempt) => pauseMs(attempt, () => 1)), [500, 850, 1445]);
  equal([pauseMs(100, () => 1), pauseMs(100, () => 0)], [30_000, 15_000]);
  equal([1000, 4000, 4499, 1001, 1006, 1012, 3999, 4500].map(comesBack), [false, false, false, true, true, true, true, true]);
});
await test("layouts are read as they are written, and what is malformed is neither", () => {
  const file = decode(encodeFile({ name: "a", mimeType: "b", size: 3 }, new Uint8Array([1, 2, 3])).buffer);
  equal([file.kind, file.header.name, [...file.bytes]], ["file", "a", [1, 2, 3]]);
  equal(decode(encodeChat("Grüße").buffer), { kind: "chat", clientNumber: 0, text: "Grüße" });
  for (const bytes of [[], [6], [6, 255, 255, 1], [6, 1, 0, 123], [3, 0, 0, 0, 0, 9, 0], [9]]) equal(decode(new Uint8Array(bytes).buffer).kind, "other");
});
await test("what is sent before the connection stands goes out after auth, in order", async () => {
  const room = newRoom();
  const client = connect("/chat", { userName: "Ada" });
  const texts = [];
  client.on("chat", ({ text }) => texts.push(text));
  const answers = [client.request({ type: "join", room })];
  for (const text of ["one", "two", "three"]) answers.push(client.request({ type: "chat", room, text }));
  equal(client.unsent, 4);
  await Promise.all(answers);
  equal([texts, client.unsent, client.welcome.userName], [["one", "two", "three"], 0, "Ada"]);
  if (client.latencyMs === null) await once(client, "latency");
  client.close();
});
await test("a refusal rejects with its code", async () => {
  const client = connect("/chat", { userName: "Ada" });
  const error = await client.request({ type: "chat", room: newRoom(), text: "x" }).then(() => null, (error) => error);
  equal(error?.code, "forbidden");
  client.close();
});
await test("it comes back after the connection is cut, and sends again what was not answered", async () => {
  const room = newRoom();
  const sockets = [];
  class Cut extends WebSocket {
    constructor(...more) {
      super(...more);
      sockets.push(this);
    }
  }
  const client = connect("/chat", { userName: "Ada", WebSocket: Cut });
  await once(client, "state", (state) => state === "open");
  await client.request({ type: "join", room });
  sockets[0].terminate();
  const lost = client.request({ type: "ping", timestamp: 1 }).then(() => null, (error) => error.code);
  const kept = client.request({ type: "join", room }, { resend: true });
  await once(client, "state", (state) => state === "waiting");
  equal(await lost, "connection_lost");
  await kept;
  equal([client.state, sockets.length], ["open", 2]);
  client.close();
  equal(client.state, "closed");
});
/** A server of a few lines, for what a good server does rarely. */
async function stage(play) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => server.on("listening", resolve));
  const arrivals = [];
  server.on("connection", (socket) => {
    arrivals.push(Date.now());
    const say = (message) => socket.send(JSON.stringify(message));
    say({ type: "welcome", clientId: "c1", clientNumber: 1, userId: "guest-c1", userName: "c1" });
    play(socket, say, arrivals.length);
  });
  const open = (options) => new Fanfare(`ws://127.0.0.1:${server.address().port}/`, { WebSocket, ...options });
  return { server, arrivals, open };
}

await test("it comes back when the server said, and never after 4000 to 4499", async () => {
  const { server, arrivals, open } = await stage((socket, say, visit) => {
    if (visit === 1) {
      say({ type: "reconnect", afterMs: 1_500 });
      socket.close(1012, "Service restart");
    } else socket.close(4001, "Taken over");
  });
  const client = open();
  await once(client, "state", (state) => state === "closed");
  equal([client.lastClose.code, client.lastClose.reason, arrivals.length], [4001, "Taken over", 2]);
  const pause = arrivals[1] - arrivals[0];
  check(pause >= 1_450 && pause < 3_000, `it came back after ${pause} ms`);
  client.close();
  server.close();
});
await test("a silent server is left, and any message counts as life", async () => {
  const { server, arrivals, open } = await stage((socket, say, visit) => {
    const timer = setInterval(() => visit === 2 && say({ type: "news" }), 50);
    socket.on("close", () => clearInterval(timer));
  });
  const client = open({ heartbeatMs: 100 });
  await once(client, "state", (state) => state === "waiting");
  await once(client, "state", (state) => state === "open");
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  equal([client.state, arrivals.length], ["open", 2]);
  client.close();
  server.close();
});
await test("who is refused by name learns why and does not come back", async () => {
  const { server, arrivals, open } = await stage((socket, say) => socket.on("message", () => say({ type: "error", code: "invalid_message", message: "no such name" })));
  const client = open({ userName: "<>" });
  const waiting = client.request({ type: "join", room: "x" }).then(() => null, (error) => error.code);
  await once(client, "state", (state) => state === "closed");
  equal([client.lastClose.reason, await waiting, arrivals.length], ["no such name", "closed", 1]);
  server.close();
});
await test("the queue has its limit", async () => {
  const client = connect("/chat", { userName: "Ada", queueLimitMessages: 2 });
  const answers = [1, 2, 3].map((timestamp) => client.request({ type: "join", room: `room-${timestamp}` }).then(() => "ok", (error) => error.code));
  equal(await Promise.all(answers), ["ok", "ok", "queue_full"]);
  client.close();
});
await test("the plain dialect echoes", async () => {
  const client = connect("/echo", { dialect: "plain" });
  const back = once(client, "text");
  await once(client, "state", (state) => state === "open");
  await client.sendRaw("hello");
  equal(await back, "hello");
  client.close();
});
finish();
