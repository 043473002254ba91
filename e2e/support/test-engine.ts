/** The Database port over the storages of a real browser: cases that Node runs as well, and what only a browser can do. */

import { expect, test, type Page } from "@playwright/test";
import type { StorageKind } from "../../src/database/database.ts";
import { casesFor } from "../../test/database/database-conformance.ts";
import type { DatabaseCase } from "../../test/database/database-case.ts";
import type { WorkerTask } from "../../test/browser/database/worker.ts";

// In memory the same code runs in Node, where the same cases are run over it.
const storages = ["opfs", "idb"] as const;

const perform = <T>(page: Page, task: WorkerTask, keep = false): Promise<T> =>
  page.evaluate(([given, isKept]) => window.perform(given, isKept), [task, keep] as const) as Promise<T>;

interface Inspected {
  readonly storage: StorageKind;
  readonly siteId: string;
  readonly integrity: string;
  readonly rows: number;
  readonly changes: number;
}

const openPage = async (page: Page): Promise<void> => {
  await page.goto("/test/browser/database/");
  await page.waitForFunction(() => window.perform !== undefined);
};

/** @param isChosen - which of the conformance cases are run */
export const testEngine = (isChosen: (databaseCase: DatabaseCase) => boolean): void => {
  for (const storage of storages) {
    test.describe(`a database in ${storage}`, () => {
      const complaints: string[] = [];
      let page: Page;

      // One page for all cases: opening one takes longer than most of them.
      test.describe.configure({ mode: "default" });
      test.beforeAll(async ({ browser, baseURL }) => {
        const context = await browser.newContext(baseURL === undefined ? {} : { baseURL });
        page = await context.newPage();
        page.on("console", (message) => {
          if (message.type() === "error" && !/\[vite\]|ws:\/\/localhost/.test(message.text()))
            complaints.push(message.text());
        });
        await openPage(page);
      });
      test.afterEach(() => expect(complaints).toEqual([]));
      test.afterAll(() => page.context().close());

      for (const [index, { name }] of casesFor({ isPersistent: true }).filter(isChosen).entries()) {
        test(name, () =>
          perform<void>(page, { type: "run-case", storage, caseName: name, databaseName: `case ${index}/ä` }),
        );
      }

      test("loses nothing acknowledged when its worker is killed", async () => {
        test.setTimeout(90_000);
        let acknowledged = 0;
        // The last round is long enough for the housekeeping of IndexedDB to fall into it.
        for (const rows of [1, 7, 23, 90]) {
          acknowledged = await page.evaluate(([task, count]) => window.writeAndKill(task, count), [
            { type: "write-for-ever", storage, databaseName: "killed" } as WorkerTask,
            rows,
          ] as const);
          const facts = await perform<Inspected>(page, { type: "inspect", ladder: [storage], databaseName: "killed" });
          expect(facts.integrity).toBe("ok");
          expect(facts.rows).toBeGreaterThanOrEqual(acknowledged);
          expect(facts.changes).toBe(facts.rows);
        }
      });

      test("is busy while another worker holds it, on every ladder", async () => {
        await perform(page, { type: "open", ladder: [storage], databaseName: "held" }, true);
        await expect(perform(page, { type: "open", ladder: [storage], databaseName: "held" })).rejects.toThrow(
          "LEDGER_STORAGE_BUSY",
        );
        await expect(
          perform(page, { type: "open", ladder: ["opfs", "idb", "memory"], databaseName: "held" }),
        ).rejects.toThrow("LEDGER_STORAGE_BUSY");
      });

      test("is found again where it was made, whatever stands above it on the ladder", async () => {
        const made = await perform<Inspected>(page, { type: "inspect", ladder: [storage], databaseName: "found" });
        const found = await perform<Inspected>(page, {
          type: "inspect",
          ladder: ["opfs", "idb", "memory"],
          databaseName: "found",
        });
        expect(found).toEqual(made);
      });
    });
  }

  test.describe("the storage ladder", () => {
    test("goes down to IndexedDB and memory where OPFS cannot be had", async ({ page }) => {
      await openPage(page);
      const storageOf = (ladder: readonly StorageKind[], databaseName: string) =>
        perform<StorageKind>(page, { type: "open", ladder, databaseName });
      expect(await storageOf(["opfs", "idb", "memory"], "first")).toBe("opfs");
      expect(await storageOf(["file", "idb"], "second")).toBe("idb");
      expect(await storageOf(["file", "memory"], "third")).toBe("memory");
      await expect(storageOf(["file"], "fourth")).rejects.toThrow("LEDGER_STORAGE_UNAVAILABLE");
    });
  });
};
