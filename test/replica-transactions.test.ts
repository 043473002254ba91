/** Committing again what a replica may have committed before it went. */

import { expect, test } from "vitest";
import { createCallAnswerer } from "../src/answer-calls.ts";
import type { Epoch } from "../src/common/ids.ts";
import { createSilentLogger } from "../src/common/logger.ts";
import { openChangeLog } from "../src/database/change-log.ts";
import { openDatabase } from "../src/database/open-database.ts";
import type { TransactionId } from "../src/replica-call.ts";
import { createFakeClock } from "./support/fake-clock.ts";

const transaction = "a".repeat(32) as TransactionId;
const id = { caller: "bob", slot: 0, number: 1 };

const open = async () => {
  const database = await openDatabase({ name: "notes", ladder: ["memory"] });
  await openChangeLog({ database, epoch: "0".repeat(32) as Epoch, nowMs: 0 });
  const clock = createFakeClock();
  /** One for each replica that the database had. */
  const answerer = () =>
    createCallAnswerer({
      database,
      replicator: { wait: () => Promise.reject(new Error("no peers here")) },
      clock,
      logger: createSilentLogger(),
    });
  await database.exec({ sql: "CREATE TABLE n (x)" });
  return { database, answerer };
};

test("answers a commit that was done before, by a replica that has never heard of the transaction", async () => {
  const { database, answerer } = await open();
  const first = answerer();
  await first.answer({ type: "begin", transaction, idleMs: 5_000 });
  await first.answer({ type: "exec", request: { sql: "INSERT INTO n VALUES (1)" }, within: transaction });
  await first.answer({ type: "commit", transaction, id });

  await answerer().answer({ type: "commit", transaction, id });

  expect((await database.exec({ sql: "SELECT x FROM n" })).rows).toEqual([{ x: 1 }]);
  await database.close();
});

test("says that the transaction is over when it was not committed", async () => {
  const { database, answerer } = await open();

  await expect(answerer().answer({ type: "commit", transaction, id })).rejects.toMatchObject({
    code: "LEDGER_TRANSACTION_ENDED",
  });
  await database.close();
});

test("answers a second commit that comes while the first is under way", async () => {
  const { database, answerer } = await open();
  const { answer } = answerer();
  await answer({ type: "begin", transaction, idleMs: 5_000 });
  await answer({ type: "exec", request: { sql: "INSERT INTO n VALUES (1)" }, within: transaction });

  await Promise.all([answer({ type: "commit", transaction, id }), answer({ type: "commit", transaction, id })]);

  expect((await database.exec({ sql: "SELECT x FROM n" })).rows).toEqual([{ x: 1 }]);
  await database.close();
});
