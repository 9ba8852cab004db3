// Numbered messages both ways at once, on the way to another transport where there is one.

import { Agent } from "node:http";
import { connect } from "node:net";
import { io } from "socket.io-client";
import { test } from "../report.mjs";
import { check, equal } from "./peer.mjs";
import { within } from "./socketio_peer.mjs";

const NUMBERS = 10_000;

/** Connections that take their time, so that the upgrade comes in the middle of the traffic. */
class LateAgent extends Agent {
  createConnection(options, done) {
    setTimeout(() => done(null, connect(options)), 300);
  }
}

/**
 * @param {string} name
 * @param {string} url
 * @param {string[]} transports where there are two, the first is left for the second in mid-traffic
 */
export async function numbersBothWays(name, url, transports) {
  await test(`${name}: ${NUMBERS} numbered messages each way: all, once, in order`, async () => {
    const upgrades = transports.length > 1;
    const socket = io(url, { forceNew: true, transports, ...(upgrades && { transportOptions: { websocket: { agent: new LateAgent() } } }) });
    let [heard, inOrder, sent, heardBefore, sentBefore] = [0, true, 0, 0, 0];
    socket.on("number", (n) => {
      inOrder &&= n === heard;
      heard += 1;
    });
    const upgraded = new Promise((resolve) =>
      socket.io.engine.once("upgrade", () => {
        [heardBefore, sentBefore] = [heard, sent];
        resolve(undefined);
      }),
    );
    await within(socket, "connect");
    socket.emit("numbers", NUMBERS, 40, 4);
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        for (let most = sent + 40; sent < most && sent < NUMBERS; sent += 1) socket.emit("number", sent);
        if (sent === NUMBERS) resolve(clearInterval(timer));
      }, 4);
    });
    if (upgrades) await upgraded;
    equal(await socket.timeout(15_000).emitWithAck("counted"), { count: NUMBERS, inOrder: true });
    while (heard < NUMBERS && socket.connected) await new Promise((resolve) => setTimeout(resolve, 20));
    equal([heard, inOrder], [NUMBERS, true]);
    const amid = (count) => count > 0 && count < NUMBERS;
    if (upgrades) check(amid(heardBefore) && amid(sentBefore), `the upgrade came after ${sentBefore} sent and ${heardBefore} heard`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    equal(heard, NUMBERS, "how many were heard a little later");
    socket.close();
  }, 40_000);
}
