import { afterEach, expect, test } from "vitest";
import { Ledger, type Conflict } from "../src/index.ts";
import { createTestNetwork } from "../src/testing.ts";
import { notesTable } from "./support/replicas.ts";

const opened: Ledger[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

test("gives both values when a peer's write replaced one that nobody had seen, until it is dismissed", async () => {
  const options = { network: createTestNetwork(), signalingUrl: "ws://test", token: Ledger.createToken() };
  const [alice, bob] = [new Ledger(options), new Ledger(options)];
  opened.push(alice, bob);
  for (const db of [alice, bob]) {
    await db.init();
    await db.exec(notesTable);
    await db.enableSync("notes");
  }
  await alice.exec("INSERT INTO notes (id, title) VALUES ('a', 'from Alice')");
  await bob.exec("INSERT INTO notes (id, title) VALUES ('a', 'from Bob')");
  const told = new Promise<Conflict>((resolve) => alice.on("conflict", resolve));
  const ofBob: Conflict[] = [];
  bob.on("conflict", (conflict) => ofBob.push(conflict));

  await Promise.all([alice.connect(), bob.connect()]);
  const conflict = await told;
  await alice.whenSynced();

  expect(conflict).toMatchObject({
    table: "notes",
    key: { id: "a" },
    column: "title",
    mine: "from Alice",
    theirs: "from Bob",
    isDeleted: false,
    who: bob.getNodeId(),
  });
  expect(await alice.history.conflicts()).toEqual([conflict]);
  await alice.history.dismiss(conflict);
  expect(await alice.history.conflicts()).toEqual([]);
  expect(ofBob).toEqual([]);
});
