/** A process that writes row after row and tells its parent after each acknowledgement. Started by node-file.test.ts. */

import { openDatabase } from "../../src/database/open-database.ts";

const database = await openDatabase({ name: "db", ladder: ["file"], directory: process.argv[2] ?? "" });
await database.exec({ sql: "create table if not exists t (id integer primary key not null, body text)" });
await database.enableSync("t");
const { rows } = await database.exec({ sql: "select coalesce(max(id), 0) from t", rowMode: "array" });
for (let row = Number((rows[0] as readonly unknown[])[0]) + 1; ; row += 1) {
  await database.exec({ sql: "insert into t values (?, ?)", params: [row, "x".repeat(2000)] });
  process.send?.(row);
}
