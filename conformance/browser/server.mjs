// The server of the browser tests: started, killed and started again, always ended by its own process.

import { spawn } from "node:child_process";

const START_MS = 15_000;

export class Server {
  #child = null;

  /** @param {string} base @param {string[]} command */
  constructor(base, command) {
    this.base = base;
    this.command = command;
    process.on("exit", () => this.#child?.kill("SIGKILL"));
  }

  async start() {
    const [program, ...more] = this.command;
    const child = spawn(program, more, { stdio: ["ignore", "inherit", "inherit"] });
    this.#child = child;
    child.on("exit", () => {
      if (this.#child === child) this.#child = null;
    });
    for (const deadline = Date.now() + START_MS; Date.now() < deadline; ) {
      if (this.#child !== child) throw new Error(`the server ended at once: ${this.command.join(" ")}`);
      const ready = await fetch(`${this.base}/health/ready`).then((answer) => answer.ok, () => false);
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("the server did not become ready");
  }

  /** @param {NodeJS.Signals} [signal] */
  async stop(signal = "SIGKILL") {
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }
}
