// @ts-check
/** The licences of the code that the build puts into dist/, with the packages that simple-peer's own bundle contains. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** These ship as bundles: what they are made of is in their dependencies, not in the modules that the build saw. */
const bundles = new Set(["simple-peer"]);

const sqlite = `SQLite, which the wasm files contain, is in the public domain: https://sqlite.org/copyright.html
cr-sqlite, which they contain as well, is the work of One Law LLC and comes under the MIT licence, as do the
@vlcn.io packages below: https://github.com/vlcn-io/cr-sqlite/blob/main/LICENSE`;

/**
 * Names of the packages that modules come from.
 * @param {readonly string[]} moduleIds
 */
export const packagesOf = (moduleIds) => {
  const names = moduleIds
    .map((id) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)];
};

/**
 * @param {string} root
 * @param {string} name
 * @param {string} [from] the package that depends on it, whose own node_modules come first
 */
const findPackage = (root, name, from) => {
  const nested = from === undefined ? undefined : join(from, "node_modules", name);
  return nested !== undefined && existsSync(nested) ? nested : join(root, "node_modules", name);
};

/** @param {string} directory */
const readLicense = (directory) => {
  const file = readdirSync(directory).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  return file === undefined ? undefined : readFileSync(join(directory, file), "utf8").trim();
};

/**
 * The text of THIRD-PARTY-LICENSES.
 * @param {string} root
 * @param {readonly string[]} names packages, as `packagesOf` tells them
 */
export const collectLicenses = (root, names) => {
  /** @type {Map<string, string>} */
  const sections = new Map();

  const add = (/** @type {string} */ directory, /** @type {boolean} */ withDependencies) => {
    const manifest =
      /** @type {{ name: string, version: string, license?: string, dependencies?: Record<string, string> }} */ (
        JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))
      );
    const title = `${manifest.name} ${manifest.version}`;
    if (sections.has(title)) return;
    const text = readLicense(directory) ?? manifest.license;
    if (text === undefined) throw new Error(`${title} has neither a licence file nor a licence field`);
    sections.set(title, `${title}\n${"-".repeat(title.length)}\n\n${text}\n`);
    if (!withDependencies) return;
    for (const name of Object.keys(manifest.dependencies ?? {})) add(findPackage(root, name, directory), true);
  };
  for (const name of names) add(findPackage(root, name), bundles.has(name));

  const sorted = [...sections.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, section]) => section);
  return `Ledger contains code of the packages below.\n\n${sqlite}\n\n${sorted.join("\n\n")}`;
};
