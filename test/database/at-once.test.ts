/** What is answered without any wait, and what is not. */

import { afterEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { notesTable } from "./database-case.ts";

const opened: Database[] = [];
afterEach(async () => {
  for (const database of opened.splice(0)) await database.close();
});

const openWithNotes = async (): Promise<Database> => {
  const database = await createSqliteDatabase(await openMemoryHost());
  opened.push(database);
  await database.exec({ sql: notesTable });
  await database.enableSync("notes");
  return database;
};
const insert = (id: string) => ({ sql: "INSERT INTO notes (id) VALUES (?)", params: [id] });

describe("an answer without any wait", () => {
  it("is given to a statement that was run before, and the commit is told right after it", async () => {
    const database = await openWithNotes();
    const versions: number[] = [];
    database.onCommit(({ version }) => versions.push(version));
    expect(database.execAtOnce(insert("a"))).toBeUndefined();
    await database.exec(insert("a"));
    expect(versions).toEqual([1]);

    const answer = database.execAtOnce(insert("b"));

    expect(answer).toEqual({ columns: [], rows: [], rowsAffected: 1 });
    expect(database.version).toBe(2);
    expect(versions).toEqual([1]);
    await Promise.resolve();
    expect(versions).toEqual([1, 2]);
  });

  it("is not given while other work is under way, to more than one statement, nor once the database closes", async () => {
    const database = await openWithNotes();
    const several = { sql: "DELETE FROM notes WHERE n = 1; DELETE FROM notes WHERE n = 2" };
    await database.exec(insert("a"));
    await database.exec(several);
    expect(database.execAtOnce(several)).toBeUndefined();

    const transaction = await database.begin();
    expect(database.execAtOnce(insert("b"))).toBeUndefined();
    await transaction.commit();
    const writing = database.enableSync("notes");
    expect(database.execAtOnce(insert("b"))).toBeUndefined();
    await writing;
    expect(database.execAtOnce(insert("b"))).toBeDefined();

    const closing = database.close();
    expect(database.execAtOnce(insert("c"))).toBeUndefined();
    await closing;
  });

  it("is an error where the statement fails, after which everything goes on", async () => {
    const database = await openWithNotes();
    await database.exec(insert("a"));
    expect(() => database.execAtOnce(insert("a"))).toThrow(expect.objectContaining({ code: "LEDGER_CONSTRAINT" }));

    await database.batch([insert("b"), insert("c")]);
    const { rows } = await database.exec({ sql: "SELECT count(*) AS n FROM notes" });
    expect(rows).toEqual([{ n: 3 }]);
  });
});
