import { expect, test } from "vitest";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import { openChangeLog } from "../../src/database/change-log.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import { digestOf } from "./logs.ts";

const table = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x)";

/** -0.0 and 0.0 are one value to a merge, so both sides keep their own; the digests must not tell them apart. */
test("replicas that hold -0.0 and 0.0 in one cell have the same digest", async () => {
  const digests = [];
  for (const sql of ["INSERT INTO n VALUES ('a', 0.0 * -1)", "INSERT INTO n VALUES ('a', 0.0)"]) {
    const database = await openDatabase({ name: "z", ladder: ["memory"] });
    const log = await openChangeLog({ database, epoch: "0e".repeat(16) as Epoch, nowMs: 1 });
    await database.exec({ sql: table });
    await database.enableSync("n");
    await database.exec({ sql });
    const peer = await openDatabase({ name: "z2", ladder: ["memory"] });
    const peerLog = await openChangeLog({ database: peer, epoch: "0f".repeat(16) as Epoch, nowMs: 1 });
    await peer.exec({ sql: table });
    await peer.enableSync("n");
    await peer.exec({ sql: "INSERT INTO n VALUES ('a', 0.0)" });
    const { groups } = await log.read({ after: 0, quarantineAfter: 0, known: new Map() });
    await peerLog.apply({
      peer: "ab".repeat(16) as SiteId,
      groups,
      cursor: { epoch: log.epoch, position: 1 },
      claims: new Map(),
    });
    digests.push([await digestOf(log), await digestOf(peerLog)]);
    await database.close();
    await peer.close();
  }
  for (const [own, theirs] of digests) expect(theirs).toEqual(own);
});
