/** Mistakes of the app get a documented code, and the database stays usable after each. */

import { expect, notesTable, test } from "./support/test.ts";

test("refuses exec() before init()", async ({ newReplica }) => {
  const alice = await newReplica({ ready: false });

  expect(await alice.failureOf("exec", "SELECT 1")).toBe("LEDGER_NOT_INITIALIZED");

  await alice.call("init");
  expect(await alice.rows("SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

test("refuses exec() after close(), and close() again is fine", async ({ newReplica }) => {
  const alice = await newReplica();
  await alice.call("close");

  expect(await alice.failureOf("exec", "SELECT 1")).toBe("LEDGER_CLOSED");
  expect(await alice.failureOf("close")).toBeUndefined();

  await alice.reload();
  await alice.call("init");
  expect(await alice.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 0 }]);
});

test("answers bad SQL, bad parameters and broken constraints with their codes", async ({ newReplica }) => {
  const alice = await newReplica();
  await alice.exec("INSERT INTO notes (id) VALUES ('a')");

  expect(await alice.failureOf("exec", "SELEC 1")).toBe("LEDGER_SQL_ERROR");
  expect(await alice.failureOf("exec", "SELECT * FROM nothing_of_the_kind")).toBe("LEDGER_SQL_ERROR");
  expect(await alice.failureOf("exec", "SELECT ?", [])).toBe("LEDGER_PARAMS_INVALID");
  expect(await alice.failureOf("exec", "INSERT INTO notes (id) VALUES ('a')")).toBe("LEDGER_CONSTRAINT");
  expect(await alice.failureOf("exec", "BEGIN")).toBe("LEDGER_STATEMENT_REFUSED");
  expect(await alice.failureOf("enableSync", "nothing_of_the_kind")).toBe("LEDGER_TABLE_NOT_FOUND");

  expect(await alice.rows("SELECT id FROM notes")).toEqual([{ id: "a" }]);
});

test("connect() without a token or without a URL says which is missing", async ({ newReplica, signaling, token }) => {
  const alice = await newReplica({ room: false });

  expect(await alice.failureOf("connect")).toBe("LEDGER_NO_SIGNALING_URL");
  expect(await alice.failureOf("connect", signaling.url)).toBe("LEDGER_NO_TOKEN");
  expect(await alice.failureOf("connect", "http://localhost", token)).toBe("LEDGER_OPTION_INVALID");

  expect(await alice.failureOf("connect", signaling.url, token)).toBeUndefined();
  expect(await alice.call("isConnected")).toBe(true);
});

test("connect() to a server that is not there says so and leaves the database usable", async ({
  newReplica,
  signaling,
}) => {
  await signaling.kill();
  const alice = await newReplica();

  expect(await alice.failureOf("connect")).toBe("LEDGER_SIGNALING_UNREACHABLE");

  await alice.exec("INSERT INTO notes (id) VALUES ('a')");
  expect(await alice.rows("SELECT id FROM notes")).toEqual([{ id: "a" }]);
});

test("refuses an option of the wrong type at once", async ({ newReplica }) => {
  await expect(newReplica({ dbName: "", ready: false })).rejects.toThrow("LEDGER_OPTION_INVALID");
});

test("creates the table and enables its sync any number of times", async ({ newReplica }) => {
  const alice = await newReplica();

  await alice.exec(notesTable);
  await alice.call("enableSync", "notes");

  expect(await alice.rows("SELECT count(*) AS n FROM notes")).toEqual([{ n: 0 }]);
});
