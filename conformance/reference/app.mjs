// The application that the clients of others are tried with, on the reference server:
//   node app.mjs --port 0 --parser json --origin http://good.example
// The same application stands on our library as a program of this crate; this table is the contract of both.
//
// In every namespace but /watch ("answers" means: acknowledges with one value; rooms are sorted, without the socket's own):
//
//   event          arguments                    what happens
//   echo           any                          emits `echo` with the same
//   ask            any, id                      acknowledges with the same
//   silence        id                           nothing, ever
//   handshake      id                           answers {auth, query: the client's own, header: `x-test` or null, address, secure, issued: Unix ms}
//   join, leave    room, id                     joins or leaves; answers its rooms
//   send           how, name, any, id           emits `name` with the rest to whom `how` says; answers true
//   survey         how, ms, value, id           emits `question` with `value` to whom `how` says, with acknowledgement, within `ms`;
//                                               answers {answers: first values, sorted by their JSON; complete: boolean}
//   question       ms, value, id                the same to the one who asks; answers {answer} or {error: "timeout"}
//   data           value, id                    keeps it as the socket's data `value`; answers true
//   sockets        how, id                      answers [{id, rooms, value}] of those sockets, sorted by id
//   move           how, join, leave, id         those sockets join the one and leave the other room (null: none); answers true
//   kick           how, close                   disconnects those sockets, with their connection if `close`
//   bye            close                        disconnects the one who asks
//   number         n                            counts it: n must be one more than the last, from 0
//   numbers        count, per, ms               emits `number` 0, 1, … count - 1: `per` of them each `ms`
//   counted        id                           answers {count, inOrder}
//   forbidden      any                          a packet middleware refuses it: `refused` with "not this one" is emitted instead
//
//   `how` is {from: "socket" or "namespace", to: [rooms], except: [rooms], volatile, compress, local}, all but `from` optional
//
//   /              everybody
//   /guarded       a middleware refuses who has not {token: "secret"}: "not authorized", data {code: 401}
//   /dynamic-N     by pattern, N digits: emits `hello` with the namespace's name to who connects
//   /watch         emits `gone` {id, reason} to all in it when a socket of another namespace is gone
//
// A request whose Origin is http://evil.example is forbidden. CORS is for --origin, with credentials.

import { createServer } from "node:http";
import { Server } from "socket.io";
import msgpack from "socket.io-msgpack-parser";
import { flags } from "./flags.mjs";

const flag = flags({ "port": 3000, "parser": "json", "ping-interval-ms": 25_000, "ping-timeout-ms": 20_000, "origin": "http://good.example" });

const http = createServer((_, response) => response.writeHead(404).end());
const io = new Server(http, {
  pingInterval: flag["ping-interval-ms"],
  pingTimeout: flag["ping-timeout-ms"],
  cors: { origin: [flag.origin], credentials: true },
  allowRequest: (request, decide) => decide(null, request.headers.origin !== "http://evil.example"),
  ...(flag.parser === "msgpack" && { parser: msgpack }),
});

const sorted = (values) => values.map((value) => [JSON.stringify(value), value]).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
const roomsOf = (socket) => [...socket.rooms].filter((room) => room !== socket.id).sort();

/** The operator that `how` describes. */
function whom(socket, how) {
  let operator = how.from === "socket" ? socket.broadcast : socket.nsp;
  if (how.to) operator = operator.to(how.to);
  if (how.except) operator = operator.except(how.except);
  if (how.volatile) operator = operator.volatile;
  if (how.local) operator = operator.local;
  if (how.compress !== undefined) operator = operator.compress(how.compress);
  return operator;
}

function serve(socket) {
  let counted = 0;
  let inOrder = true;
  let timer = null;
  socket.use(([name], next) => next(name === "forbidden" ? new Error("not this one") : undefined));
  socket.on("error", (error) => socket.emit("refused", error.message));
  socket.on("forbidden", () => socket.emit("forbidden"));
  socket.on("echo", (...values) => socket.emit("echo", ...values));
  socket.on("ask", (...values) => values.pop()(...values));
  socket.on("silence", () => {});
  socket.on("handshake", (answer) => {
    const { auth, query, headers, address, secure, issued } = socket.handshake;
    const { EIO, transport, t, sid, b64, ...own } = query;
    answer({ auth, query: own, header: headers["x-test"] ?? null, address, secure, issued });
  });
  socket.on("join", async (room, answer) => {
    await socket.join(room);
    answer(roomsOf(socket));
  });
  socket.on("leave", async (room, answer) => {
    await socket.leave(room);
    answer(roomsOf(socket));
  });
  socket.on("send", (how, name, ...values) => {
    const answer = values.pop();
    whom(socket, how).emit(name, ...values);
    answer(true);
  });
  socket.on("survey", (how, ms, value, answer) => {
    whom(socket, how)
      .timeout(ms)
      .emit("question", value, (error, answers) => answer({ answers: sorted(answers), complete: !error }));
  });
  socket.on("question", (ms, value, answer) => {
    socket.timeout(ms).emit("question", value, (error, said) => answer(error ? { error: "timeout" } : { answer: said }));
  });
  socket.on("data", (value, answer) => {
    socket.data.value = value;
    answer(true);
  });
  socket.on("sockets", async (how, answer) => {
    const found = await whom(socket, how).fetchSockets();
    answer(found.map((one) => ({ id: one.id, rooms: roomsOf(one), value: one.data.value ?? null })).sort((a, b) => (a.id < b.id ? -1 : 1)));
  });
  socket.on("move", (how, join, leave, answer) => {
    if (join !== null) whom(socket, how).socketsJoin(join);
    if (leave !== null) whom(socket, how).socketsLeave(leave);
    answer(true);
  });
  socket.on("kick", (how, close) => whom(socket, how).disconnectSockets(close));
  socket.on("bye", (close) => socket.disconnect(close));
  socket.on("number", (n) => {
    inOrder &&= n === counted;
    counted += 1;
  });
  socket.on("counted", (answer) => answer({ count: counted, inOrder }));
  socket.on("numbers", (count, per, ms) => {
    let next = 0;
    timer = setInterval(() => {
      for (const end = Math.min(count, next + per); next < end; next += 1) socket.emit("number", next);
      if (next === count) clearInterval(timer);
    }, ms);
  });
  socket.on("disconnect", (reason) => {
    clearInterval(timer);
    io.of("/watch").emit("gone", { id: socket.id, reason });
  });
}

io.of("/watch");
io.on("connection", serve);
io.of("/guarded")
  .use((socket, next) => {
    const refusal = Object.assign(new Error("not authorized"), { data: { code: 401 } });
    next(socket.handshake.auth.token === "secret" ? undefined : refusal);
  })
  .on("connection", serve);
io.of(/^\/dynamic-\d+$/).on("connection", (socket) => {
  serve(socket);
  socket.emit("hello", socket.nsp.name);
});

http.listen(flag.port, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
