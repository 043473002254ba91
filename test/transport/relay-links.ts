/** Relayed channels with real keys over carriers in memory that can lose records. */

import type { Clock } from "../../src/common/clock.ts";
import { createRelaySealer, isFatalFault, maxRecordBodyBytes } from "../../src/security/relay-sealer.ts";
import type { Channel } from "../../src/transport/channel.ts";
import { createRelayChannel, type RelayCarrier } from "../../src/transport/relay-channel.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface CarrierPair {
  readonly alice: RelayCarrier;
  readonly bob: RelayCarrier;
  /** Of every record on its way: whether it gets lost. */
  lose(isLost: (record: Bytes) => boolean): void;
  /** The meeting point is gone: both hear of it. */
  end(reason: string): void;
  /** Every record that was carried, in order, both ways. */
  readonly carried: readonly Bytes[];
  /** Hands a record to Bob that nobody sent. */
  inject(record: Bytes): void;
  /** Records wait until it is called again with false. */
  hold(isHeld: boolean): void;
}

export const createCarrierPair = (): CarrierPair => {
  const carried: Bytes[] = [];
  const listeners = new Map<"alice" | "bob", { onRecord: (record: Bytes) => void; onEnd: (reason: string) => void }>();
  const waiting: (() => void)[] = [];
  let isLost: (record: Bytes) => boolean = () => false;
  let isHeld = false;

  const carrierOf = (self: "alice" | "bob", other: "alice" | "bob"): RelayCarrier => {
    let closed = false;
    return {
      send: (record) => {
        carried.push(record);
        if (isLost(record)) return;
        const deliver = (): void => queueMicrotask(() => listeners.get(other)?.onRecord(record.slice()));
        if (isHeld) waiting.push(deliver);
        else deliver();
      },
      listen: (onRecord, onEnd) => {
        if (!closed) listeners.set(self, { onRecord, onEnd });
      },
      close: () => {
        closed = true;
        listeners.delete(self);
      },
    };
  };

  return {
    alice: carrierOf("alice", "bob"),
    bob: carrierOf("bob", "alice"),
    carried,
    lose: (predicate) => {
      isLost = predicate;
    },
    end: (reason) => {
      for (const { onEnd } of listeners.values()) onEnd(reason);
    },
    inject: (record) => listeners.get("bob")?.onRecord(record),
    hold: (held) => {
      isHeld = held;
      if (!held) for (const deliver of waiting.splice(0)) deliver();
    },
  };
};

export interface RelayPair {
  readonly alice: Channel;
  readonly bob: Channel;
  readonly carriers: CarrierPair;
}

const fingerprints = { alice: `x25519 ${"aa".repeat(32)}`, bob: `x25519 ${"bb".repeat(32)}` };

/** Keys are the same in every pair: what is tested here is not their secrecy. */
const key = (byte: number): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(32).fill(byte), "AES-GCM", false, ["encrypt", "decrypt"]);

export const connectRelayed = async (clock: Clock): Promise<RelayPair> => {
  const carriers = createCarrierPair();
  const [one, two] = await Promise.all([key(1), key(2)]);
  const common = { maxBodyBytes: maxRecordBodyBytes, isFatal: isFatalFault, clock };
  return {
    carriers,
    alice: createRelayChannel({
      ...common,
      carrier: carriers.alice,
      sealer: createRelaySealer({ sealing: one, opening: two }),
      fingerprints: { local: fingerprints.alice, remote: fingerprints.bob },
    }),
    bob: createRelayChannel({
      ...common,
      carrier: carriers.bob,
      sealer: createRelaySealer({ sealing: two, opening: one }),
      fingerprints: { local: fingerprints.bob, remote: fingerprints.alice },
    }),
  };
};
