/** Runs the Database conformance cases, and writes of the kill test, in a dedicated worker. */

import type { Epoch } from "../../../src/common/ids.ts";
import { openChangeLog, type ChangeLog } from "../../../src/database/change-log.ts";
import type { Database, StorageKind } from "../../../src/database/database.ts";
import { openDatabase } from "../../../src/database/open-database.ts";
import { SnapshotRefusedError } from "../../../src/database/snapshot-refused.ts";
import { casesFor, runCase } from "../../database/database-conformance.ts";
import { rowsOf } from "../../database/database-case.ts";
import { forge, snapshotOf, takeSnapshotOf } from "../../support/images.ts";

/** What the page may ask for; `answer` of {@link WorkerAnswer} is JSON-like. */
export type WorkerTask =
  | {
      readonly type: "run-case";
      readonly storage: StorageKind;
      readonly caseName: string;
      readonly databaseName: string;
    }
  /** Inserts row after row and posts its number after each acknowledgement, until the worker is killed. */
  | { readonly type: "write-for-ever"; readonly storage: StorageKind; readonly databaseName: string }
  /** Inserts into `t` until a row is refused; answers how many were not, and why the last was. */
  | { readonly type: "fill"; readonly storage: StorageKind; readonly databaseName: string; readonly maxRows: number }
  | { readonly type: "inspect"; readonly ladder: readonly StorageKind[]; readonly databaseName: string }
  | { readonly type: "open"; readonly ladder: readonly StorageKind[]; readonly databaseName: string }
  /** Offers a new replica a forged image, and then what was forged; answers the refusal, and the rows after both. */
  | {
      readonly type: "take-forged";
      readonly storage: StorageKind;
      readonly databaseName: string;
      readonly how: Forgery;
    };

/** SQL that is run on the image, attached as `image`, or bytes that are changed all over it. */
export type Forgery = { readonly sql: string } | { readonly everyBytes: number };

export type WorkerAnswer =
  | { readonly type: "done"; readonly answer: unknown }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "acknowledged"; readonly row: number };

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** Compiling the engine takes longer than most cases: once for all databases of a worker. */
WebAssembly.instantiateStreaming = async (source, imports) => {
  const response = await source;
  const module = compiled.get(response.url) ?? WebAssembly.compileStreaming(response);
  compiled.set(response.url, module);
  return { module: await module, instance: await WebAssembly.instantiate(await module, imports) };
};

const post = (answer: WorkerAnswer): void => self.postMessage(answer);

const writeForEver = async (storage: StorageKind, name: string): Promise<never> => {
  const database = await openDatabase({ name, ladder: [storage] });
  await database.exec({ sql: "create table if not exists t (id integer primary key not null, body text)" });
  await database.enableSync("t");
  const [[last] = []] = await rowsOf(database, "select coalesce(max(id), 0) from t");
  for (let row = Number(last) + 1; ; row += 1) {
    await database.exec({ sql: "insert into t values (?, ?)", params: [row, "x".repeat(500)] });
    post({ type: "acknowledged", row });
  }
};

const fill = async (storage: StorageKind, name: string, maxRows: number): Promise<unknown> => {
  const database = await openDatabase({ name, ladder: [storage] });
  for (let acknowledged = 0; acknowledged < maxRows; acknowledged += 1) {
    try {
      // Random, because IndexedDB compresses.
      await database.exec({ sql: "insert into t (body) values (randomblob(200000))" });
    } catch (error) {
      const [[rows] = []] = await rowsOf(database, "select count(*) from t");
      await database.close();
      return { acknowledged, rows, code: (error as { readonly code?: string }).code };
    }
  }
  throw new Error("nothing was refused");
};

const inspect = async (ladder: readonly StorageKind[], name: string): Promise<unknown> => {
  const database = await openDatabase({ name, ladder });
  await database.exec({ sql: "create table if not exists t (id integer primary key not null, body)" });
  const facts = {
    storage: database.storage,
    siteId: database.siteId,
    integrity: (await rowsOf(database, "pragma integrity_check"))[0]?.[0],
    rows: (await rowsOf(database, "select count(*) from t"))[0]?.[0],
    changes: (await rowsOf(database, "select count(*) from crsql_changes"))[0]?.[0],
  };
  await database.close();
  return facts;
};

const openNotes = async (storage: StorageKind, name: string): Promise<{ database: Database; log: ChangeLog }> => {
  const database = await openDatabase({ name, ladder: [storage] });
  await database.exec({ sql: "create table if not exists notes (id text primary key not null, title text)" });
  await database.enableSync("notes");
  const epoch = crypto.randomUUID().replaceAll("-", "") as Epoch;
  return { database, log: await openChangeLog({ database, epoch, nowMs: Date.now() }) };
};

const takeForged = async (storage: StorageKind, name: string, how: Forgery): Promise<unknown> => {
  const alice = await openNotes("memory", "alice");
  await alice.database.exec({
    sql: `with recursive n(i) as (values (1) union all select i + 1 from n where i < 3000)
      insert into notes select 'note ' || i, 'title ' || i from n`,
  });
  const snapshot = await snapshotOf(alice.log);
  const forged = "sql" in how ? await forge(snapshot.bytes, how.sql) : snapshot.bytes.slice();
  if ("everyBytes" in how) for (let at = 100; at < forged.length; at += how.everyBytes) forged[at] = 0xee;

  const bob = await openNotes(storage, name);
  const giver = { site: alice.database.siteId, log: alice.log };
  const count = async () => (await rowsOf(bob.database, "select count(*) from notes"))[0]?.[0];
  const refusal = await takeSnapshotOf(giver, bob.log, { ...snapshot, bytes: forged }).then(
    () => "taken",
    (error: unknown) => (error instanceof SnapshotRefusedError ? error.refusal : String(error)),
  );
  const rowsAfterForged = await count();
  await takeSnapshotOf(giver, bob.log, snapshot);
  const integrity = (await rowsOf(bob.database, "pragma integrity_check"))[0]?.[0];
  const answer = { refusal, rowsAfterForged, rows: await count(), integrity };
  await bob.database.close();
  await alice.database.close();
  return answer;
};

const runNamedCase = async (storage: StorageKind, caseName: string, name: string): Promise<void> => {
  const underTest = {
    isPersistent: storage !== "memory",
    open: (databaseName: string) => openDatabase({ name: databaseName, ladder: [storage] }),
  };
  const found = casesFor(underTest).find((databaseCase) => databaseCase.name === caseName);
  if (found === undefined) throw new Error(`there is no case "${caseName}"`);
  await runCase(found, underTest, name);
};

const perform = async (task: WorkerTask): Promise<unknown> => {
  switch (task.type) {
    case "run-case":
      return runNamedCase(task.storage, task.caseName, task.databaseName);
    case "write-for-ever":
      return writeForEver(task.storage, task.databaseName);
    case "fill":
      return fill(task.storage, task.databaseName, task.maxRows);
    case "inspect":
      return inspect(task.ladder, task.databaseName);
    case "take-forged":
      return takeForged(task.storage, task.databaseName, task.how);
    case "open": {
      const { storage } = await openDatabase({ name: task.databaseName, ladder: task.ladder });
      return storage;
    }
  }
};

self.onmessage = ({ data }: MessageEvent<WorkerTask>) => {
  perform(data).then(
    (answer) => post({ type: "done", answer }),
    (error: unknown) => {
      const code = (error as { readonly code?: string }).code ?? "";
      post({
        type: "failed",
        message: `${code} ${error instanceof Error ? (error.stack ?? error.message) : String(error)} ${String((error as Error).cause ?? "")}`,
      });
    },
  );
};
