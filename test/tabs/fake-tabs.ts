/** Opens tab hosts in a fake browser over one fake file. */

import { createSilentLogger } from "../../src/common/logger.ts";
import { createSystemRandom } from "../../src/common/random.ts";
import type { StorageKind } from "../../src/database/database.ts";
import type { Host, HostEvent } from "../../src/host.ts";
import { createLineChannels } from "../../src/tabs/line-channels.ts";
import { openTabHost } from "../../src/tabs/tab-host.ts";
import type { PortMeetings } from "../../src/tabs/tab-channel.ts";
import { createFakeClock, type FakeClock } from "../support/fake-clock.ts";
import { createFakeBrowser, type FakeTab } from "./fake-browser.ts";
import { createFakeFile, openFakeReplica, type FakeFile, type FakeReplica } from "./fake-replica.ts";

export interface OpenTab {
  readonly tab: FakeTab;
  readonly host: Host;
  /** Everything told so far. */
  readonly events: HostEvent[];
  /** Replicas that this tab opened, newest last. */
  readonly replicas: FakeReplica[];
  /** What each was opened with: where the database was known to be. */
  readonly known: (StorageKind | undefined)[];
  /** How many times it got ready to lead. */
  warmed(): number;
}

export interface FakeTabs {
  readonly file: FakeFile;
  readonly clock: FakeClock;
  open(tab?: FakeTab): Promise<OpenTab>;
  openTab(): FakeTab;
  /** Lets everything that is under way come to rest. */
  rest(): Promise<void>;
  /** Moves time on, in steps small enough for messages to arrive between them. */
  pass(ms: number): Promise<void>;
}

/** How followers reach their leader. */
export const ways = ["channels", "ports"] as const;
export type Way = (typeof ways)[number];

const noMeetings: PortMeetings = { meet: () => () => {} };

export const createFakeTabs = (way: Way = "channels"): FakeTabs => {
  const browser = createFakeBrowser();
  const file = createFakeFile();
  const clock = createFakeClock();
  const rest = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  return {
    file,
    clock,
    openTab: browser.openTab,
    open: async (tab = browser.openTab()) => {
      const replicas: FakeReplica[] = [];
      const known: (StorageKind | undefined)[] = [];
      const events: HostEvent[] = [];
      let warmed = 0;
      const host = await openTabHost({
        ...tab,
        dbName: "notes",
        lines: createLineChannels(tab.channels, way === "ports" ? tab.meetings : noMeetings),
        clock,
        random: createSystemRandom(),
        logger: createSilentLogger(),
        warmUp: () => void (warmed += 1),
        openLeader: async (where, signal) => {
          const replica = await openFakeReplica(file, AbortSignal.any([signal, tab.died]));
          known.push(where);
          replicas.push(replica);
          return replica;
        },
      });
      host.onEvent((event) => events.push(event));
      // Until the line has gone over to its port.
      if (way === "ports") await rest();
      return { tab, host, events, replicas, known, warmed: () => warmed };
    },
    rest,
    pass: async (ms) => {
      await rest();
      for (let passedMs = 0; passedMs < ms; passedMs += 100) {
        await clock.advance(100);
        await rest();
      }
    },
  };
};

/** Names of events with their plain arguments, for comparing. */
export const eventTexts = (events: readonly HostEvent[]): readonly string[] =>
  events.map(({ name, args }) =>
    [name, ...args.map((arg) => (typeof arg === "object" ? JSON.stringify(arg) : String(arg).slice(0, 4)))].join(" "),
  );
