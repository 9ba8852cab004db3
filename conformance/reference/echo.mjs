// The application that the raw cases and the differential test talk to, on the reference server:
//   node echo.mjs --port 0 --ping-interval-ms 300 --ping-timeout-ms 200 --max-payload 1000000
//
// Socket.IO at /socket.io/, in `/` and in `/custom`; any other namespace is refused.
//   on connect                          emits   `auth` with the auth payload, `{}` if there was none
//   `message` with any arguments        emits   `message-back` with the same; an id of it is not acknowledged
//   `message-with-ack` with an id       acknowledges with the same arguments; without one nothing happens
// A plain WebSocket echo at /echo, and a bare Engine.IO echo under /engine.io/.

import { createServer } from "node:http";
import { Server as Engine } from "engine.io";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";
import { flags } from "./flags.mjs";

const flag = flags({ "port": 3000, "ping-interval-ms": 25_000, "ping-timeout-ms": 20_000, "max-payload": 1_000_000 });
const options = {
  pingInterval: flag["ping-interval-ms"],
  pingTimeout: flag["ping-timeout-ms"],
  maxHttpBufferSize: flag["max-payload"],
  destroyUpgrade: false,
};

const http = createServer((_, response) => response.writeHead(404).end());

const io = new Server(http, options);
for (const namespace of ["/", "/custom"]) {
  io.of(namespace).on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    // An event with an id has its acknowledgement as one more argument.
    const isPlain = (value) => typeof value !== "function";
    socket.on("message", (...values) => socket.emit("message-back", ...values.filter(isPlain)));
    socket.on("message-with-ack", (...values) => {
      if (!isPlain(values.at(-1))) values.at(-1)(...values.filter(isPlain));
    });
  });
}

const engine = new Engine(options);
engine.attach(http, { path: "/engine.io/", destroyUpgrade: false });
engine.on("connection", (session) => session.on("message", (message) => session.send(message)));

const echo = new WebSocketServer({ noServer: true, perMessageDeflate: true, maxPayload: 64 << 20 });
echo.on("connection", (socket) => {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
  socket.on("error", () => {});
});
http.on("upgrade", (request, socket, head) => {
  const path = request.url.split("?")[0];
  if (path === "/echo") echo.handleUpgrade(request, socket, head, (client) => echo.emit("connection", client));
  else if (!path.startsWith("/socket.io/") && !path.startsWith("/engine.io/")) socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
});

http.listen(flag.port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
