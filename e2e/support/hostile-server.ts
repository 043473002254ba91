/**
 * A signaling server in the wrong hands: keeps to the protocol towards its clients, and does with their payloads what a
 * test says. With the signaling key of a room, which no server has, it can read and forge them as well.
 */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { base64urlToBytes, bytesToBase64url } from "../../src/common/base64url.ts";
import type { MemberId } from "../../src/common/ids.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import type { RoomKeys } from "../../src/security/room-keys.ts";
import { createSealer, type ConnectionId, type OpenedEnvelope } from "../../src/security/sealed-envelope.ts";

export interface Mail {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** What is delivered in place of `mail`, in this order. */
export type Tamper = (mail: Mail) => readonly Mail[] | Promise<readonly Mail[]>;

export interface HostileServer {
  readonly url: string;
  deliver(mail: Mail): void;
  close(): Promise<void>;
}

export const createHostileServer = async (tamper: Tamper): Promise<HostileServer> => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  const socketByMember = new Map<MemberId, WebSocket>();
  let work = Promise.resolve();
  await once(server, "listening");

  const tell = (member: MemberId, frame: unknown): void => socketByMember.get(member)?.send(JSON.stringify(frame));
  const deliver = ({ from, to, payload }: Mail): void =>
    tell(to, { type: "message", from, payload: bytesToBase64url(payload) });

  const pass = async (mail: Mail): Promise<void> => {
    for (const delivered of await tamper(mail)) deliver(delivered);
  };

  server.on("connection", (socket) => {
    let self: MemberId | undefined;
    socket.on("message", (content: Buffer) => {
      const frame = JSON.parse(content.toString()) as { member: MemberId; to: MemberId; payload: string };
      if (self === undefined) {
        self = frame.member;
        tellOthers(self, "member-joined");
        socketByMember.set(self, socket);
        return tell(self, { type: "joined", members: [...socketByMember.keys()].filter((member) => member !== self) });
      }
      const payload = base64urlToBytes(frame.payload);
      if (!payload.ok) throw new Error("a client sent no base64url");
      const mail: Mail = { from: self, to: frame.to, payload: payload.value };
      work = work.then(() => pass(mail));
    });
    socket.on("close", () => {
      if (self === undefined) return;
      socketByMember.delete(self);
      tellOthers(self, "member-left");
    });
  });

  const tellOthers = (member: MemberId, type: string): void => {
    for (const other of socketByMember.keys()) if (other !== member) tell(other, { type, member });
  };

  return {
    url: `ws://localhost:${(server.address() as AddressInfo).port}`,
    deliver,
    close: async () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, "close");
      // A test must not end well when its harness did not.
      await work;
    },
  };
};

/** Reads and forges the signaling of a room; has no part in what proves membership on a link. */
export const createForger = (keys: Pick<RoomKeys, "roomId" | "signalingKey">) => {
  const random = createSystemRandom();
  const seqByStream = new Map<string, number>();

  return {
    open: async ({ from, to, payload }: Mail): Promise<OpenedEnvelope> => {
      const opened = await createSealer({ keys, self: to, random }).open(from, payload);
      if (!opened.ok) throw new Error(`the forger has another key: ${opened.error}`);
      return opened.value;
    },
    seal: async (from: MemberId, to: MemberId, conn: ConnectionId, type: number, text: string): Promise<Mail> => {
      const stream = `${from} ${to} ${conn}`;
      const seq = seqByStream.get(stream) ?? 0;
      seqByStream.set(stream, seq + 1);
      const body = new TextEncoder().encode(text);
      return { from, to, payload: await createSealer({ keys, self: from, random }).seal(to, conn, seq, type, body) };
    },
  };
};
