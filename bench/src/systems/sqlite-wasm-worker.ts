import sqlite3InitModule, { type Database, type PreparedStatement } from "@sqlite.org/sqlite-wasm";
import type { Row } from "../row.ts";
import { answerCalls } from "./worker-side.ts";

let db: Database;
let statement: PreparedStatement;

const insert = ({ id, title, body, done, updated }: Row): void => {
  statement.bind([id, title, body, Number(done), updated]).stepReset();
};

answerCalls(async (call) => {
  switch (call.type) {
    case "open": {
      const sqlite3 = await sqlite3InitModule();
      const pool = await sqlite3.installOpfsSAHPoolVfs({ name: call.name });
      db = new pool.OpfsSAHPoolDb("/notes.db");
      db.exec(
        `PRAGMA temp_store = memory; PRAGMA locking_mode = exclusive; PRAGMA cache_size = -32000; PRAGMA synchronous = full;
        CREATE TABLE IF NOT EXISTS notes (
          id TEXT PRIMARY KEY NOT NULL, title TEXT, body TEXT, done INTEGER, updated INTEGER)`,
      );
      statement = db.prepare("INSERT INTO notes (id, title, body, done, updated) VALUES (?, ?, ?, ?, ?)");
      return undefined;
    }
    case "insert":
      return insert(call.row);
    case "insert-all":
      return void db.transaction(() => call.rows.forEach(insert));
    case "count":
      return db.selectValue("SELECT count(*) FROM notes");
    case "latest":
      return db.selectObjects("SELECT * FROM notes ORDER BY updated DESC LIMIT 50");
  }
});
