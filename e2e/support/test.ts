/** Playwright's `test` with what the browser tests share: a signaling server per test, and replicas in their own contexts. */

import { randomUUID } from "node:crypto";
import { expect, test as base, type Browser, type BrowserContext } from "@playwright/test";
import { openReplica, type Replica, type ReplicaOptions } from "./replica.ts";
import { createSignalingServer, type SignalingServer } from "./signaling-server.ts";

export { expect } from "@playwright/test";
export * from "./replica.ts";

/** The table of most tests. */
export const notesTable = "CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT)";

export interface NewReplica extends ReplicaOptions {
  /** Default: the project's browser. */
  readonly browser?: Browser;
  /** Default: a fresh one, which is another machine as far as storage goes. */
  readonly context?: BrowserContext;
  /** Default true: knows the signaling server and the token. */
  readonly room?: boolean;
  /** Default true: init(), create `notes` and enable its sync. */
  readonly ready?: boolean;
}

interface Fixtures {
  /** Running, on its own port. */
  readonly signaling: SignalingServer;
  /** A room of this test alone. */
  readonly token: string;
  /** Opens a replica on a page in a context of its own. Not connected. */
  readonly newReplica: (options?: NewReplica) => Promise<Replica>;
}

/** Firefox reports a refused or lost WebSocket like an exception; Vite's client has one, and so have tests without a server. */
const firefoxNotice = /^(Firefox can.t establish a connection to the server at|The connection to) wss?:/;

export const test = base.extend<Fixtures>({
  signaling: async ({}, use) => {
    const server = await createSignalingServer();
    await server.start();
    await use(server);
    await server.kill();
  },
  token: async ({}, use) => {
    // Like createToken()'s: a random token needs no stretching.
    await use(Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url"));
  },
  newReplica: async ({ browser: projectBrowser, baseURL, signaling, token }, use) => {
    const contexts: BrowserContext[] = [];
    const pageErrors: string[] = [];
    await use(async ({ browser = projectBrowser, context, room = true, ready = true, ...options } = {}) => {
      const home = context ?? (await browser.newContext(baseURL === undefined ? {} : { baseURL }));
      if (context === undefined) contexts.push(home);
      const page = await home.newPage();
      page.on("pageerror", (error) => {
        if (!firefoxNotice.test(error.message)) pageErrors.push(error.stack ?? error.message);
      });
      await page.goto("/e2e/app/");
      const replica = await openReplica(page, { ...(room && { signalingUrl: signaling.url, token }), ...options });
      if (ready) {
        await replica.call("init");
        await replica.exec(notesTable);
        await replica.call("enableSync", "notes");
      }
      return replica;
    });
    await Promise.all(contexts.map((context) => context.close()));
    // Whatever a test is about: no exception may escape into the app's page.
    expect([...new Set(pageErrors)]).toEqual([]);
  },
});
