/**
 * A browser of several tabs in one thread: locks in line, channels that clone what is posted, and tabs that crash, freeze
 * and go into the back/forward cache. Messages arrive one per turn of the event loop.
 */

import type { Locks, ReleaseLock } from "../../src/tabs/locks.ts";
import type { PageLifecycle } from "../../src/tabs/page-lifecycle.ts";
import type { TabChannels } from "../../src/tabs/tab-channel.ts";

export interface FakeTab {
  readonly locks: Locks;
  readonly channels: TabChannels;
  readonly lifecycle: PageLifecycle;
  /** Channels that this tab has open. */
  readonly openChannels: number;
  /** Aborted by crash(). */
  readonly died: AbortSignal;
  hide(mayReturn: boolean): void;
  show(): void;
  /** Gone without a word: nothing of it runs any more, and its locks are free. */
  crash(): void;
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

interface OpenChannel {
  readonly tab: { isFrozen: boolean; isDead: boolean; readonly missed: (() => void)[] };
  readonly name: string;
  receive: (message: unknown) => void;
}

export const createFakeBrowser = (): FakeBrowser => {
  const requests: LockRequest[] = [];
  const channels = new Set<OpenChannel>();

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

  const openTab = (): FakeTab => {
    const tab: OpenChannel["tab"] = { isFrozen: false, isDead: false, missed: [] };
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
                setImmediate(() => {
                  if (other.tab.isFrozen) other.tab.missed.push(() => channels.has(other) && other.receive(copy));
                  else if (channels.has(other) && !other.tab.isDead) other.receive(copy);
                });
              }
            },
            onMessage: (listener) => {
              channel.receive = listener;
            },
            close: () => channels.delete(channel),
          };
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
        return [...channels].filter((channel) => channel.tab === tab).length;
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
        drop((request) => request.tab === tab);
      },
      freeze: () => {
        tab.isFrozen = true;
      },
      thaw: () => {
        tab.isFrozen = false;
        for (const arrive of tab.missed.splice(0)) arrive();
      },
    };
  };

  return { openTab };
};
