// The index: a card for each kit, with what a developer needs to try it.

import { door } from "./shared/door.js";
import { byId, make } from "./shared/dom.js";

const KITS = [
  {
    name: "Chat",
    path: "/chat",
    page: "chat/",
    about: "Rooms, who is here, typing, private messages, files. What you write reaches everyone in the room at once.",
    greeting: '{"type":"auth","userName":"Ada"}',
    then: '{"type":"join","room":"lobby"}',
  },
  {
    name: "Binary",
    path: "/binary",
    page: "binary/",
    about: "Bytes, as they are, to everyone else on the door. Drop a file here and it appears over there.",
    greeting: '{"type":"ping","timestamp":1}',
    then: "",
  },
  {
    name: "Echo",
    path: "/echo",
    page: "echo/",
    about: "Text and bytes come back unchanged. For trying a client, and for measuring how long the way is.",
    greeting: "hello",
    then: "",
  },
];

/** @param {typeof KITS[number]} kit */
function snippet(kit) {
  return [
    `socket = new WebSocket("${door(kit.path)}")`,
    "socket.onmessage = (event) => console.log(event.data)",
    `socket.onopen = () => socket.send('${kit.greeting}')`,
  ].join("\n");
}

/** @param {string} text @param {string} what */
function copyButton(text, what) {
  const button = make("button", { type: "button", class: "button quiet", "aria-label": `Copy ${what}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy"; // the clipboard needs a secure page
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  return button;
}

/** @param {typeof KITS[number]} kit */
function card(kit) {
  const address = door(kit.path);
  return make(
    "li",
    { class: "card kit" },
    make("h2", {}, kit.name),
    make("p", {}, kit.about),
    make("div", { class: "address" }, make("code", { title: address }, make("span", { class: "host" }, address.slice(0, -kit.path.length)), kit.path), copyButton(address, `the address of ${kit.name}`)),
    make(
      "details",
      {},
      make("summary", {}, "From a browser console"),
      make("div", { class: "snippet" }, make("pre", { tabindex: "0" }, snippet(kit))),
      copyButton(snippet(kit), `the snippet for ${kit.name}`),
    ),
    make("div", { class: "actions" }, make("a", { class: "button primary", href: kit.page }, `Open ${kit.name}`)),
  );
}

byId("kits", HTMLUListElement).append(...KITS.map(card));
byId("terminal", HTMLPreElement).textContent = [
  `websocat ${door("/chat")}`,
  KITS[0]?.greeting,
  KITS[0]?.then,
  '{"type":"chat","room":"lobby","text":"Hello from a terminal"}',
  "",
  `# the same with Node's: wscat -c ${door("/chat")}`,
].join("\n");

async function health() {
  const place = byId("health", HTMLSpanElement);
  try {
    const answer = await fetch("health/ready", { cache: "no-store" });
    place.textContent = answer.ok ? "Server ready" : "Server is shutting down";
  } catch {
    place.textContent = "Server not reachable";
  }
}

health();
setInterval(health, 10_000);
