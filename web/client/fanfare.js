// The JavaScript client of Fanfare. See README.md beside this file.

import { comesBack, pauseMs } from "./backoff.js";

/** @typedef {Record<string, any> & { type: string }} Message */
/** @typedef {"connecting" | "open" | "waiting" | "closed"} State */

/**
 * @typedef {object} Options
 * @property {string} [userName] asked for with `auth`, once the server has said welcome
 * @property {string} [token]
 * @property {"native" | "plain"} [dialect] plain: no welcome, no JSON, no heartbeat; text arrives as `text`
 * @property {number} [heartbeatMs]
 * @property {number} [requestTimeoutMs]
 * @property {number} [queueLimitMessages]
 * @property {typeof WebSocket} [WebSocket] where there is no global one
 */

/**
 * @typedef {object} Waiting a request without its answer
 * @property {Message} message
 * @property {(answer: Message) => void} resolve
 * @property {(error: FanfareError) => void} reject
 * @property {boolean} resend
 * @property {number} timeoutMs
 * @property {ReturnType<typeof setTimeout>} [timer]
 */

/** What may wait for the connection: a message without an answer, or a request. @typedef {Message | Waiting} Queued */

const HEARTBEAT_MS = 25_000;
const REQUEST_TIMEOUT_MS = 10_000;
const QUEUE_LIMIT_MESSAGES = 1_000;
/** A socket that does not open in this time is given up. */
const OPEN_TIMEOUT_MS = 10_000;
/** In the range of "try again": the server sees why we left. */
const CODE_SILENT = 4500;

/** Why a request failed: a code of the server's, or `timeout`, `connection_lost`, `queue_full`, `closed`. */
export class FanfareError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = "FanfareError";
    this.code = code;
  }
}

/** A connection to one door, which comes back by itself. */
export class Fanfare extends EventTarget {
  /** @type {State} */
  state = "connecting";
  /** When the next try begins (Unix milliseconds), while waiting. */
  retryAt = 0;
  /** The last close, `null` before the first. @type {{ code: number, reason: string } | null} */
  lastClose = null;
  /** What the server said of us. @type {Message | null} */
  welcome = null;
  /** The last round trip in milliseconds. @type {number | null} */
  latencyMs = null;

