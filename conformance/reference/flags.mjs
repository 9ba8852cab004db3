// `--name value` for each of these names; whatever has no value keeps its default.

/**
 * @template {Record<string, number | string>} T
 * @param {T} defaults
 * @returns {T}
 */
export function flags(defaults) {
  const found = { ...defaults };
  for (let at = 2; at < process.argv.length; at += 2) {
    const [flag, value] = process.argv.slice(at, at + 2);
    const name = flag.replace(/^--/, "");
    if (!(name in defaults) || value === undefined) throw new Error(`unknown flag, or no value: ${flag}`);
    found[name] = typeof defaults[name] === "number" ? Number(value) : value;
  }
  return found;
}
