// What a Socket.IO client waits for.

const EXPECT_MS = 5_000;

/**
 * The arguments of the next event of this name that is wanted.
 * @param {any} socket
 * @param {string} name
 * @param {number} [limitMs]
 * @param {(...values: any[]) => boolean} [wanted]
 * @returns {Promise<any[]>}
 */
export function within(socket, name, limitMs = EXPECT_MS, wanted = () => true) {
  const asked = new Error(`no ${name} within ${limitMs} ms`);
  return new Promise((resolve, reject) => {
    const done = (act) => (value) => {
      clearTimeout(timer);
      socket.off(name, heard);
      socket.off("connect_error", refused);
      act(value);
    };
    const heard = (...values) => wanted(...values) && done(resolve)(values);
    // Where it is to come back, being refused on the way is no failure.
    const refused = (error) => name !== "connect_error" && !socket.active && done(reject)(error);
    const timer = setTimeout(() => done(reject)(asked), limitMs);
    socket.on(name, heard);
    if (name !== "connect_error") socket.on("connect_error", refused);
  });
}

/** Counts the events of a name. */
export function counter(socket, name) {
  const heard = [];
  socket.on(name, (...values) => heard.push(values));
  return heard;
}
