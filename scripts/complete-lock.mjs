// @ts-check
/**
 * Adds to package-lock.json the optional packages for other platforms that npm left out because the registry in use does
 * not have them (a mirror may not). `npm ci` refuses a lock file without them. They get no integrity; the next
 * `npm install` with a complete registry adds it. Run it after `npm install` when test/package/lockfile.test.ts says so.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../package-lock.json", import.meta.url));

/** @typedef {{ version: string, dev?: boolean, license?: string, optionalDependencies?: Record<string, string> }} Entry */

/**
 * What the package's own manifest says of its platform, by its name: `…linux-x64-musl`.
 * @param {string} name
 */
const platformOf = (name) => {
  const [, os, cpu, abi = ""] = /(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)-?(\w*)$/.exec(name) ?? [];
  if (os === undefined || cpu === undefined) throw new Error(`${name} does not tell its platform`);
  const libc = abi.startsWith("musl") ? ["musl"] : abi.startsWith("gnu") ? ["glibc"] : undefined;
  return { os: [os], cpu: [cpu], ...(libc !== undefined && { libc }) };
};

const lock = JSON.parse(readFileSync(file, "utf8"));
/** @type {Record<string, Entry>} */
const packages = lock.packages;
const added = Object.values(packages).flatMap(({ dev, license, optionalDependencies = {} }) =>
  Object.entries(optionalDependencies)
    .filter(([name]) => !(`node_modules/${name}` in packages))
    .map(([name, version]) => {
      packages[`node_modules/${name}`] = {
        ...{ version, ...(dev && { dev }), ...(license !== undefined && { license }) },
        ...{ optional: true, ...platformOf(name) },
      };
      return name;
    }),
);

lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, "en")));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "package-lock.json is complete" : `added ${added.join(", ")}`);
