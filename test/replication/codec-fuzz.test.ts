/**
 * Valid frames, mutated: decoding never throws, and whatever decodes can be merged by the real engine, which neither
 * traps nor touches what the frame does not name, and whose log can be sent on afterwards.
 * LEDGER_FUZZ_FRAMES sets the number of frames, LEDGER_FUZZ_SEED where they start.
 */

import { expect, test } from "vitest";
import type { Epoch, SiteId } from "../../src/common/ids.ts";
import type { Random } from "../../src/common/random.ts";
import { openChangeLog } from "../../src/database/change-log.ts";
import { openDatabase } from "../../src/database/open-database.ts";
import type { ChangeGroup } from "../../src/replication/change.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

const frames = Number(process.env["LEDGER_FUZZ_FRAMES"] ?? 200_000);
const seed = Number(process.env["LEDGER_FUZZ_SEED"] ?? 1);
/** Frames of which something decoded, merged at a time. */
const batchFrames = 400;
/** Of those, at most so many are merged: what decodes early on is like what decodes later. */
const mostMerged = frames / 20;

const schema = `
  CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', stars INTEGER, picture BLOB);
  CREATE TABLE todo (a INTEGER NOT NULL, b REAL NOT NULL, x, PRIMARY KEY (a, b));
  CREATE TABLE tight (id BLOB PRIMARY KEY NOT NULL, x INTEGER CHECK (x < 100)) STRICT;
  CREATE TABLE flags (id ANY PRIMARY KEY NOT NULL) WITHOUT ROWID;
  CREATE TABLE bystander (id TEXT PRIMARY KEY NOT NULL, x);
  CREATE TABLE outsider (id TEXT PRIMARY KEY NOT NULL, x)`;
const synced = ["notes", "todo", "tight", "flags", "bystander"];
const untouched = ["bystander", "outsider", "bystander__crsql_clock"];

const writes = [
  "INSERT INTO notes VALUES ('a', 'one', 1, x'00ff'), ('b', '', -1, NULL), ('', 'no key', 9007199254740993, x'')",
  "INSERT INTO todo VALUES (0, 0.0, 1.5), (-1, 1e300, 'x'), (255, -2.5, NULL), (9223372036854775807, 1.0, x'01')",
  "INSERT INTO tight VALUES (x'', 1), (x'000102', 99)",
  "INSERT INTO flags VALUES (1), ('one'), (x'01')",
  "UPDATE notes SET title = 'two' WHERE id = 'a'; DELETE FROM notes WHERE id = 'b'; UPDATE todo SET x = 7 WHERE a = 0",
  "INSERT INTO notes (id, title) VALUES ('b', 'again')",
  "DELETE FROM flags WHERE id = 'one'",
];

const open = async () => {
  const database = await openDatabase({ name: "fuzz", ladder: ["memory"] });
  const log = await openChangeLog({ database, epoch: "0e".repeat(16) as Epoch, nowMs: 1 });
  await database.exec({ sql: schema });
  for (const table of synced) await database.enableSync(table);
  await database.exec({ sql: "INSERT INTO bystander VALUES ('safe', 1)" });
  await database.exec({ sql: "INSERT INTO outsider VALUES ('safe', 1)" });
  return { database, log };
};

type Victim = Awaited<ReturnType<typeof open>>;

const peer = "b0".repeat(16) as SiteId;

const merge = ({ log }: Victim, groups: readonly ChangeGroup[]) =>
  log.apply({ peer, groups, cursor: { epoch: log.epoch, position: 1 }, claims: new Map() });

/** Frames of every group that an honest replica has, alone and together. */
const honestFrames = async (): Promise<readonly Uint8Array[]> => {
  const { database, log } = await open();
  for (const sql of writes) await database.exec({ sql });
  const { groups } = await log.read({ after: 0, quarantineAfter: 0, known: new Map() });
  await database.close();
  const rest = groups.filter((group) => group.changes.every((change) => change.table !== "bystander"));
  const frame = (chosen: readonly ChangeGroup[]): Uint8Array =>
    encodeMessage({ type: "changes", to: 1, complete: false, frontier: new Map(), groups: chosen });
  return [...rest.map((group) => frame([group])), frame(rest), frame(rest.slice(0, 3)), frame(rest.slice(2, 5))];
};

