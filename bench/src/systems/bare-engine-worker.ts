import type { Statement } from "../../../src/database/connection.ts";
import { openOpfsHost } from "../../../src/database/opfs-host.ts";
import type { SqliteConnection } from "../../../src/database/sqlite-connection.ts";
import { StorageClass } from "../../../src/database/value.ts";
import type { Row } from "../row.ts";
import { answerCalls } from "./worker-side.ts";

let connection: SqliteConnection;
let statement: Statement;

const insert = ({ id, title, body, done, updated }: Row): void => {
  statement.bind(1, StorageClass.text, id);
  statement.bind(2, StorageClass.text, title);
  statement.bind(3, StorageClass.text, body);
  statement.bind(4, StorageClass.integer, Number(done));
  statement.bind(5, StorageClass.integer, updated);
  void statement.step();
  void statement.reset();
};

answerCalls(async (call) => {
  switch (call.type) {
    case "open": {
      connection = await (await openOpfsHost(call.name)).openConnection();
      await connection.run(
        `CREATE TABLE IF NOT EXISTS notes (
          id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INTEGER, updated INTEGER);
          SELECT crsql_as_crr('notes')`,
      );
      statement = await connection.prepare("INSERT INTO notes (id, title, body, done, updated) VALUES (?, ?, ?, ?, ?)");
      return undefined;
    }
    case "insert":
      return insert(call.row);
    case "insert-all":
      await connection.run("BEGIN");
      for (const row of call.rows) insert(row);
      return connection.run("COMMIT");
    case "count":
      return Number((await connection.all("SELECT count(*) FROM notes"))[0]?.[0]);
    case "latest":
      return connection.all("SELECT * FROM notes ORDER BY updated DESC LIMIT 50");
  }
});
