// @ts-check
/**
 * Measures what a point select costs an app, with the built package in Chromium: `npm run build && npm run measure:exec`.
 * Three times in turn, in rounds of 300 calls: `exec()` from the page; the message alone, to a worker that answers the same
 * answer at once; the bare engine, a prepared statement in a worker over the same storage. What `exec()` costs beyond the
 * message should be at most twice the bare engine. On a shared machine look at the ratio of the medians.
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
self.onmessage = ({ data: { calls } }) => {
  const rows = [];
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) {
    statement.bind(1, 3, "note-" + (1 + (call * 7919) % 10000));
    if (statement.step()) rows.push({ id: statement.column(0), title: statement.column(1), body: statement.column(2) });
    statement.reset();
  }
  self.postMessage({ ms: performance.now() - start, rows: rows.length });
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

const echo = new Worker("/echo.js");
const waiting = new Map();
echo.onmessage = ({ data }) => { waiting.get(data.id)(data.value); waiting.delete(data.id); };
let nextId = 1;
const ask = (params) => new Promise((resolve) => {
  const id = nextId++;
  waiting.set(id, resolve);
  echo.postMessage({ type: "request", id, request: { type: "call", call: { type: "exec", request: { sql: ${JSON.stringify(select)}, params } } } });
});

const bare = new Worker("/bare.js", { type: "module" });
const heard = () => new Promise((resolve) => bare.addEventListener("message", ({ data }) => resolve(data), { once: true }));
await heard();

const time = async (calls, run) => {
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) await run(call);
  return (performance.now() - start) / calls;
};
globalThis.round = async (calls) => {
  const exec = await time(calls, (call) => db.exec(${JSON.stringify(select)}, [idOf(call)]));
  const hop = await time(calls, (call) => ask([idOf(call)]));
  const answer = heard();
  bare.postMessage({ calls });
  const { ms, rows } = await answer;
  if (rows !== calls) throw new Error("the bare engine found " + rows + " of " + calls);
  return { exec, hop, bare: ms / calls };
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
  /** @type {{ exec: number, hop: number, bare: number }[]} */
  const rounds = [];
  for (let index = 0; index < Number(values.rounds); index += 1) rounds.push(await tab.evaluate("round(300)"));
  const [exec, hop, bare] = [
    median(rounds.map((round) => round.exec)),
    median(rounds.map((round) => round.hop)),
    median(rounds.map((round) => round.bare)),
  ];
  console.log(`exec ${us(exec)}, the message alone ${us(hop)}, the bare engine ${us(bare)}; ${rounds.length} rounds`);
  console.log(`exec / (message + 2 x bare engine): ${(exec / (hop + 2 * bare)).toFixed(2)}`);
} finally {
  await context.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}
