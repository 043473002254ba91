/** What a page downloads, as gzip. A size is checked with everything that the file imports statically. */

import { readdirSync, readFileSync } from "node:fs";

/**
 * The built file and the chunks that it always loads.
 * @param {string} file
 * @returns {string[]}
 */
const withImports = (file) => {
  const code = readFileSync(new URL(`dist/${file}`, import.meta.url), "utf8");
  const imports = [...code.matchAll(/\b(?:from|import)\s*["'`]\.\/([^"'`]+\.js)["'`]/g)].map((match) => match[1] ?? "");
  return [...new Set([`dist/${file}`, ...imports.flatMap(withImports)])];
};

/** Loaded by the page once it joins a room. */
const webRtc = readdirSync(new URL("dist", import.meta.url)).filter((file) => /^webrtc-channel-.*\.js$/.test(file));

export default [
  { name: "ledger, the page's part", path: withImports("index.js"), gzip: true, limit: "60 kB" },
  {
    name: "ledger, the page's part with WebRTC",
    path: [...new Set(["index.js", ...webRtc].flatMap(withImports))],
    gzip: true,
    limit: "80 kB",
  },
  { name: "ledger/worker.js", path: withImports("worker.js"), gzip: true, limit: "75 kB" },
  { name: "ledger/kysely", path: withImports("kysely.js"), gzip: true, limit: "4 kB" },
  { name: "ledger/drizzle", path: withImports("drizzle.js"), gzip: true, limit: "4 kB" },
  { name: "ledger/react", path: withImports("react.js"), gzip: true, limit: "4 kB" },
  { name: "crsqlite-sync.wasm", path: "dist/crsqlite-sync.wasm", gzip: true, limit: "450 kB" },
];
