/**
 * Builds the pages of the tests as an app would be built, serves them for the whole run, and tells the tests where they are
 * by LEDGER_E2E_URL. From source each page and each worker would be a hundred requests, and most of a test's time.
 */

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";

const configFile = fileURLToPath(new URL("../vite.config.ts", import.meta.url));

const globalSetup = async (): Promise<() => Promise<void>> => {
  await build({ configFile });
  const server = await preview({ configFile });
  const address = server.httpServer.address();
  if (typeof address !== "object" || address === null) throw new Error("Vite has no port");
  process.env["LEDGER_E2E_URL"] = `http://localhost:${address.port}`;

  return async () => {
    await server.close();
    await rm(server.config.build.outDir, { recursive: true, force: true });
  };
};

export default globalSetup;
