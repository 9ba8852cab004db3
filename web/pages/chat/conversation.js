// The conversation with the server: what arrives changes the places, what is said goes out.

import { Fanfare, FanfareError } from "../../client/fanfare.js";
import { decode } from "../../client/layouts.js";
import { door } from "../shared/door.js";
import { clock, inBytes, randomId } from "../shared/dom.js";
import { asMessage, blobUrl, FILE_LIMIT_BYTES, isPicture, isWhole } from "../shared/files.js";
import { overSocketIo } from "../shared/socketio.js";
import { Places } from "./places.js";
/** @import { Entry, Place } from "./places.js" */
/** @import { Message } from "../../client/fanfare.js" */
/** @import { Transport } from "../shared/socketio.js" */

/** How the page may be connected. @typedef {"native" | "socketio" | "polling"} Way */

/** What Socket.IO may use for each way; the native dialect has no need of it. @type {Record<Way, Transport[] | null>} */
const TRANSPORTS = { native: null, socketio: ["websocket"], polling: ["polling"] };

/** Often enough for a latency that is true. */
const HEARTBEAT_MS = 10_000;

/** Events: `changed` (lists), `added` (a place), `entry` (an entry), `heard` (words for a screen reader). */
export class Conversation extends EventTarget {
  places = new Places();
  /** @type {Map<string, string>} names by clientId */ #names = new Map();
  /** @type {Set<string>} */ #ownTransfers = new Set();
  /** The clientIds that we have had. @type {Set<string>} */ #ourIds = new Set();
  #lostAt = 0;
  /** It was not lost, but given up for another. */ #switched = false;
  /** Files go one after the other. @type {Promise<void>} */ #sending = Promise.resolve();

  /** @type {Fanfare | null} */ #connection = null;
  #userName;

  /** @param {string} userName */
  constructor(userName) {
    super();
    this.#userName = userName;
  }

