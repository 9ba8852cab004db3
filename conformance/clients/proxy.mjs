// nginx and haproxy as users would run them: with the configurations of docs/proxies, at ports that are free.

import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./application.mjs";

const CONFIGURATIONS = new URL("../../docs/proxies/", import.meta.url);
const LISTENS = "127.0.0.1:8000";
const START_MS = 10_000;

/** The configuration's line that names a server, once for each that there is. */
const withServers = (text, line, servers) => {
  const of = (server, at) => line.replace("127.0.0.1:8080", server).replace(" one ", ` server-${at} `);
  if (!text.includes(line)) throw new Error(`the configuration has no line "${line}"`);
  return text.replace(line, servers.map(of).join("\n"));
};

const KINDS = {
  nginx: (folder, text, servers) => {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${join(folder, name)};`);
    const own = withServers(text, "server 127.0.0.1:8080;", servers).replace("http {", `http {\naccess_log off;\n${temporary.join("\n")}`);
    const file = join(folder, "nginx.conf");
    writeFileSync(file, own);
    return ["-p", folder, "-c", file, "-e", "stderr", "-g", `daemon off; pid ${join(folder, "pid")}; error_log stderr crit;`];
  },
  haproxy: (folder, text, servers) => {
    const file = join(folder, "haproxy.cfg");
    writeFileSync(file, withServers(text, "server one 127.0.0.1:8080 check inter 500ms", servers));
    return ["-db", "-q", "-f", file];
  },
};

const FILES = { nginx: "nginx.conf", haproxy: "haproxy.cfg" };
const running = new Set();
// A signal that both pass on to their workers.
process.on("exit", () => running.forEach((child) => child.kill("SIGTERM")));

const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (is) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once("connect", done(true)).once("error", done(false));
  });

/**
 * A proxy before servers.
 * @param {"nginx" | "haproxy"} kind
 * @param {string[]} urls of the servers
 */
export async function startProxy(kind, urls) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), `fanfare-${kind}-`));
  // nginx's workers are somebody else where it is started by root.
  chmodSync(folder, 0o755);
  const text = readFileSync(new URL(FILES[kind], CONFIGURATIONS), "utf8").replace(LISTENS, `127.0.0.1:${port}`);
  const servers = urls.map((url) => new URL(url).host);
  const path = `${process.env.PATH}:/usr/sbin`;
  const child = spawn(kind, KINDS[kind](folder, text, servers), { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, PATH: path } });
  running.add(child);
  let ended = false;
  const end = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", resolve);
  }).then((why) => {
    ended = true;
    running.delete(child);
    rmSync(folder, { recursive: true, force: true });
    return why;
  });
  for (const until = Date.now() + START_MS; !(await accepts(port)); ) {
    if (ended) throw new Error(`${kind} ended: ${await end}`);
    if (Date.now() > until) throw new Error(`${kind} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const stop = () => {
    child.kill("SIGTERM");
    return end;
  };
  return { url: `http://127.0.0.1:${port}`, stop };
}
