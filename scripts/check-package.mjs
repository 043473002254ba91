// @ts-check
/**
 * Checks the tarball that npm would publish: publint and attw for its form, its types in a strict app under both ways
 * of resolving modules, and importing it in Node. That it works in a browser is e2e/package.chromium.spec.ts.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { install, pack, run } from "./pack.mjs";

const bin = (/** @type {string} */ name) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/** Names every kind of thing that an app takes from the types; the checks of details are in test/types. */
const consumer = `
import { type ExecResult, Ledger, LedgerError, type LedgerOptions, type SqlValue, uuidv7 } from "ledger";
import { createTestNetwork } from "ledger/testing";

const options: LedgerOptions = { dbName: "app", network: createTestNetwork() };
export const run = async (): Promise<readonly SqlValue[]> => {
  await using db = new Ledger(options);
  await db.init();
  const off = db.on("sync", (count, peerId) => console.log(count + 1, peerId.length));
  const result: ExecResult<{ id: string }> = await db.exec<{ id: string }>("SELECT ? AS id", [uuidv7()]);
  off();
  // @ts-expect-error there is no such event
  db.on("nonsense", () => {});
  try {
    await db.connect();
  } catch (error) {
    if (error instanceof LedgerError && error.code === "LEDGER_NO_TOKEN") console.log(error.message);
  }
  return result.rows.map((row) => row.id);
};
`;

const inNode = `
const { Ledger, LedgerError, uuidv7 } = await import("ledger");
await import("ledger/testing");
// Only apps with the framework can load its binding, and nothing else of the package asks for it.
for (const [binding, framework] of [["react", "react"], ["kysely", "kysely"], ["drizzle", "drizzle-orm"]]) {
  const error = await import("ledger/" + binding).catch((thrown) => thrown);
  if (error.code !== "ERR_MODULE_NOT_FOUND" || !error.message.includes("'" + framework + "'")) process.exit(1);
}
if (typeof Ledger !== "function" || typeof LedgerError !== "function" || uuidv7().length !== 36) process.exit(1);
`;

const directory = mkdtempSync(join(tmpdir(), "ledger-package-"));
try {
  const tarball = pack(join(directory, "tarball"));
  console.log(run("tar", ["-tzf", tarball]));

  console.log(run(bin("publint"), ["run", tarball, "--strict"]));
  console.log(
    run(bin("attw"), [
      tarball,
      "--no-definitely-typed", // it would ask the registry
      "--profile",
      "esm-only",
      "--format",
      "ascii",
      "--exclude-entrypoints",
      "./worker.js",
      "./*.wasm",
    ]),
  );

  const app = join(directory, "app");
  mkdirSync(app);
  install(tarball, app);
  writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  writeFileSync(join(app, "app.ts"), consumer);
  for (const [module, moduleResolution] of [
    ["esnext", "bundler"],
    ["nodenext", "nodenext"],
    ["node16", "node16"],
  ]) {
    const compilerOptions = {
      module,
      moduleResolution,
      target: "es2022",
      lib: ["es2022", "dom"],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      types: [],
      noEmit: true,
    };
    writeFileSync(join(app, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["app.ts"] }));
    run(bin("tsc"), ["-p", "."], app);
    console.log(`types: fine with moduleResolution ${moduleResolution}`);
  }

  run(process.execPath, ["--input-type=module", "-e", inNode], app);
  console.log(`node ${process.version}: import("ledger") is fine`);

  const manifest = readFileSync(join(app, "node_modules/ledger/package.json"), "utf8");
  if ("dependencies" in JSON.parse(manifest))
    throw new Error("the package must bundle what it needs, not depend on it");
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
