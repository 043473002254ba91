/** A digest is read in slices: it is the same however the log is cut, and others get their turn in between. */

import { afterEach, expect, it } from "vitest";
import { createDigestBuilder } from "../../src/replication/digest.ts";
import { closeLogs, digestOf, openLog, type Log } from "./logs.ts";

afterEach(closeLogs);

const schema = `CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT, n INTEGER);
  CREATE TABLE tags (name TEXT PRIMARY KEY NOT NULL)`;

const insert = (log: Log, rows: number, from = 0) =>
  log.exec(`WITH RECURSIVE i(x) AS (VALUES (${from}) UNION ALL SELECT x + 1 FROM i WHERE x < ${from + rows - 1})
    INSERT INTO notes SELECT 'note ' || x, 'title ' || x, x FROM i`);

/** Versions of all sizes: small ones, one of more than a slice, one of more than sixteen. */
const openFilled = async (): Promise<Log> => {
  const log = await openLog(schema);
  for (let index = 0; index < 20; index += 1) await insert(log, 1 + index, index * 100);
  await insert(log, 900, 10_000);
  await insert(log, 10_000, 20_000);
  await log.exec("INSERT INTO tags SELECT id FROM notes LIMIT 50; DELETE FROM notes WHERE n % 7 = 0");
  return log;
};

it("sums every change once, wherever versions are cut", async () => {
  const log = await openFilled();
  const whole = createDigestBuilder();
  const stretches = [];
  for (let after = 0; ;) {
    const stretch = await log.read(after);
    stretches.push(stretch);
    if (stretch.complete) break;
    after = stretch.to;
  }
  for (const { groups } of stretches) for (const { changes } of groups) for (const change of changes) whole.add(change);

  expect(await digestOf(log.log)).toEqual(whole.finish());
});

it("lets reads through before it is done", async () => {
  const log = await openFilled();
  const order: string[] = [];

  const digest = log.log.digest().then(() => order.push("digest"));
  const read = log.rows("SELECT count(*) FROM notes").then(() => order.push("read"));
  await Promise.all([digest, read]);

  expect(order).toEqual(["read", "digest"]);
});

it("lets the event loop turn before it is done, which brings the messages of others", async () => {
  const log = await openFilled();
  const order: string[] = [];

  const digest = log.log.digest().then(() => order.push("digest"));
  const turn = new Promise<void>((resolve) => setTimeout(resolve)).then(() => order.push("turn"));
  await Promise.all([digest, turn]);

  expect(order).toEqual(["turn", "digest"]);
});

it("is given up when something is written meanwhile", async () => {
  const log = await openFilled();

  const digest = log.log.digest();
  await insert(log, 1, 90_000);

  expect(await digest).toBeUndefined();
  expect(await digestOf(log.log)).toHaveLength(2);
});
