/**
 * Two WebRTC legs on a page of its own, one to each side, with everything bridged from one to the other: what a server
 * that can forge descriptions would do. Each leg has its own DTLS fingerprint, and that is what gives it away.
 */

import type { Page } from "@playwright/test";

interface Description {
  readonly type: "offer" | "answer";
  readonly sdp: string;
}

export interface ManInTheMiddle {
  /** Answers the initiator's offer, and makes one of its own for the responder. */
  takeOffer(offer: Description): Promise<{ readonly answer: Description; readonly offer: Description }>;
  /** The responder's. */
  takeAnswer(answer: Description): Promise<void>;
  takeCandidate(from: "initiator" | "responder", candidate: RTCIceCandidateInit): Promise<void>;
  /** Everything that was bridged, as lists of bytes, by who sent it. */
  seen(): Promise<Readonly<Record<"initiator" | "responder", readonly (readonly number[])[]>>>;
}

declare global {
  interface Window {
    readonly middle: {
      readonly legs: Readonly<Record<"initiator" | "responder", RTCPeerConnection>>;
      readonly seen: Readonly<Record<"initiator" | "responder", number[][]>>;
    };
  }
}

export const openManInTheMiddle = async (page: Page): Promise<ManInTheMiddle> => {
  await page.evaluate(() => {
    const legs = { initiator: new RTCPeerConnection(), responder: new RTCPeerConnection() };
    const seen: Record<"initiator" | "responder", number[][]> = { initiator: [], responder: [] };
    const other = { initiator: "responder", responder: "initiator" } as const;
    const channels: Partial<Record<"initiator" | "responder", RTCDataChannel>> = {};
    const held: Record<"initiator" | "responder", ArrayBuffer[]> = { initiator: [], responder: [] };
    const flush = (side: "initiator" | "responder"): void => {
      const channel = channels[side];
      if (channel?.readyState !== "open") return;
      for (const bytes of held[side].splice(0)) channel.send(bytes);
    };
    const bridge = (side: "initiator" | "responder", channel: RTCDataChannel): void => {
      channels[side] = channel;
      channel.binaryType = "arraybuffer";
      channel.onopen = () => flush(side);
      channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
        seen[side].push([...new Uint8Array(data)]);
        held[other[side]].push(data);
        flush(other[side]);
      };
      flush(side);
    };
    legs.initiator.ondatachannel = ({ channel }) => bridge("initiator", channel);
    bridge("responder", legs.responder.createDataChannel("ledger", { ordered: true }));
    Object.assign(window, { middle: { legs, seen } });
  });

  return {
    takeOffer: (offer) =>
      page.evaluate(async (theirs) => {
        const { legs } = window.middle;
        /** With all candidates in it. */
        const describe = async (leg: RTCPeerConnection): Promise<{ type: "offer" | "answer"; sdp: string }> => {
          const gathered = new Promise<void>((resolve) => {
            leg.onicegatheringstatechange = () => leg.iceGatheringState === "complete" && resolve();
          });
          await leg.setLocalDescription();
          await gathered;
          const { type, sdp } = leg.localDescription as RTCSessionDescription;
          return { type: type as "offer" | "answer", sdp };
        };
        await legs.initiator.setRemoteDescription(theirs);
        const [answer, own] = await Promise.all([describe(legs.initiator), describe(legs.responder)]);
        return { answer, offer: own };
      }, offer),
    takeAnswer: (answer) =>
      page.evaluate((theirs) => window.middle.legs.responder.setRemoteDescription(theirs), answer),
    takeCandidate: (from, candidate) =>
      page.evaluate(([side, init]) => window.middle.legs[side].addIceCandidate(init), [from, candidate] as const),
    seen: () => page.evaluate(() => window.middle.seen),
  };
};
