import { afterEach, describe, expect, it } from "vitest";
import type { Change } from "../../src/replication/change.ts";
import { changeOf, changesOf, closeLogs, mallory, openLog, send } from "./logs.ts";

afterEach(closeLogs);

const n = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x, y)";
const group = (...changes: readonly Change[]) => ({ site: mallory, originVersion: 1, changes });

describe("a row that cannot be applied here", () => {
  it.each([
    ["is of an unknown table", changeOf("a", { table: "todo" })],
    ["is of an unknown column", changeOf("a", { cid: "z" })],
    ["names the key's column", changeOf("a", { cid: "id" })],
    ["has a key of other columns", changeOf("a", { pk: Uint8Array.of(2, 0x0b, 1, 0x61, 0x01) })],
    ["is of a table that is not synced", changeOf("a", { table: "plain" })],
    ["is of a table of Ledger's own", changeOf("a", { table: "ledger_site" })],
    ["is of another spelling", changeOf("a", { table: "N" })],
  ])("is kept and passed on as it came when it %s", async (_, odd) => {
    const alice = await openLog(n);
    await alice.exec("CREATE TABLE plain (id TEXT PRIMARY KEY NOT NULL, x)");

    const merged = await alice.apply([group(changeOf("b"), odd)]);

    expect(merged).toMatchObject({ count: 1, grew: true });
    expect((await alice.read()).groups).toEqual([group(changeOf("b")), group(odd)]);
    expect(await alice.rows("SELECT * FROM plain")).toEqual([]);
  });

  it("keeps its value and storage class exactly", async () => {
    const alice = await openLog(n);
    const values = [
      { valueClass: 1, value: 2n ** 63n - 1n },
      { valueClass: 2, value: 1 },
      { valueClass: 2, value: Infinity },
      { valueClass: 3, value: "a\0b" },
      { valueClass: 3, value: "" },
      { valueClass: 4, value: new Uint8Array() },
      { valueClass: 5, value: null },
    ] as const;
    const odd = group(...values.map((value, seq) => changeOf("a", { table: "todo", cid: `c${seq}`, seq, ...value })));

    await alice.apply([odd]);

    expect((await alice.read()).groups).toEqual([odd]);
  });

  it("is not sent to who says that it holds it", async () => {
    const alice = await openLog(n);
    await alice.apply([group(changeOf("a", { table: "todo" }))]);

    expect((await alice.read(0, new Map([[mallory, 1]]))).groups).toEqual([]);
    expect((await alice.read(0, new Map([[mallory, 0]]))).groups).toHaveLength(1);
  });

  it("is left out of a stretch that does not reach the end of the log", async () => {
    const alice = await openLog(n, { stretchChanges: 1 });
    await alice.exec("INSERT INTO n VALUES ('a', 1, 1)");
    await alice.exec("INSERT INTO n VALUES ('b', 1, 1)");
    await alice.apply([group(changeOf("c", { table: "todo" }))]);

    const first = await alice.read();
    const last = await alice.read(first.to);

    expect(first).toMatchObject({ complete: false, quarantineTo: 0 });
    expect(first.groups).toHaveLength(1);
    expect(last).toMatchObject({ complete: true, quarantineTo: 1 });
    expect(last.groups).toHaveLength(2);
  });
});

describe("a row that a CHECK or STRICT refuses", () => {
  const strict = "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x INTEGER CHECK (x < 100), y TEXT) STRICT";

  it("is kept without stopping the rest, and own writes go on", async () => {
    const alice = await openLog(n);
    const bob = await openLog(strict);
    await alice.exec("INSERT INTO n VALUES ('a', 100, 'one'), ('b', 99, x'00'), ('c', 'text', 'two')");

    const merged = await send(alice, bob);
    await bob.exec("UPDATE n SET y = 'edited' WHERE id = 'a'");
    await send(bob, alice);

    expect(merged).toMatchObject({ count: 3, grew: true });
    expect(await bob.rows("SELECT * FROM n ORDER BY id")).toEqual([
      ["a", null, "edited"],
      ["b", 99, null],
      ["c", null, "two"],
    ]);
    expect(await alice.rows("SELECT * FROM n WHERE id = 'a'")).toEqual([["a", 100, "edited"]]);
  });

  it("reaches a third replica that can take it", async () => {
    const alice = await openLog(n);
    const bob = await openLog(strict);
    const carol = await openLog(n);
    await alice.exec("INSERT INTO n VALUES ('a', 100, 'one')");

    await send(alice, bob);
    await send(bob, carol);

    expect(await changesOf(carol)).toEqual(await changesOf(alice));
  });
});

describe("when the schema can take it", () => {
  it("is applied under its own origin, and leaves the quarantine", async () => {
    const alice = await openLog(
      "CREATE TABLE n (id TEXT PRIMARY KEY NOT NULL, x, y); CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, x)",
    );
    const bob = await openLog(n);
    await alice.exec("INSERT INTO todo VALUES ('a', 1.0), ('b', x'')");
    await alice.exec("DELETE FROM todo WHERE id = 'b'");
    await send(alice, bob);
    expect(await bob.log.replayQuarantine()).toBe(0);

    await bob.exec("CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, x)");
    await bob.database.enableSync("todo");
    const applied = await bob.log.replayQuarantine();
    const carol = await openLog("CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, x)");
    await send(bob, carol);

    expect(applied).toBeGreaterThan(0);
    expect(await bob.rows("SELECT count(*) FROM ledger_quarantine")).toEqual([[0]]);
    expect(await changesOf(bob)).toEqual(await changesOf(alice));
    expect(await changesOf(carol)).toEqual(await changesOf(alice));
    expect((await bob.read()).groups).toEqual((await alice.read()).groups);
  });

  it("loses against what was written here meanwhile", async () => {
    const bob = await openLog(n);
    await bob.apply([group(changeOf("a", { table: "todo" }))]);
    await bob.exec("CREATE TABLE todo (id TEXT PRIMARY KEY NOT NULL, x)");
    await bob.exec("INSERT INTO todo VALUES ('a', 5)");
    await bob.database.enableSync("todo");

    expect(await bob.log.replayQuarantine()).toBe(0);
    expect(await bob.rows("SELECT * FROM todo")).toEqual([["a", 5]]);
    expect(await bob.rows("SELECT count(*) FROM ledger_quarantine")).toEqual([[0]]);
  });
});
