// @ts-check
/** A real coturn on the loopback address, configured as README.md says, with a secret and ports of its own. */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePackage, freePort, startDaemon } from "./daemons.js";

export const startCoturn = async () => {
  const executable = ensurePackage("coturn");
  const secret = randomBytes(16).toString("hex");
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "ledger-coturn-"));
  const daemon = await startDaemon(
    executable,
    [
      "-n",
      "--listening-ip=127.0.0.1",
      "--relay-ip=127.0.0.1",
      `--listening-port=${port}`,
      "--min-port=49200",
      "--max-port=49999",
      "--use-auth-secret",
      `--static-auth-secret=${secret}`,
      "--realm=ledger.test",
      "--no-tls",
      "--no-dtls",
      "--no-cli",
      "--allow-loopback-peers",
      `--userdb=${join(folder, "turndb")}`,
      `--pidfile=${join(folder, "turn.pid")}`,
      "--log-file=stdout",
      "--simple-log",
    ],
    port,
  );

  return {
    port,
    secret,
    stop: async () => {
      await daemon.stop("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
