/**
 * A deterministic simulation: replicas with the real engine, links that hold messages back, cut and come again, replicas
 * that restart and learn of a table late. Everything that happens is drawn from one seed. Order is kept only where the
 * world keeps it: within one database's queue and within one direction of one link.
 */

import { openChangeLog, type ChangeLog } from "../../src/database/change-log.ts";
import type { Database } from "../../src/database/database.ts";
import { openMemoryHost } from "../../src/database/memory-host.ts";
import { SnapshotRefusedError } from "../../src/database/snapshot-refused.ts";
import { createSqliteDatabase } from "../../src/database/sqlite-database.ts";
import { bytesToHex, type Epoch, type LinkId } from "../../src/common/ids.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import {
  createCoreState,
  defaultDelays,
  type CoreState,
  type Effect,
  type Input,
  type TimerName,
} from "../../src/replication/core-state.ts";
import { step as coreStep } from "../../src/replication/core.ts";
import { versionOf } from "../../src/replication/frontier.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";
import type { Message } from "../../src/replication/message.ts";
import { createSimulatedDisk, type SimulatedDisk } from "./simulated-disk.ts";

/** The core under test; a planted bug replaces it. */
export type StepFunction = typeof coreStep;

export interface SimulationOptions {
  readonly seed: number;
  readonly replicas: number;
  /** Random events before healing. */
  readonly events: number;
  readonly step?: StepFunction;
  /** Some replicas create the table only in the end. Default: drawn from the seed. */
  readonly schemaSkew?: boolean;
}

export interface SimulationReport {
  readonly messagesWithRows: number;
  readonly rowsSent: number;
  readonly rowsEffective: number;
  readonly bytes: number;
  readonly eventsToQuiet: number;
  /** Digests that differed although the frontiers were equal. */
  readonly disagreements: number;
  /** Restarts on older files, and lost writes that were asked back. */
  readonly lostEnds: number;
  readonly recoveries: number;
  /** Snapshots that were taken. */
  readonly snapshots: number;
}

interface Replica {
  readonly index: number;
  readonly disk: SimulatedDisk;
  database: Database;
  log: ChangeLog;
  core: CoreState;
  hasTable: boolean;
  /** Orders to the database, carried out in order. */
  readonly work: (() => Promise<Input | undefined>)[];
  /** What the database brought about and the core has not heard yet, in order. */
  readonly facts: Input[];
  readonly timers: Set<TimerName>;
}

interface SimulatedLink {
  readonly id: LinkId;
  readonly ends: readonly [Replica, Replica];
  /** By receiving end. */
  readonly queues: readonly [Uint8Array<ArrayBuffer>[], Uint8Array<ArrayBuffer>[]];
  /** Which ends still have it. */
  readonly open: [boolean, boolean];
}

const table = `CREATE TABLE notes (
  id TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL DEFAULT '', stars INTEGER, weight REAL, picture BLOB)`;

