/** Merging on the real engine: what made other builders of cr-sqlite diverge or lose rows. */

import { afterEach, describe, expect, it } from "vitest";
import { versionOf } from "../../src/replication/frontier.ts";
import { changeOf, changesOf, closeLogs, digestOf, epochOf, mallory, openLog, send, sync, type Log } from "./logs.ts";

afterEach(closeLogs);

const n = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x, y)";

const pair = async (schema = n): Promise<[alice: Log, bob: Log]> => [await openLog(schema), await openLog(schema)];

const newest = async ({ rows }: Log): Promise<unknown> => (await rows("SELECT max(db_version) FROM crsql_changes"))[0];

describe("storage classes", () => {
  const typed = "CREATE TABLE t (id TEXT PRIMARY KEY NOT NULL, i INTEGER, r REAL, t TEXT, b BLOB, n)";
  const edits: readonly (readonly [alice: string, bob: string])[] = [
    ["i = 1700000000001", "i = 1700000000002"],
    ["i = 9007199254740993", "i = 9007199254740992"],
    ["i = -9223372036854775808", "i = 9223372036854775807"],
    ["r = 1.0", "r = 2.0"],
    ["r = 1", "r = 1.5"],
    ["r = 9007199254740993", "r = 1e300"],
    ["n = 1", "n = 1.0"],
    ["n = 2", "n = 1e300"],
    ["n = 'x'", "n = x'78'"],
    ["n = ''", "n = NULL"],
    ["n = x''", "n = NULL"],
    ["b = x''", "b = x'00'"],
    ["t = 'a'", "t = 'é'"],
    ["t = 12", "t = '12'"],
    ["i = '12'", "i = 12.5"],
    ["n = 9e999", "n = -9e999"],
    ["i = 1.0, r = 1, n = 1", "i = 1, r = 1.0, n = 1.0"],
  ];

  it("are kept, so that edits of one cell end the same on both sides, in either direction", async () => {
    const [alice, bob] = await pair(typed);
    const [carol, dave] = await pair(typed);
    for (const i of edits.keys()) await alice.exec(`INSERT INTO t (id) VALUES ('${i}')`);
    await sync(alice, bob);
    for (const [i, [ofAlice, ofBob]] of edits.entries()) {
      await alice.exec(`UPDATE t SET ${ofAlice} WHERE id = '${i}'`);
      await bob.exec(`UPDATE t SET ${ofBob} WHERE id = '${i}'`);
    }

    await sync(alice, bob);
    await send(alice, carol);
    await send(bob, dave);

    const expected = await changesOf(alice);
    for (const peer of [bob, carol, dave]) {
      expect(await changesOf(peer)).toEqual(expected);
      expect(await digestOf(peer.log)).toEqual(await digestOf(alice.log));
    }
  });
});

