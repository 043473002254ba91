/** A browser that gives no more space, as two tabs see it. Chromium only: its protocol can set the quota of an origin. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, expect, test, type Page } from "@playwright/test";
import { chromiumOptions } from "./support/launch.ts";
import { openReplica, type Replica } from "./support/replica.ts";

for (const storage of ["opfs", "idb"] as const) {
  test(`a write that does not fit in ${storage} is refused, and fits when there is space again`, async ({
    baseURL,
  }) => {
    // The quota of other contexts cannot be set: it needs a profile on disk.
    const profile = await mkdtemp(join(tmpdir(), "ledger-quota-"));
    const context = await chromium.launchPersistentContext(profile, {
      ...chromiumOptions,
      ...(baseURL === undefined ? {} : { baseURL }),
    });
    const open = async (page: Page): Promise<Replica> => {
      await page.goto("/e2e/app/");
      const replica = await openReplica(page, { storage });
      await replica.call("init");
      return replica;
    };
    try {
      const first = await context.newPage();
      const session = await context.newCDPSession(first);
      const setQuota = (quotaSize?: number): Promise<unknown> =>
        session.send("Storage.overrideQuotaForOrigin", {
          origin: new URL(baseURL ?? "").origin,
          ...(quotaSize === undefined ? {} : { quotaSize }),
        });
      // Before the database is there: IndexedDB looks at the quota every half a minute only.
      await setQuota(4_000_000);
      const alice = await open(first);
      const bob = await open(await context.newPage());
      await alice.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY NOT NULL, body)");
      await alice.call("enableSync", "notes");
      // Random, because IndexedDB compresses.
      const write = (replica: Replica): Promise<string | undefined> =>
        replica.failureOf("exec", "INSERT INTO notes (body) VALUES (randomblob(200000))");
      const count = async (replica: Replica): Promise<unknown> =>
        (await replica.rows("SELECT count(*) AS n FROM notes"))[0]?.["n"];

      let [acknowledged, refusal] = [0, await write(bob)];
      for (; refusal === undefined && acknowledged < 100; refusal = await write(bob)) acknowledged += 1;
      expect(refusal).toBe("LEDGER_QUOTA_EXCEEDED");
      expect([await count(alice), await count(bob)]).toEqual([acknowledged, acknowledged]);

      await setQuota();
      expect([await write(alice), await write(bob)]).toEqual([undefined, undefined]);
      await alice.page.close();

      expect(await count(bob)).toBe(acknowledged + 2);
      expect(await bob.rows("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
    } finally {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    }
  });
}
