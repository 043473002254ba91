/** Snapshots on the real engine: an image makes the same replica as merging, and a forged one changes nothing. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Applied } from "../../src/database/change-writer.ts";
import type { Snapshot } from "../../src/database/write-snapshot.ts";
import type { ImagePart } from "../../src/replication/message.ts";
import { forge, snapshotOf, takeSnapshotOf } from "../support/images.ts";
import { changesOf, closeLogs, digestOf, mallory, openLog, send, sync, type Log } from "./logs.ts";

afterEach(closeLogs);

const schema = `CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', n, twice AS (n * 2));
  CREATE TABLE pairs (a INTEGER NOT NULL, b BLOB NOT NULL, x REAL, PRIMARY KEY (b, a)) WITHOUT ROWID;
  CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL);
  CREATE TABLE taken (col TEXT NOT NULL, seq TEXT, site, place DEFAULT 1, used, key TEXT NOT NULL, cells, PRIMARY KEY (key, col))`;

const small = { leastSnapshotCells: 1 };

/** Alice with rows of her own and of Carol, edits, deleted rows and one that came back. */
const openAlice = async (): Promise<Log> => {
  const [alice, carol] = [await openLog(schema, small), await openLog(schema, small)];
  await alice.exec(`INSERT INTO notes (id, n) VALUES ('a', 1), ('b', 2.0), ('c', 'x'), ('d', x''), ('e', NULL)`);
  await alice.exec("INSERT INTO pairs VALUES (1, x'01', 1), (2, x'', 2.5), (-9007199254740993, x'ff', NULL)");
  await alice.exec("INSERT INTO taken (key, col, place) VALUES ('k', 'c', 2), ('k', 'd', 3), ('k', 'e', 4)");
  await sync(alice, carol);
  await carol.exec("UPDATE taken SET used = 1 WHERE col = 'd'; DELETE FROM taken WHERE col = 'e'");
  await carol.exec("UPDATE notes SET title = 'Carol''s' WHERE id = 'b'; INSERT INTO tags VALUES ('t'), ('u')");
  await carol.exec("DELETE FROM notes WHERE id = 'c'; DELETE FROM tags WHERE name = 'u'");
  await alice.exec("UPDATE notes SET n = 9007199254740993 WHERE id = 'a'; DELETE FROM notes WHERE id = 'd'");
  await sync(carol, alice);
  await alice.exec("INSERT INTO notes (id, title) VALUES ('c', 'back')");
  return alice;
};

const take = (giver: Log, taker: Log, snapshot: Snapshot): Promise<Applied> =>
  takeSnapshotOf(giver, taker.log, snapshot);

/** cr-sqlite's own tables, with writers by their ids. */
const clocksOf = async (log: Log): Promise<readonly unknown[]> => {
  const rows: unknown[] = [];
  for (const name of log.database.syncedTables.keys()) {
    rows.push(
      await log.rows(
        `SELECT key, col_name, col_version, db_version, hex(s.site_id), seq FROM ${name}__crsql_clock c
         JOIN crsql_site_id s ON s.ordinal = c.site_id ORDER BY key, col_name`,
      ),
      await log.rows(`SELECT * FROM ${name}__crsql_pks ORDER BY 1`),
    );
  }
  return rows;
};

/** What a third replica would be sent, without the local versions in it. */
const toldBy = async (log: Log): Promise<readonly string[]> => {
  const { groups, complete } = await log.read();
  expect(complete).toBe(true);
  return groups.flatMap(({ site, originVersion, changes }) =>
    changes.map((change) =>
      JSON.stringify([site, originVersion, change.table, [...change.pk], change.cid, change.colVersion, change.cl]),
    ),
  );
};

