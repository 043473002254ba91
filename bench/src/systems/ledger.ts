/** Ledger, as its package is shipped. */

import { Ledger } from "ledger";
import { serve } from "../serve.ts";

let db: Ledger;
let linkedMs: number | undefined;
const insert = "INSERT INTO notes (id, title, body, done, updated) VALUES (?, ?, ?, ?, ?)";

serve({
  open: async ({ name, room, signalingUrl }) => {
    db = new Ledger({ dbName: name, signalingUrl, token: room, storage: "opfs", iceServers: [] });
    db.on("peer-ready", () => {
      linkedMs = performance.timeOrigin + performance.now();
    });
    await db.init();
    await db.exec(
      `CREATE TABLE IF NOT EXISTS notes (
        id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INTEGER, updated INTEGER)`,
    );
    await db.enableSync("notes");
  },
  insert: async ({ id, title, body, done, updated }) => {
    await db.exec(insert, [id, title, body, done, updated]);
  },
  insertAll: async (rows) => {
    await db.batch(
      rows.map(({ id, title, body, done, updated }) => ({ sql: insert, params: [id, title, body, done, updated] })),
    );
  },
  count: async () => (await db.get<{ n: number }>("SELECT count(*) AS n FROM notes"))?.n ?? 0,
  latest: () => db.query("SELECT * FROM notes ORDER BY updated DESC LIMIT 50"),
  retitle: async (ids, title) => {
    await db.batch(ids.map((id) => ({ sql: "UPDATE notes SET title = ? WHERE id = ?", params: [title, id] })));
  },
  countTitled: async (ids, title) => {
    const places = ids.map(() => "?").join(", ");
    const sql = `SELECT count(*) AS n FROM notes WHERE id IN (${places}) AND title = ?`;
    return (await db.get<{ n: number }>(sql, [...ids, title]))?.n ?? 0;
  },
  linkedAt: () => linkedMs,
  connect: () => db.connect(),
  disconnect: () => db.disconnect(),
  onRemoteChange: (listener) => {
    db.on("sync", listener);
  },
});
