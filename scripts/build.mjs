// @ts-check
/**
 * Builds the package into dist/: index.js and testing.js for the page and for Node, worker.js whole in one file, each
 * binding whole in one file, the wasm files beside them, and the types. Not Vite's library mode: that inlines the wasm files as text.
 */

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import { collectLicenses, packagesOf } from "./licenses.mjs";
import { trimEngine } from "./trim-engine.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
/** Entries for frameworks, and the packages of the app's that each imports. */
const bindings = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  react: ["react"],
  kysely: ["kysely"],
  drizzle: ["drizzle-orm", "drizzle-orm/sqlite-proxy"],
});
const wasmFiles = ["crsqlite-sync.wasm", "crsqlite.wasm"];

/** The page starts the worker by this, as its own and as the one that tabs share; in dist every file lies beside worker.js. */
const workerUrlInSource = /new URL\(\s*"(?:\.\.?\/)+worker\.ts",\s*import\.meta\.url\s*,?\s*\)/g;
const workerUrlInDist = 'new URL("./worker.js",import.meta.url)';

/** @param {string} message */
const fail = (message) => {
  throw new Error(`build: ${message}`);
};

/** @param {{ found: string[] }} report gets the name of every file whose worker URL was rewritten */
const rewriteWorkerUrl = (report) => ({
  name: "ledger-worker-url",
  transform: (/** @type {string} */ code, /** @type {string} */ id) => {
    const count = code.match(workerUrlInSource)?.length ?? 0;
    if (count === 0) return undefined;
    report.found.push(...Array.from({ length: count }, () => relative(root, id)));
    // `map: null` keeps the map there is: only columns behind the URL shift, and nothing is behind it.
    return { code: code.replace(workerUrlInSource, workerUrlInDist), map: null };
  },
  // Printing without whitespace turns the quotes into backticks, which some bundlers do not look for. Same length.
  generateBundle: (/** @type {unknown} */ _, /** @type {import("rolldown").OutputBundle} */ files) => {
    for (const file of Object.values(files)) {
      if (file.type === "chunk") file.code = file.code.replace(/new URL\(`(\.\/worker\.js)`/g, 'new URL("$1"');
    }
  },
});

/** There is no Node in a page's worker: the storage in files, which asks for Node first, need not be carried there. */
const withoutNode = {
  name: "ledger-without-node",
  load: (/** @type {string} */ id) =>
    /[\\/]src[\\/]database[\\/]node-file-host\.ts$/.test(id)
      ? "export const openNodeFileHost = undefined, databaseNameToFileName = undefined;"
      : undefined,
};

/**
 * What is loaded when it is needed comes at once where there is one file only: kept apart in it, each module would be wrapped
 * in a function of its own and nothing could be shortened across them. Importing a module does nothing in src.
 */
const inOneFile = {
  name: "ledger-in-one-file",
  transform: (/** @type {string} */ code, /** @type {string} */ id) => {
    if (!/[\\/]src[\\/].*\.ts$/.test(id)) return undefined;
    /** @type {string[]} */
    const imports = [];
    const changed = code.replace(/await import\((".*?")\)/g, (_, from) => {
      imports.push(`import * as imported${imports.length} from ${from};`);
      return `imported${imports.length - 1}`;
    });
    // At the end, so that lines keep their numbers.
    return imports.length === 0 ? undefined : { code: [changed, ...imports].join("\n"), map: null };
  },
};

const external = [/^node:/];
/** @type {import("rolldown").InputOptions} */
const common = { cwd: root, platform: "browser", external, transform: { target: "es2022" } };
/** @type {import("rolldown").OutputOptions} */
const output = {
  dir: dist,
  format: "esm",
  sourcemap: true,
  comments: { legal: true, annotation: true, jsdoc: false },
};

/** Functions keep their names, so that a stack trace in an app can be read. */
const readable = { mangle: { toplevel: false }, compress: true, codegen: { removeWhitespace: true } };

const bundle = async () => {
  /** @type {{ found: string[] }} */
  const report = { found: [] };
  const page = await build({
    ...common,
    input: { index: "src/index.ts", testing: "src/testing.ts" },
    plugins: [trimEngine, rewriteWorkerUrl(report)],
    output: {
      ...output,
      entryFileNames: "[name].js",
      chunkFileNames: "[name]-[hash].js",
      minify: readable,
    },
  });
  if (report.found.length !== 2) {
    fail(
      `the page must start src/worker.ts in two ways, but does in ${report.found.length}: ${report.found.join(", ")}`,
    );
  }
  // One file, so that an app can copy it beside its other files and name it by `workerUrl`.
  const worker = await build({
    ...common,
    input: { worker: "src/worker.ts" },
    plugins: [trimEngine, withoutNode, inOneFile],
    output: {
      ...output,
      comments: { legal: true, annotation: false, jsdoc: false },
      entryFileNames: "[name].js",
      codeSplitting: false,
      minify: true,
    },
  });
  // Apart from the page's files, with which it would share chunks that every page had to load.
  const others = Object.entries(bindings).map(async ([name, packages]) => {
    const { output: files } = await build({
      ...common,
      external: [...external, ...packages],
      input: { [name]: `src/${name}.ts` },
      output: { ...output, entryFileNames: "[name].js", codeSplitting: false, minify: readable },
    });
    return files;
  });
  return [...page.output, ...worker.output, ...(await Promise.all(others)).flat()];
};

const copyWasm = () => {
  for (const file of wasmFiles) {
    copyFileSync(join(root, "node_modules/@vlcn.io/wa-sqlite/dist", file), join(dist, file));
    chmodSync(join(dist, file), 0o644);
  }
};

/** Declarations of everything the entries reach, and of nothing else. */
const emitTypes = () => {
  const tsc = spawnSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"],
    {
      cwd: root,
      stdio: "inherit",
    },
  );
  if (tsc.status !== 0) fail("the declarations could not be emitted");

  const reached = new Set();
  const specifier = /(?<=\bfrom\s*|\bimport\s*\(?\s*)"(\.[^"]+)"/g;
  const visit = (/** @type {string} */ file) => {
    if (reached.has(file)) return;
    reached.add(file);
    const source = readFileSync(file, "utf8");
    const rewritten = withLibraries(
      source.replace(specifier, (_, /** @type {string} */ path) => `"${path.replace(/\.ts$/, ".js")}"`),
    );
    if (rewritten !== source) writeFileSync(file, rewritten);
    for (const [, path = ""] of rewritten.matchAll(specifier)) {
      const target = resolve(dirname(file), path.replace(/\.js$/, ".d.ts"));
      if (!existsSync(target)) fail(`${relative(root, file)} refers to ${path}, which is not there`);
      visit(target);
    }
  };
  for (const entry of ["index", "testing", "worker", ...Object.keys(bindings)]) visit(join(dist, `${entry}.d.ts`));

  for (const entry of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    const file = join(dist, entry);
    if (entry.endsWith(".d.ts") && !reached.has(file)) rmSync(file);
  }
  removeEmptyDirectories(dist);
};

