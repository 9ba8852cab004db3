// The echo page: what is sent comes back, and how long that took.

import { Fanfare } from "../../client/fanfare.js";
import { door } from "../shared/door.js";
import { byId, exactClock, inBytes, inMs, make } from "../shared/dom.js";
import { FanfarePlot } from "../shared/plot.js";
import { FanfareStatus } from "../shared/status.js";

const KEPT = 1_000;
const LISTED = 20;
const STEADY_MS = 100;

const plot = /** @type {FanfarePlot} */ (document.querySelector("fanfare-plot"));
const steady = byId("steady", HTMLButtonElement);
const connection = new Fanfare(door("/echo"), { dialect: "plain" });
/** @type {FanfareStatus} */ (document.querySelector("fanfare-status")).watch(connection);

/** Echoes come back in order, so the oldest one waiting is the one that came. @type {{ at: number, what: string }[]} */
let waiting = [];
/** @type {number[]} */
const trips = [];
let count = 0;
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** @param {string | Uint8Array<ArrayBuffer>} data */
async function send(data) {
  if (connection.state !== "open") return;
  waiting.push({ at: performance.now(), what: typeof data === "string" ? data : inBytes(data.length) });
  try {
    await connection.sendRaw(data);
  } catch {
    // The connection went away; the bar says so.
  }
}

/** @param {string | ArrayBuffer} data */
function back(data) {
  const sent = waiting.shift();
  if (!sent) return;
  const took = performance.now() - sent.at;
  count += 1;
  trips.push(took);
  if (trips.length > KEPT) trips.shift();
  plot.add(took);
  figures(took);
  list(typeof data === "string" ? data : `${inBytes(data.byteLength)}, binary`, took);
}

/** @param {number} last */
function figures(last) {
  const sorted = [...trips].sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => inMs(sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0);
  byId("last", HTMLElement).textContent = inMs(last);
  byId("median", HTMLElement).textContent = at(0.5);
  byId("worst", HTMLElement).textContent = at(0.99);
  byId("count", HTMLElement).textContent = String(count);
}

/** @param {string} what @param {number} took */
function list(what, took) {
  byId("nothing", HTMLElement).hidden = true;
  const answers = byId("answers", HTMLOListElement);
  answers.prepend(
    make("li", {}, make("span", { class: "what" }, what), make("span", { class: "muted small numbers" }, `${inMs(took)} · ${exactClock(Date.now())}`)),
  );
  while (answers.childElementCount > LISTED) answers.lastElementChild?.remove();
}

/** @param {boolean} on */
function keepSending(on) {
  clearInterval(timer);
  if (on) timer = setInterval(() => send(new Uint8Array(20)), STEADY_MS);
  steady.setAttribute("aria-pressed", String(on));
  steady.textContent = on ? "Stop" : "Start ten a second";
}

connection.on("text", back);
connection.on("binary", back);
connection.on("state", (state) => {
  if (state !== "open") waiting = [];
  for (const button of document.querySelectorAll("button.button")) {
    if (button instanceof HTMLButtonElement) button.disabled = state !== "open";
  }
});
byId("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  send(byId("text", HTMLInputElement).value);
});
byId("binary", HTMLButtonElement).addEventListener("click", () => {
  send(new Uint8Array(Number(byId("size", HTMLSelectElement).value)));
});
steady.addEventListener("click", () => keepSending(steady.getAttribute("aria-pressed") !== "true"));
