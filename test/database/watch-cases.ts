/** Watched tables: what is told of each row, and that nothing is left of a watch that ended. */

import type { Database } from "../../src/database/database.ts";
import type { RowChange } from "../../src/database/row-change.ts";
import { assertEqual, assertRefused } from "./assert.ts";
import { openWithNotes, rowsOf, tablesDuring, type DatabaseCase } from "./database-case.ts";

/** What is told while `work` runs: one list per commit. */
const rowsDuring = async (database: Database, work: () => Promise<unknown>): Promise<(readonly RowChange[])[]> => {
  const told: (readonly RowChange[])[] = [];
  const stop = database.onRows((changes) => told.push(changes));
  try {
    await work();
  } finally {
    stop();
  }
  return told;
};

const brief = (change: RowChange): unknown => {
  switch (change.type) {
    case "insert":
    case "delete":
      return [change.type, change.row];
    case "update":
      return [change.type, change.key, change.old, change.new];
    case "missed":
      return [change.type, change.reason];
  }
};
const briefDuring = async (database: Database, sql: string): Promise<unknown> =>
  (await rowsDuring(database, () => database.exec({ sql }))).map((changes) => changes.map(brief));

const openWatched = async (fixture: Parameters<typeof openWithNotes>[0]): Promise<Database> => {
  const database = await openWithNotes(fixture);
  await database.exec({ sql: "insert into notes values ('a', 'A', 1), ('b', 'B', 2)" });
  await database.watch("test", ["notes"]);
  return database;
};

