// @ts-check
/** Serves the built pages and knows what each was sent. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

const types = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css" };

/** @param {string} directory */
export const servePages = async (directory) => {
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  /** Paths by the name of the page that asked for them. @type {Map<string, Set<string>>} */
  const asked = new Map();

  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    try {
      const body = files.get(path) ?? (await readFile(join(directory, path)));
      files.set(path, body);
      // A worker's files are asked for by the worker's file: those carry the name of the page as well.
      const page =
        /\/pages\/([\w-]+)\.html/.exec(request.headers.referer ?? path)?.[1] ?? pageOf(request.headers.referer ?? "");
      if (page !== undefined) {
        if (!asked.has(page)) asked.set(page, new Set());
        asked.get(page)?.add(path);
      }
      response.writeHead(200, {
        "content-type": types[/** @type {keyof typeof types} */ (extname(path))] ?? "application/octet-stream",
        "cache-control": "max-age=3600",
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  /** The page that a file was first asked for by. @param {string} referer */
  const pageOf = (referer) => {
    const path = referer === "" ? "" : new URL(referer).pathname;
    for (const [page, paths] of asked) if (paths.has(path)) return page;
    return undefined;
  };

  server.listen(0, "localhost");
  await once(server, "listening");
  const address = server.address();
  return {
    url: `http://localhost:${typeof address === "object" ? address?.port : ""}`,
    /** Everything that the page loaded in its life, each file with gzip. @param {string} page */
    shippedBytes: (page) => {
      let bytes = 0;
      for (const path of asked.get(page) ?? []) bytes += gzipSync(files.get(path) ?? "", { level: 9 }).length;
      return bytes;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
};
