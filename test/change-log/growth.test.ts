/**
 * How Ledger's own tables grow, with figures for docs/architecture.md:
 * LEDGER_GROWTH_TRANSACTIONS=100000 npx vitest run test/change-log/growth.test.ts
 */

import { afterEach, describe, expect, it } from "vitest";
import type { ChangeGroup } from "../../src/replication/change.ts";
import { changeOf, closeLogs, mallory, openLog, type Log } from "./logs.ts";

const transactions = Number(process.env["LEDGER_GROWTH_TRANSACTIONS"] ?? 600);
const schema = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x INTEGER, y INTEGER)";
const timeout = 3_600_000;

afterEach(closeLogs);

/** Key of row `i`: one text of four characters. */
const keyOf = (i: number): Uint8Array =>
  Uint8Array.of(1, 0x0b, 4, ...[18, 12, 6, 0].map((shift) => 0x30 + ((i >> shift) & 63)));

const groupOf = (version: number, row: number): ChangeGroup => ({
  site: mallory,
  originVersion: version,
  changes: [changeOf("", { pk: keyOf(row), colVersion: version, value: version })],
});

const merge = (log: Log, groups: readonly ChangeGroup[]) =>
  log.apply(groups, new Map([[mallory, groups.at(-1)?.originVersion ?? 0]]));

/** Rows and bytes of the pages of `ledger_run` and its index, which is what grows with transactions. */
const measure = async ({ database }: Log): Promise<{ readonly rows: number; readonly bytes: number }> => {
  const failure = new Error("undone");
  let measured = { rows: 0, bytes: 0 };
  await database
    .transact({ type: "local" }, async (connection) => {
      const number = async (sql: string): Promise<number> => Number((await connection.all(sql))[0]?.[0]);
      const rows = await number("SELECT count(*) FROM ledger_run");
      const free = await number("PRAGMA freelist_count");
      await connection.run("DROP TABLE ledger_run");
      const pages = (await number("PRAGMA freelist_count")) - free;
      measured = { rows, bytes: pages * (await number("PRAGMA page_size")) };
      throw failure;
    })
    .catch((error: unknown) => {
      if (error !== failure) throw error;
    });
  return measured;
};

const report = (name: string, { rows, bytes }: { readonly rows: number; readonly bytes: number }): void => {
  const each = (bytes / transactions).toFixed(1);
  console.log(`${name}: ${transactions} transactions, ${rows} rows, ${bytes} bytes, ${each} bytes a transaction`);
};

describe(`the record of ${transactions} transactions`, () => {
  it("is one row when a peer's log was read in one go", { timeout }, async () => {
    const alice = await openLog(schema);
    for (let at = 0; at < transactions; at += 1_000) {
      const count = Math.min(1_000, transactions - at);
      await merge(
        alice,
        Array.from({ length: count }, (_, i) => groupOf(at + i + 1, at + i)),
      );
    }

    const size = await measure(alice);
    report("read in one go", size);

    expect(size.rows).toBe(1);
  });

  it("is at most a row each when two replicas write in turn", { timeout }, async () => {
    const alice = await openLog(schema);
    for (let i = 0; i < transactions / 2; i += 1) {
      await alice.exec(`INSERT INTO n VALUES ('own ${i}', 1, 1)`);
      await merge(alice, [groupOf(i + 1, i)]);
    }

    const size = await measure(alice);
    report("written in turn", size);

    expect(size.rows).toBeLessThanOrEqual(transactions);
    expect(size.bytes / transactions).toBeLessThan(48);
  });

  it("does not grow when the same rows are written again and again", { timeout }, async () => {
    const alice = await openLog(schema);
    for (let i = 0; i < transactions / 2; i += 1) {
      await alice.exec(`INSERT INTO n VALUES ('own ${i % 50}', ${i}, 1) ON CONFLICT (id) DO UPDATE SET x = excluded.x`);
      await merge(alice, [groupOf(i + 1, i % 50)]);
    }

    const size = await measure(alice);
    report("the same rows again", size);

    // A hundred rows stand in a hundred versions; what is not tidied yet is about as much again.
    expect(size.rows).toBeLessThan(400);
  });
});
