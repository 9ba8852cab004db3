// ws for Node, as echo or as fan-out: node ws.mjs --port N [--mode echo|broadcast] [--deflate]
import { WebSocketServer } from "ws";

const value = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};

const broadcasts = value("--mode", "echo") === "broadcast";
// Each message by itself, as the others have it here; its own defaults beside that.
const deflate = { serverNoContextTakeover: true, clientNoContextTakeover: true };
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(value("--port")),
  perMessageDeflate: process.argv.includes("--deflate") && deflate,
  backlog: 1024,
});

server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    if (!broadcasts) {
      socket.send(data, { binary: isBinary });
      return;
    }
    for (const other of server.clients) {
      if (other !== socket) other.send(data, { binary: isBinary });
    }
  });
});
