// <chat-composer>: where words and files begin. Enter sends, Shift+Enter is a new line.

import { icon, make } from "../shared/dom.js";

const TEXT_LIMIT = 4_000;
/** The count shows when this little is left. */
const COUNT_FROM = 400;
/** "typing" is told again after this, and ended after that much silence. */
const TYPING_REPEAT_MS = 2_500;
const TYPING_SILENCE_MS = 3_000;

export class ChatComposer extends HTMLElement {
  #text = make("textarea", { rows: "1", "aria-label": "Message", placeholder: "Message", enterkeyhint: "send" });
  #files = make("input", { type: "file", multiple: true, hidden: true, "aria-label": "Files", tabindex: "-1" });
  #send = make("button", { type: "submit", class: "button primary", "aria-label": "Send" }, icon("send"));
  #hint = make("span");
  #count = make("span", { class: "numbers", role: "status" });
  #typingSince = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;

  connectedCallback() {
    const attach = make("button", { type: "button", class: "button quiet", "aria-label": "Send files", onclick: () => this.#files.click() }, icon("attach"));
    const form = make("form", { class: "composer" }, attach, this.#files, this.#text, this.#send);
    this.replaceChildren(form, make("div", { class: "composer-note" }, this.#hint, this.#count));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say();
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.#say();
      }
    });
    this.#text.addEventListener("input", () => {
      this.#fit();
      this.#typed();
    });
    this.#text.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) {
        event.preventDefault();
        this.#tell("files", files);
      }
    });
    this.#files.addEventListener("change", () => {
      this.#tell("files", [...(this.#files.files ?? [])]);
      this.#files.value = "";
    });
    this.#fit();
  }

  get draft() {
    return this.#text.value;
  }

  /** What stands in the field when another place is shown. @param {string} text @param {string} where */
  open(text, where) {
    this.#endTyping();
    this.#text.value = text;
    this.#text.placeholder = `Message ${where}`;
    this.#text.setAttribute("aria-label", `Message ${where}`);
    this.#fit();
  }

  /** @param {string} words */
  set hint(words) {
    this.#hint.textContent = words;
  }

  focus() {
    this.#text.focus();
  }

  #say() {
    const text = this.#text.value.trim();
    if (text === "" || text.length > TEXT_LIMIT) return;
    this.#text.value = "";
    this.#fit();
    this.#endTyping();
    this.#tell("say", text);
  }

  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    const left = TEXT_LIMIT - this.#text.value.trim().length;
    this.#count.textContent = left > COUNT_FROM ? "" : left >= 0 ? `${left} left` : `${-left} too many`;
    this.#count.classList.toggle("fault", left < 0);
    this.#send.disabled = left < 0 || this.#text.value.trim() === "";
  }

  #typed() {
    clearTimeout(this.#silence);
    if (this.#text.value === "") return this.#endTyping();
    if (Date.now() - this.#typingSince > TYPING_REPEAT_MS) {
      this.#typingSince = Date.now();
      this.#tell("typing", true);
    }
    this.#silence = setTimeout(() => this.#endTyping(), TYPING_SILENCE_MS);
    return undefined;
  }

  #endTyping() {
    clearTimeout(this.#silence);
    if (this.#typingSince === 0) return;
    this.#typingSince = 0;
    this.#tell("typing", false);
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

customElements.define("chat-composer", ChatComposer);
