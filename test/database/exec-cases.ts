/** What exec() answers, and that nothing it runs into leaves the database unusable. */

import { assertEqual, assertRefused, assertTrue } from "./assert.ts";
import { openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

export const execCases: readonly DatabaseCase[] = [
  {
    name: "answers with columns, rows as objects, and rows affected",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (a, b)" });
      const inserted = await database.exec({ sql: "insert into t values (1, 'x'), (2, 'y')" });
      assertEqual(inserted, { columns: [], rows: [], rowsAffected: 2 });
      assertEqual(await database.exec({ sql: "select b, a from t" }), {
        columns: ["b", "a"],
        rows: [
          { b: "x", a: 1 },
          { b: "y", a: 2 },
        ],
        rowsAffected: 0,
      });
      assertEqual(await database.exec({ sql: "select b, a from t", rowMode: "array" }), {
        columns: ["b", "a"],
        rows: [
          ["x", 1],
          ["y", 2],
        ],
        rowsAffected: 0,
      });
      assertEqual((await database.exec({ sql: "update t set a = 0 where b = 'none'" })).rowsAffected, 0);
      assertEqual((await database.exec({ sql: "explain delete from t" })).rowsAffected, 0);
    },
  },
  {
    name: "writes a long run of one INSERT as it writes each of them alone",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: "create table alone (id text primary key not null, title text, n integer)" });
      await database.enableSync("alone");
      const into = (sql: string) =>
        Array.from({ length: 70 }, (_, index) => ({ sql, params: [`n${index % 2}${index}`, index] }));
      const written = (table: string) =>
        rowsOf(
          database,
          `select hex(pk), cid, val, col_version, cl, seq, db_version - min(db_version) over (), site_id = crsql_site_id()
           from crsql_changes where "table" = '${table}'`,
        );

      const answers = await database.batch(into("insert into notes (id, n) values (?, ?)"));
      const others = await database.batch(into("insert or abort into alone (id, n) values (?, ?)"));

      assertEqual(answers, others);
      assertEqual((await written("notes")).length, 140);
      assertEqual(await written("notes"), await written("alone"));
    },
  },
  {
    name: "answers a query that it knows after everything that was asked for before, and leaves nothing of it behind",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (a)" });
      const count = (): Promise<unknown> =>
        database.exec({ sql: "select count(*) as n from t" }).then(({ rows }) => rows);
      assertEqual(await count(), [{ n: 0 }]);
      const [, during] = await Promise.all([database.exec({ sql: "insert into t values (1), (2)" }), count()]);
      assertEqual(during, [{ n: 2 }]);

      const transaction = await database.begin();
      const waiting = count();
      await transaction.exec({ sql: "insert into t values (3)" });
      await transaction.commit();
      assertEqual(await waiting, [{ n: 3 }]);

      const fails = { sql: "select abs(a - 1 + ?) as x from t order by a", params: [0] };
      assertEqual((await database.exec(fails)).rows, [{ x: 0 }, { x: 1 }, { x: 2 }]);
      await assertRefused(database.exec({ ...fails, params: [-(2n ** 63n)] }), "LEDGER_SQL_ERROR");
      await assertRefused(database.exec({ ...fails, params: [] }), "LEDGER_PARAMS_INVALID");
      await database.exec({ sql: "drop table t" });
      await assertRefused(count(), "LEDGER_SQL_ERROR");
    },
  },
  {
    name: "lets the last of equal column names win and takes any column name",
    run: async (fixture) => {
      const database = await fixture.open();
      const { columns, rows } = await database.exec({ sql: `select 1 as a, 2 as a, 3 as "__proto__", 4 as "a b"` });
      assertEqual(columns, ["a", "a", "__proto__", "a b"]);
      assertEqual(Object.entries(rows[0] ?? {}), [
        ["a", 2],
        ["__proto__", 3],
        ["a b", 4],
      ]);
    },
  },
  {
    name: "counts the rows of a synced table, not what cr-sqlite writes beside them",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      assertEqual((await database.exec({ sql: "insert into notes values ('a','t',1),('b','t',2)" })).rowsAffected, 2);
      assertEqual((await database.exec({ sql: "update notes set n = 3" })).rowsAffected, 2);
      assertEqual((await database.exec({ sql: "delete from notes where id = 'a'" })).rowsAffected, 1);
      const returned = await database.exec({ sql: "insert into notes values ('c', 't', 1) returning id, n" });
      assertEqual(returned, { columns: ["id", "n"], rows: [{ id: "c", n: 1 }], rowsAffected: 1 });
    },
  },
  {
    name: "runs several statements in one transaction and answers with the last",
    run: async (fixture) => {
      const database = await fixture.open();
      const result = await database.exec({
        sql: "create table t (a); insert into t values (1); insert into t values (2), (3); select sum(a) as s from t; -- end\n ;",
      });
      assertEqual(result, { columns: ["s"], rows: [{ s: 6 }], rowsAffected: 3 });
    },
  },
  {
    name: "undoes all statements when one of them fails",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      const { version } = database;
      await assertRefused(
        database.exec({ sql: "insert into notes values ('a','t',1); insert into nowhere values (1)" }),
        "LEDGER_SQL_ERROR",
        /nowhere/,
      );
      await assertRefused(
        database.exec({ sql: "insert into notes values ('a','t',1); insert into notes values ('a','t',1)" }),
        "LEDGER_CONSTRAINT",
      );
      await assertRefused(
        database.exec({ sql: "insert into notes values ('a','t',1); commit" }),
        "LEDGER_STATEMENT_REFUSED",
      );
      assertEqual(await rowsOf(database, "select count(*) from notes"), [[0]]);
      assertEqual(database.version, version);
      await database.exec({ sql: "insert into notes values ('a','t',1)" });
    },
  },
  {
    name: "takes text without a statement",
    run: async (fixture) => {
      const database = await fixture.open();
      for (const sql of ["", "  ;; ", "-- only a comment", "/* open"]) {
        assertEqual(await database.exec({ sql }), { columns: [], rows: [], rowsAffected: 0 });
      }
      assertEqual(await rowsOf(database, "/* a */ select 1 /* b */ ; -- c"), [[1]]);
    },
  },
  {
    name: "keeps concurrent calls apart, also when they look alike",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (a)" });
      const [upper, lower, integer, text] = await Promise.all([
        rowsOf(database, "select 'ABC'"),
        rowsOf(database, "select 'abc'"),
        rowsOf(database, "select typeof(?)", [1]),
        rowsOf(database, "select typeof(?)", ["1"]),
      ]);
      assertEqual([upper, lower, integer, text], [[["ABC"]], [["abc"]], [["integer"]], [["text"]]]);
      await Promise.all([1, 2, 3].map(() => database.exec({ sql: "replace into t values (7)" })));
      assertEqual(await rowsOf(database, "select count(*) from t"), [[3]]);
      const [one, other] = await Promise.all([rowsOf(database, "select 1"), rowsOf(database, "select 1")]);
      assertTrue(one !== other, "two callers share one array");
    },
  },
  {
    name: "reports errors by code with SQLite's message, and goes on",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await assertRefused(database.exec({ sql: "selec 1" }), "LEDGER_SQL_ERROR", /near "selec"/);
      await assertRefused(database.exec({ sql: "select 'a\0b'" }), "LEDGER_SQL_ERROR", /NUL/);
      await database.exec({ sql: "insert into notes values ('a','t',1)" });
      await assertRefused(
        database.exec({ sql: "insert into notes values ('a','t',1)" }),
        "LEDGER_CONSTRAINT",
        /UNIQUE/,
      );
      await assertRefused(
        database.exec({ sql: "insert into notes (title) values ('t')" }),
        "LEDGER_CONSTRAINT",
        /NOT NULL/,
      );
      await assertRefused(database.exec({ sql: "select json('{')" }), "LEDGER_SQL_ERROR", /JSON/);
      assertEqual(await rowsOf(database, "select id from notes"), [["a"]]);
    },
  },
  {
    name: "sees a changed schema in statements it has compiled before",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create table t (a)" });
      await database.exec({ sql: "insert into t values (1)" });
      assertEqual((await database.exec({ sql: "select * from t" })).columns, ["a"]);
      await database.exec({ sql: "alter table t add column b" });
      assertEqual((await database.exec({ sql: "select * from t" })).columns, ["a", "b"]);
    },
  },
  {
    name: "runs more different statements than it keeps compiled",
    run: async (fixture) => {
      const database = await fixture.open();
      for (let round = 0; round < 2; round += 1) {
        for (let i = 0; i < 150; i += 1) assertEqual(await rowsOf(database, `select ${i}, ?`, [i]), [[i, i]]);
      }
      await database.read(async (connection) => {
        for (let i = 0; i < 300; i += 1) await connection.all(`select ${i}`);
      });
    },
  },
  {
    name: "has full-text search, JSON and recursive queries",
    run: async (fixture) => {
      const database = await fixture.open();
      await database.exec({ sql: "create virtual table f using fts5(body); insert into f values ('hello ledger')" });
      assertEqual(await rowsOf(database, "select body from f where f match 'ledger'"), [["hello ledger"]]);
      assertEqual(await rowsOf(database, "select json_extract('[1,2]', '$[1]')"), [[2]]);
      assertEqual(
        await rowsOf(
          database,
          "with recursive c(n) as (select 1 union all select n+1 from c where n<5) select sum(n) from c",
        ),
        [[15]],
      );
      await database.exec({ sql: "drop table f" });
    },
  },
];
