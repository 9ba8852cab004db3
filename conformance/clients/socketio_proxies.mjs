// `socket.io-client` through nginx and haproxy: every transport before one server, WebSocket only before two processes.
//   node socketio_proxies.mjs -- PROGRAM [ARGUMENT…]     see application.mjs

import { io } from "socket.io-client";
import { finish, test } from "../report.mjs";
import { Application } from "./application.mjs";
import { check, equal } from "./peer.mjs";
import { startProxy } from "./proxy.mjs";
import { everyTransport } from "./socketio_dialogue.mjs";
import { numbersBothWays } from "./socketio_numbers.mjs";
import { within } from "./socketio_peer.mjs";

const CLIENTS = 20;
const TRANSPORTS = [["polling", "websocket"], ["polling"], ["websocket"]];

for (const kind of /** @type {const} */ (["nginx", "haproxy"])) {
  const application = await Application.start();
  const proxy = await startProxy(kind, [application.url]);
  for (const transports of TRANSPORTS) {
    const name = `${kind}, ${transports.join(" then ")}`;
    await everyTransport(name, (path = "/", more = {}) => io(proxy.url + path, { forceNew: true, reconnection: false, transports, ...more }));
    await numbersBothWays(name, proxy.url, transports);
  }
  await proxy.stop();
  await application.stop();

  await test(`${kind}: two processes share WebSocket-only clients; those of one that dies come back to the other`, async () => {
    const servers = await Promise.all([Application.start(), Application.start()]);
    const proxy = await startProxy(kind, servers.map((server) => server.url));
    const options = { forceNew: true, transports: ["websocket"], reconnectionDelay: 50, reconnectionDelayMax: 200 };
    const sockets = Array.from({ length: CLIENTS }, () => io(proxy.url, options));
    await Promise.all(sockets.map((socket) => within(socket, "connect")));
    const askAll = () => Promise.all(sockets.map((socket, at) => socket.timeout(5_000).emitWithAck("ask", at)));
    const numbers = sockets.map((_, at) => at);
    equal(await askAll(), numbers);

    const lost = new Set();
    sockets.forEach((socket) => socket.on("disconnect", () => lost.add(socket)));
    const stayed = sockets.map((socket) => socket.id);
    await servers[0].stop();
    for (const until = Date.now() + 15_000; Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (lost.size > 0 && sockets.every((socket) => socket.connected)) break;
    }
    check(lost.size > CLIENTS / 4 && lost.size < CLIENTS, `${lost.size} of ${CLIENTS} were at the server that died`);
    check(sockets.every((socket) => socket.connected), "somebody did not come back");
    sockets.forEach((socket, at) => equal(socket.id === stayed[at], !lost.has(socket), `client ${at}`));
    equal(await askAll(), numbers);
    sockets.forEach((socket) => socket.close());
    await proxy.stop();
    await servers[1].stop();
  }, 60_000);
}

finish();
