/** Starts one Vite server for the whole run and tells the tests where it is by LEDGER_E2E_URL. */

import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const globalSetup = async (): Promise<() => Promise<void>> => {
  const server = await createServer({ configFile: fileURLToPath(new URL("../vite.config.ts", import.meta.url)) });
  await server.listen();
  const address = server.httpServer?.address();
  if (typeof address !== "object" || address === null) throw new Error("Vite has no port");
  process.env["LEDGER_E2E_URL"] = `http://localhost:${address.port}`;

  return async () => {
    await server.close();
    await rm(server.config.cacheDir, { recursive: true, force: true });
  };
};

export default globalSetup;
