/**
 * A browser of several tabs in one thread: locks in line, channels and ports that clone what is posted, and tabs that crash,
 * freeze and go into the back/forward cache. Messages arrive one per turn of the event loop.
 */

import type { Locks, ReleaseLock } from "../../src/tabs/locks.ts";
import type { PageLifecycle } from "../../src/tabs/page-lifecycle.ts";
import type { DirectPort, PortMeetings, TabChannels } from "../../src/tabs/tab-channel.ts";

export interface FakeTab {
  readonly locks: Locks;
  readonly channels: TabChannels;
  readonly meetings: PortMeetings;
  readonly lifecycle: PageLifecycle;
  /** Channels and ports that this tab has open. */
  readonly openChannels: number;
  /** Ports that this tab has open. */
  readonly openPorts: number;
  /** Aborted by crash(). */
  readonly died: AbortSignal;
  hide(mayReturn: boolean): void;
  show(): void;
  /** Gone without a word: nothing of it runs any more, and its locks are free. */
  crash(): void;
  /** What is under way by its ports is lost, and they are closed. */
  breakPorts(): void;
  /** Receives nothing until thawed, and keeps its locks. */
  freeze(): void;
  thaw(): void;
}

export interface FakeBrowser {
  openTab(): FakeTab;
}

interface LockRequest {
  readonly tab: object;
  readonly name: string;
  readonly mode: "exclusive" | "shared";
  readonly grant: (release: ReleaseLock) => void;
  isHeld: boolean;
}

interface Page {
  isFrozen: boolean;
  isDead: boolean;
  readonly missed: (() => void)[];
}

interface OpenChannel {
  readonly tab: Page;
  readonly name: string;
  receive: (message: unknown) => void;
}

interface OpenPort {
  readonly tab: Page;
  receive: (message: unknown) => void;
  closed: () => void;
}

/** Runs in its tab, once that is not frozen. */
const arrive = (tab: Page, run: () => void): void =>
  void setImmediate(() => {
    if (tab.isFrozen) tab.missed.push(run);
    else if (!tab.isDead) run();
  });

export const createFakeBrowser = (): FakeBrowser => {
  const requests: LockRequest[] = [];
  const channels = new Set<OpenChannel>();
  const ports = new Map<OpenPort, OpenPort>();
  const meeting = new Map<string, { readonly tab: Page; readonly onPort: (port: DirectPort) => void }>();

  const grantNext = (): void => {
    for (const request of requests) {
      if (request.isHeld) continue;
      const before = requests.slice(0, requests.indexOf(request)).filter((other) => other.name === request.name);
      if (before.some((other) => request.mode === "exclusive" || other.mode === "exclusive")) continue;
      request.isHeld = true;
      request.grant(() => drop((other) => other === request));
    }
  };

  const drop = (isDropped: (request: LockRequest) => boolean): void => {
    const kept = requests.filter((request) => !isDropped(request));
    if (kept.length === requests.length) return;
    requests.splice(0, requests.length, ...kept);
    setImmediate(grantNext);
  };

  const closePort = (port: OpenPort): void => {
    const other = ports.get(port);
    ports.delete(port);
    if (other !== undefined) arrive(other.tab, () => ports.delete(other) && other.closed());
  };

  const openPort = (port: OpenPort): DirectPort => ({
    post: (message) => {
      const other = ports.get(port);
      if (other === undefined || port.tab.isDead) return;
      const copy: unknown = structuredClone(message);
      arrive(other.tab, () => ports.has(other) && other.receive(copy));
    },
    onMessage: (listener) => {
      port.receive = listener;
    },
    onClose: (listener) => {
      port.closed = listener;
    },
    close: () => closePort(port),
  });

  const bringTogether = (name: string, tab: Page, onPort: (port: DirectPort) => void): void => {
    const first = meeting.get(name);
    if (first === undefined) return void meeting.set(name, { tab, onPort });
    meeting.delete(name);
    const [one, two] = [first.tab, tab].map((owner): OpenPort => ({ tab: owner, receive: () => {}, closed: () => {} }));
    if (one === undefined || two === undefined) return;
    ports.set(one, two);
    ports.set(two, one);
    arrive(one.tab, () => first.onPort(openPort(one)));
    arrive(two.tab, () => onPort(openPort(two)));
  };

  const openTab = (): FakeTab => {
    const tab: Page = { isFrozen: false, isDead: false, missed: [] };
    const hidden = new Set<(mayReturn: boolean) => void>();
    const shown = new Set<() => void>();
    const death = new AbortController();

    const acquire: Locks["acquire"] = (name, mode, signal) =>
      new Promise((resolve, reject) => {
        if (tab.isDead) return;
        if (signal.aborted) return reject(signal.reason as Error);
        const request: LockRequest = {
          tab,
          name,
          mode,
          grant: (release) => {
            if (tab.isFrozen) tab.missed.push(() => resolve(release));
            else resolve(release);
          },
          isHeld: false,
        };
        requests.push(request);
        signal.addEventListener("abort", () => {
          if (request.isHeld) return;
          drop((other) => other === request);
          reject(signal.reason as Error);
        });
        setImmediate(grantNext);
      });

    return {
      locks: { acquire },
      channels: {
        open: (name) => {
          const channel: OpenChannel = { tab, name, receive: () => {} };
          channels.add(channel);
          return {
            post: (message) => {
              if (!channels.has(channel) || tab.isDead) return;
              for (const other of channels) {
                if (other === channel || other.name !== name) continue;
                const copy: unknown = structuredClone(message);
                arrive(other.tab, () => channels.has(other) && other.receive(copy));
              }
            },
            onMessage: (listener) => {
              channel.receive = listener;
            },
            close: () => channels.delete(channel),
          };
        },
      },
      meetings: {
        meet: (name, onPort) => {
          setImmediate(() => bringTogether(name, tab, onPort));
          return () => meeting.delete(name);
        },
      },
      lifecycle: {
        onHide: (listener) => {
          hidden.add(listener);
          return () => hidden.delete(listener);
        },
        onShow: (listener) => {
          shown.add(listener);
          return () => shown.delete(listener);
        },
      },
      get openChannels() {
        return [...channels, ...ports.keys()].filter((open) => open.tab === tab).length;
      },
      get openPorts() {
        return [...ports.keys()].filter((port) => port.tab === tab).length;
      },
      died: death.signal,
      hide: (mayReturn) => {
        for (const listener of hidden) listener(mayReturn);
      },
      show: () => {
        for (const listener of shown) listener();
      },
      crash: () => {
        tab.isDead = true;
        death.abort();
        for (const channel of channels) if (channel.tab === tab) channels.delete(channel);
        for (const port of ports.keys()) if (port.tab === tab) closePort(port);
        drop((request) => request.tab === tab);
      },
      breakPorts: () => {
        for (const [port, other] of ports) {
          if (port.tab !== tab && other.tab !== tab) continue;
          ports.delete(port);
          arrive(port.tab, port.closed);
        }
      },
      freeze: () => {
        tab.isFrozen = true;
      },
      thaw: () => {
        tab.isFrozen = false;
        for (const run of tab.missed.splice(0)) run();
      },
    };
  };

  return { openTab };
};
