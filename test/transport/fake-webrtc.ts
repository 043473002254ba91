/** As much of the browser's WebRTC as simple-peer needs for one data channel, moved by hand. */

import type { WebRtcPlatform } from "../../src/transport/webrtc-channel.ts";

/** Dispatches to listeners and to the `on…` property that simple-peer sets. */
class FakeTarget extends EventTarget {
  fire(type: string, fields: object = {}): void {
    const event = Object.assign(new Event(type), fields);
    (this as unknown as Record<string, ((event: Event) => void) | null | undefined>)[`on${type}`]?.(event);
    this.dispatchEvent(event);
  }
}

export class FakeDataChannel extends FakeTarget {
  readyState = "connecting";
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readonly sent: Uint8Array[] = [];
  refuses = false;

  send(bytes: Uint8Array): void {
    if (this.refuses) throw new Error("send queue is full");
    this.sent.push(bytes);
  }

  close(): void {
    this.readyState = "closed";
  }
}

export const sdpWith = (...digests: readonly string[]): string =>
  `v=0\r\n${digests.map((digest) => `a=fingerprint:sha-256 ${digest}\r\n`).join("")}`;

interface Description {
  readonly type: string;
  readonly sdp: string;
}

export class FakePeerConnection extends FakeTarget {
  readonly dataChannels: FakeDataChannel[] = [];
  readonly candidates: unknown[] = [];
  readonly remoteDescriptions: Description[] = [];
  localDescription: Description | null = null;
  remoteDescription: Description | null = null;
  signalingState = "stable";
  iceConnectionState = "new";
  iceGatheringState = "new";
  connectionState = "new";
  closed = false;

  createDataChannel(): FakeDataChannel {
    const dataChannel = new FakeDataChannel();
    this.dataChannels.push(dataChannel);
    return dataChannel;
  }

  async createOffer(): Promise<Description> {
    return { type: "offer", sdp: sdpWith("AA:01") };
  }

  async createAnswer(): Promise<Description> {
    return { type: "answer", sdp: sdpWith("AA:01") };
  }

  async setLocalDescription(description: Description): Promise<void> {
    this.localDescription = description;
  }

  async setRemoteDescription(description: Description): Promise<void> {
    this.remoteDescription = description;
    this.remoteDescriptions.push(description);
  }

  async addIceCandidate(candidate: unknown): Promise<void> {
    this.candidates.push(candidate);
    throw new Error("no such candidate");
  }

  async getStats(): Promise<ReadonlyMap<string, object>> {
    const transport = { type: "transport", selectedCandidatePairId: "pair" };
    const pair = { type: "candidate-pair", id: "pair", localCandidateId: "l", remoteCandidateId: "r" };
    return new Map<string, object>(Object.entries({ transport, pair }));
  }

  close(): void {
    this.closed = true;
  }

  become(state: string): void {
    this.iceConnectionState = state;
    this.fire("iceconnectionstatechange");
  }
}

export interface FakeWebRtc {
  readonly platform: WebRtcPlatform;
  /** What each RTCPeerConnection was constructed with. */
  readonly configurations: readonly unknown[][];
  readonly connections: readonly FakePeerConnection[];
}

/** @param refusal - thrown by the constructor of RTCPeerConnection */
export const createFakeWebRtc = (refusal?: Error): FakeWebRtc => {
  const configurations: unknown[][] = [];
  const connections: FakePeerConnection[] = [];
  class WatchedPeerConnection extends FakePeerConnection {
    constructor(...args: unknown[]) {
      super();
      if (refusal !== undefined) throw refusal;
      configurations.push(args);
      connections.push(this);
    }
  }
  class Plain {
    constructor(fields: object) {
      Object.assign(this, fields);
    }
  }
  const platform = {
    RTCPeerConnection: WatchedPeerConnection,
    RTCSessionDescription: Plain,
    RTCIceCandidate: Plain,
  } as unknown as WebRtcPlatform;
  return { platform, configurations, connections };
};
