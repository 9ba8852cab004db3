// What every Socket.IO client does over every transport and with either parser.

import { test } from "../report.mjs";
import { check, equal, newRoom } from "./peer.mjs";
import { counter, within } from "./socketio_peer.mjs";

const bytes = (length, factor = 7) => Buffer.from(Array.from({ length }, (_, at) => (at * factor) & 255));

/** Text for every byte, so that what is compared shows binary too. */
const shown = (value) => JSON.parse(JSON.stringify(value, (_, inner) => (inner?.type === "Buffer" ? `bytes ${Buffer.from(inner.data).toString("hex")}` : inner)));

/**
 * @param {string} name
 * @param {(path?: string, more?: object) => any} open
 * @param {{ msgpack?: boolean }} [traits]
 */
export async function everyTransport(name, open, traits = {}) {
  const say = (socket, ...values) => socket.timeout(5_000).emitWithAck(...values);
  const enter = async (path, more) => {
    const socket = open(path, more);
    await within(socket, "connect");
    return socket;
  };
  const enterMany = (count) => Promise.all(Array.from({ length: count }, () => enter()));
  const closeAll = (sockets) => sockets.forEach((socket) => socket.close());

  await test(`${name}: connect, auth, query, headers, address`, async () => {
    const socket = await enter("/", { auth: { token: "abc", deep: [1, { a: null }] }, query: { room: "é &=" }, extraHeaders: { "x-test": "yes" } });
    const { issued, ...handshake } = await say(socket, "handshake");
    equal(handshake, { auth: { token: "abc", deep: [1, { a: null }] }, query: { room: "é &=" }, header: "yes", address: handshake.address, secure: false });
    check(/127\.0\.0\.1$/.test(handshake.address), `the address is ${handshake.address}`);
    check(Math.abs(Date.now() - issued) < 60_000, `issued at ${issued}`);
    check(/^[\w-]{20}$/.test(socket.id) && socket.id !== socket.io.engine.id, `the id is ${socket.id}`);
    socket.close();
  });

  await test(`${name}: events with every JSON type and nested binary, there and back`, async () => {
    const socket = await enter();
    const all = [
      ["text", "", "é \u0000 \u2028 🎺", "\\\"/"],
      [0, -1, 1.5, 2 ** 53 - 1, -(2 ** 53 - 1), 1e-7],
      // The msgpack encoder of these clients breaks it.
      traits.msgpack ? [] : [1e21],
      [true, false, null],
      [[], {}, [[[]]], { a: { b: { c: [1, [2, { d: null }]] } } }],
      [bytes(3), bytes(0), { list: [bytes(10), { deep: bytes(100_000) }] }, "text", bytes(1)],
      [{ _placeholder: false, num: 0 }],
      [],
    ];
    for (const values of all) {
      const [echoed, asked] = [within(socket, "echo"), say(socket, "ask", values)];
      socket.emit("echo", ...values);
      equal(shown(await echoed), shown(values));
      equal(shown(await asked), shown(values));
    }
    const ten = Array.from({ length: 10 }, (_, at) => bytes(at));
    equal(shown(await say(socket, "ask", ten)), shown(ten));
    // As base64 on long-polling, too, it stays below the largest body.
    const large = "x".repeat(700_000);
    check((await say(socket, "ask", large)) === large, "700,000 letters");
    socket.close();
  });

  await test(`${name}: acknowledgements both ways, with time-outs`, async () => {
    const socket = await enter();
    const several = await new Promise((resolve) => socket.emit("ask", 1, "two", [3], (...values) => resolve(values)));
    equal(several, [1, "two", [3]]);
    const late = await socket.timeout(150).emitWithAck("silence").then(() => null, (error) => error.message);
    equal(late, "operation has timed out");
    socket.on("question", (value, answer) => value !== "silence" && answer({ heard: value }));
    equal(await say(socket, "question", 2_000, { a: [1] }), { answer: { heard: { a: [1] } } });
    equal(await say(socket, "question", 100, "silence"), { error: "timeout" });
    equal(shown(await say(socket, "question", 2_000, bytes(4))), { answer: { heard: "bytes 00070e15" } });
    const many = await Promise.all(Array.from({ length: 200 }, (_, at) => say(socket, "ask", at)));
    equal(many, Array.from({ length: 200 }, (_, at) => at));
    socket.close();
  });

  await test(`${name}: rooms, to, except, broadcast`, async () => {
    const [ada, bob, cyd, dan] = await enterMany(4);
    const [red, blue] = [newRoom(), newRoom()];
    equal(await say(ada, "join", red), [red]);
    equal(await say(ada, "join", blue), [red, blue].sort());
    await say(bob, "join", red);
    await say(cyd, "join", blue);
    const everybody = [ada, bob, cyd, dan];
    const heard = everybody.map((socket) => counter(socket, "news"));
    const sent = async (how, value) => {
      await say(ada, "send", how, "news", value, bytes(2));
      await Promise.all(everybody.map((socket) => say(socket, "ask")));
    };
    await sent({ from: "socket", to: [red] }, "to");
    await sent({ from: "namespace", to: [red] }, "in");
    await sent({ from: "namespace", to: [red, blue] }, "both");
    await sent({ from: "namespace", to: [red, blue], except: [blue] }, "except");
    await sent({ from: "socket", to: [bob.id, cyd.id], compress: true }, "ids");
    await sent({ from: "socket", to: [red], local: true }, "local");
    equal(await say(ada, "leave", red), [blue]);
    await sent({ from: "namespace", to: [red] }, "left");
    await sent({ from: "namespace", to: [newRoom()] }, "nobody");
    const words = heard.map((events) => events.map(([word]) => word));
    equal(words, [["in", "both"], ["to", "in", "both", "except", "ids", "local", "left"], ["both", "ids"], []]);
    equal(shown(heard[0][0][1]), "bytes 0007");
    const others = everybody.slice(1).map((socket) => within(socket, "all"));
    await say(ada, "send", { from: "socket" }, "all", 1);
    equal(await Promise.all(others), [[1], [1], [1]]);
    closeAll(everybody);
  });

  await test(`${name}: emit with acknowledgement to many: all answers, or the partial ones at the time-out`, async () => {
    const [ada, bob, cyd] = await enterMany(3);
    const room = newRoom();
    for (const [at, socket] of [ada, bob, cyd].entries()) {
      await say(socket, "join", room);
      socket.on("question", (value, answer) => answer([at, value]));
    }
    equal(await say(ada, "survey", { from: "namespace", to: [room] }, 3_000, "x"), { answers: [[0, "x"], [1, "x"], [2, "x"]], complete: true });
    equal(await say(ada, "survey", { from: "socket", to: [room] }, 3_000, "y"), { answers: [[1, "y"], [2, "y"]], complete: true });
    cyd.off("question");
    equal(await say(ada, "survey", { from: "namespace", to: [room] }, 300, "z"), { answers: [[0, "z"], [1, "z"]], complete: false });
    equal(await say(ada, "survey", { from: "namespace", to: [newRoom()] }, 3_000, "z"), { answers: [], complete: true });
    closeAll([ada, bob, cyd]);
  });

  await test(`${name}: volatile events come while the transport takes them, in order, and no others are lost`, async () => {
    const [ada, bob] = await enterMany(2);
    const heard = counter(bob, "news");
    const room = newRoom();
    await say(bob, "join", room);
    const answers = [];
    // One who polls is between two polls now and then, and all of a burst may come just then.
    for (let number = 0; number < 6_000 && (number % 300 > 0 || heard.length === 0); number += 1) {
      answers.push(say(ada, "send", { from: "socket", to: [room], volatile: true }, "news", number));
      if (number % 300 === 299) await Promise.all(answers);
    }
    const last = within(bob, "last");
    answers.push(say(ada, "send", { from: "socket", to: [room] }, "last"));
    await Promise.all(answers);
    await last;
    const numbers = heard.map(([number]) => number);
    check(numbers.length > 0 && numbers.every((number, at) => at === 0 || number > numbers[at - 1]), `heard ${numbers.length}: ${numbers.slice(0, 20)}`);
    closeAll([ada, bob]);
  });

  await test(`${name}: middlewares of a namespace and of packets`, async () => {
    const refused = open("/guarded", { auth: { token: "wrong" } });
    const [error] = await within(refused, "connect_error");
    equal([error.message, error.data, refused.connected], ["not authorized", { code: 401 }, false]);
    refused.auth = { token: "secret" };
    refused.connect();
    await within(refused, "connect");
    equal(await say(refused, "ask", 1), 1);
    const came = counter(refused, "forbidden");
    const told = within(refused, "refused");
    refused.emit("forbidden", 1);
    equal(await told, ["not this one"]);
    equal([await say(refused, "ask", 2), came], [2, []]);
    refused.close();
    const unknown = open("/nosuch");
    equal((await within(unknown, "connect_error"))[0].message, "Invalid namespace");
    unknown.close();
  });

  await test(`${name}: namespaces by pattern, each a room of its own`, async () => {
    const number = Math.floor(Math.random() * 1e9);
    const open1 = open(`/dynamic-${number}`);
    equal(await within(open1, "hello"), [`/dynamic-${number}`]);
    const open2 = open(`/dynamic-${number + 1}`);
    equal(await within(open2, "hello"), [`/dynamic-${number + 1}`]);
    const heard = counter(open2, "news");
    const news = within(open1, "news");
    await say(open1, "send", { from: "namespace" }, "news", 1);
    equal([await news, await say(open2, "ask", 1), heard], [[1], 1, []]);
    const unknown = open("/dynamic-x");
    equal((await within(unknown, "connect_error"))[0].message, "Invalid namespace");
    closeAll([open1, open2, unknown]);
  });

  await test(`${name}: fetchSockets, socketsJoin, socketsLeave, data`, async () => {
    const [ada, bob, cyd] = await enterMany(3);
    const [red, blue] = [newRoom(), newRoom()];
    for (const socket of [ada, bob]) await say(socket, "join", red);
    await say(bob, "data", { score: [1, 2] });
    const byId = (list) => list.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const [one, other] = [{ id: ada.id, rooms: [red], value: null }, { id: bob.id, rooms: [red], value: { score: [1, 2] } }];
    equal(await say(cyd, "sockets", { from: "namespace", to: [red] }), byId([one, other]));
    await say(cyd, "move", { from: "namespace", to: [red] }, blue, null);
    await say(cyd, "move", { from: "namespace", to: [red], except: [ada.id] }, null, red);
    const moved = [{ ...one, rooms: [red, blue].sort() }, { ...other, rooms: [blue] }];
    equal(await say(cyd, "sockets", { from: "namespace", to: [blue] }), byId(moved));
    equal(await say(ada, "sockets", { from: "socket", to: [blue] }), [moved[1]]);
    closeAll([ada, bob, cyd]);
  });

  await test(`${name}: disconnect reasons, the client's and the server's words`, async () => {
    const watcher = await enter("/watch");
    const goes = async (reason, here, act) => {
      const socket = await enter();
      const { id } = socket;
      const gone = within(watcher, "gone", 5_000, (what) => what.id === id);
      const left = within(socket, "disconnect");
      await act(socket);
      equal([(await gone)[0].reason, (await left)[0]], [reason, here]);
      socket.close();
    };
    await goes("client namespace disconnect", "io client disconnect", (socket) => socket.disconnect());
    await goes("server namespace disconnect", "io server disconnect", (socket) => socket.emit("bye", false));
    await goes("transport close", "forced close", (socket) => socket.io.engine.close());
    const room = newRoom();
    await goes("server namespace disconnect", "io server disconnect", async (socket) => {
      await say(socket, "join", room);
      await within(await kicker(room, false), "disconnect").catch(() => {});
    });
    watcher.close();
  });

  /** Somebody else disconnects the room, and leaves. */
  async function kicker(room, close) {
    const socket = await enter();
    socket.emit("kick", { from: "namespace", to: [room] }, close);
    await say(socket, "ask");
    queueMicrotask(() => socket.disconnect());
    return socket;
  }

  await test(`${name}: disconnectSockets with the connection, bye with the connection`, async () => {
    const watcher = await enter("/watch");
    for (const act of [async (socket) => socket.emit("bye", true), async (socket) => {
      const room = newRoom();
      await say(socket, "join", room);
      await kicker(room, true);
    }]) {
      const socket = await enter();
      const { id } = socket;
      const gone = within(watcher, "gone", 5_000, (what) => what.id === id);
      const left = within(socket, "disconnect");
      const over = new Promise((resolve) => socket.io.engine.once("close", resolve));
      await act(socket);
      equal([(await gone)[0].reason, (await left)[0]], ["server namespace disconnect", "io server disconnect"]);
      await over;
      socket.close();
    }
    watcher.close();
  });

  if (!traits.msgpack) return;
  await test(`${name}: what JSON can't carry`, async () => {
    const socket = await enter();
    equal(shown(await say(socket, "ask", { a: bytes(2), b: [bytes(1)] })), { a: "bytes 0007", b: ["bytes 00"] });
    const many = Array.from({ length: 40 }, (_, at) => bytes(at));
    equal(shown(await say(socket, "ask", many)), shown(many));
    socket.close();
  });
}
