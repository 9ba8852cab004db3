// The npm package `socket.io-client` against reference/app.mjs or the same application on ours; see application.mjs for how.

import { request } from "node:http";
import { Manager, io } from "socket.io-client";
import msgpack from "socket.io-msgpack-parser";
import { finish, test } from "../report.mjs";
import { Application, ownsServers } from "./application.mjs";
import { check, equal } from "./peer.mjs";
import { everyTransport } from "./socketio_dialogue.mjs";
import { numbersBothWays } from "./socketio_numbers.mjs";
import { within } from "./socketio_peer.mjs";

const application = await Application.start();

for (const [name, options] of [
  ["upgrading", {}],
  ["long-polling only", { transports: ["polling"] }],
  ["WebSocket only", { transports: ["websocket"] }],
]) {
  await everyTransport(name, (path = "/", more = {}) => io(application.url + path, { forceNew: true, reconnection: false, ...options, ...more }));
}

await test("the transport is what was asked for", async () => {
  for (const transport of ["polling", "websocket"]) {
    const socket = io(application.url, { forceNew: true, transports: [transport] });
    await within(socket, "connect");
    equal(socket.io.engine.transport.name, transport);
    socket.close();
  }
  const socket = io(application.url, { forceNew: true });
  await new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
  equal(socket.io.engine.transport.name, "websocket");
  socket.close();
});

for (const transports of [["polling", "websocket"], ["polling"], ["websocket"]]) {
  await numbersBothWays(transports.join(" then "), application.url, transports);
}

await test("several namespaces share a connection, and go on alone", async () => {
  const manager = new Manager(application.url, { reconnection: false });
  const [main, one, other] = ["/", "/dynamic-1", "/dynamic-2"].map((path) => manager.socket(path));
  const hello = Promise.all([within(one, "hello"), within(other, "hello")]);
  await Promise.all([main, one, other].map((socket) => within(socket, "connect")));
  equal(await hello, [["/dynamic-1"], ["/dynamic-2"]]);
  check(new Set([main.id, one.id, other.id, manager.engine.id]).size === 4, "ids are shared");
  one.disconnect();
  main.emit("bye", false);
  equal((await within(main, "disconnect"))[0], "io server disconnect");
  equal(await other.timeout(5_000).emitWithAck("ask", 1), 1);
  other.disconnect();
});

await test("an Origin that is forbidden gets 403, one that is allowed its CORS headers", async () => {
  const ask = (method, origin) =>
    new Promise((resolve, reject) => {
      const asked = request(`${application.url}/socket.io/?EIO=4&transport=polling`, { method, headers: { origin, "access-control-request-method": "GET" } }, (answer) => {
        let text = "";
        answer.on("data", (part) => (text += part)).on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
      });
      asked.once("error", reject).end();
    });
  const evil = await ask("GET", "http://evil.example");
  equal([evil.status, JSON.parse(evil.text)], [403, { code: 4, message: "Forbidden" }]);
  const good = await ask("GET", "http://good.example");
  equal([good.status, good.headers["access-control-allow-origin"], good.headers["access-control-allow-credentials"]], [200, "http://good.example", "true"]);
  const preflight = await ask("OPTIONS", "http://good.example");
  equal([preflight.status, preflight.headers["access-control-allow-origin"]], [204, "http://good.example"]);
  const other = await ask("GET", "http://other.example");
  check(other.headers["access-control-allow-origin"] !== "http://other.example", "any origin is allowed");
});

if (ownsServers) {
  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    await test(`it comes back after the server is killed and started again, ${transports.join(" then ")}`, async () => {
      const server = await Application.start();
      const socket = io(server.url, { forceNew: true, transports, reconnectionDelay: 50, reconnectionDelayMax: 200 });
      await within(socket, "connect");
      const first = socket.id;
      const gone = within(socket, "disconnect");
      await server.stop();
      check(["transport close", "transport error"].includes((await gone)[0]), "another reason");
      const echoed = within(socket, "echo", 15_000);
      socket.emit("echo", "said while nobody was there");
      const back = within(socket, "connect", 15_000);
      await server.start();
      await back;
      equal(await echoed, ["said while nobody was there"]);
      check(socket.id !== first && !socket.recovered, "it is the same session");
      equal(await socket.timeout(5_000).emitWithAck("ask", 7), 7);
      socket.close();
      await server.stop();
    }, 40_000);
  }
  await test("a client that does not answer is gone after the ping timeout, and both sides say so", async () => {
    const server = await Application.start("--ping-interval-ms", "300", "--ping-timeout-ms", "200");
    const watcher = io(`${server.url}/watch`, { forceNew: true });
    await within(watcher, "connect");
    const socket = io(server.url, { forceNew: true, transports: ["websocket"], reconnection: false });
    await within(socket, "connect");
    const { id } = socket;
    const gone = within(watcher, "gone", 10_000, (what) => what.id === id);
    socket.io.engine._sendPacket = () => {}; // deaf and dumb from here on
    equal((await gone)[0].reason, "ping timeout");
    watcher.close();
    socket.close();
    await server.stop();
  });
  const packed = await Application.start("--parser", "msgpack");
  for (const transports of [["polling", "websocket"], ["polling"], ["websocket"]]) {
    await everyTransport(`msgpack, ${transports.join(" then ")}`, (path = "/", more = {}) => io(packed.url + path, { forceNew: true, reconnection: false, transports, parser: msgpack, ...more }), { msgpack: true });
  }
  await packed.stop();
}

await application.stop();
finish();
