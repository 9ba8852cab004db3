// <fanfare-plot>: the newest values as dots over a scale that fits them.

import { inMs, make } from "./dom.js";

const SPACE = "http:" + "//www.w3.org/2000/svg";
const SHOWN = 200;
const LEFT = 56;
const BOTTOM = 4;
const TOP = 8;

export class FanfarePlot extends HTMLElement {
  /** @type {number[]} */ #values = [];
  #asked = false;

  connectedCallback() {
    this.setAttribute("role", "img");
    this.replaceChildren(make("p", { class: "empty small" }, "The first round trip draws the first dot."));
    new ResizeObserver(() => this.#draw()).observe(this);
  }

  /** @param {number} value in milliseconds */
  add(value) {
    this.#values.push(value);
    if (this.#values.length > SHOWN) this.#values.shift();
    if (this.#asked) return;
    this.#asked = true; // one drawing a frame, however fast they come
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#asked = false;
    if (this.#values.length === 0) return;
    const { width, height } = this.getBoundingClientRect();
    const top = niceTop(Math.max(...this.#values));
    const y = (/** @type {number} */ value) => height - BOTTOM - (value / top) * (height - BOTTOM - TOP);
    const step = (width - LEFT - 8) / (SHOWN - 1);
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    for (const part of [0, 0.5, 1]) {
      const label = shape("text", { x: LEFT - 12, y: y(part * top) + 4, "text-anchor": "end" });
      label.textContent = inMs(part * top);
      svg.append(shape("line", { x1: LEFT, x2: width, y1: y(part * top), y2: y(part * top) }), label);
    }
    for (const [at, value] of this.#values.entries()) {
      svg.append(shape("circle", { cx: LEFT + 4 + at * step, cy: y(value), r: 2.5 }));
    }
    this.setAttribute("aria-label", `The last ${this.#values.length} round trips, up to ${inMs(Math.max(...this.#values))}`);
    this.replaceChildren(svg);
  }
}

/** The next of 1, 2, 5, 10, 20 … @param {number} most */
function niceTop(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 0.1)));
  return unit * ([1, 2, 5].find((step) => step * unit >= most) ?? 10);
}

/** @param {string} name @param {Record<string, string | number>} attributes */
function shape(name, attributes) {
  const node = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

customElements.define("fanfare-plot", FanfarePlot);
