// @ts-check
/**
 * The engine's JavaScript without what Ledger never calls: virtual tables and SQL functions written in JavaScript, and
 * the hooks on updates and on progress. Their parts of the C library stay and are never reached. Saves 3 kB gzip of the worker's file,
 * which holds both builds of the engine.
 */

import { parseAst } from "rolldown/parseAst";

/** Each is set up by a function of its own, called where it stands, of which these are the public names. */
const unused = [/\.createModule=/, /\.createFunction=.*\.createAggregate=/s, /\.progressHandler=/];

/** Fails the build rather than trim an engine that is made in another way. */
export const trimEngine = {
  name: "ledger-trim-engine",
  transform: (/** @type {string} */ code, /** @type {string} */ id) => {
    if (!/wa-sqlite[\\/]dist[\\/]crsqlite(-sync)?\.mjs$/.test(id)) return undefined;
    const setUps = setUpsOf(code);
    let trimmed = code;
    for (const names of unused) {
      const found = setUps.filter((text) => names.test(text));
      if (found.length !== 1) throw new Error(`build: ${id} sets up ${names} in ${found.length} places, not in one`);
      trimmed = trimmed.replace(/** @type {string} */ (found[0]), () => "");
    }
    return { code: trimmed, map: null };
  },
};

/**
 * Texts of the statements `(function(){…})();`, wherever they stand.
 * @param {string} code
 */
const setUpsOf = (code) => {
  /** @type {string[]} */
  const found = [];
  const visit = (/** @type {unknown} */ node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== "object" || node === null) return;
    const { type, start, end } = /** @type {{ type?: string, start: number, end: number }} */ (node);
    const text = type === "ExpressionStatement" ? code.slice(start, end) : "";
    if (text.startsWith("(function(){") && text.endsWith("})();")) found.push(text);
    Object.values(node).forEach(visit);
  };
  visit(parseAst(code).body);
  return found;
};
