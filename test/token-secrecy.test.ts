/** Goes through a session with everything recorded that leaves a replica, and looks for the room's token in it. */

import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { createSystemRandom } from "../src/common/random.ts";
import { createSystemClock } from "../src/common/system-clock.ts";
import { Ledger, type LedgerEventName, type Logger } from "../src/index.ts";
import type { Network } from "../src/network.ts";
import { openWebSocketSignaling } from "../src/signaling/websocket-signaling.ts";
import { createTestNetwork } from "../src/testing.ts";
import { createSecretCheck } from "../signaling-server/src/bearer.js";
import { createSignalingServer } from "../signaling-server/src/server.js";
import { notesTable } from "./support/replicas.ts";

const bearer = "s3cret-bearer-s3cret";

/** Every way in which text could stand somewhere. */
const formsOf = (text: string): readonly string[] => {
  const bytes = Buffer.from(text);
  return [
    text,
    encodeURIComponent(text),
    new URLSearchParams({ "": text }).toString().slice(1),
    JSON.stringify(text).slice(1, -1),
    ...(["hex", "base64", "base64url"] as const).map((coding) => bytes.toString(coding).replaceAll("=", "")),
    // The bits of a generated one.
    Buffer.from(text, "base64url").toString("hex"),
  ];
};

/** Records what it is given as text: bytes as Latin-1, so that words in them are found, and as hex. */
const createRecorder = () => {
  const kinds = new Map<string, string[]>();
  const textOf = (value: unknown): string => {
    if (value instanceof Uint8Array) {
      const bytes = Buffer.from(value);
      return `${bytes.toString("latin1")} ${bytes.toString("hex")}`;
    }
    if (value instanceof Error) return `${value.stack} ${textOf(value.cause)} ${JSON.stringify(value)}`;
    return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  };
  const note = (kind: string, ...values: readonly unknown[]): void => {
    kinds.set(kind, [...(kinds.get(kind) ?? []), ...values.map(textOf)]);
  };
  return { note, texts: () => [...kinds.values()].flat(), kinds: () => [...kinds.keys()].sort() };
};

type Recorder = ReturnType<typeof createRecorder>;

/** The real signaling server, behind something that records the requests it gets. */
const startServer = async ({ note }: Recorder) => {
  const server = createSignalingServer({ authChecks: [createSecretCheck([bearer])] });
  const port = await server.listen({ port: 0 });
  const proxy = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    client.on("data", (bytes) => note("request", new Uint8Array(bytes)));
    client.pipe(upstream).pipe(client);
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    close: async () => {
      await server.close();
      proxy.close();
    },
  };
};

/** Real signaling; channels in memory, whose messages are recorded as well. */
const createRecordedNetwork = (recorder: Recorder, logger: Logger): ((withBearer: string) => Network) => {
  const { note } = recorder;
  const channels = createTestNetwork();
  class RecordedSocket extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      note("url", url);
      this.on("message", (bytes: Buffer) => note("frame in", bytes.toString()));
    }
    override send(text: string): void {
      note("frame out", text);
      super.send(text);
    }
  }
  return (withBearer) => ({
    join: (url, roomId) =>
      openWebSocketSignaling({
        url,
        roomId,
        bearer: withBearer,
        clock: createSystemClock(),
        random: createSystemRandom(),
        logger,
        webSocket: RecordedSocket,
      }),
    openChannel: (options) => {
      const attempt = channels.openChannel({
        ...options,
        onSignal: (description) => {
          note("description", description);
          options.onSignal(description);
        },
      });
      const opened = attempt.opened.then(
        (channel) =>
          Object.create(channel, {
            send: {
              value: (bytes: Uint8Array<ArrayBuffer>) => {
                note("channel", bytes);
                channel.send(bytes);
              },
            },
          }) as typeof channel,
      );
      opened.catch(() => {});
      return { ...attempt, opened };
    },
  });
};

const events: readonly LedgerEventName[] = [
  "sync",
  "peer-join",
  "peer-ready",
  "peer-leave",
  "connected",
  "disconnected",
  "reconnecting",
  "reconnected",
  "change",
  "status",
  "error",
];

test.each(["AAECAwQFBgcICQoLDA0ODw", "ein Geheimwort/für uns+alle"])(
  "the token %j is in no request, frame, message, log line, event or error",
  async (token) => {
    const recorder = createRecorder();
    const { note } = recorder;
    const log = (message: string, fields?: unknown): void => note("log", message, fields);
    const logger: Logger = { debug: log, info: log, warn: log, error: log };
    const network = createRecordedNetwork(recorder, logger);
    const server = await startServer(recorder);
    const open = async (withBearer = bearer): Promise<Ledger> => {
      const options = { dbName: crypto.randomUUID(), signalingUrl: server.url, token, logger };
      const db = new Ledger({ ...options, network: network(withBearer) });
      for (const event of events) db.on(event, (...args: readonly unknown[]) => note("event", event, ...args));
      await db.init();
      await db.exec(notesTable);
      await db.enableSync("notes");
      return db;
    };
    const fail = async (call: () => unknown): Promise<void> => {
      const error = await Promise.resolve()
        .then(call)
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(error).toBeInstanceOf(Error);
      note("error", error);
    };
    const [alice, bob, mallory] = [await open(), await open(), await open("another")];
    const synced = new Promise((resolve) => bob.on("sync", resolve));

    await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'hello')");
    await Promise.all([alice.connect(), bob.connect()]);
    await synced;
    note("status", alice.status(), bob.status());
    await fail(() => mallory.connect());
    await fail(() => alice.inviteUrl(`https://app.example/?room=${encodeURIComponent(token)}`));
    await fail(() => alice.inviteUrl("no address"));
    await fail(() => alice.connect("no address", token));
    await fail(() => alice.connect("ws://127.0.0.1:1", token));
    await alice.forgetRoom();
    await Promise.all([bob.disconnect(), mallory.close()]);
    await fail(() => mallory.forgetRoom(token));
    await Promise.all([alice.close(), bob.close()]);
    await server.close();

    // Only what was recorded can be searched.
    const kinds = [
      "channel",
      "description",
      "error",
      "event",
      "frame in",
      "frame out",
      "log",
      "request",
      "status",
      "url",
    ];
    expect(recorder.kinds()).toEqual(kinds);
    expect(recorder.texts().some((text) => text.includes("hello"))).toBe(true);
    const secrets = formsOf(token);
    expect(recorder.texts().filter((text) => secrets.some((form) => text.includes(form)))).toEqual([]);
    // In base64url it is in the head of the request, where it belongs.
    expect(recorder.texts().filter((text) => text.includes(bearer))).toEqual([]);

    const invitation = new URL(new Ledger({ token }).inviteUrl("https://app.example/?page=1"));
    for (const form of secrets)
      expect(`${invitation.origin}${invitation.pathname}${invitation.search}`).not.toContain(form);
  },
);
