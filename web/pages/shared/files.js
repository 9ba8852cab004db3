// Files on their way: what may be shown, and whether it arrived whole.

import { encodeFile } from "../../client/layouts.js";
import { randomId } from "./dom.js";
/** @import { FileHeader } from "../../client/layouts.js" */

/** Under the server's 16 MiB for a binary message, with room for the header. */
export const FILE_LIMIT_BYTES = 16 * 1024 * 1024 - 70_000;

/** What a browser shows safely; everything else is only ever saved. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** @param {string} mimeType */
export const isPicture = (mimeType) => PICTURES.has(mimeType);

/**
 * The address of a blob; what is no picture gets a type that nothing opens.
 * @param {Uint8Array<ArrayBuffer> | File} bytes
 * @param {string} mimeType
 */
export function blobUrl(bytes, mimeType) {
  return URL.createObjectURL(new Blob([bytes], { type: isPicture(mimeType) ? mimeType : "application/octet-stream" }));
}

/**
 * A file as the message that carries it.
 * @param {File} file
 * @param {Partial<FileHeader>} more
 */
export async function asMessage(file, more = {}) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  /** @type {FileHeader} */
  const header = {
    ...more,
    name: file.name || "unnamed",
    mimeType: file.type || "application/octet-stream",
    size: bytes.length,
    sha256: await sha256(bytes),
    transferId: randomId(),
  };
  return { header, message: encodeFile(header, bytes) };
}

/**
 * Whether the bytes are those that were sent; what can't be checked is taken to be.
 * @param {FileHeader} header
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export async function isWhole(header, bytes) {
  if (header.size !== bytes.length) return false;
  const found = header.sha256 === undefined ? undefined : await sha256(bytes);
  return found === undefined || found === header.sha256;
}

/**
 * In hexadecimal; browsers have it on secure pages only.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
