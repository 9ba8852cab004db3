// Our own JavaScript client, over the npm package `ws`: node fanfare_client.mjs http://127.0.0.1:8080

import WebSocket from "ws";
import { Fanfare } from "../../web/client/fanfare.js";
import { comesBack, pauseMs } from "../../web/client/backoff.js";
import { decode, encodeChat, encodeFile } from "../../web/client/layouts.js";
import { finish, test } from "../report.mjs";
import { door, equal, newRoom } from "./peer.mjs";

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
await test("the plain dialect echoes", async () => {
  const client = connect("/echo", { dialect: "plain" });
  const back = once(client, "text");
  await once(client, "state", (state) => state === "open");
  await client.sendRaw("hello");
  equal(await back, "hello");
  client.close();
});
finish();