/**
 * An app that compiles for ES2022 does not know Symbol.asyncDispose unless the declarations that use it say where it is.
 * @param {string} declarations
 */
const withLibraries = (declarations) =>
  declarations.includes("Symbol.asyncDispose")
    ? `/// <reference lib="esnext.disposable" />\n${declarations}`
    : declarations;

/** @param {string} directory */
const removeEmptyDirectories = (directory) => {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyDirectories(join(directory, entry.name));
  }
  if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
};

/** What a consumer's bundler relies on, looked at in the files that are shipped. */
const checkOutput = (/** @type {readonly import("rolldown").OutputChunk[]} */ chunks) => {
  const page = chunks.filter((chunk) => chunk.fileName !== "worker.js");
  for (const kind of ["Worker", "SharedWorker"]) {
    const starts = page.flatMap((chunk) => chunk.code.split(`new ${kind}(${workerUrlInDist}`).slice(1));
    if (starts.length !== 1) fail(`the page's files start a ${kind} in ${starts.length} places instead of one`);
  }
  for (const chunk of chunks) {
    if (/worker\.ts["'`]/.test(chunk.code)) fail(`${chunk.fileName} still refers to worker.ts`);
    if (/new URL\(`[^`]*\$\{[^`]*`,\s*import\.meta\.url/.test(chunk.code)) {
      fail(`${chunk.fileName} has a template in new URL(…, import.meta.url); Vite would ship every file beside it`);
    }
    const given = bindings[chunk.name] ?? [];
    const foreign = chunk.imports.filter(
      (name) => !given.includes(name) && !chunks.some((other) => other.fileName === name),
    );
    if (foreign.length > 0) fail(`${chunk.fileName} imports ${foreign.join(", ")}; a browser could not load it`);
  }
};

rmSync(dist, { recursive: true, force: true });
const chunks = (await bundle()).filter((file) => file.type === "chunk");
checkOutput(chunks);
copyWasm();
emitTypes();
writeFileSync(
  join(root, "THIRD-PARTY-LICENSES"),
  collectLicenses(root, packagesOf(chunks.flatMap((chunk) => chunk.moduleIds))),
);
console.log(
  `built ${readdirSync(dist)
    .map((file) => basename(file))
    .filter((file) => /\.(js|wasm)$/.test(file))
    .join(" ")}`,
);
