/** destroy() where a Ledger has its database for itself. See e2e/tabs.spec.ts for tabs. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Ledger, type LedgerError } from "../../src/index.ts";

const directory = mkdtempSync(join(tmpdir(), "ledger-destroy-"));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const newLedger = (dbName = "notes"): Ledger => new Ledger({ dbName, storage: "file", directory });

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: LedgerError) => error.code,
  );

test("removes the files of this database and no other", async () => {
  const [db, other] = [newLedger(), newLedger("other")];
  await Promise.all([db.init(), other.init()]);
  const nodeId = db.getNodeId();
  await db.exec("CREATE TABLE notes (id)");

  await db.destroy();

  expect(readdirSync(directory).filter((file) => file.startsWith("notes"))).toEqual([]);
  expect((await other.exec("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  const next = newLedger();
  await next.init();
  expect(next.getNodeId()).not.toBe(nodeId);
  expect(await codeOf(next.exec("SELECT * FROM notes"))).toBe("LEDGER_SQL_ERROR");
  await Promise.all([next.close(), other.close()]);
});

test("ends its Ledger, which says why from then on", async () => {
  const db = newLedger();
  await db.init();
  const errors: LedgerError[] = [];
  db.on("error", (error) => errors.push(error));

  const destroyed = db.destroy();

  expect(db.status().state).toBe("closed");
  await destroyed;
  expect(await codeOf(db.exec("SELECT 1"))).toBe("LEDGER_DESTROYED");
  expect(await codeOf(db.init())).toBe("LEDGER_DESTROYED");
  await db.close();
  expect(errors).toEqual([]);
});

test("works before init(), after close() and again", async () => {
  const db = newLedger();
  await db.init();
  await db.close();
  expect(readdirSync(directory)).not.toEqual([]);

  await db.destroy();
  await db.destroy();
  await newLedger().destroy();

  expect(readdirSync(directory)).toEqual([]);
});

test("leaves a database that somebody else has open as it is", async () => {
  const [db, other] = [newLedger(), newLedger()];
  await db.init();
  await db.exec("CREATE TABLE notes (id)");

  expect(await codeOf(other.destroy())).toBe("LEDGER_STORAGE_BUSY");

  expect((await db.exec("SELECT count(*) AS n FROM notes")).rows).toEqual([{ n: 0 }]);
  await db.close();
});
