/** Replicas whose tables have the same columns with different defaults: what is written carries its values with it. */

import { afterEach, expect, it } from "vitest";
import { closeLogs, openLog, send } from "./logs.ts";

afterEach(closeLogs);

const schema = (title: string): string =>
  `CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '${title}', stars INTEGER DEFAULT 1)`;

it("keeps the value that the default of its writer gave, on both sides", async () => {
  const [alice, bob] = [await openLog(schema("of Alice")), await openLog(schema("of Bob"))];
  await alice.exec("INSERT INTO n (id) VALUES ('a')");
  await bob.exec("INSERT INTO n (id) VALUES ('b')");
  await alice.exec("UPDATE n SET stars = 2 WHERE id = 'a'");

  await send(alice, bob);
  await send(bob, alice);

  const rows = [
    ["a", "of Alice", 2],
    ["b", "of Bob", 1],
  ];
  expect(await alice.rows("SELECT * FROM n ORDER BY id")).toEqual(rows);
  expect(await bob.rows("SELECT * FROM n ORDER BY id")).toEqual(rows);
  expect((await alice.log.digest())?.tables).toEqual((await bob.log.digest())?.tables);
});
