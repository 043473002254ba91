// @ts-check
/**
 * The engine's JavaScript without what Ledger never reaches: virtual tables and SQL functions written in JavaScript, hooks
 * on updates and progress, functions of the C code that only those would call, and most of the file system that SQLite's
 * own storage would use. Ledger brings its own storage; of the other, only /dev/urandom is read. Saves some kB gzip of the
 * worker's file, which holds both builds of the engine. Fails the build rather than trim an engine that is made in another
 * way: its version is pinned.
 */

import { parseAst } from "rolldown/parseAst";

/** Each is set up by a function of its own, called where it stands, of which these are the public names. */
const unusedSetUps = [/\.createModule=/, /\.createFunction=.*\.createAggregate=/s, /\.progressHandler=/];

/** Functions of the C code that nothing calls from outside. */
const unusedExports = new Set([
  ...["blob", "double", "error", "int", "int64", "null", "text"].map((type) => `sqlite3_result_${type}`),
  ...["blob", "bytes", "double", "int", "int64", "text", "type"].map((what) => `sqlite3_value_${what}`),
  ...[
    "bind_int",
    "column_int",
    "data_count",
    "declare_vtab",
    "exec",
    "libversion",
    "libversion_number",
    "limit",
    "sql",
  ].map((name) => `sqlite3_${name}`),
  ...["create_function", "create_module", "progress_handler", "update_hook"],
]);

/** System calls by the names under which the C code imports them, and what they answer from now on: no such call. */
const unusedCalls = {
  ...answering(-52, {
    chmod: "L",
    faccessat: "N",
    fchmod: "M",
    fchown: "K",
    ftruncate: "n",
    getcwd: "D",
    lstat: "G",
    mkdirat: "A",
    newfstatat: "F",
    readlinkat: "w",
    rmdir: "v",
    stat: "H",
    unlinkat: "r",
    utimensat: "q",
    mmap: "i",
    munmap: "j",
  }),
  ...answering(52, { fdstat: "p", seek: "l", sync: "E" }),
};

export const trimEngine = {
  name: "ledger-trim-engine",
  transform: (/** @type {string} */ code, /** @type {string} */ id) => {
    if (!/wa-sqlite[\\/]dist[\\/]crsqlite(-sync)?\.mjs$/.test(id)) return undefined;
    const cuts = [...setUpCuts(code), ...exportCuts(code), ...callCuts(code)].sort((a, b) => b.start - a.start);
    const expected = unusedSetUps.length + unusedExports.size + Object.keys(unusedCalls).length;
    if (cuts.length !== expected) throw new Error(`build: ${id} has ${cuts.length} parts to trim, not ${expected}`);
    let trimmed = code;
    for (const { start, end, text } of cuts) trimmed = trimmed.slice(0, start) + text + trimmed.slice(end);
    return { code: trimmed, map: null };
  },
};

/**
 * @param {number} result
 * @param {Readonly<Record<string, string>>} calls
 */
function answering(result, calls) {
  return Object.fromEntries(Object.values(calls).map((name) => [name, `()=>${result}`]));
}

/** @typedef {{ type?: string, start: number, end: number, key?: Node, value?: Node }} Node */

/**
 * Every node of the code, in any order.
 * @param {string} code
 * @returns {Node[]}
 */
const nodesOf = (code) => {
  /** @type {Node[]} */
  const nodes = [];
  const visit = (/** @type {unknown} */ node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== "object" || node === null) return;
    nodes.push(/** @type {Node} */ (node));
    Object.values(node).forEach(visit);
  };
  visit(parseAst(code).body);
  return nodes;
};

/** @param {string} code */
const setUpCuts = (code) =>
  nodesOf(code).flatMap(({ type, start, end }) => {
    const text = type === "ExpressionStatement" ? code.slice(start, end) : "";
    const isUnused = text.startsWith("(function(){") && unusedSetUps.some((names) => names.test(text));
    return isUnused && text.length < 10_000 ? [{ start, end, text: "" }] : [];
  });

/** Each is set once, to a stub that looks the function up when it is called first. @param {string} code */
const exportCuts = (code) =>
  nodesOf(code).flatMap(({ type, start, end }) => {
    if (type !== "ExpressionStatement") return [];
    const name = /^\w+\._(\w+)=\(?[\w,]*\)?=>/.exec(code.slice(start, Math.min(end, start + 80)))?.[1];
    return name !== undefined && unusedExports.has(name) ? [{ start, end, text: "" }] : [];
  });

/** @param {string} code */
const callCuts = (code) =>
  nodesOf(code).flatMap(({ type, key, value }) => {
    if (type !== "Property" || key === undefined || value?.type !== "FunctionExpression") return [];
    const answer = unusedCalls[code.slice(key.start, key.end)];
    // All system calls look at the errors of that file system.
    if (answer === undefined || !code.slice(value.start, value.end).includes("ErrnoError")) return [];
    return [{ start: value.start, end: value.end, text: answer }];
  });
