/**
 * Replicas that write without pause while one is cut off and another crashes in the middle of a large transfer: all
 * converge and no acknowledged write is lost. Run by `npm run test:mesh`.
 */

import type { CDPSession } from "@playwright/test";
import { expect, expectSame, test, type Replica } from "./support/test.ts";

const size = Number(process.env["LEDGER_MESH_SIZE"] ?? 8);
/** Seconds. */
const cuts = (process.env["LEDGER_MESH_CUTS"] ?? "3,8,20").split(",").map(Number);
const largeRows = Number(process.env["LEDGER_MESH_ROWS"] ?? 20_000);

const allNotes = "SELECT id, title FROM notes ORDER BY id";

/** Throttling reaches WebRTC only when it was on before the RTCPeerConnection was made. */
const openValve = async ({ page }: Replica): Promise<CDPSession> => {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await setOffline(session, false);
  return session;
};

const setOffline = (session: CDPSession, offline: boolean): Promise<unknown> =>
  session.send("Network.emulateNetworkConditions", {
    offline,
    latency: 1,
    downloadThroughput: -1,
    uploadThroughput: -1,
  });

declare global {
  interface Window {
    /** Ids that were acknowledged. */
    readonly meshWritten: string[];
    stopWriting(): Promise<void>;
  }
}

/** Writes rows of its own and edits shared ones, one after the other, until told to stop. */
const startWriting = ({ page }: Replica, name: string): Promise<void> =>
  page.evaluate((prefix) => {
    const written: string[] = [];
    let stopped = false;
    const work = async (): Promise<void> => {
      for (let n = 0; !stopped; n += 1) {
        const id = `${prefix}-${n}`;
        const shared = `shared-${n % 5}`;
        const own = await window.callLedger("main", "exec", ["INSERT INTO notes (id, title) VALUES (?, ?)", [id, id]]);
        if (own.ok) written.push(id);
        await window.callLedger("main", "exec", [
          "INSERT INTO notes (id, title) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title",
          [shared, id],
        ]);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const working = work();
    const stopWriting = (): Promise<void> => {
      stopped = true;
      return working;
    };
    Object.assign(window, { meshWritten: written, stopWriting });
  }, name);

const crash = async ({ page }: Replica): Promise<void> => {
  const session = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {}); // Never answered: the page that would answer is gone.
  await crashed;
  await page.close();
};

test("converges while links are cut and a replica crashes in a large transfer", async ({ newReplica }) => {
  const seconds = cuts.reduce((sum, cut) => sum + cut, 0);
  test.setTimeout(120_000 + seconds * 10_000);
  const mesh: Replica[] = [];
  const valves: CDPSession[] = [];
  for (let i = 0; i < size; i += 1) {
    const replica = await newReplica();
    mesh.push(replica);
    valves.push(await openValve(replica));
  }
  const [alice, bob] = mesh as [Replica, Replica];
  for (const replica of mesh) await replica.call("connect");
  for (const replica of mesh) await expect.poll(async () => (await replica.peers()).length).toBe(size - 1);
  for (const [index, replica] of mesh.entries()) await startWriting(replica, `writer-${index}`);

  for (const [round, cut] of cuts.entries()) {
    const index = (2 + round) % size;
    const valve = valves[index] as CDPSession;
    const count = "SELECT count(*) AS n FROM notes WHERE id GLOB 'writer-0-*'";
    const before = await alice.rows(count);
    await setOffline(valve, true);
    await new Promise((resolve) => setTimeout(resolve, cut * 1_000));
    const [there, here] = [await (mesh[index] as Replica).rows(count), await alice.rows(count)];
    await setOffline(valve, false);
    // It was cut off, and nobody else was.
    expect(Number(there[0]?.["n"])).toBeLessThan(Number(here[0]?.["n"]));
    expect(Number(before[0]?.["n"])).toBeLessThan(Number(here[0]?.["n"]));
  }

  // A large transaction, and the end of Bob while it comes to him.
  const before = new Set(await bob.page.evaluate(() => window.meshWritten));
  await alice.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${largeRows})
    INSERT INTO notes (id, title) SELECT printf('large-%05d', i), hex(randomblob(32)) FROM n`);
  await crash(bob);
  const again = await newReplica({ context: bob.page.context() });
  await again.call("connect");
  mesh[1] = again;

  const acknowledged = new Set(before);
  for (const replica of mesh) {
    if (replica === again) continue;
    await replica.page.evaluate(() => window.stopWriting());
    for (const id of await replica.page.evaluate(() => window.meshWritten)) acknowledged.add(id);
  }
  const count = `SELECT count(*) AS n FROM notes WHERE id GLOB 'large-*'`;
  for (const replica of mesh) {
    await expect.poll(() => replica.rows(count), { timeout: 90_000 }).toEqual([{ n: largeRows }]);
  }
  const rows = await expectSame(mesh, allNotes);
  const there = new Set(rows.map(({ id }) => id));
  expect([...acknowledged].filter((id) => !there.has(id))).toEqual([]);
});
