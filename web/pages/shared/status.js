// <fanfare-status>: where a connection stands, in words, always visible.

// Relative to the server's root this is /client/fanfare.js; in the repository it is web/client/fanfare.js.
import { Fanfare } from "../../client/fanfare.js";
import { inMs, make } from "./dom.js";

export class FanfareStatus extends HTMLElement {
  /** @type {Fanfare | null} */ #connection = null;
  #dot = make("span", { class: "dot", "aria-hidden": "true" });
  #words = make("span", { class: "words numbers" });
  #retry = make("button", { type: "button", hidden: true, onclick: () => this.#connection?.reconnect() }, "Now");
  // A screen reader hears that the state changed, and not each second of the countdown.
  #aloud = make("span", { class: "visually-hidden", role: "status" });
  /** @type {ReturnType<typeof setInterval> | undefined} */ #timer;
  #note = "";

  connectedCallback() {
    this.replaceChildren(this.#dot, this.#words, this.#retry, this.#aloud);
    this.#timer = setInterval(() => this.#show(), 500);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  /** @param {Fanfare} connection */
  watch(connection) {
    this.#connection = connection;
    connection.on("state", () => {
      if (connection !== this.#connection) return;
      this.#aloud.textContent = { open: "Connected", connecting: "", waiting: "Connection lost, reconnecting", closed: "Disconnected" }[connection.state];
      this.#show();
    });
    connection.on("latency", () => this.#show());
    connection.on("queue", () => this.#show());
    this.#show();
  }

  /** What the page has to add, such as how much is unsent. @param {string} note */
  set note(note) {
    this.#note = note;
    this.#show();
  }

  #show() {
    const connection = this.#connection;
    if (!connection) return;
    this.dataset.state = connection.state;
    this.#retry.hidden = connection.state !== "waiting" && connection.state !== "closed";
    const words = [this.#sentence(connection), this.#note].filter(Boolean).join(" · ");
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.title = words;
  }

  /** @param {Fanfare} connection */
  #sentence(connection) {
    if (connection.state === "open") {
      return ["Connected", connection.transport, connection.latencyMs === null ? "" : inMs(connection.latencyMs)].filter(Boolean).join(" · ");
    }
    if (connection.state === "connecting") return connection.lastClose ? "Reconnecting…" : "Connecting…";
    if (connection.state === "closed") return `Disconnected${connection.lastClose?.reason ? `: ${connection.lastClose.reason}` : ""}`;
    const seconds = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
    const where = navigator.onLine ? "Reconnecting" : "Offline, trying";
    return seconds > 0 ? `${where} in ${seconds} s` : `${where}…`;
  }
}

customElements.define("fanfare-status", FanfareStatus);