describe("a replica that takes a snapshot", () => {
  it("holds what it would hold by merging, and tells others the same", async () => {
    const alice = await openAlice();
    const [bob, dave] = [await openLog(schema, small), await openLog(schema, small)];

    const taken = await take(alice, bob, await snapshotOf(alice.log));
    await send(alice, dave);

    expect(taken).toMatchObject({ grew: true });
    expect(taken.count).toBe((await changesOf(alice)).length);
    for (const name of alice.database.syncedTables.keys()) {
      const sql = `SELECT * FROM ${name} ORDER BY 1, 2`.replace("tags ORDER BY 1, 2", "tags ORDER BY 1");
      expect(await bob.rows(sql)).toEqual(await alice.rows(sql));
    }
    expect(await clocksOf(bob)).toEqual(await clocksOf(alice));
    expect(await changesOf(bob)).toEqual(await changesOf(dave));
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
    expect(await digestOf(bob.log)).toEqual(await digestOf(alice.log));
    expect((await toldBy(bob)).toSorted()).toEqual((await toldBy(alice)).toSorted());
  });

  it("claims nothing by it, and everything once the end of the giver's log is there", async () => {
    const alice = await openAlice();
    const bob = await openLog(schema, small);
    const snapshot = await snapshotOf(alice.log);
    await take(alice, bob, snapshot);

    expect([...(await bob.frontier())]).toEqual([]);
    expect((await bob.log.greeting(alice.site)).cursor).toEqual({ epoch: alice.log.epoch, position: snapshot.to });

    await bob.apply([], await alice.frontier(), alice.site);
    expect(new Map(await bob.frontier())).toEqual(new Map(await alice.frontier()));
  });

  it("goes on: writes under versions of its own, merges, and is merged", async () => {
    const alice = await openAlice();
    const bob = await openLog(schema, small);
    const snapshot = await snapshotOf(alice.log);
    await take(alice, bob, snapshot);
    await bob.apply([], await alice.frontier(), alice.site);

    await bob.exec("UPDATE notes SET title = 'Bob''s' WHERE id = 'a'; INSERT INTO notes (id) VALUES ('new')");
    await bob.exec("DELETE FROM notes WHERE id = 'b'");
    await alice.exec("UPDATE notes SET n = 5 WHERE id = 'a'; INSERT INTO tags VALUES ('u')");
    await sync(alice, bob);
    await sync(bob, alice);

    expect((await bob.frontier()).get(bob.site)).toBeGreaterThan(snapshot.to);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
    expect(await bob.rows("SELECT title, n FROM notes WHERE id = 'a'")).toEqual([["Bob's", 5]]);
    expect(await bob.rows("PRAGMA integrity_check")).toEqual([["ok"]]);
  });

  it("can give one itself", async () => {
    const alice = await openAlice();
    const [bob, dave] = [await openLog(schema, small), await openLog(schema, small)];
    await take(alice, bob, await snapshotOf(alice.log));
    await bob.exec("INSERT INTO notes (id) VALUES ('bob')");

    await take(bob, dave, await snapshotOf(bob.log));

    expect(await changesOf(dave)).toEqual(await changesOf(bob));
    expect((await toldBy(dave)).toSorted()).toEqual((await toldBy(bob)).toSorted());
  });

  it("holds rows from before a migration as they are where it ran", async () => {
    const alice = await openAlice();
    const migration = `ALTER TABLE notes ADD COLUMN more DEFAULT 'm'; ALTER TABLE notes DROP COLUMN title;
      ALTER TABLE tags ADD COLUMN color; ALTER TABLE taken DROP COLUMN used`;
    const bob = await openLog(schema, small);
    for (const { database } of [alice, bob]) {
      const tx = await database.beginMigration({ version: 1, name: "m", text: null });
      await tx.exec({ sql: migration });
      await tx.commit();
    }
    await alice.exec("INSERT INTO notes (id, more) VALUES ('after', 1); UPDATE tags SET color = 'red'");

    await take(alice, bob, await snapshotOf(alice.log));

    expect(await clocksOf(bob)).toEqual(await clocksOf(alice));
    expect(await bob.rows("SELECT * FROM notes ORDER BY id")).toEqual(
      await alice.rows("SELECT * FROM notes ORDER BY id"),
    );
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("tells of the tables that have rows now", async () => {
    const alice = await openAlice();
    const bob = await openLog(schema, small);
    const commits: unknown[] = [];
    bob.database.onCommit(({ tables, origin }) => commits.push([tables, origin]));

    await take(alice, bob, await snapshotOf(alice.log));

    expect(commits).toEqual([[["notes", "pairs", "tags", "taken"], { type: "remote", peerId: alice.site }]]);
  });
});

describe("an image in parts", () => {
  /** More than three parts. */
  const openWide = async (): Promise<Log> => {
    const alice = await openLog(schema, small);
    await alice.exec(
      `WITH RECURSIVE i(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM i WHERE x < 100)
       INSERT INTO notes (id, title) SELECT x, hex(randomblob(5000)) FROM i`,
    );
    return alice;
  };
  const give = async (giver: Log, taker: Log, { part, to }: { part: ImagePart; to: number }) =>
    taker.log.takeSnapshot({ peer: giver.site, part, cursor: { epoch: giver.log.epoch, position: to } });

  it("is gone on with at any part, and given to more than one", async () => {
    const alice = await openWide();
    const [bob, carol] = [await openLog(schema, small), await openLog(schema, small)];
    const begun = await alice.log.readSnapshot();
    if (begun === undefined) throw new Error("no snapshot was made");
    await give(alice, bob, begun);

    await alice.exec("INSERT INTO notes (id) VALUES ('after it was made')");
    const offset = begun.part.bytes.length;
    const resumed = await alice.log.readSnapshot({ image: begun.part.image, offset });
    const another = await alice.log.readSnapshot();
    expect(resumed).toMatchObject({ to: begun.to, part: { image: begun.part.image, offset } });
    expect(another).toMatchObject({ to: begun.to, part: { image: begun.part.image, offset: 0 } });

    let taken = await give(alice, bob, { ...begun, part: resumed?.part as ImagePart });
    for (let at = 2 * offset; taken === undefined; at += offset) {
      const part = await alice.log.readImagePart({ image: begun.part.image, offset: at });
      taken = await give(alice, bob, { ...begun, part: part as ImagePart });
    }
    await take(alice, carol, await snapshotOf(alice.log));
    expect(taken).toMatchObject({ grew: true });
    expect(await changesOf(bob)).toEqual(await changesOf(carol));
    await send(alice, bob);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("is given again after the database was opened anew, whose versions jump", async () => {
    const directory = await mkdtemp(join(tmpdir(), "ledger-image-"));
    try {
      const first = await openLog(schema, { ...small, directory });
      await first.exec("INSERT INTO notes (id) VALUES ('a'), ('b'), ('c')");
      await first.database.close();
      const alice = await openLog("", { ...small, directory, nowMs: 1_700_000_000_000 });
      const before = await alice.log.readSnapshot();
      await alice.exec("INSERT INTO notes (id) VALUES ('d')");
      expect(alice.database.version).toBeGreaterThan(1_000_000);

      expect(await alice.log.readSnapshot()).toMatchObject({ part: before?.part, to: before?.to });
      await alice.exec(
        `WITH RECURSIVE i(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM i WHERE x < 4001)
         INSERT INTO tags SELECT x FROM i`,
      );
      expect((await alice.log.readSnapshot())?.part.image).toBe(2);
    } finally {
      await closeLogs();
      await rm(directory, { recursive: true });
    }
  });

  it("is made for a replica that is expected, unless something of it is here", async () => {
    const pauses: number[] = [];
    const pause = async () => void pauses.push(1);
    const [alice, bob] = [
      await openLog(schema, { ...small, snapshotSliceKeys: 1, pause }),
      await openLog(schema, small),
    ];
    await alice.exec("INSERT INTO notes (id) VALUES ('a'), ('b'), ('c')");
    await bob.exec("INSERT INTO notes (id) VALUES ('bob''s')");

    await send(bob, alice);
    await alice.log.expect(bob.site);
    expect(pauses).toEqual([]);

    await alice.log.expect(mallory);
    const made = pauses.length;
    expect(made).toBeGreaterThan(0);
    expect((await alice.log.readSnapshot())?.part.image).toBe(1);
    expect(pauses.length).toBe(made);
  });

  it("is another one when it was dropped, or when a table has changed", async () => {
    const alice = await openWide();
    const images: (number | undefined)[] = [];
    const read = async (image?: number): Promise<void> => {
      const resume = image === undefined ? undefined : { image, offset: 100 };
      const snapshot = await alice.log.readSnapshot(resume);
      images.push(snapshot?.part.image);
      expect(snapshot?.part.offset).toBe(0);
    };

    await read();
    alice.log.keepImages([], []);
    await read(1);
    await alice.exec("CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL)");
    await alice.database.enableSync("more");
    await read(2);

    expect(images).toEqual([1, 2, 3]);
    expect(await alice.log.readImagePart({ image: 1, offset: 0 })).toBeUndefined();
  });

  it("is not taken when a part before was dropped", async () => {
    const alice = await openWide();
    const bob = await openLog(schema, small);
    const begun = await alice.log.readSnapshot();
    if (begun === undefined) throw new Error("no snapshot was made");
    await give(alice, bob, begun);
    bob.log.keepImages([], []);

    const part = await alice.log.readImagePart({ image: begun.part.image, offset: begun.part.bytes.length });
    await expect(give(alice, bob, { ...begun, part: part as ImagePart })).rejects.toThrow("a part is missing");
  });
});

describe("an image that is made in slices", () => {
  /** What is to be done after each slice. */
  let between: (() => Promise<unknown>)[] = [];
  const sliced = { ...small, snapshotSliceKeys: 3, pause: async () => void (await between.shift()?.()) };
  const manyRows = `WITH RECURSIVE i(x) AS (VALUES (10) UNION ALL SELECT x + 1 FROM i WHERE x < 89)
    INSERT INTO notes (id, n) SELECT 'row ' || x, x FROM i; INSERT INTO tags SELECT 'of ' || id FROM notes`;

  const readWhile = async (alice: Log, writes: readonly (() => Promise<unknown>)[]): Promise<Snapshot> => {
    between = [...writes];
    const snapshot = await snapshotOf(alice.log);
    expect(between).toEqual([]);
    return snapshot;
  };

  it("is of the moment of the last one, whatever was written in between", async () => {
    const [alice, carol, bob] = [await openLog(schema, sliced), await openLog(schema), await openLog(schema, small)];
    await alice.exec(manyRows);
    await sync(alice, carol);
    await carol.exec("UPDATE notes SET n = -1 WHERE id = 'row 11'; DELETE FROM notes WHERE id = 'row 88'");
    await carol.exec("INSERT INTO notes (id) VALUES ('of Carol'); DELETE FROM tags WHERE name = 'of row 10'");

    const snapshot = await readWhile(alice, [
      () => alice.exec("UPDATE notes SET title = 'early' WHERE id = 'row 10'"),
      () => alice.exec("UPDATE notes SET title = 'late' WHERE id = 'row 89'"),
      () => alice.exec("DELETE FROM notes WHERE id IN ('row 12', 'row 87')"),
      () => alice.exec("INSERT INTO notes (id) VALUES ('row 12'), ('new')"),
      () => send(carol, alice),
      () => alice.exec("DELETE FROM notes WHERE id = 'new'; INSERT INTO taken (key, col) VALUES ('k', 'c')"),
    ]);
    await take(alice, bob, snapshot);

    expect(await clocksOf(bob)).toEqual(await clocksOf(alice));
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
    expect((await toldBy(bob)).toSorted()).toEqual((await toldBy(alice)).toSorted());
    expect(await alice.rows("PRAGMA database_list")).toHaveLength(1);
  });

  it("holds rows of any rhythm", async () => {
    const [alice, carol, bob] = [await openLog(schema, sliced), await openLog(schema), await openLog(schema, small)];
    const insert = (log: Log, id: string) => log.exec(`INSERT INTO notes (id, n) VALUES ('${id}', 1)`);
    for (const id of ["a", "b", "c", "d", "e", "f", "g"]) await insert(alice, id);
    await alice.exec("INSERT INTO notes (id) VALUES ('h'), ('i'), ('j'), ('k'); INSERT INTO tags VALUES ('x'), ('y')");
    await alice.exec(
      "INSERT INTO tags VALUES ('z'); INSERT INTO notes (id) VALUES ('l'); INSERT INTO tags VALUES ('z 2')",
    );
    for (const id of ["m", "n", "o"]) await insert(carol, id);
    await sync(carol, alice);
    for (const id of ["p", "q", "r", "s"]) await insert(alice, id);
    await alice.exec("INSERT INTO taken (key, col) VALUES ('k', 'a'), ('k', 'b'), ('k', 'c'), ('k', 'd')");
    await alice.exec("DELETE FROM notes WHERE id = 'q'; UPDATE taken SET site = 5 WHERE col = 'b'");

    await take(alice, bob, await snapshotOf(alice.log));

    expect(await clocksOf(bob)).toEqual(await clocksOf(alice));
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("begins anew when a migration comes in between", async () => {
    const [alice, bob] = [await openLog(schema, sliced), await openLog(schema, small)];
    await alice.exec(manyRows);
    const migrate = async ({ database }: Log): Promise<void> => {
      const tx = await database.beginMigration({ version: 1, name: "m", text: null });
      await tx.exec({ sql: "ALTER TABLE notes ADD COLUMN more DEFAULT 'm'; ALTER TABLE notes DROP COLUMN title" });
      await tx.commit();
    };
    await migrate(bob);

    const snapshot = await readWhile(alice, [() => migrate(alice), () => alice.exec("UPDATE notes SET more = n")]);
    await take(alice, bob, snapshot);

    expect(await clocksOf(bob)).toEqual(await clocksOf(alice));
    expect(await bob.rows("SELECT * FROM notes ORDER BY id")).toEqual(
      await alice.rows("SELECT * FROM notes ORDER BY id"),
    );
  });

  it("is one for all who ask while it is made", async () => {
    const alice = await openLog(schema, sliced);
    await alice.exec(manyRows);

    const [first, second] = await Promise.all([alice.log.readSnapshot(), alice.log.readSnapshot()]);

    expect(first?.part.image).toBe(1);
    expect(second).toEqual(first);
  });
});

describe("no snapshot", () => {
  it("is taken of a replica whose cells have lost their row", async () => {
    const alice = await openLog(schema, small);
    await alice.exec("INSERT INTO notes (id) VALUES ('a'), ('b'), ('c')");
    await alice.database.transact({ type: "local" }, async (connection) => {
      await connection.all("SELECT crsql_internal_sync_bit(1)");
      await connection.run("DELETE FROM notes WHERE id = 'b'");
      await connection.all("SELECT crsql_internal_sync_bit(0)");
      return { result: undefined, tables: [] };
    });
    const bob = await openLog(schema, small);

    await expect(take(alice, bob, await snapshotOf(alice.log))).rejects.toThrow("do not agree");
  });

  it("is made of little", async () => {
    const alice = await openLog(schema);
    await alice.exec("INSERT INTO notes (id) VALUES ('a')");

    expect(await alice.log.readSnapshot()).toBeUndefined();
  });

  it("leaves anything behind where it was made", async () => {
    const alice = await openAlice();
    const before = await alice.rows("SELECT name FROM sqlite_master");
    await snapshotOf(alice.log);

    expect(await alice.rows("PRAGMA database_list")).toHaveLength(1);
    expect(await alice.rows("SELECT name FROM sqlite_master")).toEqual(before);
    await alice.exec("INSERT INTO notes (id) VALUES ('later')");
  });

  it.each([
    ["a row", "INSERT INTO notes (id) VALUES ('mine')"],
    ["a deleted row", "INSERT INTO notes (id) VALUES ('mine'); DELETE FROM notes"],
  ])("is taken over %s", async (_, sql) => {
    const alice = await openAlice();
    const bob = await openLog(schema, small);
    await bob.exec(sql);
    const before = await changesOf(bob);

    await expect(take(alice, bob, await snapshotOf(alice.log))).rejects.toThrow("holds-data");

    expect(await changesOf(bob)).toEqual(before);
    expect(await bob.rows("PRAGMA database_list")).toHaveLength(1);
  });

  it.each([
    ["a column more", schema.replace("n,", "n, more,")],
    ["a table less", schema.replace(/CREATE TABLE tags.*?;/s, "")],
    ["another order of key columns", schema.replace("(b, a)", "(a, b)")],
  ])("is taken by a replica with %s", async (_, other) => {
    const alice = await openAlice();
    const bob = await openLog(other, small);

    await expect(take(alice, bob, await snapshotOf(alice.log))).rejects.toThrow("other-schema");

    expect(await changesOf(bob)).toEqual([]);
  });

  it("is taken that breaks a rule of the schema here", async () => {
    const alice = await openAlice();
    const bob = await openLog(schema.replace("title TEXT", "title TEXT CHECK (title <> 'back')"), small);

    await expect(take(alice, bob, await snapshotOf(alice.log))).rejects.toThrow("malformed");

    expect(await changesOf(bob)).toEqual([]);
    await send(alice, bob);
  });
});

describe("a forged image", () => {
  const one = "(key, col) = (SELECT key, col FROM image.cell0 WHERE col > 0 LIMIT 1)";
  const isFresh = "ledger_version IS NOT NULL";
  const forgeries: readonly (readonly [what: string, sql: string])[] = [
    ["a trigger", "CREATE TRIGGER image.t AFTER INSERT ON row0 BEGIN DELETE FROM row0; END"],
    ["a view in place of a table", "DROP TABLE image.row2; CREATE VIEW image.row2 AS SELECT 't' AS name"],
    ["an index", "CREATE INDEX image.i ON row0 (id)"],
    ["tables of another form", "ALTER TABLE image.dead0 RENAME TO key0"],
    ["a table more", "CREATE TABLE image.more (a)"],
    ["a key column that is NULL", "UPDATE image.row0 SET id = NULL"],
    ["a deleted key that is NULL", "UPDATE image.dead0 SET id = NULL"],
    ["a key of another class", "UPDATE image.row0 SET id = 7 WHERE id = 'e'"],
    ["a key twice", "UPDATE image.row0 SET id = 'a' WHERE id = 'e'"],
    ["a key of two rows, one of them deleted", "UPDATE image.dead0 SET id = 'a'"],
    ["a number of two keys", "UPDATE image.dead0 SET ledger_key = (SELECT ledger_key FROM image.row0 LIMIT 1)"],
    ["a number below 1", `UPDATE image.row0 SET ledger_key = 0 WHERE ${isFresh} AND id = 'e'`],
    ["a number beyond all", "UPDATE image.row0 SET ledger_key = 9223372036854775807 WHERE id = 'e'"],
    ["a deleted row's number beyond all", "UPDATE image.dead0 SET ledger_key = 9223372036854775807"],
    ["a key too long", "UPDATE image.row0 SET id = zeroblob(70000) WHERE ledger_key = 1"],
    ["a deleted key too long", "UPDATE image.dead0 SET id = zeroblob(70000)"],
    ["a value too long", "UPDATE image.row0 SET n = zeroblob(17000000)"],
    ["a row without cells", "INSERT INTO image.row0 (ledger_key, id, title) VALUES (77, 'z', '')"],
    ["a deleted row without cells", "INSERT INTO image.dead0 VALUES (77, 'z')"],
    ["cells without their row", "DELETE FROM image.row0 WHERE id = 'a'"],
    ["deleted rows that nothing deleted", "DELETE FROM image.cell2"],
    ["a deleted row that is alive", "UPDATE image.cell2 SET col_version = 3"],
    ["a deleted row of a deletion too little", "UPDATE image.cell2 SET col_version = 0"],
    ["a deleted row that is there", "UPDATE image.cell0 SET col_version = 2 WHERE col = 0 AND col_version = 3"],
    ["a cell of a deleted row", "INSERT INTO image.cell0 SELECT ledger_key, 1, 1, 1, 0, 0 FROM image.dead0"],
    ["a deleted row of cells only", "UPDATE image.cell0 SET col = 1 WHERE key IN (SELECT ledger_key FROM image.dead0)"],
    ["a cell of no key", `UPDATE image.cell0 SET key = 77 WHERE ${one}`],
    ["a cell of no column", `UPDATE image.cell0 SET col = 3 WHERE ${one}`],
    ["a cell of a column before the first", `UPDATE image.cell0 SET col = -1 WHERE ${one}`],
    ["a cell of a column by name", `UPDATE image.cell0 SET col = 'title' WHERE ${one}`],
    ["a cell between two columns", `UPDATE image.cell0 SET col = 1.5 WHERE ${one}`],
    [
      "a value that nothing wrote",
      "DELETE FROM image.cell0 WHERE col = 2 AND key = (SELECT ledger_key FROM image.row0 WHERE id = 'a')",
    ],
    ["a counter that ends a row", `UPDATE image.cell0 SET col_version = 9223372036854775806 WHERE ${one}`],
    ["a counter below 0", `UPDATE image.cell0 SET col_version = -1 WHERE ${one}`],
    ["a counter that is a text", `UPDATE image.cell0 SET col_version = '1' WHERE ${one}`],
    ["a counter that is no whole number", `UPDATE image.cell0 SET col_version = 1.5 WHERE ${one}`],
    ["a counter that is not there", `UPDATE image.cell0 SET seq = NULL WHERE ${one}`],
    ["a key number that is none", `UPDATE image.cell0 SET key = x'01' WHERE ${one}`],
    ["a version that is a text", `UPDATE image.cell0 SET db_version = '1' WHERE ${one}`],
    ["a version that is no whole number", `UPDATE image.cell0 SET db_version = 1.5 WHERE ${one}`],
    ["a version that is not there", `UPDATE image.cell0 SET db_version = NULL WHERE ${one}`],
    ["a writer's number that is a text", `UPDATE image.cell0 SET site = '0' WHERE ${one}`],
    ["a writer's number that is not there", `UPDATE image.cell0 SET site = NULL WHERE ${one}`],
    ["a version beyond the image", `UPDATE image.cell0 SET db_version = 9007199254740000 WHERE ${one}`],
    ["a version of no transaction", "DELETE FROM image.run"],
    ["a sequence below 0", `UPDATE image.cell0 SET seq = -1 WHERE ${one}`],
    ["a writer that is nobody", "UPDATE image.cell0 SET site = 99"],
    [
      "a cell of a fresh row",
      "INSERT INTO image.cell0 SELECT ledger_key, 1, 2, 1, 0, 0 FROM image.row0 WHERE id = 'e'",
    ],
    [
      "the life of a fresh row",
      "INSERT INTO image.cell0 SELECT ledger_key, 0, 3, 1, 0, 0 FROM image.row0 WHERE id = 'e'",
    ],
    [
      "a fresh row that has cells",
      "UPDATE image.row0 SET ledger_version = 1, ledger_site = 0, ledger_seq = 0 WHERE id = 'a'",
    ],
    [
      "a fresh row's cells nowhere",
      "UPDATE image.row0 SET ledger_version = NULL, ledger_site = NULL, ledger_seq = NULL",
    ],
    ...["NULL", "0", "'1'", "1.5", "x'01'", "9007199254740000"].map(
      (value) =>
        [`a fresh row's version ${value}`, `UPDATE image.row0 SET ledger_version = ${value} WHERE id = 'e'`] as const,
    ),
    ...["NULL", "-1", "'0'", "0.5", "2147483647", "9223372036854775807"].map(
      (value) =>
        [`a fresh row's place ${value}`, `UPDATE image.row0 SET ledger_seq = ${value} WHERE id = 'e'`] as const,
    ),
    ...["NULL", "-1", "'0'", "0.5", "99"].map(
      (value) =>
        [`a fresh row's writer ${value}`, `UPDATE image.row0 SET ledger_site = ${value} WHERE id = 'e'`] as const,
    ),
    ["a writer with a short id", "UPDATE image.site SET site = x'01' WHERE number = 0"],
    ["a writer twice", "INSERT INTO image.site SELECT number + 50, site FROM image.site LIMIT 1"],
    ["runs that overlap", "UPDATE image.run SET last = (SELECT max(last) FROM image.run)"],
    ["a run that begins below 1", "UPDATE image.run SET first = -5 WHERE first = (SELECT min(first) FROM image.run)"],
    ["a run of a short id", "UPDATE image.run SET site = x'01'"],
  ];

  it.each(forgeries)("with %s changes nothing", async (_, sql) => {
    const alice = await openAlice();
    const bob = await openLog(schema, small);
    const snapshot = await snapshotOf(alice.log);
    const bytes = await forge(snapshot.bytes, sql);

    await expect(take(alice, bob, { ...snapshot, bytes })).rejects.toThrow(/malformed|other-schema/);

    expect(await changesOf(bob)).toEqual([]);
    expect(await bob.rows("SELECT count(*) FROM notes")).toEqual([[0]]);
    await send(alice, bob);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
  });

  it("whose bytes are anything changes nothing, and the engine lives on", async () => {
    const alice = await openAlice();
    const snapshot = await snapshotOf(alice.log);
    let bob = await openLog(schema, small);
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state % below;
    };
    const cases: Uint8Array<ArrayBuffer>[] = [
      new Uint8Array(0),
      new Uint8Array(5000).fill(7),
      snapshot.bytes.slice(0, 4096),
    ];
    // Most of a page of few rows is empty, and says nothing.
    const used = [...snapshot.bytes.keys()].filter((offset) => snapshot.bytes[offset] !== 0);
    for (let index = 0; index < 200; index += 1) {
      const bytes = snapshot.bytes.slice();
      for (let hit = 0; hit <= random(8); hit += 1) bytes[used[random(used.length)] as number] = random(256);
      cases.push(bytes);
    }

    let refused = 0;
    for (const bytes of cases) {
      const outcome = await take(alice, bob, { ...snapshot, bytes }).then(
        () => "taken",
        (error: unknown) => String(error),
      );
      if (outcome !== "taken") {
        expect(outcome).toMatch(/malformed|other-schema/);
        refused += 1;
        continue;
      }
      // A byte of a value: as good as any other.
      await changesOf(bob);
      await digestOf(bob.log);
      expect(await bob.rows("PRAGMA integrity_check")).toEqual([["ok"]]);
      bob = await openLog(schema, small);
    }

    expect(refused).toBeGreaterThan(100);
    expect(await bob.rows("PRAGMA integrity_check")).toEqual([["ok"]]);
  });
});
