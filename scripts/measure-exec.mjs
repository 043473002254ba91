// @ts-check
/**
 * Measures what a point select costs an app, with the built package in Chromium: `npm run build && npm run measure:exec`.
 * Three in turn, in rounds of 300 calls: `exec()` from the page; the message alone, to a worker that answers the same
 * answer at once; the bare engine behind the same message, which is a prepared statement over the same storage in a worker
 * that does nothing else. What `exec()` costs beyond the message should be at most twice what the bare engine costs beyond
 * it. The bare engine is told as well as it does in a loop without messages, where it is two or three times as fast: a worker
 * that wakes up for one statement finds cold caches. On a shared machine look at the ratio of the medians.
 */

import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { build } from "rolldown";
import { findBrowser } from "./browsers.mjs";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "40" } } });
const root = fileURLToPath(new URL("..", import.meta.url));

const table = "CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT)";
const fill = `WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 10000)
  INSERT INTO notes SELECT 'note-' || x, 'title ' || x, 'some text that a note may have, number ' || x FROM c`;
const select = "SELECT id, title, body FROM notes WHERE id = ?";

/** The engine as our own connection opens it: same build, same pragmas, same storage, nothing else around it. */
const bareWorker = `
import { openOpfsHost } from ${JSON.stringify(join(root, "src/database/opfs-host.ts"))};
const host = await openOpfsHost("bare", new URL("/crsqlite-sync.wasm", location.origin).href);
const connection = await host.openConnection();
await connection.run(${JSON.stringify(table)} + ";" + ${JSON.stringify(fill)});
const statement = await connection.prepare(${JSON.stringify(select)});
const columns = ["id", "title", "body"];
const find = (id) => {
  statement.bind(1, 3, id);
  const rows = [];
  if (statement.step()) rows.push({ id: statement.column(0), title: statement.column(1), body: statement.column(2) });
  statement.reset();
  return rows;
};
self.onmessage = ({ data }) => {
  if (data.type === "request") {
    const rows = find(data.request.call.request.params[0]);
    return self.postMessage({ type: "answer", id: data.id, version: 1, value: { columns, rowsAffected: 0, rows } });
  }
  let found = 0;
  const start = performance.now();
  for (let call = 0; call < data.calls; call += 1) found += find("note-" + (1 + (call * 7919) % 10000)).length;
  self.postMessage({ type: "loop", ms: performance.now() - start, found });
};
self.postMessage("ready");
`;

const echoWorker = `self.onmessage = ({ data }) => self.postMessage({ type: "answer", id: data.id, version: 1, value: {
  columns: ["id", "title", "body"], rowsAffected: 0,
  rows: [{ id: data.request.call.request.params[0], title: "title 1234", body: "some text that a note may have, number 1234" }],
} });`;

const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
import { Ledger } from "/index.js";
const db = new Ledger({ dbName: "measured" });
await db.init();
await db.exec(${JSON.stringify(table)});
await db.enableSync("notes");
await db.exec(${JSON.stringify(fill)});
const idOf = (call) => "note-" + (1 + (call * 7919) % 10000);

const waiting = new Map();
let nextId = 1;
const start = (worker) => {
  worker.onmessage = ({ data }) => { waiting.get(data.id)(data.value); waiting.delete(data.id); };
  return (params) => new Promise((resolve) => {
    const id = nextId++;
    waiting.set(id, resolve);
    worker.postMessage({ type: "request", id, request: { type: "call", call: { type: "exec", request: { sql: ${JSON.stringify(select)}, params } } } });
  });
};
const bareWorker = new Worker("/bare.js", { type: "module" });
const heard = () => new Promise((resolve) => (bareWorker.onmessage = ({ data }) => resolve(data)));
await heard();
const askEcho = start(new Worker("/echo.js"));

const time = async (calls, run) => {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) await run(call);
  return (performance.now() - start) / calls;
};
const turns = {
  exec: () => (call) => db.exec(${JSON.stringify(select)}, [idOf(call)]),
  hop: () => (call) => askEcho([idOf(call)]),
  bare: () => { const ask = start(bareWorker); return (call) => ask([idOf(call)]); },
};
let first = 0;
globalThis.round = async (calls) => {
  const times = {};
  const names = Object.keys(turns);
  first += 1; // Whoever comes first meets what was before: each does in turn.
  for (let turn = 0; turn < names.length; turn += 1) {
    const name = names[(first + turn) % names.length];
    times[name] = await time(calls, turns[name]());
  }
  const answer = heard();
  bareWorker.postMessage({ type: "loop", calls });
  const { ms, found } = await answer;
  if (found !== calls) throw new Error("the bare engine found " + found + " of " + calls);
  return { ...times, loop: ms / calls };
};
globalThis.isReady = true;
</script>`;

const bundled = await build({
  cwd: root,
  input: "bare",
  platform: "browser",
  external: [/^node:/],
  plugins: [
    {
      name: "bare-worker",
      resolveId: (id) => (id === "bare" ? "\0bare.ts" : undefined),
      load: (id) => (id === "\0bare.ts" ? bareWorker : undefined),
    },
  ],
  output: { format: "esm", codeSplitting: false },
  write: false,
});

/** @type {Record<string, string>} */
const made = { "": page, "echo.js": echoWorker, "bare.js": bundled.output[0].code };
const types = { ".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html" };
const server = createServer((request, response) => {
  const name = new URL(request.url ?? "/", "http://localhost").pathname.slice(1);
  const given = made[name];
  const body = given === undefined ? readFile(join(root, "dist", name)) : Promise.resolve(given);
  body.then(
    (bytes) => {
      const type = types[/** @type {keyof typeof types} */ (extname(name) || ".html")] ?? "application/octet-stream";
      response.writeHead(200, { "content-type": type }).end(bytes);
    },
    () => response.writeHead(404).end(),
  );
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
const address = server.address();
const profile = await mkdtemp(join(tmpdir(), "ledger-exec-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: findBrowser("chromium") ?? "",
  args: ["--no-sandbox", "--disable-gpu"],
});

/** @param {readonly number[]} sample */
const median = (sample) => sample.toSorted((a, b) => a - b)[Math.floor(sample.length / 2)] ?? Number.NaN;
const us = (/** @type {number} */ ms) => `${(ms * 1000).toFixed(1)} µs`;

try {
  const tab = await context.newPage();
  tab.on("pageerror", (error) => console.error(error));
  await tab.goto(`http://localhost:${typeof address === "object" ? address?.port : ""}/`);
  await tab.waitForFunction("globalThis.isReady");
  await tab.evaluate("round(2000)"); // Compiles.
  /** @type {Record<"exec" | "hop" | "bare" | "loop", number>[]} */
  const rounds = [];
  for (let index = 0; index < Number(values.rounds); index += 1) rounds.push(await tab.evaluate("round(300)"));
  const medianOf = (/** @type {"exec" | "hop" | "bare" | "loop"} */ what) => median(rounds.map((round) => round[what]));
  const [exec, hop, bare] = [medianOf("exec"), medianOf("hop"), medianOf("bare")];
  console.log(`exec ${us(exec)}, the message alone ${us(hop)}, with the bare engine behind it ${us(bare)}`);
  console.log(`the bare engine in a loop ${us(medianOf("loop"))}; ${rounds.length} rounds`);
  console.log(`exec / (message + 2 x bare engine): ${(exec / (hop + 2 * (bare - hop))).toFixed(2)}`);
} finally {
  await context.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}