describe("versions", () => {
  it("are never taken from a peer", async () => {
    const alice = await openLog(n);

    await alice.apply([{ site: mallory, originVersion: Number.MAX_SAFE_INTEGER, changes: [changeOf("a")] }]);
    await alice.exec("INSERT INTO n VALUES ('b', 2, 3)");

    expect(await newest(alice)).toEqual([2]);
    const { groups } = await alice.read();
    expect(groups.map(({ site, originVersion }) => [site, originVersion])).toEqual([
      [mallory, Number.MAX_SAFE_INTEGER],
      [alice.site, 2],
    ]);
  });

  it("keep each transaction of a peer apart", async () => {
    const [alice, bob] = await pair();
    for (const key of ["a", "b", "c"]) await alice.exec(`INSERT INTO n VALUES ('${key}', 1, 2)`);

    await send(alice, bob);

    expect((await bob.read()).groups).toEqual((await alice.read()).groups);
  });

  it("leave nothing behind of groups that lost, so that the next own write replicates", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await sync(alice, bob);
    await bob.exec("UPDATE n SET x = 5, y = 5");
    await bob.exec("UPDATE n SET x = 6, y = 6");
    await alice.exec("UPDATE n SET x = 2");
    await alice.exec("UPDATE n SET y = 2");

    const merged = await send(alice, bob);
    await bob.exec("INSERT INTO n VALUES ('own', 1, 1)");
    const runs = await bob.rows("SELECT first, last, site > 0 FROM ledger_run ORDER BY 1");
    await send(bob, alice);

    expect(merged).toMatchObject({ count: 0, grew: false });
    // Nothing is left of version 1, so its origin is forgotten.
    expect(runs).toEqual([[2, 3, 0]]);
    expect(await alice.rows("SELECT x FROM n WHERE id = 'own'")).toEqual([[1]]);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("stay with their transaction when a later one of the same message overwrites all of it", async () => {
    const alice = await openLog(n);
    await alice.apply([
      { site: mallory, originVersion: 1, changes: [changeOf("a")] },
      { site: mallory, originVersion: 2, changes: [changeOf("a", { value: 2, colVersion: 2 })] },
      { site: mallory, originVersion: 3, changes: [changeOf("a", { value: 0, colVersion: 1 })] },
    ]);
    await alice.exec("INSERT INTO n VALUES ('own', 1, 1)");

    const { groups } = await alice.read();

    expect(groups.map(({ site, originVersion }) => [site, originVersion])).toEqual([
      [mallory, 2],
      [alice.site, 3],
    ]);
    expect(await alice.rows("SELECT first, last, origin_last FROM ledger_run")).toEqual([[1, 2, 2]]);
  });

  it("of an update that changes nothing are not told, and are given to the next write", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    for (let i = 0; i < 3; i += 1) await alice.exec("UPDATE n SET x = x");

    const told = versionOf(await alice.frontier(), alice.site);
    await send(alice, bob);
    await alice.exec("CREATE TABLE plain (x)");
    await alice.exec("INSERT INTO plain VALUES (1)");
    await alice.exec("INSERT INTO n VALUES ('b', 1, 1)");
    await send(alice, bob);

    expect(told).toBe(1);
    expect(await bob.rows("SELECT id FROM n ORDER BY id")).toEqual([["a"], ["b"]]);
  });

  it("begin above every earlier opening's, and the place of a peer is that of the next opening", async () => {
    const alice = await openLog(n, { nowMs: 1_000 });
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    const { openChangeLog } = await import("../../src/database/change-log.ts");
    const again = await openChangeLog({ database: alice.database, epoch: epochOf(0xa2), nowMs: 2_000 });
    await alice.exec("INSERT INTO n VALUES ('b', 1, 1)");
    const later = await openChangeLog({ database: alice.database, epoch: epochOf(0xa3), nowMs: 3_000 });

    expect(versionOf(await alice.frontier(), alice.site)).toBe(2_000 * 1024 + 1);
    expect(again.resumePosition({ epoch: alice.log.epoch, position: 1 })).toBe(1);
    expect(again.resumePosition({ epoch: alice.log.epoch, position: 700 })).toBe(1);
    expect(later.resumePosition({ epoch: epochOf(0xa2), position: 2_000 * 1024 + 9 })).toBe(2_000 * 1024 + 1);
    expect(later.resumePosition({ epoch: epochOf(0xa3), position: 4_000_000 })).toBe(4_000_000);
    expect(later.resumePosition({ epoch: epochOf(0xee), position: 5 })).toBe(0);
    expect(later.resumePosition(undefined)).toBe(0);
    expect(later.lostAfter(1)).toBeUndefined();
    expect(later.lostAfter(700)).toBe(1);
    expect(later.lostAfter(2_000 * 1024 + 1)).toBeUndefined();
    expect(later.lostAfter(2_000 * 1024 + 2)).toBe(2_000 * 1024 + 1);
  });

  it("are remembered for 64 openings; a peer of an older one reads from the beginning", async () => {
    const alice = await openLog(n);
    const { openChangeLog } = await import("../../src/database/change-log.ts");
    let log = alice.log;
    for (let i = 1; i <= 64; i += 1)
      log = await openChangeLog({ database: alice.database, epoch: epochOf(1_000 + i), nowMs: i });

    expect(log.resumePosition({ epoch: epochOf(1_001), position: 5 })).toBeLessThanOrEqual(5 * 1024);
    expect(log.resumePosition({ epoch: alice.log.epoch, position: 5 })).toBe(0);
    expect(await alice.rows("SELECT count(*) FROM ledger_epoch")).toEqual([[64]]);
  });
});

describe("own writes that come back", () => {
  it("lose against what is here, and say nothing about what was written here", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await send(alice, bob);
    const before = await alice.frontier();

    const { groups } = await bob.read();
    const merged = await alice.apply(groups, new Map([[alice.site, 999]]));

    expect(merged).toMatchObject({ count: 0, grew: false });
    expect(await alice.frontier()).toEqual(before);
  });

  it("that are not here are new own writes", async () => {
    const alice = await openLog(n);
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");

    await alice.apply([{ site: alice.site, originVersion: 700, changes: [changeOf("b")] }]);

    const { groups } = await alice.read();
    expect(groups.map(({ site, originVersion }) => [site, originVersion])).toEqual([
      [alice.site, 1],
      [alice.site, 2],
    ]);
  });
});

