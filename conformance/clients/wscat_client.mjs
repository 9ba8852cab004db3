// `wscat` as a person uses it, a process each: node wscat_client.mjs http://127.0.0.1:8080

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { finish, test } from "../report.mjs";
import { check, door, equal, newRoom } from "./peer.mjs";

const base = process.argv[2];
const program = fileURLToPath(new URL("../node_modules/.bin/wscat", import.meta.url));

/** Types lines, and waits for what is printed. */
class Wscat {
  #printed = "";
  #told = () => {};

  constructor(url) {
    this.child = spawn(program, ["--no-color", "-c", url], { stdio: ["pipe", "pipe", "inherit"] });
    this.child.stdout.on("data", (data) => {
      this.#printed += data;
      this.#told();
    });
    this.ended = new Promise((resolve) => this.child.on("exit", resolve));
  }

  type(message) {
    this.child.stdin.write(`${typeof message === "string" ? message : JSON.stringify(message)}\n`);
  }

  /** The first JSON object of this type that was printed since the last one. */
  async see(type) {
    for (const deadline = Date.now() + 5_000; Date.now() < deadline; ) {
      for (const [line] of this.#printed.matchAll(/\{.*\}/g)) {
        const message = JSON.parse(line);
        if (message.type !== type) continue;
        this.#printed = this.#printed.slice(this.#printed.indexOf(line) + line.length);
        return message;
      }
      await Promise.race([new Promise((resolve) => (this.#told = resolve)), new Promise((resolve) => setTimeout(resolve, 200))]);
    }
    throw new Error(`no ${type} was printed, but: ${this.#printed}`);
  }

  async end() {
    this.child.kill("SIGINT");
    await this.ended;
  }
}

await test("two people with wscat talk in a room", async () => {
  const room = newRoom();
  const [ada, bob] = [new Wscat(door(base, "/chat")), new Wscat(door(base, "/chat"))];
  try {
    for (const [person, userName] of [[ada, "Ada"], [bob, "Bob"]]) {
      await person.see("welcome");
      person.type({ type: "auth", userName });
      equal((await person.see("authenticated")).userName, userName);
      person.type({ type: "join", room, id: 1 });
      equal((await person.see("ack")).messageId, 1);
    }
    ada.type({ type: "chat", room, text: "from a terminal" });
    equal((await bob.see("chat")).text, "from a terminal");
    bob.type("not json");
    check((await bob.see("error")).message.startsWith("Invalid message format"), "another error");
  } finally {
    await Promise.all([ada.end(), bob.end()]);
  }
});
finish();
