// socket.io for Node, as echo, as fan-out, or with everybody in a room: node socket.io.mjs --port N [--mode echo|broadcast|room]
import { createServer } from "node:http";
import { Server } from "socket.io";

const value = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};

/** Members of a room, where they are put into one. */
const ROOM_MEMBERS = 100;

const mode = value("--mode", "echo");
const http = createServer();
// The interval is longer than a measurement, so that none has pings in it.
const io = new Server(http, { serveClient: false, pingInterval: 300_000 });
let came = 0;

io.on("connection", (socket) => {
  if (mode === "broadcast") {
    socket.on("message", (text) => socket.broadcast.emit("message", text));
  } else if (mode === "room") {
    socket.join(`room-${Math.floor(came++ / ROOM_MEMBERS)}`);
  } else {
    socket.on("message", (text) => socket.emit("message-back", text));
  }
});

http.listen({ host: "127.0.0.1", port: Number(value("--port")), backlog: 1024 });
