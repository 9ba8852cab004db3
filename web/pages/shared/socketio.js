// Socket.IO under the client: what it says goes as events, and what it hears comes from them. To it this is a WebSocket.

/** @typedef {"websocket" | "polling"} Transport */

/** How long a connection may take, and an answer. */
const TIMEOUT_MS = 10_000;
const CODE_GONE = 1006;
const CODE_REFUSED = 4001;
/** What the acknowledgement of a Socket.IO event says, for the words of the native dialect. */
const REFUSED = "The server refused it";

/**
 * A class to be the client's `WebSocket`: it joins the namespace of the door's name.
 * @param {Transport[]} transports
 * @param {Record<string, unknown>} auth the handshake's payload, since the dialect has no `auth`
 * @returns {Promise<typeof WebSocket>}
 */
export async function overSocketIo(transports, auth) {
  const vendored = "../vendor/socket.io-client/socket.io.esm.min.js";
  const { io } = await import(vendored);

  class OverSocketIo {
    binaryType = "arraybuffer";
    bufferedAmount = 0;
    /** @type {(() => void) | null} */ onopen = null;
    /** @type {((event: { data: string | ArrayBuffer }) => void) | null} */ onmessage = null;
    /** @type {((event: { code: number, reason: string }) => void) | null} */ onclose = null;
    /** @type {any} */ #socket;

    /** @param {string} url of the door */
    constructor(url) {
      const { origin, pathname, searchParams } = new URL(url.replace(/^ws/, "http"));
      const query = Object.fromEntries(searchParams);
      this.#socket = io(origin + pathname, { transports, auth, query, forceNew: true, reconnection: false, timeout: TIMEOUT_MS });
      this.#socket.on("connect", () => this.onopen?.());
      this.#socket.on("disconnect", (/** @type {string} */ reason) => this.#gone(CODE_GONE, reason));
      this.#socket.on("connect_error", (/** @type {Error & { type?: string }} */ error) => {
        // A refusal is meant; anything else may be otherwise the next time.
        this.#gone(error.type === "TransportError" || error.message === "timeout" ? CODE_GONE : CODE_REFUSED, error.message);
      });
      this.#socket.onAny((/** @type {string} */ type, /** @type {unknown} */ body) => this.#heard(type, body));
    }

    /** What carries it now, in words. */
    get transport() {
      const name = this.#socket.io.engine?.transport?.name;
      return name === "polling" ? "Socket.IO, long-polling" : "Socket.IO";
    }

    /** @param {string | ArrayBuffer | Uint8Array} data */
    send(data) {
      if (typeof data !== "string") return this.#sendBytes(data);
      const { type, id, ...body } = JSON.parse(data);
      if (type === "ping") return this.#ping(body.timestamp);
      if (id === undefined) return this.#socket.emit(type, body);
      return this.#socket.emit(type, body, (/** @type {any} */ { ok, ...answer }) => {
        this.#hear(ok ? { ...answer, type: "ack", messageId: id } : { type: "nack", messageId: id, error: answer.error ?? REFUSED, code: answer.code });
      });
    }

    close() {
      this.onclose = null;
      this.#socket.disconnect();
    }

    /** @param {ArrayBuffer | Uint8Array} bytes */
    #sendBytes(bytes) {
      this.bufferedAmount += bytes.byteLength;
      this.#socket.emit("binary", bytes, () => {
        this.bufferedAmount -= bytes.byteLength;
      });
    }

    /** The dialect has no ping: an event that is known to be refused takes as long. @param {number} timestamp */
    #ping(timestamp) {
      this.#socket.timeout(TIMEOUT_MS).emit("ping", { timestamp }, (/** @type {Error | null} */ error) => {
        if (!error) this.#hear({ type: "pong", timestamp });
      });
    }

    /** @param {string} type @param {unknown} body */
    #heard(type, body) {
      if (type === "binary") this.onmessage?.({ data: /** @type {ArrayBuffer} */ (body) });
      else this.#hear({ .../** @type {object} */ (body), type });
    }

      /** @param {{ type: string, [member: string]: unknown }} message */
    #hear(message) {
      this.onmessage?.({ data: JSON.stringify(message) });
    }

    /** @param {number} code @param {string} reason */
    #gone(code, reason) {
      this.#socket.offAny();
      this.onclose?.({ code, reason });
      this.onclose = null;
      this.#socket.disconnect();
    }
  }

  return /** @type {any} */ (OverSocketIo);
}
