/** The whole database as a file, and a file in place of it. */

import { assertEqual, assertTrue } from "./assert.ts";
import { commitsDuring, openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

const fill = "with recursive c(i) as (select 1 union all select i + 1 from c where i < 2000)";

export const backupCases: readonly DatabaseCase[] = [
  {
    name: "exports a file that begins as SQLite's do, with and without metadata, and is unchanged by it",
    run: async (fixture) => {
      const database = await openWithNotes(fixture);
      await database.exec({ sql: `insert into notes ${fill} select 'n' || i, 'title', i from c` });
      const { version } = database;

      const [whole, plain] = [await database.export(true), await database.export(false)];

      for (const file of [whole, plain]) {
        const head = new TextDecoder().decode(await file.slice(0, 15).arrayBuffer());
        assertEqual(head, "SQLite format 3");
        assertEqual(file.size % 4096, 0);
      }
      assertTrue(plain.size < whole.size, "the metadata takes no space");
      assertEqual(database.version, version);
      assertEqual(await rowsOf(database, "select count(*) from notes"), [[2000]]);
      assertEqual((await rowsOf(database, "pragma database_list")).length, 1);
      await database.exec({ sql: "insert into notes values ('later', 't', 1)" });
    },
  },
  {
    name: "puts a file in place of the database and keeps it over closing",
    needsPersistence: true,
    run: async (fixture) => {
      const first = await openWithNotes(fixture);
      await first.exec({ sql: "insert into notes values ('small', 't', 1)" });
      const small = await first.export(true);
      await first.exec({ sql: `insert into notes ${fill} select 'n' || i, 'title', i from c` });
      const large = await first.export(true);

      const commits = await commitsDuring(first, () => first.replace(small));
      assertEqual(await rowsOf(first, "select id from notes"), [["small"]]);
      assertEqual(
        commits.map(({ tables }) => tables),
        [["notes"]],
      );
      await first.exec({ sql: "insert into notes values ('more', 't', 2)" });
      await first.close();

      const second = await fixture.open();
      assertEqual(await rowsOf(second, "select id from notes order by id"), [["more"], ["small"]]);
      await second.replace(large);
      await second.close();

      const third = await fixture.open();
      assertEqual(await rowsOf(third, "select count(*) from notes"), [[2001]]);
      assertEqual(await rowsOf(third, "pragma integrity_check"), [["ok"]]);
    },
  },
];
