// One line a test, and the count at the end.

let passed = 0;
let failed = 0;

/**
 * @param {string} name
 * @param {() => Promise<void> | void} run
 * @param {number} [limitMs]
 */
export async function test(name, run, limitMs = 20_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([run(), late]);
    passed += 1;
    console.log(`ok ${passed + failed} - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${passed + failed} - ${name}\n${String(error?.stack ?? error).replace(/^/gm, "  # ")}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Prints the count, and ends the process with what it says. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
