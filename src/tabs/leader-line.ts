/** A following tab's side of its line to the leader. Says nothing about who leads or whether that tab still lives. */

import { errorFromWire } from "../common/errors.ts";
import type { HostEvent, HostSnapshot } from "../host.ts";
import type { LineChannel } from "./tab-channel.ts";
import type { FollowerMessage, HostRequest, LeaderMessage, Outcome, RoomChoice, TabId } from "./tab-message.ts";
import { eventFromWire } from "./wire-event.ts";

export interface LeaderLine {
  readonly isRemote: true;
  /** Stays unanswered when the leader goes without a farewell. @throws DOMException DataCloneError */
  ask(request: HostRequest): Promise<Outcome>;
  ping(): void;
  /** Looks for a faster way to the leader. */
  hasten(): void;
  /** From now on only answers are taken from it. */
  retire(): void;
  /** Tells the leader that this tab leaves. Idempotent. */
  close(): void;
}

/** Told nothing any more once the line is retired. */
export interface LeaderLineListener {
  welcomed(leader: TabId, snapshot: HostSnapshot, room: RoomChoice | undefined): void;
  snapshotChanged(snapshot: HostSnapshot): void;
  happened(event: HostEvent): void;
  roomChanged(room: RoomChoice | undefined): void;
  /** Something arrived, whatever it was. Called before the others. */
  heard(): void;
  /** Nothing comes over this line any more, though the leader may live. */
  broken(): void;
}

export const openLeaderLine = (channel: LineChannel, listener: LeaderLineListener): LeaderLine => {
  const waiting = new Map<number, (outcome: Outcome) => void>();
  let nextId = 1;
  let isOver = false;
  let isRetired = false;

  const settle = (id: number, outcome: Outcome): void => {
    const resolve = waiting.get(id);
    waiting.delete(id);
    resolve?.(outcome);
  };

  const receive = (message: LeaderMessage): void => {
    if (!isRetired) report(message);
    switch (message.type) {
      case "answer":
        return settle(message.id, message);
      case "refusal":
        return settle(message.id, { type: "refusal", error: errorFromWire(message.error) });
      case "unserved":
        return settle(message.id, message);
      case "farewell":
        isOver = true;
        for (const id of waiting.keys()) settle(id, { type: "unserved" });
        return;
      case "welcome":
      case "snapshot":
      case "event":
      case "room":
      case "pong":
    }
  };

  const report = (message: LeaderMessage): void => {
    listener.heard();
    switch (message.type) {
      case "welcome":
        return listener.welcomed(message.leader, message.snapshot, message.room);
      case "snapshot":
        return listener.snapshotChanged(message.snapshot);
      case "event":
        return listener.happened(eventFromWire(message.event));
      case "room":
        return listener.roomChanged(message.room);
      case "answer":
      case "refusal":
      case "unserved":
      case "farewell":
      case "pong":
    }
  };
  channel.onMessage((message) => receive(message as LeaderMessage));
  channel.onBreak(() => {
    // Behind a farewell the leader closes it.
    if (!isRetired && !isOver) listener.broken();
  });

  const post = (message: FollowerMessage): void => channel.post(message);

  return {
    isRemote: true,
    ask: (request) => {
      if (isOver) return Promise.resolve({ type: "unserved" });
      const id = nextId;
      nextId += 1;
      return new Promise((resolve) => {
        post({ type: "request", id, request });
        waiting.set(id, resolve);
      });
    },
    ping: () => post({ type: "ping" }),
    hasten: channel.hasten,
    retire: () => {
      isRetired = true;
    },
    close: () => {
      post({ type: "leave" });
      channel.close();
    },
  };
};
