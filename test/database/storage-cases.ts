/** The file below: pragmas, what outlives closing, and who may open it. */

import { assertEqual, assertRefused, assertTrue } from "./assert.ts";
import { openWithNotes, rowsOf, type DatabaseCase } from "./database-case.ts";

export const storageCases: readonly DatabaseCase[] = [
  {
    name: "opens with the pragmas that keep the file safe and bulk writes fast",
    run: async (fixture) => {
      const database = await fixture.open();
      const pragma = async (name: string) => (await rowsOf(database, `pragma ${name}`))[0]?.[0];
      assertEqual(await pragma("journal_mode"), "delete");
      assertEqual(await pragma("temp_store"), 2);
      assertEqual(await pragma("synchronous"), 2);
      assertEqual(await pragma("locking_mode"), "exclusive");
      assertEqual(await pragma("cache_size"), -32000);
    },
  },
  {
    name: "gives every new database its own id and version 0",
    run: async (fixture) => {
      const database = await fixture.open();
      assertTrue(/^[0-9a-f]{32}$/.test(database.siteId), "no site id");
      assertEqual(database.version, 0);
      const stored = await database.read((connection) => connection.all("select lower(hex(crsql_site_id()))"));
      assertEqual(stored, [[database.siteId]]);
    },
  },
  {
    name: "keeps rows, id, version, synced tables and guards over closing",
    needsPersistence: true,
    run: async (fixture) => {
      const first = await openWithNotes(fixture);
      await first.exec({ sql: "insert into notes values ('a', 't', 1), ('b', 't', 2)" });
      await first.exec({ sql: "update notes set n = 3" });
      const { siteId, version } = first;
      await first.close();

      const second = await fixture.open();
      assertEqual(second.siteId, siteId);
      assertEqual(second.version, version);
      assertEqual(
        [...second.syncedTables.values()],
        [{ name: "notes", keyColumns: ["id"], valueColumns: ["title", "n"] }],
      );
      assertEqual(await rowsOf(second, "select * from notes order by id"), [
        ["a", "t", 3],
        ["b", "t", 3],
      ]);
      await assertRefused(second.exec({ sql: "drop table notes" }), "LEDGER_SCHEMA_CHANGE_REFUSED");
      await assertRefused(second.exec({ sql: "update notes set id = 'z'" }), "LEDGER_KEY_UPDATE_REFUSED");
      assertEqual(await rowsOf(second, "pragma integrity_check"), [["ok"]]);
    },
  },
  {
    name: "holds many rows over closing",
    needsPersistence: true,
    run: async (fixture) => {
      const first = await openWithNotes(fixture);
      await first.transact({ type: "local" }, async (connection) => {
        for (let i = 0; i < 3000; i += 1) {
          await connection.all("insert into notes values (?, ?, ?)", [`key-${i}`, "x".repeat(200), i]);
        }
        return { result: undefined, tables: ["notes"] };
      });
      await first.exec({ sql: "delete from notes where n % 2 = 0" });
      await first.exec({ sql: "vacuum" });
      await first.close();

      const second = await fixture.open();
      assertEqual(await rowsOf(second, "select count(*), sum(n) from notes"), [[1500, 2_250_000]]);
      assertEqual(await rowsOf(second, "pragma integrity_check"), [["ok"]]);
    },
  },
  {
    name: "is busy for a second opener and free again after closing",
    needsPersistence: true,
    run: async (fixture) => {
      const first = await fixture.open();
      await assertRefused(fixture.open(), "LEDGER_STORAGE_BUSY");
      await first.close();
      const second = await fixture.open();
      assertEqual(second.siteId, first.siteId);
    },
  },
  {
    name: "opens again and again",
    needsPersistence: true,
    run: async (fixture) => {
      const first = await openWithNotes(fixture);
      await first.close();
      for (let round = 0; round < 4; round += 1) {
        const database = await fixture.open();
        await database.exec({ sql: "insert into notes values (?, 't', ?)", params: [`k${round}`, round] });
        assertEqual(await rowsOf(database, "select count(*) from notes"), [[round + 1]]);
        await database.close();
      }
    },
  },
];