/** mulberry32. @see https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
const createUnit = (seed: number): (() => number) => {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
}

export const simulate = async (options: SimulationOptions): Promise<SimulationReport> => {
  const unit = createUnit(options.seed);
  const below = (limit: number): number => Math.floor(unit() * limit);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  const chance = (probability: number): boolean => unit() < probability;
  const step = options.step ?? coreStep;
  const report = {
    messagesWithRows: 0,
    rowsSent: 0,
    rowsEffective: 0,
    bytes: 0,
    eventsToQuiet: 0,
    disagreements: 0,
    lostEnds: 0,
    recoveries: 0,
    snapshots: 0,
  };
  const links: SimulatedLink[] = [];
  const replicas: Replica[] = [];
  let nextLink = 1;
  const leastSnapshotCells = 6;
  /** Often small, so that logs are read in many stretches. */
  const stretchChanges = chance(0.3) ? 4_000 : 1 + below(8);

  const newEpoch = (): Epoch => bytesToHex(Uint8Array.from({ length: 16 }, () => below(256))) as Epoch;

  const createTable = async (replica: Replica): Promise<void> => {
    await replica.database.exec({ sql: table });
    await replica.database.enableSync("notes");
    replica.hasTable = true;
  };

  let clockMs = 1_800_000_000_000;
  const nextMs = (): number => (clockMs += 1 + below(1_000));

  const openReplica = async (index: number, hasTable: boolean): Promise<Replica> => {
    const disk = createSimulatedDisk();
    const database = await createSqliteDatabase(await openMemoryHost(undefined, disk));
    const log = await openChangeLog({
      database,
      epoch: newEpoch(),
      nowMs: nextMs(),
      stretchChanges,
      leastSnapshotCells,
    });
    const core = createCoreState(database.siteId, defaultDelays, log.reservedTo);
    const replica: Replica = {
      index,
      disk,
      database,
      log,
      core,
      hasTable: false,
      work: [],
      facts: [],
      timers: new Set(),
    };
    if (hasTable) await createTable(replica);
    return replica;
  };

  const feed = (replica: Replica, input: Input): void => {
    const result = step(replica.core, input);
    replica.core = result.state;
    for (const effect of result.effects) carryOut(replica, effect);
  };

  const openEnd = (replica: Replica, id: LinkId): { readonly link: SimulatedLink; readonly end: 0 | 1 } | undefined => {
    const link = links.find((candidate) => candidate.id === id);
    if (link === undefined) return undefined;
    const end = link.ends[0] === replica ? 0 : 1;
    return link.open[end] ? { link, end } : undefined;
  };

  const send = (replica: Replica, id: LinkId, message: Message): void => {
    const bytes = encodeMessage(message);
    report.bytes += bytes.length;
    if (message.type === "changes" && message.groups.length > 0) {
      report.messagesWithRows += 1;
      report.rowsSent += message.groups.reduce((sum, group) => sum + group.changes.length, 0);
    }
    const found = openEnd(replica, id);
    if (found?.link.open[1 - found.end] === true) found.link.queues[found.end === 0 ? 1 : 0].push(bytes);
  };

  const carryOut = (replica: Replica, effect: Effect): void => {
    const { log } = replica;
    switch (effect.type) {
      case "send":
        return send(replica, effect.link, effect.message);
      case "read-changes":
        replica.work.push(async () => {
          const { link, pass, quarantineAfter } = effect;
          const snapshot = effect.mayBeImage ? await log.readSnapshot(effect.resume) : undefined;
          if (snapshot === undefined) return { type: "read", link, pass, stretch: await log.read(effect) };
          const { part, ...stretch } = snapshot;
          return { type: "read", link, pass, stretch: { ...stretch, quarantineTo: quarantineAfter }, part };
        });
        return;
      case "read-image":
        replica.work.push(async () => {
          const { link, pass } = effect;
          return { type: "image-read", link, pass, part: log.readImagePart(effect) };
        });
        return;
      case "keep-images":
        return log.keepImages(effect.given, effect.from);
      case "take-snapshot":
        replica.work.push(async () => {
          const { link, cursor } = effect;
          try {
            const taken = await log.takeSnapshot(effect);
            if (taken === undefined) return undefined;
            const { frontier, grew, count } = taken;
            report.rowsEffective += count;
            report.snapshots += 1;
            return { type: "applied", link, frontier, grew, position: cursor.position, complete: false };
          } catch (error) {
            if (error instanceof SnapshotRefusedError) return { type: "snapshot-refused", link };
            throw error;
          }
        });
        return;
      case "apply-changes":
        replica.work.push(async () => {
          const { frontier, grew, count } = await log.apply(effect);
          report.rowsEffective += count;
          return {
            type: "applied",
            link: effect.link,
            frontier,
            grew,
            position: effect.cursor.position,
            complete: effect.complete,
          };
        });
        return;
      case "read-frontier":
        replica.work.push(async () => ({ type: "frontier-read", frontier: await log.frontier() }));
        return;
      case "read-digest":
        replica.work.push(async () => {
          const digest = await log.digest();
          return digest === undefined ? undefined : { type: "digested", ...digest };
        });
        return;
      case "set-timer":
        replica.timers.add(effect.timer);
        return;
      case "report-digest":
        if (!effect.agrees) report.disagreements += 1;
        return;
      case "report-schema":
        return; // Schemas are for status and events only.
      case "renew-identity":
        throw new SimulationFailure(`replica ${replica.index} took a lost end for another replica`);
      case "disconnect":
        throw new SimulationFailure(`replica ${replica.index} ended a link: ${effect.code}`);
    }
  };

  const connect = (a: Replica, b: Replica): void => {
    const id = nextLink as LinkId;
    nextLink += 1;
    links.push({ id, ends: [a, b], queues: [[], []], open: [true, true] });
    for (const [own, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      own.work.push(async () => {
        const greeting = await own.log.greeting(peer.database.siteId);
        if (openEnd(own, id) === undefined) return undefined;
        return { type: "opened", link: id, peer: peer.database.siteId, peerEpoch: peer.log.epoch, ...greeting };
      });
    }
  };

  const lose = (link: SimulatedLink, end: 0 | 1): void => {
    if (!link.open[end]) return;
    link.open[end] = false;
    link.queues[end].length = 0;
    feed(link.ends[end], { type: "lost", link: link.id });
  };

  /** Whether the end has said its hello: frames wait for that, as in the replicator. */
  const isReady = (link: SimulatedLink, end: 0 | 1): boolean => link.ends[end].core.links.has(link.id);

  const deliver = (link: SimulatedLink, end: 0 | 1): void => {
    const bytes = link.queues[end].shift() as Uint8Array<ArrayBuffer>;
    const decoded = decodeMessage(bytes, defaultReplicationLimits);
    if (!decoded.ok) throw new SimulationFailure(`could not decode a message: ${decoded.error.rule}`);
    const message = decoded.value;
    const replica = link.ends[end];
    if (message.type !== "hello") return feed(replica, { type: "received", link: link.id, message });
    const lostAfter = replica.log.lostAfter(versionOf(message.frontier, replica.database.siteId));
    if (lostAfter !== undefined) report.recoveries += 1;
    feed(replica, {
      type: "received",
      link: link.id,
      message,
      resumeAt: replica.log.resumePosition(message.cursor),
      ...(lostAfter === undefined ? {} : { lostAfter }),
    });
  };

  const write = async (replica: Replica): Promise<void> => {
    const id = `note-${below(6)}`;
    const statements = Array.from({ length: 1 + below(3) }, () => {
      switch (below(6)) {
        case 0:
          return `DELETE FROM notes WHERE id = '${id}'`;
        case 1:
          return `UPDATE notes SET stars = ${below(4)} WHERE id = '${id}'`;
        case 2:
          return `UPDATE notes SET weight = ${below(3)}.0, picture = x'${"00ff".slice(0, 2 * below(3))}' WHERE id = '${id}'`;
        case 3:
          return `UPDATE notes SET title = title WHERE id = '${id}'`;
        default:
          return `INSERT INTO notes (id, title, stars) VALUES ('${id}', 'title ${below(5)}', ${below(2) * 1_700_000_000_000})
                  ON CONFLICT (id) DO UPDATE SET title = excluded.title`;
      }
    });
    await replica.database.exec({ sql: statements.join(";\n") });
    replica.facts.push({ type: "committed" });
  };

  /**
   * The process ends between two orders and starts again, on the same files or on those of an earlier moment: a crash that
   * took the end of the log, or an old copy put back.
   */
  const restart = async (replica: Replica, losesEnd: boolean): Promise<void> => {
    if (losesEnd && replica.disk.restore()) {
      await replica.database.close();
      replica.database = await createSqliteDatabase(await openMemoryHost(undefined, replica.disk));
      replica.hasTable = replica.database.syncedTables.has("notes");
      report.lostEnds += 1;
    }
    for (const link of links) {
      const end = link.ends[0] === replica ? 0 : link.ends[1] === replica ? 1 : undefined;
      if (end !== undefined) {
        link.open[end] = false;
        link.queues[end].length = 0;
      }
    }
    replica.work.length = 0;
    replica.facts.length = 0;
    replica.timers.clear();
    replica.log = await openChangeLog({
      database: replica.database,
      epoch: newEpoch(),
      nowMs: nextMs(),
      stretchChanges,
      leastSnapshotCells,
    });
    replica.core = createCoreState(replica.database.siteId, defaultDelays, replica.log.reservedTo);
  };

  const runWork = async (replica: Replica): Promise<void> => {
    const input = await (replica.work.shift() as () => Promise<Input | undefined>)();
    if (input !== undefined) replica.facts.push(input);
  };

  const learnTable = async (replica: Replica): Promise<void> => {
    await createTable(replica);
    if ((await replica.log.replayQuarantine()) > 0) replica.facts.push({ type: "committed" });
  };

  /** What can happen next besides the arbitrary: messages, orders, timers, and ends that notice a dead link. */
  const due = (): (() => void | Promise<void>)[] => {
    const events: (() => void | Promise<void>)[] = [];
    for (const link of links) {
      for (const end of [0, 1] as const) {
        if (!link.open[end]) continue;
        if (link.queues[end].length > 0 && isReady(link, end)) events.push(() => deliver(link, end));
        if (!link.open[end === 0 ? 1 : 0] && link.queues[end].length === 0) events.push(() => lose(link, end));
      }
    }
    for (const replica of replicas) {
      if (replica.work.length > 0) events.push(() => runWork(replica));
      if (replica.facts.length > 0) events.push(() => feed(replica, replica.facts.shift() as Input));
      for (const timer of replica.timers) {
        events.push(() => {
          replica.timers.delete(timer);
          feed(replica, { type: "elapsed", timer });
        });
      }
    }
    return events;
  };

  const arbitrary = async (): Promise<void> => {
    const draw = unit();
    const replica = pick(replicas);
    if (draw < 0.6) {
      if (replica.hasTable) await write(replica);
    } else if (draw < 0.8) {
      const other = pick(replicas);
      const isLinked = links.some(
        (link) => link.ends.includes(replica) && link.ends.includes(other) && (link.open[0] || link.open[1]),
      );
      if (other !== replica && !isLinked) connect(replica, other);
    } else if (draw < 0.86) {
      const live = links.filter((link) => link.open[0] || link.open[1]);
      if (live.length > 0) lose(pick(live), chance(0.5) ? 0 : 1);
    } else if (draw < 0.92) {
      await restart(replica, chance(0.5));
    } else if (draw < 0.97) {
      replica.disk.save();
    } else if (!replica.hasTable) {
      await learnTable(replica);
    }
  };

  const settle = async (budget: number): Promise<number> => {
    for (let count = 0; count < budget; count += 1) {
      const events = due();
      if (events.length === 0) return count;
      await pick(events)();
    }
    throw new SimulationFailure(`not quiet after ${budget} events`);
  };

  const stateOf = async (replica: Replica): Promise<string> => {
    const changes = await replica.database.exec({
      sql: `SELECT "table", hex(pk) AS pk, cid, typeof(val) AS class, quote(val) AS val, col_version, cl FROM crsql_changes`,
      rowMode: "array",
    });
    const rows = await replica.database.exec({ sql: "SELECT * FROM notes ORDER BY id", rowMode: "array" });
    const text = (value: unknown): string =>
      JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `${v}n` : v));
    return `${changes.rows.map(text).sort().join("\n")}\n${text(rows.rows)}`;
  };

  try {
    const skew = options.schemaSkew ?? chance(0.3);
    for (let i = 0; i < options.replicas; i += 1) replicas.push(await openReplica(i, i === 0 || !skew || chance(0.6)));

    for (let i = 0; i < options.events; i += 1) {
      const events = due();
      if (events.length > 0 && chance(0.7)) await pick(events)();
      else await arbitrary();
    }

    // Heal: everyone learns the table, and the replicas stand in a line, so that everything must be relayed.
    for (const replica of replicas) if (!replica.hasTable) await learnTable(replica);
    for (const link of links) for (const end of [0, 1] as const) lose(link, end);
    const line = [...replicas].sort(() => unit() - 0.5);
    for (let i = 1; i < line.length; i += 1) connect(line[i - 1] as Replica, line[i] as Replica);
    // Then a while of writes over links that hold: nothing may depend on linking anew.
    for (let i = 0; i < 40; i += 1) {
      const events = due();
      if (events.length > 0 && chance(0.8)) await pick(events)();
      else await write(pick(replicas));
    }
    report.eventsToQuiet = await settle(4_000);

    const states = await Promise.all(replicas.map(stateOf));
    const odd = states.findIndex((state) => state !== states[0]);
    if (odd !== -1) {
      throw new SimulationFailure(`replica ${odd} did not converge:\n${states[odd]}\nreplica 0:\n${states[0]}`);
    }

    // In step: linking anew sends no row.
    for (const link of links) for (const end of [0, 1] as const) lose(link, end);
    const sent = report.rowsSent;
    for (let i = 1; i < line.length; i += 1) connect(line[i - 1] as Replica, line[i] as Replica);
    await settle(2_000);
    if (report.rowsSent !== sent) throw new SimulationFailure(`${report.rowsSent - sent} rows were sent again`);
    return report;
  } finally {
    for (const { database } of replicas) await database.close();
  }
};
