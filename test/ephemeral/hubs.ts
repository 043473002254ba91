/** Hubs of replicas, linked over memory channels with a clock that stands still until told. */

import { hexToBytes, bytesToHex, type Epoch, type LinkId, type SiteId } from "../../src/common/ids.ts";
import { createSilentLogger } from "../../src/common/logger.ts";
import type { EphemeralNews } from "../../src/ephemeral/ephemeral-request.ts";
import { createEphemeralHub, type EphemeralHub } from "../../src/ephemeral/hub.ts";
import type { PresenceId } from "../../src/ephemeral/note.ts";
import { createLink } from "../../src/transport/channel-link.ts";
import type { PeerLink } from "../../src/transport/link.ts";
import { createMemoryNetwork } from "../../src/transport/memory-network.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";

export interface Member {
  readonly siteId: SiteId;
  /** Of its one tab, or the first of several. */
  readonly id: PresenceId;
  readonly hub: EphemeralHub;
  readonly faults: string[];
  /** States by tab, as the tabs of this replica see them. */
  readonly seen: Map<string, unknown>;
  readonly heard: string[];
  show(state: unknown, id?: PresenceId): void;
  say(text: string): void;
  /** Messages that its links were given to send. */
  sentBytes(): number;
}

export interface Hubs {
  readonly clock: FakeClock;
  member(number: number): Member;
  /** @returns ends the link, as `reason` says */
  link(one: Member, other: Member): (reason: string) => void;
  /** Lets messages and timers run for `ms`. */
  pass(ms: number): Promise<void>;
  /** Notes that went over all links so far. */
  readonly notes: number;
}

export const presenceIdOf = (number: number): PresenceId => number.toString(16).padStart(16, "0") as PresenceId;

export const createHubs = (): Hubs => {
  const clock = createFakeClock();
  const network = createMemoryNetwork();
  let nextLink = 1;
  let notes = 0;

  const rest = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  const counting = (link: PeerLink, member: Member): PeerLink => ({
    ...link,
    notes: {
      ...link.notes,
      send: (note) => {
        const went = link.notes.send(note);
        if (went) {
          notes += 1;
          sentBytes.set(member, (sentBytes.get(member) ?? 0) + note.length);
        }
        return went;
      },
    },
  });
  const sentBytes = new Map<Member, number>();

  return {
    clock,
    member: (number) => {
      const siteId = bytesToHex(new Uint8Array(16).fill(number)) as SiteId;
      const seen = new Map<string, unknown>();
      const heard: string[] = [];
      const faults: string[] = [];
      let said = 0;
      const tell = (news: EphemeralNews): void => {
        if (news.type === "broadcast") {
          heard.push(typeof news.payload === "string" ? news.payload : bytesToHex(news.payload));
          return;
        }
        if (news.whole) seen.clear();
        for (const id of news.gone) seen.delete(id);
        for (const { id, state } of news.present) seen.set(id, JSON.parse(state));
      };
      const hub = createEphemeralHub({
        siteId: () => siteId,
        clock,
        logger: createSilentLogger(),
        tell,
        onFault: (_, rule) => faults.push(rule),
      });
      const member: Member = {
        siteId,
        id: presenceIdOf(number),
        hub,
        faults,
        seen,
        heard,
        show: (state, id = presenceIdOf(number)) => {
          const text = state === undefined ? undefined : JSON.stringify(state);
          hub.serve({ type: "presence", id, state: text, isNew: false });
        },
        say: (text) => {
          said += 1;
          const payload = JSON.stringify(text);
          hub.serve({ type: "broadcast", id: presenceIdOf(number), number: said, topic: "chat", payload });
        },
        sentBytes: () => sentBytes.get(member) ?? 0,
      };
      return member;
    },
    link: (one, other) => {
      const [left, right] = network.createChannelPair();
      const linkTo = (channel: typeof left, peer: Member): PeerLink => {
        const epoch = bytesToHex(hexToBytes(peer.siteId)) as Epoch;
        return createLink(channel, { id: nextLink++ as LinkId, peer: { siteId: peer.siteId, epoch }, clock });
      };
      const [near, far] = [linkTo(left, other), linkTo(right, one)];
      one.hub.attach(counting(near, one));
      other.hub.attach(counting(far, other));
      return (reason) => near.close(reason);
    },
    pass: async (ms) => {
      await rest();
      for (let passedMs = 0; passedMs < ms; passedMs += 10) {
        await clock.advance(Math.min(10, ms - passedMs));
        await rest();
      }
    },
    get notes() {
      return notes;
    },
  };
};
