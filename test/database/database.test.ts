/** The Database port over Node's storages. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { openDatabase } from "../../src/database/open-database.ts";
import { casesFor, runCase, type StorageUnderTest } from "./database-conformance.ts";

const testDatabase = (name: string, storage: StorageUnderTest): void => {
  describe(`a database in ${name}`, () => {
    for (const [index, databaseCase] of casesFor(storage).entries()) {
      it(databaseCase.name, () => runCase(databaseCase, storage, `case ${index}/ä`));
    }
  });
};

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ledger-database-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

testDatabase("memory", { isPersistent: false, open: (name) => openDatabase({ name, ladder: ["memory"] }) });
testDatabase("a file", {
  isPersistent: true,
  open: (name) => openDatabase({ name, ladder: ["file"], directory }),
});
