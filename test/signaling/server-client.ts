/** A client of the signaling protocol that keeps every frame it gets, for the conformance suites. */

import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { WebSocket } from "ws";

export type Frame = Readonly<Record<string, unknown>> & { readonly type: string };

export const newId = (): string => randomBytes(16).toString("base64url");
export const joinFrame = (room: string, member: string): Frame => ({ type: "join", version: 1, room, member });

export const openClient = async (url: string, protocols: readonly string[] = []) => {
  const socket = new WebSocket(url, [...protocols]);
  const frames: Frame[] = [];
  const lookers = new Set<() => void>();
  let position = 0;
  socket.on("error", () => {});
  socket.on("message", (content, isBinary) => {
    expect(isBinary).toBe(false);
    frames.push(JSON.parse(String(content)) as Frame);
    for (const look of lookers) look();
  });
  const closed = new Promise<number>((resolve) => void socket.on("close", resolve));
  await Promise.race([new Promise((resolve) => socket.on("open", resolve)), closed]);

  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        lookers.delete(look);
        resolve();
      };
      lookers.add(look);
      look();
    });

  return {
    socket,
    frames,
    closed,
    send: (frame: Frame | string) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    /** The next frame of this type, skipping others. */
    next: async (type: string): Promise<Frame> => {
      await until(() => frames.slice(position).some((frame) => frame.type === type));
      position = frames.findIndex((frame, i) => i >= position && frame.type === type) + 1;
      return frames[position - 1] as Frame;
    },
    /** Resolves once `member` was named, in `joined` or after it. */
    sees: (member: string) =>
      until(() => frames.some(({ members, member: who }) => who === member || (members as string[])?.includes(member))),
  };
};
