import WebSocket from "ws";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { openWebSocketSignaling } from "../../src/signaling/websocket-signaling.ts";
import { createSignalingServer } from "../../signaling-server/src/server.js";
import { createSeededRandom } from "../support/seeded-random.ts";
import { testSignaling, type SignalingHarness } from "./signaling-conformance.ts";

const openHarness = async (relay: boolean): Promise<SignalingHarness> => {
  const limits = { relayBytesPerSecond: 1e9, relayRoomBytesPerSecond: 1e9 };
  let server = createSignalingServer({ relay, limits });
  const port = await server.listen({ port: 0 });
  let seed = 0;

  return {
    relays: relay,
    join: (roomId) =>
      openWebSocketSignaling({
        url: `ws://127.0.0.1:${port}`,
        roomId,
        clock: createSystemClock(),
        random: createSeededRandom((seed += 1)),
        logger: createSilentLogger(),
        // Delays are tested with a fake clock; here they only have to be short.
        policy: { firstDelayMs: 2, maxDelayMs: 20 },
        webSocket: WebSocket,
      }),
    takeDown: () => server.close(),
    bringUp: async () => {
      server = createSignalingServer({ relay, limits });
      await server.listen({ port });
    },
    release: () => server.close(),
  };
};

testSignaling("a WebSocket", () => openHarness(false));
testSignaling("a WebSocket to a server that relays", () => openHarness(true));
