// The chat page: it ties the conversation to what is on the screen.

import "../shared/status.js";
import { FanfareStatus } from "../shared/status.js";
import { byId, icon, make } from "../shared/dom.js";
import { ChatComposer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { ChatPeople, ChatPlaces } from "./lists.js";
import { ChatMessages } from "./messages.js";
/** @import { Entry, Place } from "./places.js" */
/** @import { Way } from "./conversation.js" */

const PHONE = matchMedia("(max-width: 720px)");
/** What a screen reader has not read yet is this much at most. */
const ALOUD_LIMIT = 5;
const TITLE = document.title;

const enter = byId("enter", HTMLElement);
const talk = byId("talk", HTMLElement);
const menu = byId("menu", HTMLButtonElement);
const messages = byId("messages", ChatMessages);
const composer = byId("composer", ChatComposer);
const rooms = byId("rooms", ChatPlaces);
const people = byId("people", ChatPeople);
const status = /** @type {FanfareStatus} */ (document.querySelector("fanfare-status"));
status.hidden = true;

/** @type {Conversation | null} */
let conversation = null;
/** @type {Place | null} */
let shown = null;

/** @param {string} name @param {string[]} names of rooms */
async function begin(name, names) {
  enter.hidden = true;
  talk.hidden = false;
  status.hidden = false;
  remember(name, names);
  const begun = new Conversation(name);
  conversation = begun;
  status.watch(await begun.connect(wayBefore()));
  begun.addEventListener("changed", show);
  begun.addEventListener("added", (event) => messages.added(detail(event)));
  begun.addEventListener("entry", (event) => {
    messages.changed(/** @type {Entry} */ (detail(event)));
    note();
  });
  begun.addEventListener("heard", (event) => aloud(detail(event)));
  for (const room of names) begun.join(room);
  phoneOrNot();
  if (!PHONE.matches) composer.focus();
}

/** The way that this tab was connected by before. @returns {Way} */
function wayBefore() {
  const way = sessionStorage.getItem("fanfare.way");
  const known = [...byId("way", HTMLSelectElement).options].some((option) => option.value === way);
  const chosen = known ? /** @type {Way} */ (way) : "native";
  byId("way", HTMLSelectElement).value = chosen;
  return chosen;
}

async function changeWay() {
  const way = /** @type {Way} */ (byId("way", HTMLSelectElement).value);
  try {
    sessionStorage.setItem("fanfare.way", way);
  } catch {
    // It is not remembered then.
  }
  if (conversation) status.watch(await conversation.connect(way));
}

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

function show() {
  if (!conversation) return;
  const { places, userId, userName, connection } = conversation;
  const place = places.current;
  rooms.update(places.all, place);
  const here = place?.kind === "room" ? place.members : new Map();
  people.update(here, userId);
  byId("people-count", HTMLElement).textContent = here.size > 0 ? String(here.size) : "";
  byId("self-name", HTMLElement).textContent = userName;
  byId("room-name", HTMLElement).textContent = place ? place.title : "No room";
  byId("room-about", HTMLElement).textContent = about(place);
  byId("leave", HTMLButtonElement).hidden = !place;
  byId("leave", HTMLButtonElement).textContent = place?.kind === "room" ? "Leave" : "Close";
  composer.hidden = !place;
  composer.hint = connection.state === "open" ? "" : "You can go on writing: it is sent when the connection is back.";
  const unread = places.all.reduce((sum, one) => sum + one.unread, 0);
  document.title = unread > 0 ? `(${unread}) ${TITLE}` : TITLE;
  menu.classList.toggle("has-unread", unread > 0);
  note();
  if (place !== shown) change(place);
  remember(undefined, places.rooms.map((room) => room.key));
}

/** @param {Place | null} place */
function change(place) {
  if (shown) shown.draft = composer.draft;
  shown = place;
  messages.hidden = !place;
  if (!place) return;
  messages.show(place);
  composer.open(place.draft, place.kind === "room" ? `#${place.title}` : place.title);
  typing();
}

/** @param {Place | null} place */
function about(place) {
  if (!place) return "Join one to begin.";
  if (place.kind === "private") return "private";
  if (place.kind === "everyone") return "everyone on this server";
  return place.members.size > 0 ? `${place.members.size} here` : "";
}

function note() {
  const count = conversation?.unconfirmed ?? 0;
  status.note = count === 0 ? "" : `${count} ${conversation?.connection.state === "open" ? "unconfirmed" : "unsent"}`;
}

function typing() {
  const line = byId("typing", HTMLElement);
  const words = shown?.typingWords ?? "";
  if (line.textContent !== words) line.textContent = words;
}

/** @param {string} words */
function aloud(words) {
  const region = byId("aloud", HTMLElement);
  region.append(make("p", {}, words));
  while (region.childElementCount > ALOUD_LIMIT) region.firstElementChild?.remove();
}

/** A reload comes back to the same rooms; another tab begins anew with the same name. */
/** @param {string | undefined} name @param {string[]} names */
function remember(name, names) {
  try {
    if (name !== undefined) localStorage.setItem("fanfare.name", name);
    if (name !== undefined) sessionStorage.setItem("fanfare.name", name);
    sessionStorage.setItem("fanfare.rooms", JSON.stringify(names));
  } catch {
    // Storage may be off: then nothing is remembered, and all else works.
  }
}

/** @param {boolean} open */
function drawer(open) {
  document.body.classList.toggle("drawer", open);
  byId("veil", HTMLElement).hidden = !open;
  menu.setAttribute("aria-expanded", String(open));
  menu.replaceChildren(icon(open ? "close" : "menu"));
  byId("room", HTMLElement).inert = open; // the keyboard stays in the drawer
  const first = rooms.querySelector("button");
  if (open && first) first.focus();
}

function phoneOrNot() {
  menu.hidden = !PHONE.matches || talk.hidden;
  drawer(false);
}

function listen() {
  PHONE.addEventListener("change", phoneOrNot);
  menu.addEventListener("click", () => drawer(!document.body.classList.contains("drawer")));
  byId("veil", HTMLElement).addEventListener("click", () => drawer(false));
  rooms.addEventListener("choose", (event) => {
    conversation?.choose(detail(event));
    drawer(false);
    composer.focus();
  });
  people.addEventListener("private", (event) => {
    const { userId, userName } = detail(event);
    conversation?.whisperTo(userId, userName);
    drawer(false);
    composer.focus();
  });
  composer.addEventListener("say", (event) => shown && conversation?.say(shown, detail(event)));
  composer.addEventListener("typing", (event) => conversation?.typing(detail(event)));
  composer.addEventListener("files", (event) => shown && conversation?.sendFiles(shown, detail(event)));
  byId("join", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const field = byId("join-room", HTMLInputElement);
    const name = field.value.trim();
    if (name === "") return field.focus();
    conversation?.join(name);
    field.value = "";
    drawer(false);
    return composer.focus();
  });
  byId("leave", HTMLButtonElement).addEventListener("click", () => {
    if (shown) conversation?.leave(shown);
    byId("join-room", HTMLInputElement).focus();
  });
  byId("way", HTMLSelectElement).addEventListener("change", changeWay);
  byId("rename", HTMLButtonElement).addEventListener("click", () => {
    sessionStorage.removeItem("fanfare.name");
    location.reload();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || talk.hidden) return;
    if (document.body.classList.contains("drawer")) drawer(false);
    composer.focus();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && shown) conversation?.choose(shown);
  });
  listenToDrops();
  setInterval(typing, 500);
}

function listenToDrops() {
  /** @param {DragEvent} event */
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") && shown;
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (shown) conversation?.sendFiles(shown, [...(event.dataTransfer?.files ?? [])]);
  });
}

function prepareEntrance() {
  const name = byId("enter-name", HTMLInputElement);
  const room = byId("enter-room", HTMLInputElement);
  const fault = byId("enter-fault", HTMLElement);
  name.value = localStorage.getItem("fanfare.name") ?? "";
  // Whoever opens a second window is often somebody else: what they type takes the name's place.
  name.select();
  if (location.hash.length > 1) room.value = decodeURIComponent(location.hash.slice(1));
  byId("enter-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = name.value.trim();
    const wrong = chosen === "" ? "A name, please." : /[<>\p{Cc}]/u.test(chosen) ? "A name has no < or > in it." : "";
    fault.textContent = wrong;
    fault.hidden = wrong === "";
    if (wrong) name.focus();
    else begin(chosen, [room.value.trim() || "lobby"]);
  });
  const again = sessionStorage.getItem("fanfare.name");
  if (again) begin(again, JSON.parse(sessionStorage.getItem("fanfare.rooms") ?? "[]"));
}

listen();
prepareEntrance();
