import { expect, test } from "vitest";
import type { PeerStatus } from "../../src/api.ts";
import type { SiteId } from "../../src/common/ids.ts";
import { missedEvents, nothingSeen } from "../../src/tabs/missed-events.ts";
import { eventTexts } from "./fake-tabs.ts";

const peer = (letter: string, state: PeerStatus["state"]): PeerStatus => ({
  peerId: letter.repeat(32) as SiteId,
  state,
  pending: { changes: 0, bytes: 0 },
  digest: "unknown",
});

test("has nothing to tell between equal snapshots", () => {
  const seen = { signaling: "connected", peers: [peer("b", "ready"), peer("c", "joined")] } as const;

  expect(missedEvents(seen, seen)).toEqual([]);
});

test("tells a newcomer of everything in the order in which it must have happened", () => {
  const events = missedEvents(nothingSeen, {
    signaling: "connected",
    peers: [peer("b", "ready"), peer("c", "joined")],
  });

  expect(eventTexts(events)).toEqual(["connected", "peer-join bbbb", "peer-ready bbbb", "peer-join cccc"]);
});

test("tells of a lost link as of a peer that left and was discovered again", () => {
  const events = missedEvents(
    { signaling: "connected", peers: [peer("b", "ready"), peer("c", "ready"), peer("d", "joined")] },
    { signaling: "reconnecting", peers: [peer("b", "joined"), peer("d", "ready")] },
  );

  expect(eventTexts(events)).toEqual([
    "peer-leave bbbb",
    "peer-leave cccc",
    "disconnected",
    "peer-join bbbb",
    "peer-ready dddd",
  ]);
});

test("tells of a link that moved to another route, and not of one that was made anew", () => {
  const routed = (letter: string, route: "webrtc" | "relay"): PeerStatus => ({ ...peer(letter, "ready"), route });

  const events = missedEvents(
    { signaling: "connected", peers: [routed("b", "relay"), routed("c", "relay"), peer("d", "joined")] },
    { signaling: "connected", peers: [routed("b", "webrtc"), routed("c", "relay"), routed("d", "relay")] },
  );

  expect(eventTexts(events)).toEqual(["peer-ready dddd", "route bbbb webr"]);
});
