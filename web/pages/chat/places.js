// What the page knows: rooms and private conversations, what was said in each, who is there.

/** How much of a conversation the page keeps. */
const ENTRY_LIMIT = 500;
/** The server ends a "typing" after 5 s; ours is a little later, in case its word is lost. */
const TYPING_MS = 6_000;

/** @typedef {"sent" | "pending" | "unsent" | "failed"} Delivery */

/**
 * Something said.
 * @typedef {object} Entry
 * @property {"text" | "file" | "notice" | "gap"} kind
 * @property {number} timestamp
 * @property {string} text of a notice: what happened
 * @property {string} [id]
 * @property {string} [clientMessageId]
 * @property {string} [userId]
 * @property {string} [userName]
 * @property {boolean} [own]
 * @property {Delivery} [delivery]
 * @property {string} [fault]
 * @property {() => void} [again]
 * @property {Attachment} [file]
 */

/**
 * @typedef {object} Attachment
 * @property {string} name
 * @property {number} size
 * @property {string} mimeType
 * @property {string | null} url of a blob; null while there is nothing to show
 * @property {boolean} picture
 * @property {number} [progress] 0 to 1, while it is sent
 */

/** @typedef {"room" | "private" | "everyone"} PlaceKind */

/** A room, a private conversation, or everyone on the door. */
export class Place {
  /** @type {Entry[]} */ entries = [];
  /** @type {Map<string, { userName: string, since: number }>} by userId */ members = new Map();
  /** @type {Map<string, { userName: string, until: number }>} by userId */ #typing = new Map();
  unread = 0;
  draft = "";

  /**
   * @param {PlaceKind} kind
   * @param {string} key the room's name, or the other's userId
   * @param {string} title
   */
  constructor(kind, key, title) {
    this.kind = kind;
    this.key = key;
    this.title = title;
  }

  /** @param {Entry} entry @returns {boolean} whether it is new */
  add(entry) {
    if (entry.clientMessageId !== undefined && !entry.own) {
      // Sent again after a reconnect: the same words of the same person, once.
      const same = (/** @type {Entry} */ other) => other.clientMessageId === entry.clientMessageId && other.userName === entry.userName;
      if (this.entries.some(same)) return false;
    }
    // A server that was started anew counts from the beginning, so the id alone says nothing.
    const again = (/** @type {Entry} */ other) => other.id === entry.id && other.timestamp === entry.timestamp;
    if (entry.id !== undefined && this.entries.some(again)) return false;
    this.entries.push(entry);
    while (this.entries.length > ENTRY_LIMIT) release(this.entries.shift());
    return true;
  }

  /** @param {string | undefined} clientMessageId */
  own(clientMessageId) {
    if (clientMessageId === undefined) return undefined;
    return this.entries.findLast((entry) => entry.own && entry.clientMessageId === clientMessageId);
  }

  /** @param {string} userId @param {string} userName @param {boolean} isTyping */
  typing(userId, userName, isTyping) {
    if (isTyping) this.#typing.set(userId, { userName, until: Date.now() + TYPING_MS });
    else this.#typing.delete(userId);
  }

  /** Who is typing now, in words. */
  get typingWords() {
    for (const [userId, { until }] of this.#typing) if (until < Date.now()) this.#typing.delete(userId);
    const names = [...this.#typing.values()].map(({ userName }) => userName);
    if (names.length === 0) return "";
    if (names.length > 2) return `${names.length} people are typing…`;
    return `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`;
  }

  /** Gives the memory of its files back. */
  release() {
    for (const entry of this.entries) release(entry);
  }
}

/** @param {Entry | undefined} entry */
function release(entry) {
  if (entry?.file?.url) URL.revokeObjectURL(entry.file.url);
}

/** Every place, in the order of joining. */
export class Places {
  /** @type {Place[]} */ all = [];
  /** @type {Place | null} */ current = null;

  /** @param {PlaceKind} kind @param {string} key */
  find(kind, key) {
    return this.all.find((place) => place.kind === kind && place.key === key);
  }

  /** @param {PlaceKind} kind @param {string} key @param {string} title */
  open(kind, key, title) {
    let place = this.find(kind, key);
    if (!place) {
      place = new Place(kind, key, title);
      this.all.push(place);
    }
    return place;
  }

  /** @param {Place} place */
  remove(place) {
    place.release();
    const at = this.all.indexOf(place);
    this.all.splice(at, 1);
    if (this.current === place) this.current = this.all[Math.max(0, at - 1)] ?? null;
  }

  get rooms() {
    return this.all.filter((place) => place.kind === "room");
  }
}