  /** @type {WebSocket | null} */ #socket = null;
  /** @type {Queued[]} */ #queue = [];
  /** @type {Map<number, Waiting>} */ #unanswered = new Map();
  #nextId = 1;
  #attempt = 0;
  /** @type {number | null} */ #hintMs = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #openTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #heartbeat;
  #heardAt = 0;
  /** @type {Map<number, number>} */ #pings = new Map();
  #url;
  #options;
  #comeOnline = () => {
    if (this.state === "waiting") this.reconnect();
  };

  /**
   * @param {string} url of a door: `wss://example.org/chat`
   * @param {Options} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = options;
    globalThis.addEventListener?.("online", this.#comeOnline);
    this.#connect();
  }

  /**
   * Listens to an event: a type that the server sends, or one of ours.
   * @param {string} type
   * @param {(detail: any) => void} listener
   */
  on(type, listener) {
    this.addEventListener(type, (event) => listener(/** @type {CustomEvent} */ (event).detail));
    return this;
  }

  /** What carries the connection, in words: a `WebSocket` that was given may have its own. */
  get transport() {
    return /** @type {{ transport?: string } | null} */ (/** @type {unknown} */ (this.#socket))?.transport ?? "WebSocket";
  }

  /** How many messages wait to be sent. */
  get unsent() {
    return this.#queue.length;
  }

  /** How many requests are on their way or wait to go. */
  get unanswered() {
    return this.#unanswered.size + this.#queue.filter(isRequest).length;
  }

  /** Bytes that the socket holds and has not sent. */
  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /**
   * Sends now, or when connected. With `volatile` it is dropped while there is no connection.
   * @param {Message} message
   * @param {{ volatile?: boolean }} [how]
   */
  send(message, { volatile = false } = {}) {
    if (this.state === "open") this.#write(message);
    else if (!volatile) this.#enqueue(message);
  }

  /**
   * Sends a message that asks for an answer.
   * @param {Message} message
   * @param {{ resend?: boolean, timeoutMs?: number }} [how]
   * @returns {Promise<Message>}
   */
  request(message, { resend = false, timeoutMs = this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS } = {}) {
    return new Promise((resolve, reject) => {
      /** @type {Waiting} */
      const waiting = { message, resolve, reject, resend, timeoutMs };
      if (this.state === "open") this.#ask(waiting);
      else {
        try {
          this.#enqueue(waiting);
        } catch (error) {
          reject(error);
        }
      }
    });
  }

  /**
   * Sends bytes, or text in the plain dialect; only while connected, for they may be large.
   * @param {ArrayBuffer | Uint8Array<ArrayBuffer> | string} data
   * @param {(sent: number, whole: number) => void} [progress]
   * @returns {Promise<void>} when the socket has given all of it to the network
   */
  async sendRaw(data, progress) {
    const socket = this.#socket;
    if (this.state !== "open" || !socket) throw new FanfareError("connection_lost", "There is no connection");
    const whole = typeof data === "string" ? data.length : data.byteLength;
    const before = socket.bufferedAmount;
    socket.send(data);
    while (socket.bufferedAmount > before) {
      progress?.(Math.max(0, whole - (socket.bufferedAmount - before)), whole);
      await new Promise((resolve) => setTimeout(resolve, 30));
      if (socket !== this.#socket) throw new FanfareError("connection_lost", "The connection was lost meanwhile");
    }
    progress?.(whole, whole);
  }

  /** Tries now instead of at `retryAt`; also after a final close. */
  reconnect() {
    if (this.state !== "waiting" && this.state !== "closed") return;
    clearTimeout(this.#retryTimer);
    this.#connect();
  }

  /** Ends the connection for good. */
  close() {
    globalThis.removeEventListener?.("online", this.#comeOnline);
    clearTimeout(this.#retryTimer);
    const socket = this.#drop();
    socket?.close(1000);
    this.#end({ code: 1000, reason: "" });
  }

  #connect() {
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    this.#become("connecting");
    const socket = new Socket(this.#url);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (this.#options.dialect === "plain") this.#opened();
    };
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
    this.#openTimer = setTimeout(() => this.#giveUp("it did not open"), OPEN_TIMEOUT_MS);
  }

  /** @param {string | ArrayBuffer} data */
  #received(data) {
    this.#heardAt = performance.now();
    if (typeof data !== "string") return this.#tell("binary", data);
    if (this.#options.dialect === "plain") return this.#tell("text", data);
    /** @type {Message} */
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return undefined; // not ours to judge: the server speaks JSON
    }
    return this.#handle(message);
  }

  /** @param {Message} message */
  #handle(message) {
    switch (message?.type) {
      case "welcome":
        this.welcome = message;
        this.#tell("welcome", message);
        return this.#introduce();
      case "authenticated":
        if (this.welcome) Object.assign(this.welcome, { userId: message.userId, userName: message.userName });
        if (this.state === "connecting") this.#opened();
        break;
      case "pong":
        return this.#ponged(message.timestamp);
      case "ack":
      case "nack":
        return this.#answered(message);
      case "error":
        if (this.state === "connecting") return this.#refused(message);
        break;
      case "reconnect":
        this.#hintMs = Number(message.afterMs) || 0;
        break;
      default:
    }
    if (typeof message?.type === "string") this.#tell(message.type, message);
    return undefined;
  }

  #introduce() {
    const { userName, token } = this.#options;
    if (userName !== undefined || token !== undefined) this.#write({ type: "auth", token, userName });
    else this.#opened();
  }

  /** Who is refused at the door is refused the next time, too. @param {Message} error */
  #refused(error) {
    this.#tell("error", error);
    this.#drop()?.close(1000);
    this.#end({ code: 1008, reason: String(error.message) });
  }

  #opened() {
    clearTimeout(this.#openTimer);
    this.#attempt = 0;
    this.#hintMs = null;
    this.#heardAt = performance.now();
    this.#become("open");
    const queue = this.#queue.splice(0);
    for (const queued of queue) isRequest(queued) ? this.#ask(queued) : this.#write(queued);
    this.#tell("queue", { unsent: 0 });
    if (this.#options.dialect === "plain") return;
    this.#ping();
    this.#heartbeat = setInterval(() => this.#beat(), this.#heartbeatMs);
  }

  get #heartbeatMs() {
    return this.#options.heartbeatMs ?? HEARTBEAT_MS;
  }

  #beat() {
    if (performance.now() - this.#heardAt > 2 * this.#heartbeatMs) this.#giveUp("the server is silent");
    else this.#ping();
  }

  #ping() {
    const timestamp = Date.now();
    this.#pings.set(timestamp, performance.now());
    this.#write({ type: "ping", timestamp });
  }

  /** @param {number} timestamp */
  #ponged(timestamp) {
    const sentAt = this.#pings.get(timestamp);
    if (sentAt === undefined) return;
    this.#pings.clear();
    this.latencyMs = performance.now() - sentAt;
    this.#tell("latency", this.latencyMs);
  }

  /** Leaves a socket that may never say that it closed. @param {string} reason */
  #giveUp(reason) {
    const socket = this.#drop();
    socket?.close(CODE_SILENT, reason);
    this.#closed(1006, reason);
  }

  /** Takes our ears off the socket. */
  #drop() {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#openTimer);
    this.#pings.clear();
    return socket;
  }

  /** @param {number} code @param {string} reason */
  #closed(code, reason) {
    this.#drop();
    this.latencyMs = null;
    this.#settleUnanswered();
    if (!comesBack(code)) return this.#end({ code, reason });
    this.lastClose = { code, reason };
    const pause = this.#hintMs ?? pauseMs(this.#attempt);
    this.#hintMs = null;
    this.#attempt += 1;
    this.retryAt = Date.now() + pause;
    this.#retryTimer = setTimeout(() => this.#connect(), pause);
    return this.#become("waiting");
  }

  /** What may go again does, before all that was queued; the others learn that nobody knows. */
  #settleUnanswered() {
    const lost = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const waiting of lost) clearTimeout(waiting.timer);
    this.#queue.unshift(...lost.filter((waiting) => waiting.resend));
    for (const waiting of lost.filter((waiting) => !waiting.resend)) {
      waiting.reject(new FanfareError("connection_lost", "The connection was lost before the answer came"));
    }
  }

  /** @param {{ code: number, reason: string }} close */
  #end(close) {
    this.lastClose = close;
    this.#settleUnanswered();
    const error = new FanfareError("closed", close.reason || "The connection is closed");
    for (const queued of this.#queue.splice(0)) {
      if (isRequest(queued)) queued.reject(error);
      else this.#tell("undeliverable", queued);
    }
    this.#become("closed");
  }

  /** @param {Waiting} waiting */
  #ask(waiting) {
    const id = this.#nextId++;
    this.#unanswered.set(id, waiting);
    waiting.timer = setTimeout(() => {
      this.#unanswered.delete(id);
      waiting.reject(new FanfareError("timeout", "The server did not answer in time"));
    }, waiting.timeoutMs);
    this.#write({ ...waiting.message, id });
  }

  /** @param {Message} answer */
  #answered(answer) {
    const waiting = this.#unanswered.get(answer.messageId);
    if (!waiting) return;
    this.#unanswered.delete(answer.messageId);
    clearTimeout(waiting.timer);
    if (answer.type === "ack") waiting.resolve(answer);
    else waiting.reject(new FanfareError(answer.code ?? "internal", answer.error ?? "The server refused it"));
  }

  /** @param {Queued} queued */
  #enqueue(queued) {
    if (this.state === "closed") throw new FanfareError("closed", "The connection is closed");
    if (this.#queue.length >= (this.#options.queueLimitMessages ?? QUEUE_LIMIT_MESSAGES)) {
      throw new FanfareError("queue_full", "Too much waits already for the connection to come back");
    }
    this.#queue.push(queued);
    this.#tell("queue", { unsent: this.#queue.length });
  }

  /** @param {Message} message */
  #write(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#tell("state", state);
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {Queued} queued @returns {queued is Waiting} */
function isRequest(queued) {
  return typeof (/** @type {Waiting} */ (queued).resolve) === "function";
}
