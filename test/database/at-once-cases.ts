/** Statements that were run before: they may be answered without any wait, and nothing else may be different then. */

import { assertEqual, assertRefused } from "./assert.ts";
import { commitsDuring, openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

const sql = "insert into notes (id, n) values (?, ?)";
const insert = (id: string, n = 1) => ({ sql, params: [id, n] });

export const atOnceCases: readonly DatabaseCase[] = [
  {
    name: "tells of a statement that is run again as of its first run, before the call answers",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      for (const [index, id] of ["a", "b", "c"].entries()) {
        const commits = await commitsDuring(database, () => database.exec(insert(id)));
        assertEqual(commits, [{ tables: ["notes"], origin: { type: "local" }, version: index + 1 }]);
        assertEqual(database.version, index + 1);
      }
      const update = { sql: "update notes set n = 2 where id = ?", params: ["b"] };
      await database.exec(update);
      assertEqual((await database.exec({ ...update, params: ["none"] })).rowsAffected, 0);
      assertEqual(await commitsDuring(database, () => database.exec({ ...update, params: ["none"] })), []);
    },
  },
  {
    name: "keeps the order of calls, whichever of them need a wait",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec(insert("a"));
      const commits = await commitsDuring(database, () =>
        Promise.all([
          database.exec(insert("b")),
          database.batch([insert("c"), insert("d")]),
          database.exec(insert("e")),
          database.exec({ sql: "delete from notes where id = 'e'" }),
          database.exec(insert("e", 5)),
        ]),
      );
      assertEqual(
        commits.map(({ version }) => version),
        [2, 3, 4, 5, 6],
      );
      assertEqual(await rowsOf(database, "select id, n from notes where id > 'c' order by id"), [
        ["d", 1],
        ["e", 5],
      ]);
    },
  },
  {
    name: "lets a statement that was run before wait for an open transaction",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec(insert("a"));
      const transaction = await database.begin();
      await transaction.exec(insert("in"));
      const outside = database.exec(insert("out"));
      await transaction.rollback();
      await outside;
      assertEqual(await rowsOf(database, "select id from notes order by id"), [["a"], ["out"]]);
    },
  },
  {
    name: "fails again as it did at first, and leaves the connection as it was",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec(insert("a"));
      for (const verb of ["insert", "insert or rollback", "insert or abort"]) {
        const twice = { sql: `${verb} into notes (id, n) values (?, 0)`, params: ["a"] };
        for (let time = 0; time < 3; time += 1) await assertRefused(database.exec(twice), "LEDGER_CONSTRAINT");
        await database.exec({ ...twice, params: [verb] });
        await assertRefused(database.exec(twice), "LEDGER_CONSTRAINT");
        await assertRefused(database.exec({ ...twice, params: [] }), "LEDGER_PARAMS_INVALID");
      }
      await database.batch([insert("b"), insert("c")]);
      const rows = await rowsOf(database, "select id from notes order by id");
      assertEqual(rows.flat(), ["a", "b", "c", "insert", "insert or abort", "insert or rollback"]);
    },
  },
  {
    name: "tells of the rows that a failing INSERT OR FAIL keeps, whether it is run for the first time or again",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const request = (id: string) => ({
        sql: "insert or fail into notes (id, n) values (?, 1), (?, 2), (?, 3)",
        params: [id, id, `${id} again`],
      });
      for (const [index, id] of ["a", "b", "c"].entries()) {
        const commits = await commitsDuring(database, () =>
          assertRefused(database.exec(request(id)), "LEDGER_CONSTRAINT"),
        );
        assertEqual(await rowsOf(database, "select n from notes where id = ?", [id]), [[1]]);
        assertEqual(commits, [{ tables: ["notes"], origin: { type: "local" }, version: index + 1 }]);
      }
    },
  },
  {
    name: "tells of the rows that a failing INSERT OR FAIL keeps in a transaction, and keeps none of a batch",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const orFail = { sql: "insert or fail into notes (id, n) values (?, 1), (?, 2)", params: ["a", "a"] };
      const commits = await commitsDuring(database, async () => {
        const transaction = await database.begin();
        await assertRefused(transaction.exec(orFail), "LEDGER_CONSTRAINT");
        await transaction.commit();
      });
      assertEqual(commits, [{ tables: ["notes"], origin: { type: "local" }, version: 1 }]);
      await database.exec({ sql: "delete from notes" });
      await assertRefused(database.batch([insert("b"), orFail]), "LEDGER_CONSTRAINT", /statement 2 of 2/);
      await assertRefused(
        database.exec({ sql: `${orFail.sql.replaceAll("?", "'c'")}; select 1` }),
        "LEDGER_CONSTRAINT",
      );
      assertEqual(await rowsOf(database, "select id from notes"), []);
    },
  },
  {
    name: "tells the rows of a watched table that a statement writes again",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec(insert("a"));
      await database.exec(insert("b"));
      await database.watch("tab", ["notes"]);
      const told: unknown[] = [];
      database.onRows((changes) => told.push(...changes.map(({ type, version }) => [type, version])));
      await database.exec(insert("c"));
      await database.exec(insert("d"));
      assertEqual(told, [
        ["insert", 3],
        ["insert", 4],
      ]);
    },
  },
];
