// The binary page: files to everyone else on the door.

import { Fanfare } from "../../client/fanfare.js";
import { decode } from "../../client/layouts.js";
import { door } from "../shared/door.js";
import { byId, exactClock, icon, inBytes, make } from "../shared/dom.js";
import { asMessage, blobUrl, FILE_LIMIT_BYTES, isPicture, isWhole } from "../shared/files.js";
import { FanfareStatus } from "../shared/status.js";

/** The page forgets the oldest beyond this. */
const LIST_LIMIT = 100;

const list = byId("list", HTMLOListElement);
const drop = byId("drop", HTMLLabelElement);
const connection = new Fanfare(door("/binary"), { heartbeatMs: 10_000 });
/** @type {FanfareStatus} */ (document.querySelector("fanfare-status")).watch(connection);

/** One after the other, in the order in which they were given. @type {Promise<void>} */
let sending = Promise.resolve();

/**
 * @typedef {object} Item
 * @property {string} name
 * @property {number} size
 * @property {string} mimeType
 * @property {string} about
 * @property {string} [url]
 * @property {boolean} [received]
 */

/** @param {Item} item */
function add({ name, size, mimeType, about, url, received }) {
  byId("nothing", HTMLElement).hidden = true;
  const picture = url !== undefined && isPicture(mimeType);
  const said = make("span", { class: "about small muted numbers" }, `${about} · ${inBytes(size)} · ${exactClock(Date.now())}`);
  const doing = make("span", { class: "doing" }, received && url ? make("a", { class: "button", href: url, download: name }, "Save") : null);
  const meter = make("span");
  const progress = make("div", { class: "progress", role: "progressbar", "aria-label": `Sending ${name}`, hidden: true }, meter);
  const row = make(
    "li",
    { class: "item" },
    make("span", { class: "shown" }, picture ? make("img", { src: url, alt: "" }) : icon("file")),
    make("span", { class: "name" }, name),
    said,
    doing,
    progress,
  );
  list.prepend(row);
  while (list.childElementCount > LIST_LIMIT) {
    const address = list.lastElementChild?.querySelector("a")?.href;
    if (address) URL.revokeObjectURL(address);
    list.lastElementChild?.remove();
  }
  return { said, doing, meter, progress };
}

/** @param {File} file */
function send(file) {
  const url = isPicture(file.type) ? blobUrl(file, file.type) : undefined;
  const row = add({ name: file.name, size: file.size, mimeType: file.type, about: "Sent by you", url });
  const attempt = async () => {
    row.doing.replaceChildren();
    row.said.className = "about small muted numbers";
    row.progress.hidden = false;
    const started = performance.now();
    try {
      if (file.size > FILE_LIMIT_BYTES) throw new RangeError(`it is larger than ${inBytes(FILE_LIMIT_BYTES)}`);
      const { message } = await asMessage(file);
      await connection.sendRaw(message, (sent, whole) => (row.meter.style.width = `${Math.round((100 * sent) / whole)}%`));
      row.said.textContent = `Sent by you · ${inBytes(file.size)} · ${exactClock(Date.now())} · in ${Math.round(performance.now() - started)} ms`;
    } catch (error) {
      row.said.className = "about small fault";
      row.said.textContent = `Not sent: ${error instanceof Error ? error.message : error}`;
      if (file.size <= FILE_LIMIT_BYTES) row.doing.replaceChildren(make("button", { type: "button", class: "button", onclick: queue }, "Try again"));
    }
    row.progress.hidden = true;
  };
  const queue = () => {
    sending = sending.then(attempt);
  };
  queue();
}

/** @param {ArrayBuffer} buffer */
async function received(buffer) {
  const layout = decode(buffer);
  if (layout.kind === "file") {
    const { header, bytes } = layout;
    const about = (await isWhole(header, bytes)) ? "Received" : "Received, but not whole";
    add({ name: header.name, size: bytes.length, mimeType: header.mimeType, about, url: blobUrl(bytes, header.mimeType), received: true });
    byId("aloud", HTMLElement).textContent = `Received ${header.name}, ${inBytes(bytes.length)}`;
  } else {
    const bytes = new Uint8Array(buffer);
    add({ name: `bytes ${hex(bytes)}`, size: bytes.length, mimeType: "", about: "Received", url: blobUrl(bytes, ""), received: true });
  }
}

/** The first bytes, for a person to recognise. @param {Uint8Array} bytes */
function hex(bytes) {
  const shown = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  return shown.join(" ") + (bytes.length > 8 ? " …" : "");
}

connection.on("binary", received);
byId("files", HTMLInputElement).addEventListener("change", (event) => {
  const input = /** @type {HTMLInputElement} */ (event.target);
  for (const file of input.files ?? []) send(file);
  input.value = "";
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  for (const file of event.dataTransfer?.files ?? []) send(file);
});
