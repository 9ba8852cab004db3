// The Socket.IO application as a process: at an address that is there, or started, killed and started again by the test.
//   node CLIENT.mjs http://127.0.0.1:3000        without what needs servers of its own
//   node CLIENT.mjs -- PROGRAM [ARGUMENT…]       all; `--port N`, and at times `--parser msgpack`, come last

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** Tests connect only to this machine. */
const HOST = "127.0.0.1";
const LISTEN_MS = 15_000;

const separator = process.argv.indexOf("--");
const command = separator < 0 ? null : process.argv.slice(separator + 1);
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Servers can be started and killed. */
export const ownsServers = command !== null;

/** A port that nobody listened at just now. */
export const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

export class Application {
  #child = null;

  /** @param {number} port @param {string[]} more flags */
  constructor(port, more) {
    this.url = `http://${HOST}:${port}`;
    this.arguments = [...more, "--port", String(port)];
  }

  /** One that runs: a new one, or the one whose address was given. */
  static async start(...more) {
    if (!ownsServers) return { url: process.argv[2], stop: async () => {} };
    const application = new Application(await freePort(), more);
    await application.start();
    return application;
  }

  start() {
    const [program, ...first] = command;
    const child = spawn(program, [...first, ...this.arguments], { stdio: ["ignore", "pipe", "inherit"] });
    running.add((this.#child = child));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error("the server does not say that it listens")), LISTEN_MS);
      child.once("exit", () => {
        running.delete(child);
        reject(new Error("the server ended"));
      });
      createInterface(child.stdout).on("line", (line) => {
        if (!line.includes("listening")) return;
        clearTimeout(late);
        resolve(undefined);
      });
    });
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = "SIGKILL") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}
