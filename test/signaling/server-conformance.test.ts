/** Runs against our server, alone and as two instances over NATS, or against those at LEDGER_SIGNALING_URL. */

import { ensurePackage, freePort, installTimeoutMs, startDaemon } from "../../signaling-server/test/daemons.js";
import { runServer } from "../../signaling-server/test/process.js";
import { testSignalingServer } from "./server-conformance.ts";

const given = (process.env["LEDGER_SIGNALING_URL"] ?? "").split(/[\s,]+/).filter((url) => url !== "");
const [first, ...rest] = given;

if (first !== undefined) {
  testSignalingServer("at LEDGER_SIGNALING_URL", async () => ({ urls: [first, ...rest], release: async () => {} }));
} else {
  testSignalingServer("alone", async () => {
    const server = await runServer();
    return { urls: [server.url], release: () => server.kill() };
  });

  testSignalingServer(
    "as two instances over NATS",
    async () => {
      const executable = ensurePackage("nats-server");
      const port = await freePort();
      const nats = await startDaemon(executable, ["-a", "127.0.0.1", "-p", String(port)], port);
      const shared = { NATS_URL: `nats://127.0.0.1:${port}` };
      const [one, two] = await Promise.all([runServer(shared), runServer(shared)]);
      await Promise.all([one.ready(), two.ready()]);
      return {
        urls: [one.url, two.url],
        release: async () => {
          await Promise.all([one.kill(), two.kill()]);
          await nats.stop();
        },
      };
    },
    installTimeoutMs,
  );
}