  get connection() {
    if (!this.#connection) throw new Error("the conversation has no connection yet");
    return this.#connection;
  }

  /** Connects by this way; where there was another, by this one from now on. @param {Way} way */
  async connect(way) {
    const url = door("/chat?binary=1");
    const options = { heartbeatMs: HEARTBEAT_MS };
    const transports = TRANSPORTS[way];
    const socket = transports && (await overSocketIo(transports, { userName: this.#userName }));
    const connection = new Fanfare(url, socket ? { ...options, WebSocket: socket } : { ...options, userName: this.#userName });
    const before = this.#connection;
    this.#connection = connection;
    this.#switched = before?.state === "open";
    before?.close();
    this.#lostAt ||= before ? Date.now() : 0;
    this.#listen(connection);
    this.#changed();
    return connection;
  }

  get userId() {
    return String(this.#connection?.welcome?.userId ?? "");
  }

  get userName() {
    return String(this.#connection?.welcome?.userName ?? this.#userName);
  }

  /** Entries of ours that nobody has confirmed. */
  get unconfirmed() {
    return this.places.all.flatMap((place) => place.entries).filter((entry) => entry.delivery === "pending" || entry.delivery === "unsent").length;
  }

  /** @param {Fanfare} connection */
  #listen(connection) {
    /** @param {string} type @param {(detail: any) => void} listener */
    const on = (type, listener) =>
      connection.on(type, (detail) => {
        // One that has been left may have last words.
        if (connection === this.#connection) listener(detail);
      });
    on("state", () => this.#stateChanged());
    on("welcome", (message) => this.#ourIds.add(String(message.clientId)));
    on("authenticated", () => this.#changed());
    on("chat", (message) => this.#said(message));
    on("history", (message) => message.messages?.forEach((/** @type {Message} */ one) => this.#said({ room: message.room, ...one }, true)));
    on("private", (message) => this.#whispered(message));
    on("typing", (message) => this.places.find("room", message.room)?.typing(message.userId, message.userName, message.isTyping));
    on("userJoined", (message) => this.#came(message));
    on("userLeft", (message) => this.#went(message));
    on("presence", (message) => this.#present(message));
    on("file", (message) => this.#fileNamed(message));
    on("binary", (buffer) => this.#binary(buffer));
    on("error", (message) => this.#notice(this.places.current, `The server says: ${message.message}`));
  }

  #stateChanged() {
    const { state } = this.connection;
    if (state === "open") {
      if (this.#lostAt > 0) {
        const how = this.#switched ? "The connection was changed" : "The connection was lost";
        const words = `${how} at ${clock(this.#lostAt)} and is back. What was said meanwhile is not here.`;
        this.#switched = false;
        for (const room of this.places.rooms) this.#notice(room, words, "gap");
      }
      this.#lostAt = 0;
      for (const room of this.places.rooms) this.#enter(room);
      for (const entry of this.places.all.flatMap((place) => place.entries).filter((one) => one.delivery === "unsent")) {
        entry.delivery = "pending";
        this.#tell("entry", entry);
      }
    } else if (this.#lostAt === 0 && this.connection.lastClose) {
      this.#lostAt = Date.now();
      for (const entry of this.places.all.flatMap((place) => place.entries).filter((one) => one.delivery === "pending")) {
        if (entry.kind === "file") this.#failed(entry, "the connection was lost", true);
        else entry.delivery = "unsent";
        this.#tell("entry", entry);
      }
    }
    this.#changed();
  }

  /** @param {string} name */
  join(name) {
    const there = this.places.find("room", name);
    const room = this.places.open("room", name, name);
    this.choose(room);
    if (!there && this.connection.state === "open") this.#enter(room);
    return room;
  }

  /** @param {Place} room */
  async #enter(room) {
    try {
      await this.connection.request({ type: "join", room: room.key });
      this.connection.send({ type: "presence", room: room.key }, { volatile: true });
    } catch (error) {
      if (error instanceof FanfareError && error.code === "connection_lost") return; // joined again with the next one
      this.#notice(room, `You are not in this room: ${words(error)}`);
    }
  }

  /** @param {Place} place */
  leave(place) {
    if (place.kind === "room") this.connection.send({ type: "leave", room: place.key }, { volatile: true });
    this.places.remove(place);
    this.#changed();
  }

  /** @param {string} userId @param {string} userName */
  whisperTo(userId, userName) {
    this.choose(this.places.open("private", userId, userName));
  }

  /** @param {Place | null} place */
  choose(place) {
    this.places.current = place;
    if (place) place.unread = 0;
    this.#changed();
  }

  /** @param {Place} place @param {string} text */
  say(place, text) {
    /** @type {Entry} */
    const entry = {
      kind: "text",
      text,
      timestamp: Date.now(),
      clientMessageId: randomId(),
      userId: this.userId,
      userName: this.userName,
      own: true,
      delivery: this.connection.state === "open" ? "pending" : "unsent",
    };
    entry.again = () => this.#deliver(place, entry);
    this.#add(place, entry);
    this.#deliver(place, entry);
  }

  /** @param {Place} place @param {Entry} entry */
  async #deliver(place, entry) {
    const { text, clientMessageId } = entry;
    entry.delivery = this.connection.state === "open" ? "pending" : "unsent";
    entry.fault = undefined;
    this.#tell("entry", entry);
    /** @type {Message} */
    const message =
      place.kind === "private" ? { type: "private", to: place.key, text } : { type: "chat", ...(place.kind === "room" && { room: place.key }), text, clientMessageId };
    try {
      const answer = await this.connection.request(message, { resend: place.kind === "room" });
      entry.id ??= answer.id;
      entry.delivery = "sent";
    } catch (error) {
      entry.delivery = "failed";
      entry.fault = words(error);
    }
    this.#tell("entry", entry);
    this.#changed();
  }

  /** @param {boolean} isTyping */
  typing(isTyping) {
    const place = this.places.current;
    if (place?.kind === "room") this.connection.send({ type: "typing", room: place.key, isTyping }, { volatile: true });
  }

  /** @param {Place} place @param {File[]} files */
  sendFiles(place, files) {
    for (const file of files) this.#sendFile(place, file);
  }

  /** @param {Place} place @param {File} file */
  #sendFile(place, file) {
    const mimeType = file.type || "application/octet-stream";
    const picture = isPicture(mimeType);
    /** @type {Entry} */
    const entry = {
      kind: "file",
      text: "",
      timestamp: Date.now(),
      userId: this.userId,
      userName: this.userName,
      own: true,
      delivery: "pending",
      file: { name: file.name, size: file.size, mimeType, picture, url: null, progress: 0 },
    };
    this.#add(place, entry);
    const attempt = () => {
      this.#sending = this.#sending.then(() => this.#upload(place, entry, file));
    };
    entry.again = attempt;
    if (place.kind !== "room") this.#failed(entry, "Files go to rooms only", false);
    else if (file.size > FILE_LIMIT_BYTES) this.#failed(entry, `It is larger than ${inBytes(FILE_LIMIT_BYTES)}`, false);
    else attempt();
  }

  /** @param {Place} place @param {Entry} entry @param {File} file */
  async #upload(place, entry, file) {
    const attached = entry.file;
    if (!attached) return;
    Object.assign(entry, { delivery: "pending", fault: undefined });
    attached.progress = 0;
    this.#tell("entry", entry);
    try {
      const { header, message } = await asMessage(file, { room: place.key });
      this.#ownTransfers.add(String(header.transferId));
      if (attached.picture) attached.url ??= blobUrl(file, attached.mimeType);
      await this.connection.sendRaw(message, (sent, whole) => {
        if (entry.delivery !== "pending") return; // the server's word was faster
        attached.progress = sent / whole;
        this.#tell("entry", entry);
      });
    } catch (error) {
      this.#failed(entry, words(error), true);
    }
    this.#changed();
  }

  /** @param {Entry} entry @param {string} fault @param {boolean} again */
  #failed(entry, fault, again) {
    entry.delivery = "failed";
    entry.fault = fault;
    if (entry.file) entry.file.progress = undefined;
    if (!again) entry.again = undefined;
    this.#tell("entry", entry);
  }

  /** @param {Message} message @param {boolean} [old] it was said before we came */
  #said(message, old = false) {
    this.#names.set(message.from, message.userName);
    const place = message.room === undefined ? this.places.open("everyone", "", "Everyone") : this.places.find("room", message.room);
    if (!place) return;
    // Everybody has seen our ids: only what comes from us is ours come back.
    const own = this.#ourIds.has(String(message.from)) ? place.own(message.clientMessageId) : undefined;
    if (own) {
      Object.assign(own, { id: message.id, delivery: "sent", timestamp: Number(message.timestamp) || own.timestamp });
      this.#tell("entry", own);
      return;
    }
    place.typing(message.userId, message.userName, false);
    this.#arrived(place, {
      kind: "text",
      text: String(message.text ?? ""),
      timestamp: Number(message.timestamp) || Date.now(),
      id: message.id,
      clientMessageId: message.clientMessageId,
      userId: message.userId,
      userName: message.userName,
    }, old);
  }

  /** @param {Message} message */
  #whispered(message) {
    this.#names.set(message.from, message.userName);
    const place = this.places.open("private", message.userId ?? message.from, message.userName);
    this.#arrived(place, { kind: "text", text: String(message.text ?? ""), timestamp: Number(message.timestamp) || Date.now(), userId: message.userId, userName: message.userName });
  }

  /** @param {Place} place @param {Entry} entry @param {boolean} [old] */
  #arrived(place, entry, old = false) {
    if (!this.#add(place, entry) || old) return;
    if (place !== this.places.current || document.hidden) place.unread += 1;
    const where = place.kind === "private" ? "privately" : `in ${place.title}`;
    const what = entry.file ? `sent the file ${entry.file.name}` : entry.text;
    this.#tell("heard", `${entry.userName ?? "Someone"} ${where}: ${what}`);
    this.#changed();
  }

  /** @param {Message} message */
  #came({ room, user, userId, userName }) {
    const place = this.places.find("room", room);
    this.#names.set(user, userName);
    if (!place || place.members.has(userId)) return;
    place.members.set(userId, { userName, since: Date.now() });
    this.#notice(place, `${userName} came in`);
  }

  /** @param {Message} message */
  #went({ room, userId, userName }) {
    const place = this.places.find("room", room);
    if (!place?.members.delete(userId)) return;
    place.typing(userId, userName, false);
    this.#notice(place, `${userName} left`);
  }

  /** @param {Message} message */
  #present({ room, users }) {
    const place = this.places.find("room", room);
    if (!place || !Array.isArray(users)) return;
    place.members = new Map(users.map(({ userId, userName, since }) => [userId, { userName, since }]));
    place.members.set(this.userId, { userName: this.userName, since: 0 });
    this.#changed();
  }

  /** A file without its bytes; to its sender it is the word that it is out. @param {Message} message */
  #fileNamed({ room, from, userId, userName, name, size, mimeType, timestamp, id }) {
    const place = this.places.find("room", room);
    if (from === this.connection.welcome?.clientId) {
      const own = place?.entries.find(({ own, delivery, file }) => own && delivery === "pending" && file?.name === name && file?.size === size);
      if (!own?.file) return;
      Object.assign(own, { id, timestamp: timestamp ?? own.timestamp, delivery: "sent" });
      own.file.progress = undefined;
      this.#tell("entry", own);
      this.#changed();
    } else if (place) this.#arrived(place, { kind: "file", text: "", id, timestamp: timestamp ?? Date.now(), userId, userName, file: { name, size, mimeType, url: null, picture: false } });
  }

  /** @param {ArrayBuffer} buffer */
  async #binary(buffer) {
    const layout = decode(buffer);
    if (layout.kind !== "file") return;
    const { header, bytes } = layout;
    const ours = this.#ourIds.has(String(header.from)) && this.#ownTransfers.has(String(header.transferId));
    if (ours) return; // come back
    const place = header.room === undefined ? this.places.current : this.places.find("room", header.room);
    if (!place) return;
    const whole = await isWhole(header, bytes);
    const from = String(header.from ?? "");
    const userId = header.userId ?? `guest-${from}`;
    this.#arrived(place, {
      kind: "file",
      text: "",
      timestamp: header.timestamp ?? Date.now(),
      id: header.id,
      userId,
      userName: header.userName ?? place.members.get(userId)?.userName ?? this.#names.get(from) ?? "Someone",
      fault: whole ? undefined : "This file did not arrive whole",
      file: { name: header.name, size: bytes.length, mimeType: header.mimeType, picture: whole && isPicture(header.mimeType), url: blobUrl(bytes, header.mimeType) },
    });
  }

  /** @param {Place | null} place @param {string} text @param {"notice" | "gap"} [kind] */
  #notice(place, text, kind = "notice") {
    if (place) this.#add(place, { kind, text, timestamp: Date.now() });
    this.#changed();
  }

  /** @param {Place} place @param {Entry} entry */
  #add(place, entry) {
    const added = place.add(entry);
    if (added) this.#tell("added", place);
    return added;
  }

  #changed() {
    this.#tell("changed", undefined);
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {unknown} error */
function words(error) {
  return error instanceof Error ? error.message : String(error);
}
