// @ts-check
/** Builds the demo and serves the build, for the browser tests and for take-screenshots.mjs. */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

/**
 * Builds into `outDir`.
 * @param {string} outDir
 */
export const buildDemo = async (outDir) => {
  const environment = process.env["NODE_ENV"];
  // Playwright sets it to "test", and then Vite builds what is meant for developing: without the service worker.
  process.env["NODE_ENV"] = "production";
  await build({ configFile, logLevel: "warn", build: { outDir, emptyOutDir: true } });
  if (environment === undefined) delete process.env["NODE_ENV"];
  else process.env["NODE_ENV"] = environment;
};

/**
 * Serves what `buildDemo` made, on a free port.
 * @param {string} outDir
 * @returns {Promise<{ readonly url: string, readonly close: () => Promise<void> }>}
 */
export const serveDemo = async (outDir) => {
  const server = await preview({
    configFile,
    logLevel: "warn",
    build: { outDir },
    preview: { port: 0, strictPort: false },
  });
  const { httpServer } = server;
  const address = httpServer.address();
  if (typeof address !== "object" || address === null) throw new Error("the preview server has no port");
  return {
    url: `http://localhost:${address.port}/`,
    close: async () => {
      const closed = once(httpServer, "close");
      // Browsers keep connections open; waiting for them to end by themselves takes seconds.
      if ("closeAllConnections" in httpServer) httpServer.closeAllConnections();
      await server.close();
      await closed;
    },
  };
};
