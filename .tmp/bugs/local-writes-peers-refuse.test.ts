/** What a replica accepts from its app must never be something that its peers refuse: each of these ends sync for good. */

import { expect, test } from "vitest";
import { notesTable, openMemoryReplica, connect, rowsOf } from "../../test/support/replicas.ts";

/** Bob gets the row, or Alice's exec was refused with a code: both are fine. A link that dies is not. */
const staysInSync = async (schema: string, sql: string, params?: readonly (string | Uint8Array)[]): Promise<void> => {
  const alice = await openMemoryReplica({ schema: false });
  const bob = await openMemoryReplica({ schema: false });
  try {
    for (const replica of [alice, bob]) {
      await replica.exec({ sql: schema });
      await replica.enableSync("notes").catch(() => {});
    }
    const refused = await alice.exec({ sql, ...(params === undefined ? {} : { params }) }).then(() => false, () => true);
    if (refused) return;
    await alice.exec({ sql: "INSERT INTO notes (id) VALUES ('later')" });
    const closed = new Promise<string>((resolve) => {
      const { links } = connect(alice, bob);
      for (const link of links) link.on("close", (reason) => resolve(`link closed: ${reason}`));
    });
    const arrived = new Promise<string>((resolve) => bob.on("sync", () => resolve("synced")));

    expect(await Promise.race([closed, arrived, new Promise((resolve) => setTimeout(resolve, 20_000, "nothing happened"))])).toBe("synced");
    expect(await rowsOf(bob, "SELECT count(*) AS n FROM notes")).toEqual(await rowsOf(alice, "SELECT count(*) AS n FROM notes"));
  } finally {
    await alice.close();
    await bob.close();
  }
};

test("a text key that is not UTF-8", () =>
  staysInSync(notesTable, "INSERT INTO notes (id) VALUES (CAST(x'ff' AS TEXT))"));

test("a key of 70,000 bytes", () => staysInSync(notesTable, "INSERT INTO notes (id) VALUES (?)", ["k".repeat(70_000)]));

test("a key of 200,000 bytes", () => staysInSync(notesTable, "INSERT INTO notes (id) VALUES (?)", ["k".repeat(200_000)]));

test("a value of 17 MiB", () =>
  staysInSync(notesTable, "INSERT INTO notes (id, body) VALUES ('a', ?)", ["b".repeat(17 * 1024 * 1024)]));

test("a transaction of 66 MiB", () =>
  staysInSync(notesTable, `WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 66)
    INSERT INTO notes (id, body) SELECT n, hex(randomblob(1024 * 512)) FROM c`));

test("a column whose name has 129 characters", () =>
  staysInSync(`CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, ${"c".repeat(129)} TEXT)`, `INSERT INTO notes VALUES ('a', 'b')`));
