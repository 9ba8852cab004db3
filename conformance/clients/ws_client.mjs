// The npm package `ws`: node ws_client.mjs http://127.0.0.1:8080

import WebSocket from "ws";
import { finish, test } from "../report.mjs";
import { dialogue } from "./dialogue.mjs";
import { Peer, door, equal } from "./peer.mjs";

const base = process.argv[2];
await dialogue(base, (url) => new WebSocket(url));
await test("permessage-deflate is agreed to", async () => {
  const peer = new Peer(new WebSocket(door(base, "/echo"), { perMessageDeflate: true }));
  await peer.opened;
  equal(peer.socket.extensions, "permessage-deflate");
  await peer.close();
});
await test("without an offer nothing is compressed", async () => {
  const peer = new Peer(new WebSocket(door(base, "/echo"), { perMessageDeflate: false }));
  await peer.opened;
  equal(peer.socket.extensions, "");
  await peer.close();
});
await test("a protocol ping gets its pong, and fanfare.v1 is confirmed", async () => {
  const peer = new Peer(new WebSocket(door(base, "/chat"), ["other", "fanfare.v1"]));
  await peer.opened;
  equal(peer.socket.protocol, "fanfare.v1");
  const pong = new Promise((resolve) => peer.socket.on("pong", resolve));
  peer.socket.ping("abc");
  equal(String(await pong), "abc");
  await peer.close();
});
finish();