export const watchCases: readonly DatabaseCase[] = [
  {
    name: "tells of each row that a statement inserts, updates or deletes, with what changed of it",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      const told = await rowsDuring(database, () => database.exec({ sql: "insert into notes values ('c', 'C', 3)" }));
      assertEqual(told, [
        [
          {
            table: "notes",
            who: database.siteId,
            origin: "local",
            key: { id: "c" },
            type: "insert",
            row: { id: "c", title: "C", n: 3 },
            version: database.version,
          },
        ],
      ]);
      assertEqual(await briefDuring(database, "update notes set title = 'X', n = n where id in ('a', 'b')"), [
        [
          ["update", { id: "a" }, { title: "A" }, { title: "X" }],
          ["update", { id: "b" }, { title: "B" }, { title: "X" }],
        ],
      ]);
      assertEqual(await briefDuring(database, "delete from notes where id = 'a'"), [
        [["delete", { id: "a", title: "X", n: 1 }]],
      ]);
      assertEqual(await briefDuring(database, "delete from notes"), [
        [
          ["delete", { id: "b", title: "X", n: 2 }],
          ["delete", { id: "c", title: "C", n: 3 }],
        ],
      ]);
    },
  },
  {
    name: "tells a row once per commit, as the difference that the whole commit made",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      assertEqual(
        await briefDuring(
          database,
          `update notes set n = 10 where id = 'a'; update notes set n = 11 where id = 'a';
           insert into notes values ('c', 'C', 3); update notes set n = 4 where id = 'c';
           insert into notes values ('gone', 'x', 0); delete from notes where id = 'gone';
           update notes set n = 3 where id = 'b'; update notes set n = 2 where id = 'b'`,
        ),
        [
          [
            ["update", { id: "a" }, { n: 1 }, { n: 11 }],
            ["insert", { id: "c", title: "C", n: 4 }],
          ],
        ],
      );
    },
  },
  {
    name: "tells what REPLACE and upserts make of a row, and nothing of what was ignored",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      assertEqual(await briefDuring(database, "insert or replace into notes values ('a', 'R', 1), ('a', 'S', 1)"), [
        [["update", { id: "a" }, { title: "A" }, { title: "S" }]],
      ]);
      assertEqual(
        await briefDuring(database, "insert into notes values ('b', 'U', 5) on conflict do update set n = excluded.n"),
        [[["update", { id: "b" }, { n: 2 }, { n: 5 }]]],
      );
      const ignored = "insert or ignore into notes values ('a', 'I', 9)";
      assertEqual(await briefDuring(database, ignored), []);
      assertEqual(await tablesDuring(database, () => database.exec({ sql: ignored })), []);
    },
  },
  {
    name: "tells of rows that triggers write, with keys that SQLite chose and values of every kind",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({
        sql: "create table log (id integer primary key not null, at real, bytes blob, big integer)",
      });
      await database.enableSync("log");
      await database.exec({
        sql: `create trigger logged after insert on notes when crsql_internal_sync_bit() = 0
              begin insert into log (at, bytes, big) values (1.5, x'00ff', 9007199254740993); end`,
      });
      await database.watch("test", ["log", "notes"]);
      assertEqual(await briefDuring(database, "insert into notes values ('a', 'A', 1), ('b', 'B', 2)"), [
        [
          ["insert", { id: 1, at: 1.5, bytes: Uint8Array.of(0, 255), big: 9007199254740993n }],
          ["insert", { id: 2, at: 1.5, bytes: Uint8Array.of(0, 255), big: 9007199254740993n }],
          ["insert", { id: "a", title: "A", n: 1 }],
          ["insert", { id: "b", title: "B", n: 2 }],
        ],
      ]);
      assertEqual(await briefDuring(database, "update log set bytes = x'00ff', big = big"), []);
    },
  },
  {
    name: "tells nothing of what was undone",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      const told = await rowsDuring(database, async () => {
        await database.exec({ sql: "insert into notes values ('c', 'C', 3); select nothing" }).catch(() => {});
        await database.exec({ sql: "insert into notes values ('c', 'C', 3), ('a', 'A', 1)" }).catch(() => {});
        const transaction = await database.begin();
        await transaction.exec({ sql: "delete from notes" });
        await transaction.rollback();
      });
      assertEqual(told, []);
      assertEqual(await briefDuring(database, "update notes set n = 7 where id = 'a'"), [
        [["update", { id: "a" }, { n: 1 }, { n: 7 }]],
      ]);
    },
  },
  {
    name: "tells of an open transaction when it is committed, without what its savepoints undid",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      const told = await rowsDuring(database, async () => {
        const transaction = await database.begin();
        await transaction.exec({ sql: "update notes set n = 5 where id = 'a'" });
        await transaction.savepoint();
        await transaction.exec({ sql: "update notes set n = 6" });
        await transaction.rollbackTo();
        await transaction.exec({ sql: "delete from notes where id = 'b'" });
        await transaction.commit();
      });
      assertEqual(
        told.map((changes) => changes.map(brief)),
        [
          [
            ["update", { id: "a" }, { n: 1 }, { n: 5 }],
            ["delete", { id: "b", title: "B", n: 2 }],
          ],
        ],
      );
    },
  },
  {
    name: "leaves nothing behind when the last owner stops watching",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      const remains = () => rowsOf(database, "select count(*) from sqlite_temp_master");
      await database.watch("other", ["notes"]);
      await database.watch("test", []);
      assertEqual(await briefDuring(database, "delete from notes where id = 'a'"), [
        [["delete", { id: "a", title: "A", n: 1 }]],
      ]);
      await database.watch("other", []);
      assertEqual(await briefDuring(database, "delete from notes"), []);
      assertEqual(await remains(), [[0]]);
    },
  },
  {
    name: "refuses to watch a table that does not sync, and keeps what was watched",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      await database.exec({ sql: "create table plain (a)" });
      await assertRefused(database.watch("test", ["notes", "plain"]), "LEDGER_TABLE_NOT_SYNCED", /enableSync/);
      assertEqual(await briefDuring(database, "delete from notes where id = 'a'"), [
        [["delete", { id: "a", title: "A", n: 1 }]],
      ]);
      await assertRefused(database.exec({ sql: "delete from notes__ledger_seen" }), "LEDGER_INTERNAL_TABLE");
    },
  },
  {
    name: "goes on watching when the engine was opened again, and tells that rows may have been missed",
    run: async (fixture) => {
      const database = await openWatched(fixture);
      const told = await rowsDuring(database, async () => {
        const crash = database.transact({ type: "local" }, async (connection) => {
          await connection.all("insert into notes values ('lost', 't', 1)");
          await connection.all("insert into crsql_changes values ('notes', x'', 'n', 1, 1, 1, null, 1, 0)");
          return { result: undefined, tables: ["notes"] };
        });
        await assertRefused(crash, "LEDGER_ENGINE_CRASHED");
        await database.exec({ sql: "delete from notes" });
      });
      const [first, ...others] = told.map((changes) => changes.map(brief));
      assertEqual(first, [["missed", "interrupted"]]);
      // In memory everything went with the engine.
      if (fixture.isPersistent) assertEqual(others.flat().length, 2);
    },
  },
];
