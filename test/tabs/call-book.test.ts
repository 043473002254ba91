import { expect, test } from "vitest";
import { LedgerError } from "../../src/common/errors.ts";
import type { RequestId } from "../../src/database/database.ts";
import { createCallBook, lateAnswerMs, repeatWithinMs, type CallBook, type Desk } from "../../src/tabs/call-book.ts";
import type { HostRequest, Outcome } from "../../src/tabs/tab-message.ts";
import { createFakeClock } from "../support/fake-clock.ts";

interface FakeDesk extends Desk {
  readonly asked: HostRequest[];
  /** Ids of the calls asked, oldest first. */
  ids(): readonly (RequestId | undefined)[];
  /** Answers the call that came at this place. */
  answer(index: number, outcome: Outcome): void;
}

const createFakeDesk = (isRemote: boolean): FakeDesk => {
  const asked: HostRequest[] = [];
  const answers: ((outcome: Outcome) => void)[] = [];
  return {
    isRemote,
    asked,
    ask: (request) => {
      asked.push(request);
      return new Promise((resolve) => answers.push(resolve));
    },
    ids: () =>
      asked.map((request) => (request.type === "call" && request.call.type === "exec" ? request.call.id : undefined)),
    answer: (index, outcome) => answers[index]?.(outcome),
  };
};

const clock = createFakeClock();
const bookAt = (desk: Desk): CallBook => {
  const book = createCallBook({ clock, caller: "bob" });
  book.open(desk);
  return book;
};

const exec = (book: CallBook, sql: string): Promise<string> =>
  book.call({ type: "call", call: { type: "exec", request: { sql } } }).then(
    (value) => `answered ${String(value)}`,
    (error: unknown) => (error instanceof LedgerError ? error.code : String(error)),
  );

const answer = (value: string): Outcome => ({ type: "answer", value });
const refusal = (): Outcome => ({ type: "refusal", error: new LedgerError("LEDGER_CONSTRAINT", "no") });
const rest = (): Promise<void> => clock.advance(0);

test("gives writes to another tab an id each, of a slot that no unanswered write has", async () => {
  const line = createFakeDesk(true);
  const book = bookAt(line);

  const first = exec(book, "insert 1");
  void exec(book, "insert 2");
  void exec(book, "select 3");
  line.answer(0, answer("done"));
  await first;
  void exec(book, "insert 4");

  expect(line.ids()).toEqual([
    { caller: "bob", slot: 0, number: 1 },
    { caller: "bob", slot: 1, number: 2 },
    undefined,
    { caller: "bob", slot: 0, number: 3 },
  ]);
});

test("gives the tab's own leader no ids, but passes on those that there are", async () => {
  const line = createFakeDesk(true);
  const own = createFakeDesk(false);
  const book = bookAt(line);
  void exec(book, "insert 1");

  book.shut();
  book.strand();
  book.open(own);
  void exec(book, "insert 2");

  expect(own.ids()).toEqual([line.ids()[0], undefined]);
});

test("asks the next leader in the order of the calls, what was sent before what waited", async () => {
  const [first, next] = [createFakeDesk(true), createFakeDesk(true)];
  const book = bookAt(first);
  void exec(book, "insert 1");
  void exec(book, "select 2");
  book.shut();
  void exec(book, "insert 3");

  book.strand();
  book.open(next);

  const sqlOf = (request: HostRequest): string =>
    request.type === "call" && request.call.type === "exec" ? request.call.request.sql : "";
  expect(next.asked.map(sqlOf)).toEqual(["insert 1", "select 2", "insert 3"]);
  expect(next.ids()[0]).toEqual(first.ids()[0]);
});

test("takes a late answer of the leader before, but not its late refusal: the call is on its way again", async () => {
  const [first, next] = [createFakeDesk(true), createFakeDesk(true)];
  const book = bookAt(first);
  const done = exec(book, "insert 1");
  const refused = exec(book, "insert 2");
  book.shut();
  book.strand();
  book.open(next);

  first.answer(0, answer("late"));
  first.answer(1, refusal());
  await rest();
  next.answer(0, refusal());
  next.answer(1, answer("at last"));

  expect(await done).toBe("answered late");
  expect(await refused).toBe("answered at last");
});

test("keeps the slot of a call that a leader was too late for", async () => {
  const [first, next] = [createFakeDesk(true), createFakeDesk(true)];
  const book = bookAt(first);
  const write = exec(book, "insert 1");
  first.answer(0, { type: "unserved" });
  await rest();
  book.shut();
  book.open(next);
  void exec(book, "insert 2");

  expect(next.ids().map((id) => id?.slot)).toEqual([0, 1]);
  next.answer(0, answer("done"));
  expect(await write).toBe("answered done");
});

test("rejects a write that is too old to be repeated, and repeats a read of any age", async () => {
  const [first, next] = [createFakeDesk(true), createFakeDesk(true)];
  const book = bookAt(first);
  const write = exec(book, "insert 1");
  void exec(book, "select 2");
  await clock.advance(repeatWithinMs);

  book.shut();
  book.strand();
  book.open(next);
  await clock.advance(lateAnswerMs);

  expect(await write).toBe("LEDGER_LEADER_CHANGED");
  expect(next.asked).toHaveLength(1);
});

test("says of a write in doubt that it is, whatever ends the waiting", async () => {
  const book = bookAt(createFakeDesk(true));
  const inDoubt = exec(book, "insert 1");
  book.shut();
  const waiting = exec(book, "insert 2");
  book.strand();

  book.refuse(new LedgerError("LEDGER_QUOTA_EXCEEDED", "full"), false);

  expect(await inDoubt).toBe("LEDGER_LEADER_CHANGED");
  expect(await waiting).toBe("LEDGER_QUOTA_EXCEEDED");
});
