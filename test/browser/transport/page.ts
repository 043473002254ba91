/**
 * The page that e2e/transport.spec.ts drives: runs the link cases over WebRTC within the page, and opens single ends
 * whose signals the test carries to another page.
 */

import { createSystemClock } from "../../../src/common/system-clock.ts";
import type { Epoch, LinkId, SiteId } from "../../../src/common/ids.ts";
import type { Channel } from "../../../src/transport/channel.ts";
import { createLink } from "../../../src/transport/channel-link.ts";
import type { PeerLink } from "../../../src/transport/link.ts";
import { openWebRtcChannel } from "../../../src/transport/webrtc-channel.ts";
import type { WebRtcOpening } from "../../../src/transport/webrtc-channel.ts";
import { expectFrame, frameOf } from "../../transport/frame-collector.ts";
import { linkCases } from "../../transport/link-cases.ts";
import type { LinkHarness } from "../../transport/link-cases.ts";

export interface OpenedFacts {
  readonly fingerprints: Channel["fingerprints"];
  readonly iceServers: number;
}

declare global {
  interface Window {
    readonly linkCaseNames: readonly string[];
    /** Rejects with what went wrong. */
    runLinkCase(name: string): Promise<void>;
    /** Opens the one end of this page; `onSignalOfPage` must be bound by the test. */
    openEnd(initiator: boolean): Promise<OpenedFacts>;
    onSignalOfPage(signal: string): Promise<void>;
    signalEnd(signal: string): void;
    /** Sends recognisable frames and resolves when the other page has consumed them all. */
    sendFrames(count: number, bytes: number): Promise<void>;
    /** Resolves when that many frames have come and were as sent. */
    receiveFrames(count: number, bytes: number): Promise<void>;
    closeEnd(reason: string): void;
    /** Resolves with the reason that this end closed for. */
    endClosed(): Promise<string>;
  }
}

const clock = createSystemClock();
const peer = { siteId: "b".repeat(32) as SiteId, epoch: "b".repeat(32) as Epoch };
const linkOver = (channel: Channel): PeerLink => createLink(channel, { id: 1 as LinkId, peer, clock });

const connections: RTCPeerConnection[] = [];
/** The page's own, watched, so that the test can see how it was configured. */
const platform = {
  RTCPeerConnection: class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  },
  RTCSessionDescription,
  RTCIceCandidate,
};

const openPair = async (): Promise<[Channel, Channel]> => {
  const alice: WebRtcOpening = openWebRtcChannel({
    initiator: true,
    iceServers: [],
    clock,
    onSignal: (signal) => bob.signal(signal),
  });
  const bob = openWebRtcChannel({
    initiator: false,
    iceServers: [],
    clock,
    onSignal: (signal) => alice.signal(signal),
  });
  return Promise.all([alice.opened, bob.opened]);
};

const runLinkCase = async (name: string): Promise<void> => {
  const linkCase = linkCases.find((candidate) => candidate.name === name);
  if (linkCase === undefined) throw new Error(`no such case: ${name}`);
  const opened: Channel[] = [];
  const openKept = async (): Promise<[Channel, Channel]> => {
    const pair = await openPair();
    opened.push(...pair);
    return pair;
  };
  const harness: LinkHarness = {
    connect: async () => {
      const [alice, bob] = await openKept();
      return { alice: linkOver(alice), bob: linkOver(bob) };
    },
    connectBare: async () => {
      const [alice, bob] = await openKept();
      return { alice: linkOver(alice), bob };
    },
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
  try {
    await linkCase.run(harness);
  } finally {
    for (const channel of opened) channel.close("the case is over");
  }
};

let end: WebRtcOpening | undefined;
let link: PeerLink | undefined;
let closed: Promise<string> | undefined;

const linkOfEnd = (): PeerLink => {
  if (link === undefined) throw new Error("openEnd first");
  return link;
};

Object.assign(window, {
  linkCaseNames: linkCases.map(({ name }) => name),
  runLinkCase,
  openEnd: async (initiator: boolean): Promise<OpenedFacts> => {
    end = openWebRtcChannel({
      initiator,
      iceServers: [],
      clock,
      platform,
      onSignal: (signal) => void window.onSignalOfPage(signal),
    });
    const channel = await end.opened;
    const made = linkOver(channel);
    link = made;
    closed = new Promise((resolve) => made.on("close", resolve));
    const iceServers = connections.at(-1)?.getConfiguration().iceServers?.length ?? -1;
    return { fingerprints: channel.fingerprints, iceServers };
  },
  signalEnd: (signal: string) => end?.signal(signal),
  sendFrames: async (count: number, bytes: number): Promise<void> => {
    const sender = linkOfEnd();
    for (let index = 0; index < count; index += 1) {
      if (sender.send(frameOf(bytes, index))) continue;
      await new Promise<void>((resolve) => {
        const off = sender.on("writable", () => {
          off();
          resolve();
        });
      });
    }
    while (sender.pendingBytes > 0 && (await sender.probe(10_000)));
  },
  receiveFrames: (count: number, bytes: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let seen = 0;
      linkOfEnd().on("frame", (frame, consumed) => {
        try {
          expectFrame(frame, frameOf(bytes, seen), `frame ${seen}`);
        } catch (error) {
          reject(error);
        }
        seen += 1;
        consumed();
        if (seen === count) resolve();
      });
    }),
  closeEnd: (reason: string) => linkOfEnd().close(reason),
  endClosed: () => closed ?? Promise.reject(new Error("openEnd first")),
});
