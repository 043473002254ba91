/** Live queries of an app, over the real engine. */

import { afterEach, describe, expect, it } from "vitest";
import { Ledger, type LedgerError, type LedgerOptions, type LiveQuery, type RowChanges, sql } from "../../src/index.ts";
import { createTestNetwork } from "../../src/testing.ts";
import { notesTable } from "../support/replicas.ts";

interface Note {
  readonly id: string;
  readonly title: string;
}

const opened: Ledger[] = [];

const create = (options: LedgerOptions = {}): Ledger => {
  const db = new Ledger({ dbName: crypto.randomUUID(), signalingUrl: "ws://test", token: "room", ...options });
  opened.push(db);
  return db;
};

const open = async (options: LedgerOptions = {}): Promise<Ledger> => {
  const db = create(options);
  await db.init();
  await db.exec(notesTable);
  await db.enableSync("notes");
  await db.exec("CREATE TABLE probe (id INTEGER PRIMARY KEY)");
  return db;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

const add = (db: Ledger, id: string, title = id) => db.exec("INSERT INTO notes (id, title) VALUES (?, ?)", [id, title]);

/** Everything that a query tells, and a way to wait for the next of it. */
const follow = <R, C>(live: LiveQuery<R, C>) => {
  const told: unknown[] = [];
  const waiting: (() => void)[] = [];
  const tell = (value: unknown): void => {
    told.push(value);
    for (const resolve of waiting.splice(0)) resolve();
  };
  const { unsubscribe } = live.subscribe({
    next: tell,
    error: (error) => tell(error.code),
    complete: () => tell("complete"),
  });
  /** Resolves once `count` things were told. */
  const until = async (count: number): Promise<readonly unknown[]> => {
    while (told.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    return told;
  };
  return { told, until, stop: unsubscribe };
};

/** Lets every run that is due be made and told: one that is demanded after them is answered after them. */
const settle = async (db: Ledger): Promise<void> => {
  const probe = db.live("SELECT max(id) FROM probe");
  const probed = follow(probe);
  await probed.until(1);
  await db.exec("INSERT INTO probe DEFAULT VALUES");
  await probed.until(2);
  probe.close();
};

describe("a subscriber", () => {
  it("is called with the rows as soon as they are known, and whenever they change", async () => {
    const db = await open();
    await add(db, "a");
    const live = db.live("SELECT id FROM notes ORDER BY id");
    const alice = follow(live);

    expect([live.status, live.rows, alice.told]).toEqual(["loading", [], []]);
    await alice.until(1);
    await add(db, "b");
    await alice.until(2);

    expect(alice.told).toEqual([[{ id: "a" }], [{ id: "a" }, { id: "b" }]]);
    expect([live.status, live.rows]).toEqual(["ready", alice.told[1]]);
  });

  it("is called at once, from within subscribe(), when the rows are known", async () => {
    const db = await open();
    const live = db.live("SELECT 1 AS one");
    await follow(live).until(1);

    expect(follow(live).told).toEqual([[{ one: 1 }]]);
  });

  it("is not called when the rows stay the same", async () => {
    const db = await open();
    const alice = follow(db.live("SELECT count(*) AS n FROM notes WHERE title = 'x'"));
    await alice.until(1);
    await add(db, "a");
    await settle(db);

    expect(alice.told).toEqual([[{ n: 0 }]]);
  });

  it("hears of what peers write", async () => {
    const network = createTestNetwork();
    const alice = await open({ network });
    const bob = await open({ network });
    const seen = follow(bob.live("SELECT title FROM notes"));
    await seen.until(1);
    await Promise.all([alice.connect(), bob.connect()]);
    await add(alice, "a", "from Alice");

    expect(await seen.until(2)).toEqual([[], [{ title: "from Alice" }]]);
  });

  it("hears of what transactions and batches commit, and nothing of what is rolled back", async () => {
    const db = await open();
    const alice = follow(db.live("SELECT count(*) AS n FROM notes"));
    await alice.until(1);
    await db.transaction(async (tx) => {
      await tx.sql`INSERT INTO notes (id) VALUES (${"a"})`;
      await tx.sql`INSERT INTO notes (id) VALUES (${"b"})`;
    });
    await alice.until(2);
    await db
      .transaction(async (tx) => tx.exec("DELETE FROM notes").then(() => Promise.reject(new Error("no"))))
      .catch(() => {});
    await db.batch([sql`INSERT INTO notes (id) VALUES (${"c"})`]);
    await alice.until(3);

    expect(alice.told).toEqual([[{ n: 0 }], [{ n: 2 }], [{ n: 3 }]]);
  });

  it("hears of changes behind views, joins, subqueries and CTEs, and of what triggers write", async () => {
    const db = await open();
    await db.exec(`CREATE TABLE tags (note, tag); CREATE TABLE log (id); CREATE TABLE other (id);
      CREATE VIEW tagged AS SELECT n.id, t.tag FROM notes n LEFT JOIN tags t ON t.note = n.id;
      CREATE TRIGGER logged AFTER INSERT ON other BEGIN INSERT INTO log VALUES (new.id); END`);
    await add(db, "a");
    const queries = {
      view: follow(db.live("SELECT count(tag) AS n FROM tagged")),
      subquery: follow(db.live("SELECT id FROM notes WHERE id IN (SELECT note FROM tags)")),
      cte: follow(db.live("WITH c AS (SELECT tag FROM tags) SELECT count(*) AS n FROM c")),
      trigger: follow(db.live("SELECT count(*) AS n FROM log")),
    };
    await Promise.all(Object.values(queries).map((query) => query.until(1)));
    await db.exec("INSERT INTO tags VALUES ('a', 'red'); INSERT INTO other VALUES (1)");

    expect(await queries.view.until(2)).toEqual([[{ n: 0 }], [{ n: 1 }]]);
    expect(await queries.subquery.until(2)).toEqual([[], [{ id: "a" }]]);
    expect(await queries.cte.until(2)).toEqual([[{ n: 0 }], [{ n: 1 }]]);
    expect(await queries.trigger.until(2)).toEqual([[{ n: 0 }], [{ n: 1 }]]);
  });

  it("is told nothing more after it left, also by itself from within its call", async () => {
    const db = await open();
    const live = db.live("SELECT count(*) AS n FROM notes");
    const [alice, bob] = [follow(live), follow(live)];
    const once: unknown[] = [];
    const carol = live.subscribe((rows) => {
      once.push(rows);
      carol();
    });
    await alice.until(1);
    alice.stop();
    alice.stop();
    await add(db, "a");
    await bob.until(2);

    expect([alice.told.length, once.length, bob.told.length]).toEqual([1, 1, 2]);
  });

  it("that throws is reported and keeps nobody else from hearing", async () => {
    const db = await open();
    const reported = new Promise((resolve) => db.on("error", resolve));
    const live = db.live("SELECT 1 AS one");
    live.subscribe(() => {
      throw new Error("a bug of the app");
    });
    const alice = follow(live);

    expect(await alice.until(1)).toEqual([[{ one: 1 }]]);
    expect(await reported).toMatchObject({ code: "LEDGER_LISTENER_FAILED", cause: { message: "a bug of the app" } });
  });

  it("may subscribe, close and open others from within its call", async () => {
    const db = await open();
    const live = db.live("SELECT 1 AS one");
    const other = db.live("SELECT 2 AS two");
    const told: unknown[] = [];
    const done = new Promise<void>((resolve) => {
      live.subscribe((rows) => {
        told.push(rows);
        other.close();
        db.live("SELECT 1 AS one").subscribe((again) => {
          told.push(again);
          live.close();
          resolve();
        });
      });
    });
    await done;

    expect(told).toEqual([[{ one: 1 }], [{ one: 1 }]]);
    expect([live.status, other.status]).toEqual(["closed", "closed"]);
  });
});

describe("with a key", () => {
  it("tells what was added, updated and removed, and keeps the other rows as they are", async () => {
    const db = await open();
    await add(db, "a");
    await add(db, "b");
    const live = db.live<Note>("SELECT id, title FROM notes ORDER BY id", [], { key: "id" });
    const told: [readonly Note[], RowChanges<Note>][] = [];
    live.subscribe((rows, changes) => told.push([rows, changes]));
    const alice = follow(live);
    await alice.until(1);
    await db.exec("DELETE FROM notes WHERE id = 'a'; INSERT INTO notes (id, title) VALUES ('c', 'c')");
    await alice.until(2);
    await db.exec("UPDATE notes SET title = 'C' WHERE id = 'c'");
    await alice.until(3);

    const [a, b, c, upperC] = [
      { id: "a", title: "a" },
      { id: "b", title: "b" },
      { id: "c", title: "c" },
      { id: "c", title: "C" },
    ];
    expect(told.map(([, changes]) => changes)).toEqual([
      { added: [a, b], updated: [], removed: [] },
      { added: [c], updated: [], removed: [a] },
      { added: [], updated: [upperC], removed: [] },
    ]);
    expect(told[2]?.[0]).toEqual([b, upperC]);
    expect(told[2]?.[0][0]).toBe(told[0]?.[0][1]);
  });

  it("tells every subscriber all rows as added first", async () => {
    const db = await open();
    await add(db, "a");
    const live = db.live(sql<Note>`SELECT id, title FROM notes`, { key: ["id"] });
    await follow(live).until(1);
    await add(db, "b");
    const changes: unknown[] = [];
    live.subscribe((_rows, change) => changes.push(change));

    expect(changes).toEqual([{ added: [{ id: "a", title: "a" }], updated: [], removed: [] }]);
  });

  it("that does not tell the rows apart is an error", async () => {
    const db = await open();
    await db.exec("INSERT INTO notes (id, title) VALUES ('a', 'x'), ('b', 'x')");
    const alice = follow(db.live<Note>("SELECT title FROM notes", [], { key: "title" }));
    const bob = follow(db.live<Note>("SELECT title FROM notes", [], { key: "id" }));

    expect(await alice.until(1)).toEqual(["LEDGER_OPTION_INVALID"]);
    expect(await bob.until(1)).toEqual(["LEDGER_OPTION_INVALID"]);
    for (const key of [[], 1, [1], null]) {
      expect(() => db.live("SELECT 1", [], { key: key as unknown as string })).toThrow(/name of a column/);
    }
  });
});

describe("a change of the schema", () => {
  it("makes a view's queries read what the view reads now", async () => {
    const db = await open();
    await db.exec("CREATE TABLE other (id); INSERT INTO other VALUES ('o'); CREATE VIEW v AS SELECT id FROM notes");
    const alice = follow(db.live("SELECT id FROM v"));
    await alice.until(1);
    await db.exec("DROP VIEW v; CREATE VIEW v AS SELECT id FROM other");
    await alice.until(2);
    await db.exec("INSERT INTO other VALUES ('p')");

    expect(await alice.until(3)).toEqual([[], [{ id: "o" }], [{ id: "o" }, { id: "p" }]]);
  });

  it("makes a query fail while its table is missing, and go on once it is back", async () => {
    const db = await open();
    const live = db.live("SELECT * FROM later");
    const alice = follow(live);
    await alice.until(1);
    expect([live.status, live.error?.code]).toEqual(["error", "LEDGER_SQL_ERROR"]);
    await db.exec("CREATE TABLE later (a)");
    await alice.until(2);
    await db.exec("DROP TABLE later");
    await alice.until(3);
    await db.exec("CREATE TABLE later (a, b); INSERT INTO later VALUES (1, 2)");
    await alice.until(4);

    expect(alice.told).toEqual(["LEDGER_SQL_ERROR", [], "LEDGER_SQL_ERROR", [{ a: 1, b: 2 }]]);
    expect([live.status, live.error]).toEqual(["ready", undefined]);
  });
});

describe("a statement that fails", () => {
  it("is told to onError, to observers, or else as event", async () => {
    const db = await open();
    const events: LedgerError[] = [];
    db.on("error", (error) => events.push(error));
    const byOption = new Promise<LedgerError>((resolve) => db.live("SELECT a", [], { onError: resolve }));
    const byObserver = follow(db.live("SELECT b"));
    db.live("SELECT c").subscribe(() => {});

    expect((await byOption).message).toContain("no such column: a");
    await byObserver.until(1);
    await settle(db);
    expect(events.map(({ message }) => message)).toEqual([expect.stringContaining("no such column: c")]);
  });

  it("is refused when it writes, and writes nothing", async () => {
    const db = await open();
    const writes = [
      "DELETE FROM notes",
      "INSERT INTO notes (id) VALUES ('b') RETURNING id",
      "SELECT 1; DELETE FROM notes",
    ];
    await add(db, "a");

    for (const write of writes) expect(await follow(db.live(write)).until(1)).toEqual(["LEDGER_STATEMENT_REFUSED"]);
    expect(await db.query("SELECT id FROM notes")).toEqual([{ id: "a" }]);
  });
});

describe("a loop", () => {
  it("gives the rows and then the newest, skipping what was overtaken", async () => {
    const db = await open();
    const live = db.live<{ n: number }>("SELECT count(*) AS n FROM notes");
    const alice = follow(live);
    const counts: number[] = [];
    for await (const [row] of live) {
      counts.push(row?.n ?? -1);
      if (row?.n === 3) break;
      await add(db, `${row?.n}`);
      const before = alice.told.length;
      if (row?.n === 0) {
        await alice.until(before + 1);
        await add(db, "another");
        await alice.until(before + 2);
      }
    }

    expect(counts).toEqual([0, 2, 3]);
  });

  it("ends when the query is closed, the signal aborted, or the Ledger closed", async () => {
    const db = await open();
    const aborting = new AbortController();
    const queries = [
      db.live("SELECT 1 AS one"),
      db.live("SELECT 1 AS one", [], { signal: aborting.signal }),
      db.live("SELECT 1 AS one"),
    ] as const;
    const ends = [() => queries[0].close(), () => aborting.abort(), () => void db.close()];
    const counts = queries.map(async (query, index) => {
      let count = 0;
      for await (const _rows of query) {
        count += 1;
        ends[index]?.();
      }
      return count;
    });

    expect(await Promise.all(counts)).toEqual([1, 1, 1]);
    expect(queries.map(({ status }) => status)).toEqual(["closed", "closed", "closed"]);
  });

  it("throws when the statement fails", async () => {
    const db = await open();
    const loop = async (): Promise<void> => {
      for await (const _rows of db.live("SELECT nothing"));
    };

    await expect(loop()).rejects.toMatchObject({ code: "LEDGER_SQL_ERROR" });
  });

  it("can be left while it waits", async () => {
    const db = await open();
    const iterator = db.live("SELECT 1 AS one")[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = iterator.next();

    expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe("the life of a query", () => {
  it("begins before init(), and loads once the database is open", async () => {
    const db = create();
    const live = db.live("SELECT 1 AS one");
    const alice = follow(live);
    expect([live.status, alice.told]).toEqual(["loading", []]);
    await db.init();

    expect(await alice.until(1)).toEqual([[{ one: 1 }]]);
  });

  it("holds the rows without a subscriber, as long as none has come and gone", async () => {
    const db = await open();
    const live = db.live("SELECT count(*) AS n FROM notes");
    await settle(db);
    expect(live.rows).toEqual([{ n: 0 }]);
    await add(db, "a");
    await settle(db);
    expect(live.rows).toEqual([{ n: 1 }]);

    follow(live).stop();
    await settle(db);
    await add(db, "b");
    await settle(db);
    expect([live.status, live.rows]).toEqual(["loading", [{ n: 1 }]]);

    expect(await follow(live).until(1)).toEqual([[{ n: 2 }]]);
  });

  it("begins with the first subscriber when it is lazy, with what others have read", async () => {
    const db = await open();
    const lazy = db.live("SELECT count(*) AS n FROM notes", [], { lazy: true });
    await settle(db);
    expect([lazy.status, lazy.rows]).toEqual(["loading", []]);

    await follow(db.live("SELECT count(*) AS n FROM notes")).until(1);
    expect(db.live("SELECT count(*) AS n FROM notes", [], { lazy: true }).rows).toEqual([{ n: 0 }]);
    expect(follow(lazy).told).toEqual([[{ n: 0 }]]);
  });

  it("is over with its signal, also one that was aborted before", async () => {
    const db = await open();
    const aborting = new AbortController();
    const live = db.live("SELECT count(*) AS n FROM notes", [], { signal: aborting.signal });
    const alice = follow(live);
    await alice.until(1);
    aborting.abort();
    aborting.abort();
    await add(db, "a");
    await settle(db);

    expect(alice.told).toEqual([[{ n: 0 }], "complete"]);
    expect(follow(live).told).toEqual(["complete"]);
    expect(db.live("SELECT 1", [], { signal: AbortSignal.abort() }).status).toBe("closed");
  });

  it("is over with the Ledger", async () => {
    const db = await open();
    const [alice, bob] = [follow(db.live("SELECT 1 AS one")), follow(db.live("SELECT 2 AS two"))];
    await alice.until(1);
    await bob.until(1);
    const running = follow(db.live("SELECT 3 AS three"));
    await db.close();

    expect([alice.told, bob.told, running.told]).toEqual([
      [[{ one: 1 }], "complete"],
      [[{ two: 2 }], "complete"],
      ["complete"],
    ]);
    expect(db.live("SELECT 1").status).toBe("closed");
  });
});
