/** What a watch tells of commits that are too large to be told row by row. In Node only: it takes many rows. */

import { afterEach, expect, test } from "vitest";
import type { Database } from "../../src/database/database.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { RowChange } from "../../src/database/row-change.ts";
import { notesTable } from "./database-case.ts";

const opened: Database[] = [];

const openWatched = async (): Promise<{ database: Database; told: RowChange[][] }> => {
  const database = await openDatabase({ name: "limits", ladder: ["memory"] });
  opened.push(database);
  await database.exec({ sql: notesTable });
  await database.enableSync("notes");
  await database.watch("test", ["notes"]);
  const told: RowChange[][] = [];
  database.onRows((changes) => told.push([...changes]));
  return { database, told };
};

const insertMany = (count: number, mark: string): string =>
  `with recursive i(n) as (select 1 union all select n + 1 from i where n < ${count})
   insert into notes select '${mark}' || n, 'many', n from i`;

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});

test("tells 10,000 rows of one commit, and of more only that they were missed", async () => {
  const { database, told } = await openWatched();

  await database.exec({ sql: insertMany(10_000, "a") });
  await database.exec({ sql: insertMany(10_001, "b") });
  await database.exec({ sql: "update notes set n = 0 where id = 'b1'" });

  expect(told.map((changes) => changes.length)).toEqual([10_000, 1, 1]);
  expect(told[1]).toEqual([
    { type: "missed", reason: "many-rows", table: "notes", origin: "local", version: database.version - 1 },
  ]);
  expect(told[2]).toMatchObject([{ type: "update", key: { id: "b1" }, old: { n: 1 }, new: { n: 0 } }]);
});

test("remembers no more than it may tell of a statement that changes very many rows", async () => {
  const { database } = await openWatched();
  const transaction = await database.begin();

  await transaction.exec({ sql: insertMany(30_000, "a") });

  const { rows } = await transaction.exec({ sql: "select count(*) from notes__ledger_seen", rowMode: "array" });
  expect(rows).toEqual([[10_001]]);
  await transaction.rollback();
});

test("tells of more than 16 MiB only that they were missed", async () => {
  const { database, told } = await openWatched();

  await database.exec({
    sql: "insert into notes values ('a', hex(zeroblob(3000000)), 1), ('b', hex(zeroblob(3000000)), 1)",
  });

  expect(told).toMatchObject([[{ type: "missed", reason: "many-rows" }]]);
});
