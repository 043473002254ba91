/**
 * A Chromium without Playwright, which keeps each page it attaches to awake and visible: here hidden tabs can be frozen and
 * discarded as the browser does it by itself when power or memory run short.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { findBrowser } from "../../scripts/browsers.mjs";
import { chromiumOptions } from "./launch.ts";

export interface BareTab {
  /** Runs in the page; what it takes and answers is JSON. */
  evaluate<A, T>(run: (arg: A) => T | Promise<T>, arg: A): Promise<T>;
  setLifecycle(state: "frozen" | "active"): Promise<unknown>;
}

export interface BareBrowser {
  /** Opens a tab in front of the others, and waits until its page is loaded. */
  open(url: string): Promise<BareTab>;
  /** Opens the page by which tabs are frozen and discarded, so that this takes no time later. */
  prepare(): Promise<void>;
  /** Freezes the hidden tab with this title, as the browser does to save power. */
  freeze(title: string): Promise<void>;
  /** Throws away the page of the one tab with this title, as when memory runs short. */
  discard(title: string): Promise<void>;
  /** Brings the discarded tab to the front, which loads its page anew. */
  revive(title: string): Promise<BareTab>;
  close(): Promise<void>;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value: unknown };
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
}

const pollMs = 50;
const patienceMs = 20_000;

const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
};

export const openBareBrowser = async (): Promise<BareBrowser> => {
  const profile = await mkdtemp(join(tmpdir(), "ledger-bare-"));
  // Opens chrome://discards.
  await writeFile(join(profile, "Local State"), JSON.stringify({ internal_only_uis_enabled: true }));
  const args = [
    "--headless",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
    ...(chromiumOptions.args ?? []),
  ];
  const browser = spawn(findBrowser("chromium") ?? "chromium", args, { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(browser, "exit");
  let endpoint: string | undefined;
  for await (const line of createInterface({ input: browser.stderr })) {
    endpoint = /^DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (endpoint !== undefined) break;
  }
  browser.stderr.resume();
  const socket = new WebSocket(endpoint ?? "ws://no-browser");
  await once(socket, "open");

  const waiting = new Map<number, (answer: Answer) => void>();
  socket.on("message", (text: Buffer) => {
    const answer = JSON.parse(text.toString()) as Answer;
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });
  let nextId = 1;
  const send = <T>(method: string, params: object, sessionId?: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id);
        if (error === undefined) resolve(result as T);
        else reject(new Error(`${method}: ${error.message}`));
      });
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    });

  /** By target. */
  const sessions = new Map<string, string>();

  const attach = async (targetId: string): Promise<BareTab> => {
    const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
    sessions.set(targetId, sessionId);
    const tab: BareTab = {
      evaluate: async <A, T>(run: (arg: A) => T | Promise<T>, arg: A) => {
        const expression = `(${run.toString()})(${JSON.stringify(arg)})`;
        const options = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await send<Evaluated>("Runtime.evaluate", options, sessionId);
        if (exceptionDetails === undefined) return result.value as T;
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      },
      setLifecycle: (state) => send("Page.setWebLifecycleState", { state }, sessionId),
    };
    await until("a page that is loaded", async () => {
      const isLoaded = (): boolean => document.readyState === "complete" && location.href !== "about:blank";
      // What it is asked while it goes to its address may stay unanswered.
      const answer = await tab.evaluate(isLoaded, undefined).catch(() => false);
      return answer ? true : undefined;
    });
    return tab;
  };

  const open = async (url: string): Promise<BareTab> => {
    const { targetId } = await send<{ targetId: string }>("Target.createTarget", { url });
    return attach(targetId);
  };

  const targetIdOf = async (title: string): Promise<string | undefined> => {
    const { targetInfos } = await send<{ targetInfos: { type: string; title: string; targetId: string }[] }>(
      "Target.getTargets",
      {},
    );
    return targetInfos.find((target) => target.type === "page" && target.title === title)?.targetId;
  };

  let discards: Promise<BareTab> | undefined;

  /** Clicks what chrome://discards offers for a tab. */
  const order = async (title: string, action: "[Freeze]" | "[Urgent Discard]"): Promise<void> => {
    const page = await (discards ??= open("chrome://discards/"));
    const click = ([name, label]: readonly [string, string]): true | undefined => {
      const all = (root: ParentNode): Element[] =>
        [...root.querySelectorAll("*")].flatMap((element) => [
          element,
          ...(element.shadowRoot === null ? [] : all(element.shadowRoot)),
        ]);
      const row = all(document).find((element) => element.matches("tr") && element.textContent.includes(name));
      const links = [...(row?.querySelectorAll<HTMLElement>(".actions-cell > div") ?? [])];
      const link = links.find((element) => element.textContent.includes(label));
      link?.click();
      return link === undefined ? undefined : true;
    };
    await until(`the tab ${title} in chrome://discards`, () => page.evaluate(click, [title, action] as const));
  };

  return {
    open,
    prepare: async () => void (await (discards ??= open("chrome://discards/"))),
    freeze: (title) => order(title, "[Freeze]"),
    discard: async (title) => {
      const before = await targetIdOf(title);
      // What is debugged is not discarded.
      const sessionId = sessions.get(before ?? "");
      if (sessionId !== undefined) await send("Target.detachFromTarget", { sessionId });
      await order(title, "[Urgent Discard]");
      // A discarded tab is another target to the debugger.
      await until(`the end of ${title}`, async () => ((await targetIdOf(title)) === before ? undefined : true));
    },
    revive: async (title) => {
      const targetId = await until(`the tab ${title}`, () => targetIdOf(title));
      await send("Target.activateTarget", { targetId });
      return attach(targetId);
    },
    close: async () => {
      socket.terminate();
      browser.kill("SIGKILL");
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};