describe("rows", () => {
  it("that are deleted here and edited there are gone on both sides, and can come again", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await sync(alice, bob);
    await alice.exec("DELETE FROM n");
    await bob.exec("UPDATE n SET x = 9");
    await sync(alice, bob);
    expect(await bob.rows("SELECT * FROM n")).toEqual([]);

    await bob.exec("INSERT INTO n (id, y) VALUES ('a', 3)");
    await sync(alice, bob);

    expect(await alice.rows("SELECT * FROM n")).toEqual([["a", null, 3]]);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("come again at a peer that never heard of the deletion", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await sync(alice, bob);
    await alice.exec("DELETE FROM n");
    await alice.exec("INSERT INTO n (id, x) VALUES ('a', 2)");
    await bob.exec("UPDATE n SET y = 5");
    const carol = await openLog(n);

    await send(bob, carol);
    await sync(alice, bob);
    await sync(bob, carol);

    expect(await carol.rows("SELECT * FROM n")).toEqual(await alice.rows("SELECT * FROM n"));
    expect(await changesOf(carol)).toEqual(await changesOf(alice));
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("with keys of several columns in another order than the table's", async () => {
    const [alice, bob] = await pair(
      "CREATE TABLE k (a TEXT NOT NULL, x, b INTEGER NOT NULL, PRIMARY KEY (b, a)) WITHOUT ROWID",
    );
    await alice.exec("INSERT INTO k VALUES ('one', 1, 1), ('two', 2, -5), ('', NULL, 0)");
    await bob.exec("INSERT INTO k VALUES ('one', 7, 1)");
    await bob.exec("DELETE FROM k WHERE a = 'one'");

    await sync(alice, bob);

    expect(await alice.rows("SELECT * FROM k ORDER BY b")).toEqual([
      ["two", 2, -5],
      ["", null, 0],
    ]);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("of nothing but a key", async () => {
    const [alice, bob] = await pair("CREATE TABLE p (id TEXT PRIMARY KEY NOT NULL)");
    await alice.exec("INSERT INTO p VALUES ('a'), ('b')");
    await bob.exec("INSERT INTO p VALUES ('a')");
    await bob.exec("DELETE FROM p");

    await sync(alice, bob);

    expect(await alice.rows("SELECT * FROM p")).toEqual([["b"]]);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("that were there before the table was synced reach a peer that is in step", async () => {
    const [alice, bob] = await pair();
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await sync(alice, bob);
    for (const { exec, database } of [alice, bob]) {
      await exec("CREATE TABLE late (id TEXT PRIMARY KEY NOT NULL, x)");
      if (database === alice.database) await exec("INSERT INTO late VALUES ('l', 1)");
      await database.enableSync("late");
    }

    await send(alice, bob);

    expect(await bob.rows("SELECT * FROM late")).toEqual([["l", 1]]);
  });

  it("of one transaction of 5,000 rows arrive whole, in one commit", async () => {
    const [alice, bob] = await pair();
    await alice.exec(`WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000)
                      INSERT INTO n SELECT 'row ' || i, i, NULL FROM c`);
    const commits: unknown[] = [];
    bob.database.onCommit((commit) => commits.push(commit));

    const merged = await send(alice, bob);

    expect(merged.count).toBe(10_000);
    expect(commits).toEqual([{ tables: ["n"], origin: { type: "remote", peerId: alice.site }, version: 1 }]);
    expect(await bob.rows("SELECT count(*), sum(x) FROM n")).toEqual([[5_000, 12_502_500]]);
    expect((await bob.read()).groups).toHaveLength(1);
  });

  it("keep the site that wrote them, also two replicas on", async () => {
    const [alice, bob] = await pair();
    const carol = await openLog(n);
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await send(alice, bob);
    await send(bob, carol);

    expect(await carol.rows("SELECT DISTINCT lower(hex(site_id)) FROM crsql_changes")).toEqual([[alice.site]]);
  });

  it("are merged the same however the messages come: late, twice and mixed", async () => {
    const [alice, bob] = await pair();
    for (let i = 0; i < 12; i += 1) {
      await alice.exec(
        i % 4 === 3
          ? "DELETE FROM n WHERE id = 'k1'"
          : `INSERT INTO n VALUES ('k${i % 3}', ${i}, 1) ON CONFLICT DO UPDATE SET x = excluded.x`,
      );
    }
    const { groups } = await alice.read();
    const mixed = [...groups].reverse();

    for (const group of [...mixed, ...mixed.slice(2, 5)]) await bob.apply([group]);

    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });
});

describe("all or nothing", () => {
  it("stores neither rows nor cursor nor frontier when the merge fails", async () => {
    const alice = await openLog(n);
    const groups = [{ site: mallory, originVersion: 1, changes: [changeOf("a")] }];
    const broken = { epoch: "not hex" as never, position: 1 };

    const failed = alice.log.apply({ peer: mallory, groups, cursor: broken, claims: new Map([[mallory, 1]]) });

    await expect(failed).rejects.toThrow();
    expect(await alice.rows("SELECT * FROM n")).toEqual([]);
    expect(await alice.log.greeting(mallory)).toEqual({ frontier: new Map(), cursor: undefined });
    expect(await alice.rows("SELECT * FROM ledger_run")).toEqual([]);
  });

  it("remembers the place in the peer's log beside the rows, and the highest claim", async () => {
    const alice = await openLog(n);
    await alice.apply([], new Map([[mallory, 5]]));
    await alice.apply([], new Map([[mallory, 3]]));

    expect(await alice.log.greeting(mallory)).toEqual({
      frontier: new Map([[mallory, 5]]),
      cursor: { epoch: epochOf(99), position: 1 },
    });
  });
});
