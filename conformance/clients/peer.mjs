// A client of the native doors with a mailbox, over whatever WebSocket it is given.

const EXPECT_MS = 5_000;

/** The address of a door. */
export function door(base, path) {
  return base.replace(/^http/, "ws").replace(/\/$/, "") + path;
}

export class Peer {
  #inbox = [];
  #waiting = [];
  /** Why and how it closed. */
  closed = new Promise((resolve) => (this.tellClosed = resolve));

  /** @param {any} socket anything with the browser's interface */
  constructor(socket) {
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", (event) => reject(new Error(event.message ?? "the connection failed")));
    });
    this.opened.catch(() => {});
    socket.addEventListener("close", (event) => this.tellClosed({ code: event.code, reason: event.reason }));
    socket.addEventListener("message", ({ data }) => this.#arrived(data));
  }

  /** What arrived and nobody has taken. */
  get inbox() {
    return this.#inbox;
  }

  #arrived(data) {
    let message = data;
    if (typeof data === "string") {
      try {
        message = JSON.parse(data);
      } catch {
        message = data; // the echo door returns any text
      }
    } else {
      message = Buffer.from(data);
    }
    const at = this.#waiting.findIndex(({ wanted }) => wanted(message));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(message);
    else this.#inbox.push(message);
  }

  send(message) {
    this.socket.send(typeof message === "string" || ArrayBuffer.isView(message) ? message : JSON.stringify(message));
  }

  /**
   * The next message that is wanted: of a type, with these members, or for which a function says so.
   * @param {string | object | ((message: any) => boolean)} what
   */
  expect(what, limitMs = EXPECT_MS) {
    const wanted = typeof what === "function" ? what : (message) => matches(message, typeof what === "string" ? { type: what } : what);
    const at = this.#inbox.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.#inbox.splice(at, 1)[0]);
    return new Promise((resolve, reject) => {
      const waiting = { wanted, resolve };
      const asked = new Error(`nothing like ${typeof what === "function" ? what : JSON.stringify(what)} came; there is: ${brief(this.#inbox)}`);
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        asked.message = asked.message.replace(/there is: .*/s, `there is: ${brief(this.#inbox)}`);
        reject(asked);
      }, limitMs);
      waiting.resolve = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      this.#waiting.push(waiting);
    });
  }

  /** Fails if such a message is there once the server has answered a ping, so that all before it was handled. */
  async expectNone(what) {
    await this.roundTrip();
    const wanted = typeof what === "function" ? what : (message) => matches(message, what);
    const found = this.#inbox.find(wanted);
    if (found) throw new Error(`this should not have come: ${JSON.stringify(found).slice(0, 300)}`);
  }

  /** Everything sent before has been handled when this is done. */
  async roundTrip() {
    const timestamp = Math.floor(Math.random() * 2 ** 48);
    this.send({ type: "ping", timestamp });
    await this.expect({ type: "pong", timestamp });
  }

  /** Welcome, a name, and the rooms. */
  async enter(userName, ...rooms) {
    await this.opened;
    this.welcome = await this.expect("welcome");
    this.send({ type: "auth", userName });
    Object.assign(this, await this.expect("authenticated"));
    this.clientId = this.welcome.clientId;
    for (const room of rooms) {
      this.send({ type: "join", room, id: `join ${room}` });
      await this.expect({ type: "ack", messageId: `join ${room}` });
    }
    return this;
  }

  close() {
    this.socket.close(1000);
    return this.closed;
  }
}

function matches(message, members) {
  return message !== null && typeof message === "object" && Object.entries(members).every(([name, value]) => message[name] === value);
}

function brief(inbox) {
  return JSON.stringify(inbox.slice(-8).map((message) => (Buffer.isBuffer(message) ? `${message.length} bytes` : message))).slice(0, 800);
}

export function equal(found, wanted, what = "") {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${what} is ${one}, and not ${other}`);
}

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

let rooms = 0;
/** A room that no other test uses. */
export const newRoom = () => `room-${process.pid}-${++rooms}`;
