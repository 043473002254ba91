/** Option `bearer` at the real server. */

import { expect, test } from "vitest";
import WebSocket from "ws";
import type { RoomId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import type { Bearer } from "../../src/signaling/signaling-connection.ts";
import { openWebSocketSignaling } from "../../src/signaling/websocket-signaling.ts";
import { createSecretCheck } from "../../signaling-server/src/bearer.js";
import { createSignalingServer } from "../../signaling-server/src/server.js";

const secret = "s3cret-sécret-s3cret";

/** What a client with this bearer hears first. */
const join = async (url: string, bearer: Bearer | undefined): Promise<string> => {
  const signaling = openWebSocketSignaling({
    url,
    bearer,
    roomId: "ML8R8WN9chVX4z1X53QhtA" as RoomId,
    clock: createSystemClock(),
    random: createSystemRandom(),
    logger: createSilentLogger(),
    webSocket: WebSocket,
  });
  try {
    return await new Promise((resolve) => {
      signaling.on("joined", () => resolve("joined"));
      signaling.on("failed", (error) => resolve(error.code));
    });
  } finally {
    signaling.close();
  }
};

test("lets in who has the bearer that the server asks for, and no one else", async () => {
  const server = createSignalingServer({ authChecks: [createSecretCheck([secret])] });
  const url = `ws://127.0.0.1:${await server.listen({ port: 0 })}`;

  expect(await join(url, secret)).toBe("joined");
  expect(await join(url, async () => secret)).toBe("joined");
  expect(await join(url, "another")).toBe("LEDGER_SIGNALING_REFUSED");
  expect(await join(url, undefined)).toBe("LEDGER_SIGNALING_REFUSED");
  await server.close();
});

test("may have a bearer at a server that asks for none", async () => {
  const server = createSignalingServer();
  const url = `ws://127.0.0.1:${await server.listen({ port: 0 })}`;

  expect(await join(url, secret)).toBe("joined");
  await server.close();
});
