/** Stretches of the log, the frontier, and both after the database was opened again. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { versionOf } from "../../src/replication/frontier.ts";
import { createSeededRandom } from "../support/seeded-random.ts";
import { changeOf, changesOf, closeLogs, epochOf, mallory, openLog, send, sync, type Log } from "./logs.ts";

const directories: string[] = [];

afterEach(async () => {
  await closeLogs();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const n = "CREATE TABLE IF NOT EXISTS n (id TEXT PRIMARY KEY NOT NULL, x, y)";
const todo = "CREATE TABLE IF NOT EXISTS todo (id TEXT PRIMARY KEY NOT NULL, x)";

describe("a stretch", () => {
  it("is cut between versions only, however small the limit", async () => {
    const alice = await openLog(`${n}; ${todo}`, { stretchChanges: 1 });
    await alice.exec(
      "INSERT INTO n VALUES ('a', 1, 1); INSERT INTO todo VALUES ('a', 1); INSERT INTO n VALUES ('b', 1, 1)",
    );
    await alice.exec("INSERT INTO todo VALUES ('b', 2)");
    await alice.exec("INSERT INTO n VALUES ('c', 3, 3)");

    const stretches = [await alice.read(0), await alice.read(1), await alice.read(2), await alice.read(3)];

    expect(stretches.map(({ to, complete }) => [to, complete])).toEqual([
      [1, false],
      [2, false],
      [3, true],
      [3, true],
    ]);
    expect(stretches.map(({ groups }) => groups.map(({ changes }) => changes.length))).toEqual([[5], [1], [2], []]);
    expect(stretches[0]?.groups[0]?.changes.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([1, 2, 3, 7, 1_000])("after stretch is the whole log, %i changes at a time", async (stretchChanges) => {
    const random = createSeededRandom(stretchChanges);
    const alice = await openLog(`${n}; ${todo}`, { stretchChanges });
    for (let i = 0; i < 40; i += 1) {
      const key = Math.floor(random.unit() * 12);
      const table = random.unit() < 0.5 ? "n" : "todo";
      await alice.exec(
        random.unit() < 0.2
          ? `DELETE FROM ${table} WHERE id = '${key}'; INSERT OR REPLACE INTO n VALUES ('${key}', ${i}, 0)`
          : `INSERT INTO ${table} (id, x) VALUES ('${key}', ${i}) ON CONFLICT DO UPDATE SET x = excluded.x`,
      );
    }
    const bob = await openLog(`${n}; ${todo}`);

    let after = 0;
    for (let complete = false; !complete;) {
      const stretch = await alice.read(after);
      expect(stretch.to).toBeGreaterThan(after);
      await bob.apply(stretch.groups);
      after = stretch.to;
      ({ complete } = stretch);
    }

    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("goes on where the one before ended, within a run of versions", async () => {
    const alice = await openLog(n, { stretchChanges: 500 });
    const groups = Array.from({ length: 1_300 }, (_, i) => ({
      site: mallory,
      originVersion: i + 1,
      changes: [changeOf("a", { pk: Uint8Array.of(1, 0x0b, 2, 0x41 + (i >> 6), 0x30 + (i & 63)) })],
    }));
    await alice.apply(groups);

    const first = await alice.read();
    const second = await alice.read(first.to);
    const third = await alice.read(second.to);

    expect([first.complete, second.complete, third.complete]).toEqual([false, false, true]);
    expect([...first.groups, ...second.groups, ...third.groups]).toEqual(groups);
  });

  it("leaves out what the reader holds, transaction by transaction", async () => {
    const [alice, bob] = [await openLog(n), await openLog(n)];
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await send(alice, bob);
    await bob.exec("INSERT INTO n VALUES ('b', 1, 1)");
    await alice.exec("INSERT INTO n VALUES ('c', 1, 1)");
    await send(alice, bob);

    const { groups } = await bob.read(0, new Map([[alice.site, 1]]));

    expect(groups.map(({ site, originVersion }) => [site, originVersion])).toEqual([
      [bob.site, 2],
      [alice.site, 2],
    ]);
  });

  it("is of nothing in an empty log, and beyond the end", async () => {
    const alice = await openLog(n);

    expect(await alice.read()).toMatchObject({ groups: [], to: 0, complete: true, frontier: new Map() });
    expect(await alice.read(50)).toMatchObject({ groups: [], to: 50, complete: true });
  });
});

describe("the frontier", () => {
  const own = async (log: Log): Promise<number> => versionOf(await log.frontier(), log.site);

  it("names the newest own version, also below what came from elsewhere", async () => {
    const alice = await openLog(n);
    const foreign = (originVersion: number, key: string) =>
      alice.apply([{ site: mallory, originVersion, changes: [changeOf(key)] }]);
    const seen = [await own(alice)];
    await foreign(1, "a");
    await foreign(2, "b");
    seen.push(await own(alice));
    await alice.exec("INSERT INTO n VALUES ('own', 1, 1)");
    seen.push(await own(alice));
    await foreign(3, "c");
    await foreign(4, "d");
    seen.push(await own(alice));
    await alice.exec("INSERT INTO n VALUES ('own2', 1, 1)");
    seen.push(await own(alice));

    expect(seen).toEqual([0, 0, 3, 3, 6]);
  });

  it("never goes back when the rows of the newest own version are overwritten from elsewhere", async () => {
    const alice = await openLog(n);
    await alice.exec("INSERT INTO n VALUES ('b', 0, 0)");
    await alice.exec("UPDATE n SET x = 1");

    await alice.apply([{ site: mallory, originVersion: 9, changes: [changeOf("b", { colVersion: 9 })] }]);

    expect(await own(alice)).toBe(2);
  });
});

describe("opened again", () => {
  const openFile = (directory: string, nowMs: number): Promise<Log> => openLog(n, { directory, nowMs });

  it("knows what it held, how far it had read, and where its openings began", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ledger-log-"));
    directories.push(directory);
    const bob = await openLog(n);
    await bob.exec("INSERT INTO n VALUES ('b', 1, 1)");
    const before = await openFile(directory, 1_000);
    await before.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await sync(before, bob);
    await before.apply(
      [{ site: mallory, originVersion: 3, changes: [changeOf("q", { table: "todo" })] }],
      new Map([[mallory, 3]]),
    );
    const greeting = await before.log.greeting(bob.site);
    const log = await before.read();
    await before.database.close();

    const after = await openFile(directory, 2_000);

    expect(after.site).toBe(before.site);
    expect(await after.log.greeting(bob.site)).toEqual(greeting);
    expect((await after.read()).groups).toEqual(log.groups);
    expect(greeting.cursor).toEqual({ epoch: bob.log.epoch, position: 2 });
    expect(after.log.resumePosition({ epoch: before.log.epoch, position: 700 })).toBe(2);
    expect(after.log.lostAfter(700)).toBe(2);
  });

  it("gives the next write a version above all that can have been written before", async () => {
    const directory = mkdtempSync(join(tmpdir(), "ledger-log-"));
    directories.push(directory);
    const before = await openFile(directory, 1_000);
    await before.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await before.exec("UPDATE n SET x = x");
    await before.database.close();

    const after = await openFile(directory, 2_000);
    await after.exec("UPDATE n SET x = 2");

    expect((await after.read(1)).groups.map(({ originVersion }) => originVersion)).toEqual([2_000 * 1_024 + 1]);
    expect(after.log.resumePosition({ epoch: epochOf(99), position: 1 })).toBe(0);
  });
});
