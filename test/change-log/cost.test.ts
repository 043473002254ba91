/** What reading for a peer costs, counted in SQLite's instructions. */

import { afterEach, describe, expect, it } from "vitest";
import type { SiteId } from "../../src/common/ids.ts";
import type { Database } from "../../src/database/database.ts";
import type { ChangeGroup } from "../../src/replication/change.ts";
import { openCountedLog, type CountedLog } from "./counted-log.ts";
import { epochOf } from "./logs.ts";

const schema = "CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL, x INTEGER)";
const siteOf = (digit: string): SiteId => digit.repeat(32) as SiteId;
const opened: Database[] = [];

const groupOf = (site: SiteId, version: number, id: number): ChangeGroup => ({
  site,
  originVersion: version,
  changes: [
    {
      table: "n",
      pk: Uint8Array.of(1, (3 << 3) | 1, id >> 16, (id >> 8) & 0xff, id & 0xff),
      cid: "x",
      valueClass: 1,
      value: id,
      colVersion: 1,
      cl: 1,
      seq: 0,
    },
  ],
});

const merge = ({ log }: CountedLog, groups: readonly ChangeGroup[]) => {
  const claims = new Map<SiteId, number>();
  for (const { site, originVersion } of groups) claims.set(site, originVersion);
  return log.apply({ peer: siteOf("e"), groups, cursor: { epoch: epochOf(1), position: 1 }, claims });
};

/**
 * A log of `size` transactions that two replicas wrote in turn, then three that the reader lacks: one of this replica, one
 * of either other, with as many as before that the reader holds between them.
 */
const openMixed = async (size: number) => {
  const counted = await openCountedLog(schema, "n");
  opened.push(counted.database);
  const [bob, carol] = [siteOf("b"), siteOf("c")];
  const groups = Array.from({ length: size }, (_, i) => groupOf(i % 2 === 0 ? bob : carol, i + 1, i));
  await merge(counted, groups.slice(0, size / 2));
  await counted.database.exec({ sql: "INSERT INTO n VALUES (900001, 1)" });
  await merge(counted, groups.slice(size / 2));
  const held = (await counted.log.greeting(bob)).frontier;
  const known = new Map(held).set(bob, size - 3).set(counted.database.siteId, size / 2);
  return { counted, known };
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
});

describe("reading what a peer lacks", () => {
  it("finds it in the middle and at the end of a log", async () => {
    const { counted, known } = await openMixed(400);

    const { groups, complete } = await counted.log.read({ after: 0, quarantineAfter: 0, known });

    expect(groups.map(({ site, originVersion }) => [site, originVersion])).toEqual([
      [counted.database.siteId, 201],
      [siteOf("b"), 399],
    ]);
    expect(complete).toBe(true);
  });

  it("costs the same however long the log", async () => {
    const costs: number[] = [];
    for (const size of [400, 6_400]) {
      const { counted, known } = await openMixed(size);
      costs.push(await counted.count(() => counted.log.read({ after: 0, quarantineAfter: 0, known })));
    }

    // Sixteen times the log; what is left is the depth of the trees.
    expect((costs[1] as number) / (costs[0] as number)).toBeLessThan(1.2);
  });

  it("costs the same for an own write, however many rows there are", async () => {
    const costs: number[] = [];
    for (const size of [400, 6_400]) {
      const { counted } = await openMixed(size);
      const { frontier } = await counted.log.greeting(siteOf("b"));
      const after = counted.database.version;
      await counted.database.exec({ sql: "UPDATE n SET x = 7 WHERE id = 5" });
      costs.push(await counted.count(() => counted.log.read({ after, quarantineAfter: 0, known: frontier })));
    }

    expect((costs[1] as number) / (costs[0] as number)).toBeLessThan(1.2);
  });
});
