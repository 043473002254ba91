/** Runs against our server, alone and as two instances over NATS, or against those at LEDGER_SIGNALING_URL. */

import { ensurePackage, freePort, installTimeoutMs, startDaemon } from "../../signaling-server/test/daemons.js";
import { runServer } from "../../signaling-server/test/process.js";
import { testSignalingServer, type ServerHarness } from "./server-conformance.ts";
import { testRelayingServer } from "./server-relay-conformance.ts";

const given = (process.env["LEDGER_SIGNALING_URL"] ?? "").split(/[\s,]+/).filter((url) => url !== "");
const [first, ...rest] = given;

if (first !== undefined) {
  const openGiven = async (): Promise<ServerHarness> => ({ urls: [first, ...rest], release: async () => {} });
  testSignalingServer("at LEDGER_SIGNALING_URL", openGiven);
  if (process.env["LEDGER_SIGNALING_RELAY"] === "1") testRelayingServer("at LEDGER_SIGNALING_URL", openGiven);
} else {
  const openAlone = async (env = {}): Promise<ServerHarness> => {
    const server = await runServer(env);
    return { urls: [server.url], release: () => server.kill() };
  };

  const openPair = async (env = {}): Promise<ServerHarness> => {
    const executable = ensurePackage("nats-server");
    const port = await freePort();
    const nats = await startDaemon(executable, ["-a", "127.0.0.1", "-p", String(port)], port);
    const shared = { NATS_URL: `nats://127.0.0.1:${port}`, ...env };
    const [one, two] = await Promise.all([runServer(shared), runServer(shared)]);
    await Promise.all([one.ready(), two.ready()]);
    return {
      urls: [one.url, two.url],
      release: async () => {
        await Promise.all([one.kill(), two.kill()]);
        await nats.stop();
      },
    };
  };

  testSignalingServer("alone", openAlone);
  testSignalingServer("as two instances over NATS", openPair, installTimeoutMs);
  testRelayingServer("alone", () => openAlone({ RELAY: "1" }));
  testRelayingServer("as two instances over NATS", () => openPair({ RELAY: "1" }), installTimeoutMs);
}
