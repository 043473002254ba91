/** @vlcn.io/crsqlite-wasm as shipped, on the page, with the JSON exchange of its tutorials. */

import initWasm, { type DB } from "@vlcn.io/crsqlite-wasm";
import wasmUrl from "@vlcn.io/crsqlite-wasm/crsqlite.wasm?url";
import { openPlainChannel } from "../plain-channel.ts";
import { serve } from "../serve.ts";
import type { PeerOptions } from "../system.ts";

let db: DB;
let options: PeerOptions;
let listener = (): void => {};
let afterWrite = async (): Promise<void> => {};
const insert = "INSERT INTO notes (id, title, body, done, updated) VALUES (?, ?, ?, ?, ?)";
const columns = `"table", hex("pk") AS pk, "cid", "val", "col_version", "db_version", hex("site_id") AS site_id, "cl", "seq"`;
const apply = `INSERT INTO crsql_changes ("table", "pk", "cid", "val", "col_version", "db_version", "site_id", "cl", "seq")
  VALUES (?, unhex(?), ?, ?, ?, ?, unhex(?), ?, ?)`;

const first = async <T>(sql: string, params: unknown[] = []): Promise<T> =>
  (await db.execA(sql, params as never))[0]?.[0] as T;

serve({
  open: async (given) => {
    options = given;
    db = await (await initWasm(() => wasmUrl)).open(given.name);
    await db.exec(
      `CREATE TABLE IF NOT EXISTS notes (
        id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INTEGER, updated INTEGER)`,
    );
    await db.exec("SELECT crsql_as_crr('notes')");
  },
  insert: async ({ id, title, body, done, updated }) => {
    await db.exec(insert, [id, title, body, Number(done), updated] as never);
    await afterWrite();
  },
  insertAll: async (rows) => {
    await db.tx(async (tx) => {
      const statement = await tx.prepare(insert);
      for (const { id, title, body, done, updated } of rows) {
        await statement.run(tx, id as never, title as never, body as never, Number(done) as never, updated as never);
      }
      await statement.finalize(tx);
    });
    await afterWrite();
  },
  count: () => first<number>("SELECT count(*) FROM notes"),
  latest: () => db.execO("SELECT * FROM notes ORDER BY updated DESC LIMIT 50"),
  connect: async () => {
    const channel = await openPlainChannel(options.initiator);
    const encoder = new TextEncoder();
    const decoder = new TextDecoder();
    let sent = 0;
    const sendNew = async (): Promise<void> => {
      const rows = await db.execA(
        `SELECT ${columns} FROM crsql_changes WHERE db_version > ? AND site_id = crsql_site_id()`,
        [sent] as never,
      );
      sent = await first<number>("SELECT crsql_db_version()");
      if (rows.length > 0) await channel.send(encoder.encode(JSON.stringify(rows)));
    };
    channel.onMessage((bytes) => {
      const rows = JSON.parse(decoder.decode(bytes)) as unknown[][];
      void db
        .tx(async (tx) => {
          const statement = await tx.prepare(apply);
          for (const row of rows) await statement.run(tx, ...(row as never[]));
          await statement.finalize(tx);
        })
        .then(() => listener());
    });
    afterWrite = sendNew;
    await sendNew();
  },
  onRemoteChange: (next) => {
    listener = next;
  },
});
