import { expect, test } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import { takeFromTabs, takePatienceMs } from "../../src/tabs/take-from-tabs.ts";
import { execOn } from "../support/calls.ts";
import type { FakeTab } from "./fake-browser.ts";
import { createFakeTabs, type FakeTabs, type OpenTab } from "./fake-tabs.ts";

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "answered",
    (error: unknown) => (error instanceof LedgerError ? error.code : String(error)),
  );

const take = (tabs: FakeTabs, tab: FakeTab, close = async () => {}) =>
  takeFromTabs({ ...tab, dbName: "notes", clock: tabs.clock, close });

/** Closes when it is told, as Ledger does. */
const obey = ({ host }: OpenTab): void => {
  host.onEvent(({ name, args }) => {
    if (name === "error" && args[0].code === "LEDGER_DESTROYED") void host.close();
  });
};

test("makes every tab let go, rejects what they asked, and opens nothing in between", async () => {
  const tabs = createFakeTabs();
  const [alice, bob, carol] = [await tabs.open(), await tabs.open(), await tabs.open()];
  for (const tab of [alice, bob, carol]) obey(tab);
  const replica = alice.replicas[0];
  if (replica !== undefined) replica.stalls = "before-write";
  const inFlight = codeOf(execOn(carol.host, { sql: "one" }));
  await tabs.rest();

  const release = await take(tabs, bob.tab, () => bob.host.close());

  expect(await inFlight).toBe("LEDGER_DESTROYED");
  expect(carol.events.at(-1)).toMatchObject({ name: "error", args: [{ code: "LEDGER_DESTROYED" }] });
  expect(tabs.file.openBy).toBeUndefined();
  expect(tabs.file.opened).toBe(1);
  release();
  expect((await tabs.open()).host.snapshot.role).toBe("leader");
});

test("lets a tab that comes meanwhile wait until the database is gone", async () => {
  const tabs = createFakeTabs();
  const release = await take(tabs, tabs.openTab());

  const late = tabs.open();
  await tabs.rest();
  expect(tabs.file.opened).toBe(0);
  release();

  expect((await late).host.snapshot.role).toBe("leader");
});

test("tells a tab that was just about to lead", async () => {
  const tabs = createFakeTabs();
  tabs.file.busy = 1;
  const opening = codeOf(tabs.open());
  await tabs.rest();

  const taken = take(tabs, tabs.openTab());
  await tabs.pass(500);

  expect(await opening).toBe("LEDGER_DESTROYED");
  (await taken)();
});

test("gives up on a leading tab that does not answer", async () => {
  const tabs = createFakeTabs();
  const alice = await tabs.open();
  alice.tab.freeze();

  const taken = codeOf(take(tabs, tabs.openTab()));
  await tabs.pass(takePatienceMs);

  expect(await taken).toBe("LEDGER_STORAGE_BUSY");
});
