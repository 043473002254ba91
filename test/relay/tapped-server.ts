/** A real signaling server behind a TCP tap that keeps every byte of every connection, client frames unmasked. */

import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { createSignalingServer } from "../../signaling-server/src/server.js";

export interface TappedServer {
  readonly url: string;
  /** All that went through so far: HTTP, frames in clear, and what the frames' payloads decode to. */
  seen(): Buffer;
  /** Frames of this type that clients sent. */
  count(type: string): number;
  release(): Promise<void>;
}

/** The text of each frame that a client sent, behind the HTTP request. RFC 6455, section 5.2; clients mask. */
const unmaskedFrames = (bytes: Buffer): readonly Buffer[] => {
  const frames: Buffer[] = [];
  let at = bytes.indexOf("\r\n\r\n") + 4;
  while (at + 2 <= bytes.length) {
    const code = (bytes[at + 1] ?? 0) & 0x7f;
    const extended = code === 126 ? 2 : code === 127 ? 8 : 0;
    if (at + 2 + extended + 4 > bytes.length) break;
    const length =
      extended === 2 ? bytes.readUInt16BE(at + 2) : extended === 8 ? Number(bytes.readBigUInt64BE(at + 2)) : code;
    const mask = bytes.subarray(at + 2 + extended, at + 6 + extended);
    at += 6 + extended;
    frames.push(Buffer.from(bytes.subarray(at, at + length).map((byte, i) => byte ^ (mask[i & 3] ?? 0))));
    at += length;
  }
  return frames;
};

const payloadsIn = (bytes: Buffer): readonly Buffer[] =>
  [...bytes.toString("latin1").matchAll(/"payload":"([\w-]+)"/g)].map(([, payload = ""]) =>
    Buffer.from(payload, "base64url"),
  );

export const startTappedServer = async (): Promise<TappedServer> => {
  const server = createSignalingServer({ relay: true });
  const port = await server.listen({ port: 0 });
  const fromClients: Buffer[][] = [];
  const fromServer: Buffer[] = [];
  const sockets = new Set<Socket>();

  const tap = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const own: Buffer[] = [];
    fromClients.push(own);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
    client.on("data", (bytes: Buffer) => own.push(bytes));
    upstream.on("data", (bytes: Buffer) => fromServer.push(bytes));
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => void tap.listen(0, "127.0.0.1", resolve));
  const clientFrames = (): readonly Buffer[] => fromClients.flatMap((own) => unmaskedFrames(Buffer.concat(own)));

  return {
    url: `ws://127.0.0.1:${(tap.address() as AddressInfo).port}`,
    seen: () => {
      const all = [...fromClients.flat(), ...clientFrames(), ...fromServer];
      return Buffer.concat([...all, ...[...clientFrames(), Buffer.concat(fromServer)].flatMap(payloadsIn)]);
    },
    count: (type) => clientFrames().filter((frame) => frame.toString().startsWith(`{"type":"${type}"`)).length,
    release: async () => {
      tap.close();
      for (const socket of sockets) socket.destroy();
      await server.close();
    },
  };
};
