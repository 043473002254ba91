/**
 * Where the engine's wasm files are, and loading them: the one file a packager has to know about.
 *
 * In a browser the two `.mjs` loaders find `crsqlite-sync.wasm` and `crsqlite.wasm` beside themselves by
 * `new URL(…, import.meta.url)`, which bundlers recognise; in the built package that is beside worker.js.
 * `wasmUrl` overrides. In Node the bytes are read from there.
 */

import { LedgerError } from "../common/errors.ts";
import { createAsyncEngine, createSyncEngine, type Engine, type EngineModuleOptions } from "./engine-module.ts";
import { isNode, nodeModule } from "./node-platform.ts";

export type EngineBuild = "sync" | "async";

const wasmNames = { sync: "crsqlite-sync.wasm", async: "crsqlite.wasm" } as const;

const wasmUrlOf = (build: EngineBuild, wasmUrl: string): string =>
  build === "sync" ? wasmUrl : new URL(wasmNames.async, new URL(wasmUrl, globalThis.location?.href)).href;

const wasmPathInNode = (build: EngineBuild, wasmUrl: string | undefined): string => {
  const { fileURLToPath } = nodeModule("node:url");
  if (wasmUrl !== undefined) return fileURLToPath(new URL(wasmNames[build], wasmUrl));
  const beside = fileURLToPath(new URL(wasmNames[build], import.meta.url));
  if (nodeModule("node:fs").existsSync(beside)) return beside;
  return nodeModule("node:module")
    .createRequire(import.meta.url)
    .resolve(`@vlcn.io/wa-sqlite/dist/${wasmNames[build]}`);
};

// Compiled code is immutable, and compiling it again for every database of a process would cost more than opening one.
const compiledByPath = new Map<string, Promise<WebAssembly.Module>>();

const compileInNode = (path: string): Promise<WebAssembly.Module> => {
  let compiled = compiledByPath.get(path);
  if (compiled === undefined) {
    compiled = nodeModule("node:fs")
      .promises.readFile(path)
      .then((bytes) => WebAssembly.compile(bytes));
    compiledByPath.set(path, compiled);
  }
  return compiled;
};

/** @param fail - told when instantiating fails; the loader itself would wait for ever */
const moduleOptions = async (
  build: EngineBuild,
  wasmUrl: string | undefined,
  fail: (cause: unknown) => void,
): Promise<EngineModuleOptions> => {
  // What goes wrong is reported by a rejection; the loaders' prints would only double it.
  const quiet = { print: () => {}, printErr: () => {} };
  if (isNode()) {
    const compiled = await compileInNode(wasmPathInNode(build, wasmUrl));
    const instantiateWasm: EngineModuleOptions["instantiateWasm"] = (imports, receive) => {
      WebAssembly.instantiate(compiled, imports).then(receive).catch(fail);
      return {};
    };
    return { ...quiet, instantiateWasm };
  }
  if (wasmUrl === undefined) return quiet;
  return { ...quiet, locateFile: () => wasmUrlOf(build, wasmUrl) };
};

/**
 * A new instance of the engine, with its own memory.
 * @throws LedgerError LEDGER_ENGINE_UNAVAILABLE when the wasm file cannot be fetched or compiled
 */
export const loadEngine = async (build: EngineBuild, wasmUrl?: string): Promise<Engine> => {
  const load = async (): Promise<Engine> => {
    let fail: (cause: unknown) => void = () => {};
    const failure = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    const options = await moduleOptions(build, wasmUrl, fail);
    if (build === "sync") {
      const loader = await import("@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs");
      return createSyncEngine(await Promise.race([loader.default(options), failure]));
    }
    const loader = await import("@vlcn.io/wa-sqlite/dist/crsqlite.mjs");
    return createAsyncEngine(await Promise.race([loader.default(options), failure]));
  };
  try {
    return await load();
  } catch (cause) {
    throw new LedgerError(
      "LEDGER_ENGINE_UNAVAILABLE",
      `${wasmNames[build]} could not be loaded; check that it is served beside the worker, or set wasmUrl, and that the content security policy has 'wasm-unsafe-eval'`,
      { cause },
    );
  }
};
