/** What a signaling server that relays learns of two replicas: every byte that it saw is looked at. */

import { hkdfSync } from "node:crypto";
import { afterEach, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import { createSystemClock } from "../../src/common/system-clock.ts";
import { Ledger } from "../../src/index.ts";
import type { Network } from "../../src/network.ts";
import { openWebSocketSignaling } from "../../src/signaling/websocket-signaling.ts";
import { startTappedServer, type TappedServer } from "./tapped-server.ts";

const platform = { clock: createSystemClock(), random: createSystemRandom(), logger: createSilentLogger() };
const description = "v=0\r\na=fingerprint:sha-256 AA:BB\r\na=candidate:1 1 udp 1 192.0.2.77 9 typ host";

/** Direct routes do not come up, but descriptions travel as if they might. */
const network: Network = {
  join: (url, roomId) => openWebSocketSignaling({ ...platform, url, roomId, webSocket: WebSocket }),
  openChannel: ({ onSignal }) => {
    queueMicrotask(() => onSignal(JSON.stringify({ type: "offer", sdp: description })));
    return { signal: () => {}, opened: new Promise(() => {}), close: () => {} };
  },
};

let server: TappedServer | undefined;
const opened: Ledger[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((ledger) => ledger.close()));
  await server?.release();
});

const open = async (token: string): Promise<Ledger> => {
  const ledger = new Ledger({ dbName: crypto.randomUUID(), network, token, relayAfterMs: 0 });
  opened.push(ledger);
  await ledger.init();
  await ledger.exec("CREATE TABLE secret_diary (id TEXT PRIMARY KEY NOT NULL, confession TEXT)");
  await ledger.enableSync("secret_diary");
  return ledger;
};

it("finds no row, key, table name, description or token in anything that the server saw", async () => {
  server = await startTappedServer();
  const tapped = server;
  const publicKeys: Buffer[] = [];
  const exportKey = crypto.subtle.exportKey.bind(crypto.subtle);
  vi.spyOn(crypto.subtle, "exportKey").mockImplementation((async (format: "raw", key: CryptoKey) => {
    const exported = await exportKey(format, key);
    publicKeys.push(Buffer.from(exported));
    return exported;
  }) as typeof crypto.subtle.exportKey);
  const token = Ledger.createToken();
  const [alice, bob] = [await open(token), await open(token)];
  const texts = Array.from({ length: 40 }, (_, i) => `Alice confesses number ${i} to nobody but Bob`);

  await Promise.all([alice.connect(tapped.url), bob.connect(tapped.url)]);
  await vi.waitFor(() => expect([...alice.getPeers(), ...bob.getPeers()]).toHaveLength(2), { timeout: 20_000 });
  for (const [i, text] of texts.entries()) {
    await alice.exec("INSERT INTO secret_diary VALUES (?, ?)", [`key-of-row-${i}`, text]);
  }
  await bob.exec("INSERT INTO secret_diary VALUES (?, ?)", ["key-of-bob", "x".repeat(200_000)]);
  await vi.waitFor(
    async () => {
      for (const ledger of [alice, bob]) {
        expect((await ledger.exec("SELECT count(*) AS n FROM secret_diary")).rows).toEqual([{ n: 41 }]);
      }
    },
    { timeout: 20_000 },
  );

  expect([alice, bob].map((ledger) => ledger.status().peers.map(({ route }) => route))).toEqual([["relay"], ["relay"]]);
  expect(tapped.count("relay")).toBeGreaterThan(20);
  expect(tapped.count("send")).toBeGreaterThan(4);
  const seen = tapped.seen();
  const secret = Buffer.from(token, "base64url");
  const derived = ["signal", "auth", "relay"].map((info) =>
    Buffer.from(hkdfSync("sha256", secret, "ledger/v1", info, 32)),
  );
  const words = [
    "secret_diary",
    "confess",
    "key-of-",
    "xxxxxxxxxxxxxxxx",
    "v=0",
    "fingerprint",
    "candidate:",
    "192.0.2.77",
  ];
  const ids = [alice, bob].map((ledger) => ledger.getNodeId());
  const bytes = [secret, ...derived, ...publicKeys, ...ids.map((id) => Buffer.from(id, "hex"))];
  const needles = [
    ...words.map((word) => Buffer.from(word)),
    Buffer.from(token),
    ...bytes.flatMap((raw) => [raw, Buffer.from(raw.toString("hex")), Buffer.from(raw.toString("base64url"))]),
  ];
  const roomId = Buffer.from(hkdfSync("sha256", secret, "ledger/v1", "room", 16)).toString("base64url");

  expect(publicKeys.length).toBeGreaterThanOrEqual(2);
  expect(seen.includes(roomId)).toBe(true); // The only thing that it is meant to know: so the search works.
  expect(needles.filter((needle) => seen.includes(needle)).map(String)).toEqual([]);
}, 60_000);
