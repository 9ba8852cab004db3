// nginx and haproxy in front of reference/app.mjs or the same application on ours; see application.mjs for how. Each in front of one
// server, with everything that `socket.io-client` does, and in front of two for clients that only speak WebSocket.
//   node proxies.mjs -- PROGRAM [ARGUMENT…]

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { io } from "socket.io-client";
import { finish, test } from "../report.mjs";
import { Application } from "./application.mjs";
import { check, equal } from "./peer.mjs";
import { everyTransport } from "./socketio_dialogue.mjs";
import { within } from "./socketio_peer.mjs";

const HOST = "127.0.0.1";
const LISTEN_MS = 10_000;
const NUMBERS = 5_000;
const CLIENTS = 20;

const folder = mkdtempSync(join(tmpdir(), "fanfare-proxies-"));
const running = new Set();
process.on("exit", () => {
  running.forEach((child) => child.kill("SIGTERM"));
  rmSync(folder, { recursive: true, force: true });
});

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const nginx = (port, servers) => `
daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  upstream servers { ${servers.map((address) => `server ${address};`).join(" ")} keepalive 16; }
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  server {
    listen ${HOST}:${port};
    location / {
      proxy_pass http://servers; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 60s;
      proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
  }
}
`;

const haproxy = (port, servers) => `
global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend front
  bind ${HOST}:${port}
  default_backend servers
backend servers
  balance roundrobin
${servers.map((address, number) => `  server s${number} ${address}`).join("\n")}
`;

const PROXIES = [
  ["nginx", nginx, (file) => ["-p", folder, "-c", file, "-e", "stderr"]],
  ["haproxy", haproxy, (file) => ["-db", "-f", file]],
];

const reached = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, HOST, () => resolve(socket.destroy() && true)).once("error", () => resolve(false));
  });

/** A proxy in front of these servers. */
async function proxy([name, configuration, flags], servers) {
  const port = await freePort();
  const file = join(folder, `${name}-${port}.conf`);
  writeFileSync(file, configuration(port, servers.map((server) => new URL(server.url).host)));
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = spawn(name, flags(file), { env, stdio: ["ignore", "inherit", "inherit"] });
  running.add(child);
  let failed = null;
  child.once("error", (error) => (failed = error)).once("exit", (code) => (failed = `${name} ended with ${code}`));
  for (const late = Date.now() + LISTEN_MS; !(await reached(port)); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (failed || Date.now() > late) throw new Error(String(failed ?? `${name} does not listen`));
  }
  return {
    url: `http://${HOST}:${port}`,
    stop: () => {
      running.delete(child);
      child.kill("SIGTERM");
    },
  };
}

const opened = (url, options) => io(url, { forceNew: true, reconnection: false, ...options });

/** Numbered messages each way, all, once, in order. */
async function numbers(url, options) {
  const socket = opened(url, options);
  let [heard, inOrder] = [0, true];
  socket.on("number", (n) => (inOrder &&= n === heard++));
  // It may be over before the namespace has answered.
  const upgraded = new Promise((resolve) => {
    if (options.transports) resolve(undefined);
    else socket.io.once("open", () => socket.io.engine.once("upgrade", resolve));
  });
  await within(socket, "connect");
  socket.emit("numbers", NUMBERS, 50, 2);
  for (let n = 0; n < NUMBERS; n += 1) {
    socket.emit("number", n);
    if (n % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await upgraded;
  while (heard < NUMBERS) await within(socket, "number");
  const counted = await socket.emitWithAck("counted");
  equal([counted.count, counted.inOrder, heard, inOrder].join(), [NUMBERS, true, NUMBERS, true].join());
  const transport = socket.io.engine.transport.name;
  socket.close();
  return transport;
}

const servers = [await Application.start(), await Application.start()];

for (const kind of PROXIES) {
  const [name] = kind;
  const one = await proxy(kind, servers.slice(0, 1));
  for (const [how, options] of [
    ["upgrading", {}],
    ["long-polling only", { transports: ["polling"] }],
    ["WebSocket only", { transports: ["websocket"] }],
  ]) {
    if (!options.transports) await everyTransport(`${name}, ${how}`, (path = "/", more = {}) => opened(one.url + path, { ...options, ...more }));
    await test(`${name}, ${how}: ${NUMBERS} numbered messages each way, all, once, in order`, async () => {
      equal(await numbers(one.url, options), options.transports?.[0] ?? "websocket");
    });
  }
  one.stop();
  const both = await proxy(kind, servers);
  await test(`${name} in front of two servers, WebSocket only: each has its part, and everybody is answered`, async () => {
    const sockets = Array.from({ length: CLIENTS }, () => opened(both.url, { transports: ["websocket"] }));
    await Promise.all(sockets.map((socket) => within(socket, "connect")));
    const answers = await Promise.all(sockets.map((socket, number) => socket.emitWithAck("ask", { number })));
    answers.forEach((answer, number) => equal(answer.number, number));
    // Who is on a server is what it says itself.
    const counts = await Promise.all(sockets.map(async (socket) => (await socket.emitWithAck("sockets", { from: "namespace" })).length));
    check(counts.every((count) => count === CLIENTS / 2), `each server has half of them, and not ${counts}`);
    sockets.forEach((socket) => socket.close());
  });
  both.stop();
}
await Promise.all(servers.map((server) => server.stop()));
finish();