const mutate = (random: Random, corpus: readonly Uint8Array[]): Uint8Array => {
  const below = (limit: number): number => Math.floor(random.unit() * limit);
  let bytes = (corpus[below(corpus.length)] as Uint8Array).slice();
  for (let times = 1 + below(3); times > 0 && bytes.length > 0; times -= 1) {
    const at = below(bytes.length);
    const value = [below(256), (bytes[at] as number) ^ (1 << below(8)), (bytes[at] as number) + 1, 0, 1, 255][
      below(6)
    ] as number;
    switch (below(10)) {
      case 0:
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(4))]);
        break;
      case 1:
        bytes = Uint8Array.from([...bytes.subarray(0, at), value, ...bytes.subarray(at)]);
        break;
      case 2: {
        const other = corpus[below(corpus.length)] as Uint8Array;
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(below(other.length))]);
        break;
      }
      case 3:
        bytes.copyWithin(at, below(bytes.length), below(bytes.length));
        break;
      default:
        bytes[at] = value;
    }
  }
  return bytes;
};

const readUntouched = async ({ database }: Victim): Promise<string> => {
  const tables = [];
  for (const name of untouched)
    tables.push((await database.exec({ sql: `SELECT * FROM ${name}`, rowMode: "array" })).rows);
  return JSON.stringify(tables);
};

test(`survives ${frames} mutated frames`, { timeout: 600_000 }, async () => {
  const random = createSeededRandom(seed);
  const corpus = await honestFrames();
  const victim = await open();
  const before = await readUntouched(victim);
  const changed = new Set<string>();
  victim.database.onCommit(({ tables }) => tables.forEach((table) => changed.add(table)));
  let decoded = 0;
  let merged = 0;
  let waiting: { readonly frame: Uint8Array; readonly groups: readonly ChangeGroup[] }[] = [];

  const mergeWaiting = async (): Promise<void> => {
    const named = new Set(
      waiting.flatMap(({ groups }) => groups.flatMap(({ changes }) => changes.map(({ table }) => table))),
    );
    changed.clear();
    try {
      merged += (
        await merge(
          victim,
          waiting.flatMap(({ groups }) => groups),
        )
      ).count;
    } catch (error) {
      const hex = waiting.map(({ frame }) => Buffer.from(frame).toString("hex"));
      throw new Error(`one of these frames was too much for the engine (seed ${seed}):\n${hex.join("\n")}`, {
        cause: error,
      });
    }
    expect([...changed].filter((table) => !named.has(table))).toEqual([]);
    waiting = [];
  };

  for (let i = 0; i < frames; i += 1) {
    const frame = mutate(random, corpus);
    const result = decodeMessage(frame, defaultReplicationLimits);
    if (!result.ok) continue;
    decoded += 1;
    if (result.value.type !== "changes" || decoded > mostMerged) continue;
    waiting.push({ frame, groups: result.value.groups });
    if (waiting.length === batchFrames) await mergeWaiting();
  }
  await mergeWaiting();

  expect(decoded).toBeGreaterThan(frames / 50);
  expect(merged).toBeGreaterThan(100);
  expect(await readUntouched(victim)).toBe(before);
  expect((await victim.database.exec({ sql: "PRAGMA quick_check" })).rows).toEqual([{ quick_check: "ok" }]);
  const { groups } = await victim.log.read({ after: 0, quarantineAfter: 0, known: new Map() });
  const relayed = encodeMessage({ type: "changes", to: 1, complete: true, frontier: new Map(), groups });
  expect(decodeMessage(relayed, defaultReplicationLimits)).toMatchObject({ ok: true });
  await victim.database.exec({ sql: "INSERT INTO notes (id) VALUES ('still alive')" });
  await victim.database.close();
});
