// <chat-messages>: what was said in a place, the newest at the bottom.

import { clock, exactClock, icon, inBytes, make } from "../shared/dom.js";
/** @import { Entry, Place } from "./places.js" */

/** Messages of one person within this time stand together. */
const TOGETHER_MS = 5 * 60_000;
/** As near to the end as this, new messages keep the view at the end. */
const AT_END_PIXELS = 80;

export class ChatMessages extends HTMLElement {
  #scroll = make("div", { class: "scroll", role: "log", "aria-live": "off", "aria-label": "Messages", tabindex: "0" });
  #newer = make("button", { type: "button", class: "button newer", hidden: true, onclick: () => this.#toEnd() }, "New messages ↓");
  /** @type {Map<Entry, HTMLElement>} */ #nodes = new Map();
  /** @type {Place | null} */ #place = null;

  connectedCallback() {
    this.replaceChildren(this.#scroll, this.#newer);
    this.#scroll.addEventListener("scroll", () => {
      if (this.#atEnd) this.#newer.hidden = true;
    });
    // A smaller window (a keyboard on a phone) keeps the end in view.
    new ResizeObserver(() => this.#newer.hidden && this.#toEnd()).observe(this.#scroll);
  }

  /** @param {Place} place */
  show(place) {
    this.#place = place;
    this.#nodes.clear();
    this.#scroll.replaceChildren();
    this.#newer.hidden = true;
    if (place.entries.length === 0) this.#scroll.append(nothing(place));
    for (const [at, entry] of place.entries.entries()) this.#append(entry, place.entries[at - 1]);
    this.#toEnd();
  }

  /** Shows the newest entry of a place, if that is the one in view. @param {Place} place */
  added(place) {
    if (place !== this.#place) return;
    const entry = place.entries.at(-1);
    if (!entry) return;
    this.#scroll.querySelector(".nothing")?.remove();
    const follow = this.#atEnd || Boolean(entry.own);
    this.#append(entry, place.entries.at(-2));
    if (follow) this.#toEnd();
    else this.#newer.hidden = false;
  }

  /** Shows what changed of an entry. @param {Entry} entry */
  changed(entry) {
    const before = this.#nodes.get(entry);
    if (!before || !this.#place) return;
    const meter = before.querySelector(".progress > span");
    if (entry.file?.progress !== undefined && meter instanceof HTMLElement) {
      meter.style.width = `${Math.round(entry.file.progress * 100)}%`;
      return;
    }
    const follow = this.#atEnd;
    const at = this.#place.entries.indexOf(entry);
    const node = this.#make(entry, this.#place.entries[at - 1]);
    this.#nodes.set(entry, node);
    before.replaceWith(node);
    if (follow) this.#toEnd();
  }

  /** @param {Entry} entry @param {Entry | undefined} before */
  #append(entry, before) {
    const node = this.#make(entry, before);
    this.#nodes.set(entry, node);
    this.#scroll.append(node);
  }

  /** @param {Entry} entry @param {Entry | undefined} before */
  #make(entry, before) {
    if (entry.kind === "notice" || entry.kind === "gap") {
      return make("p", { class: entry.kind === "gap" ? "notice gap" : "notice" }, entry.text);
    }
    const goesOn =
      before !== undefined && (before.kind === "text" || before.kind === "file") && before.userId === entry.userId && entry.timestamp - before.timestamp < TOGETHER_MS;
    const classes = ["message", goesOn && "goes-on", entry.own && "own", entry.delivery === "pending" || entry.delivery === "unsent" ? "pending" : ""];
    const name = entry.userName ?? "Someone";
    return make(
      "article",
      { class: classes.filter(Boolean).join(" "), "aria-label": `${name}, ${clock(entry.timestamp)}`, title: goesOn ? exactClock(entry.timestamp) : undefined },
      make("span", { class: "who" }, name),
      make("time", { datetime: new Date(entry.timestamp).toISOString(), title: exactClock(entry.timestamp) }, clock(entry.timestamp)),
      make("div", { class: "body" }, entry.file ? this.#file(entry) : entry.text),
      state(entry),
    );
  }

  /** @param {Entry} entry */
  #file(entry) {
    const file = entry.file;
    if (!file) return null;
    if (file.picture && file.url && file.progress === undefined) {
      const image = make("img", { src: file.url, alt: file.name });
      image.addEventListener("load", () => this.#newer.hidden && this.#toEnd());
      return make("a", { class: "picture", href: file.url, download: file.name, title: `${file.name}, ${inBytes(file.size)}` }, image);
    }
    const about = make("div", {}, make("span", { class: "name" }, file.name), make("span", { class: "small muted numbers" }, inBytes(file.size)));
    if (file.progress !== undefined) {
      about.append(make("div", { class: "progress", role: "progressbar", "aria-label": `Sending ${file.name}` }, make("span")));
      const meter = about.querySelector(".progress > span");
      if (meter instanceof HTMLElement) meter.style.width = `${Math.round(file.progress * 100)}%`;
    }
    const download = file.url && !entry.own ? make("a", { class: "button", href: file.url, download: file.name }, "Save") : null;
    return make("div", { class: "attached" }, icon("file"), about, download);
  }

  get #atEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < AT_END_PIXELS;
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#newer.hidden = true;
  }
}

/** @param {Entry} entry */
function state(entry) {
  if (entry.delivery === "failed") {
    const again = entry.again ? make("button", { type: "button", onclick: entry.again }, "Try again") : null;
    return make("span", { class: "state fault" }, `Not sent: ${entry.fault ?? "no answer"} `, again);
  }
  if (entry.fault) return make("span", { class: "state fault" }, entry.fault);
  if (entry.delivery === "unsent") return make("span", { class: "state" }, "Waits for the connection");
  return null;
}

/** @param {Place} place */
function nothing(place) {
  const words = place.kind === "private" ? `Only ${place.title} sees what you write here.` : "Nothing has been said since you came in. Open this page in a second window to answer yourself.";
  return make("div", { class: "nothing" }, make("strong", {}, place.kind === "private" ? place.title : "Quiet in here"), make("p", {}, words));
}

customElements.define("chat-messages", ChatMessages);
