// Where the doors of this page's own server are.

/**
 * The address of a door on the server that this page came from.
 * @param {string} path `/chat`
 */
export function door(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
