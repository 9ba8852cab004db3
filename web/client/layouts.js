// The binary messages of /chat and /binary, little-endian.

export const CHAT = 0x03;
export const FILE = 0x06;

/**
 * @typedef {object} FileHeader
 * @property {string} name
 * @property {string} mimeType
 * @property {number} size of all the bytes
 * @property {string} [room]
 * @property {string} [sha256]
 * @property {string} [transferId]
 * @property {number} [offset]
 * @property {string} [from] set by the server
 * @property {string} [userId] set by the server, like the rest
 * @property {string} [userName]
 * @property {string} [id]
 * @property {number} [timestamp]
 */

/**
 * @typedef {{ kind: "file", header: FileHeader, bytes: Uint8Array<ArrayBuffer> }
 *   | { kind: "chat", clientNumber: number, text: string }
 *   | { kind: "other", bytes: Uint8Array<ArrayBuffer> }} Layout
 */

/**
 * A FILE message: type u8, headerLength u16, the header as JSON, the bytes.
 * @param {FileHeader} header
 * @param {ArrayBuffer | Uint8Array} bytes
 */
export function encodeFile(header, bytes) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  if (text.length > 0xffff) throw new RangeError("the header of a file is longer than 65,535 bytes");
  const message = new Uint8Array(3 + text.length + bytes.byteLength);
  new DataView(message.buffer).setUint16(1, text.length, true);
  message[0] = FILE;
  message.set(text, 3);
  message.set(new Uint8Array(bytes), 3 + text.length);
  return message;
}

/**
 * A CHAT message; the room is the one last joined.
 * @param {string} text
 */
export function encodeChat(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0xffff) throw new RangeError("the text is longer than 65,535 bytes");
  const message = new Uint8Array(7 + bytes.length);
  message[0] = CHAT;
  new DataView(message.buffer).setUint16(5, bytes.length, true);
  message.set(bytes, 7);
  return message;
}

/**
 * What a binary message is; what is malformed is `other`, never an error.
 * @param {ArrayBuffer} buffer
 * @returns {Layout}
 */
export function decode(buffer) {
  const bytes = new Uint8Array(buffer);
  return decodeFile(bytes) ?? decodeChat(bytes) ?? { kind: "other", bytes };
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Layout | null}
 */
function decodeFile(bytes) {
  if (bytes[0] !== FILE || bytes.length < 3) return null;
  const end = 3 + new DataView(bytes.buffer).getUint16(1, true);
  if (bytes.length < end) return null;
  try {
    const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(3, end)));
    if (typeof header?.name !== "string" || typeof header.mimeType !== "string") return null;
    return { kind: "file", header, bytes: bytes.subarray(end) };
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @returns {Layout | null}
 */
function decodeChat(bytes) {
  if (bytes[0] !== CHAT || bytes.length < 7) return null;
  const view = new DataView(bytes.buffer);
  if (bytes.length !== 7 + view.getUint16(5, true)) return null;
  const text = new TextDecoder().decode(bytes.subarray(7));
  return { kind: "chat", clientNumber: view.getUint32(1, true), text };
}
