/**
 * What exists in a simulated history and what can happen to it: replicas with the real engine, and links over a network
 * that loses, repeats, reorders and cuts off. Order is kept only where the world keeps it: within one database's queue
 * and within one direction of a link. What happens when is drawn by whoever asks.
 */

import { hexToBytes, type Epoch, type LinkId } from "../../src/common/ids.ts";
import { changeSiteId } from "../../src/database/bookkeeping.ts";
import type { Connection } from "../../src/database/connection.ts";
import { decodeMessage, encodeMessage } from "../../src/replication/codec.ts";
import type { Effect, Input } from "../../src/replication/core-state.ts";
import { step as coreStep } from "../../src/replication/core.ts";
import { versionOf } from "../../src/replication/frontier.ts";
import { defaultReplicationLimits } from "../../src/replication/limits.ts";
import type { Message } from "../../src/replication/message.ts";
import { notesTable, randomWrite, type Chance } from "./history.ts";
import { createMarks, type Marks } from "./marks.ts";
import {
  openSimulatedReplica,
  orderOf,
  readSchemaOf,
  renewSimulatedReplica,
  reopenSimulatedReplica,
  type Opening,
  type OrderObserver,
  type SimulatedReplica,
  type WrapLog,
} from "./simulated-replica.ts";
import { createSimulatedWire, type End, type SimulatedWire } from "./simulated-wire.ts";

/** The core under test; a planted bug replaces it. */
export type StepFunction = typeof coreStep;

export interface WorldOptions {
  readonly step?: StepFunction;
  readonly wrapLog?: WrapLog;
  /** Openings go on with the versions of before. A planted bug. */
  readonly reusesVersions?: boolean;
  /** Replicas that take a new id remember how far they have read. A planted bug. */
  readonly keepsCursors?: boolean;
  /** The replica that comes to this effect or fact, counted over all, crashes instead. */
  readonly crashAt?: number;
  /** That crash puts the files back to where they were saved last. */
  readonly crashLosesEnd?: boolean;
}

/** What happened so far. */
export interface Counts {
  messagesWithRows: number;
  rowsSent: number;
  rowsEffective: number;
  bytes: number;
  /** Effects and facts, the places for `crashAt`. */
  places: number;
  /** Digests that differed although the frontiers were equal. */
  disagreements: number;
  /** Restarts on older files, and lost writes that were asked back. */
  lostEnds: number;
  recoveries: number;
  /** Databases that were copied while they were open, and ids that were given up for it. */
  clones: number;
  renewals: number;
  /** Snapshots that were taken. */
  snapshots: number;
  /** Links that ended because one of their ways was cut. */
  givenUp: number;
  /** Messages that waited at one end of a link, at most. */
  mostHeld: number;
  /** Orders that waited for one database, at most. */
  mostOrdered: number;
}

export type Wire = SimulatedWire<SimulatedReplica>;
export type Happening = () => void | Promise<void>;

export interface SimulatedWorld {
  readonly counts: Counts;
  readonly replicas: readonly SimulatedReplica[];
  readonly wires: readonly Wire[];
  readonly marks: Marks;
  addReplica(hasTable: boolean): Promise<void>;
  /** A copy of the replica's files, as they are or as saved last, is opened; both go on. */
  clone(replica: SimulatedReplica, ofSaved: boolean): Promise<void>;
  /** Links two, as their room does: of two with one id, one takes another, and there is no link. */
  connect(a: SimulatedReplica, b: SimulatedReplica): Promise<void>;
  isLinked(a: SimulatedReplica, b: SimulatedReplica): boolean;
  /** The end notices that the link is gone. */
  lose(wire: Wire, end: End): void;
  loseAll(): void;
  /** A transaction of random statements. */
  write(replica: SimulatedReplica): Promise<void>;
  /** One row that nothing touches again. */
  writeMark(replica: SimulatedReplica): Promise<void>;
  restart(replica: SimulatedReplica, losesEnd: boolean): Promise<void>;
  learnTable(replica: SimulatedReplica): Promise<void>;
  /** @throws SimulationFailure when a replica takes a write for received that is not there */
  audit(): Promise<void>;
  /** What can happen next by itself: packets, messages, orders and facts; and timers, which need time. */
  due(): { readonly now: readonly Happening[]; readonly later: readonly Happening[] };
  happen(event: Happening): Promise<void>;
  /** From now on the network loses nothing, and nothing crashes any more. */
  heal(): void;
  close(): Promise<void>;
}

export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
}

/** Why a replica stops in the middle of what it does. */
interface Interruption {
  readonly replica: SimulatedReplica;
  readonly why: "crash" | "renewal";
}

const changeIdOnly = async (connection: Connection, site: Uint8Array): Promise<void> => {
  await connection.all("UPDATE crsql_site_id SET site_id = ? WHERE ordinal = 0", [site]);
};

export const createSimulatedWorld = (chance: Chance, options: WorldOptions): SimulatedWorld => {
  const { step = coreStep, wrapLog = (log) => log } = options;
  const counts: Counts = {
    messagesWithRows: 0,
    rowsSent: 0,
    rowsEffective: 0,
    bytes: 0,
    places: 0,
    disagreements: 0,
    lostEnds: 0,
    recoveries: 0,
    clones: 0,
    renewals: 0,
    snapshots: 0,
    givenUp: 0,
    mostHeld: 0,
    mostOrdered: 0,
  };
  const observer: OrderObserver = {
    merged: (changes) => {
      counts.rowsEffective += changes;
    },
    tookSnapshot: () => {
      counts.snapshots += 1;
    },
  };
  const replicas: SimulatedReplica[] = [];
  const wires: Wire[] = [];
  const marks = createMarks();
  /** Stretches that each end has sent over a link since it had no room. */
  const sentWithoutRoom = new Map<Wire, [number, number]>();
  const unaudited = new Set<Wire>();
  let nextLink = 1;
  let nextMark = 1;
  let clockMs = 1_800_000_000_000;
  let interrupted: Interruption | undefined;
  let healed = false;
  /** Often small, so that logs are read in many stretches and links have no room. */
  const stretchChanges = chance.holds(0.3) ? 4_000 : 1 + chance.below(8);
  const windowMessages = chance.holds(0.5) ? Infinity : 1 + chance.below(4);
  const faults = chance.holds(0.4)
    ? { drop: 0, duplicate: 0 }
    : { drop: chance.unit() * 0.3, duplicate: chance.unit() * 0.3 };

  const opening = (): Opening => {
    clockMs += 1 + chance.below(1_000);
    return {
      epoch: chance.hex(16) as Epoch,
      nowMs: options.reusesVersions === true ? 0 : clockMs,
      stretchChanges,
      leastSnapshotCells: 6,
      snapshotSliceKeys: 3,
      pause: async () => {},
      // About a fifth of an image.
      imagePartBytes: 16_384,
    };
  };

  const createTable = async (replica: SimulatedReplica): Promise<void> => {
    await replica.database.exec({ sql: notesTable });
    await replica.database.enableSync("notes");
    replica.hasTable = true;
  };

  /** Counts a place where a crash may come; true when nothing more may happen to the replica before it begins anew. */
  const stopsAt = (replica: SimulatedReplica): boolean => {
    if (interrupted?.replica === replica) return true;
    if (healed) return false;
    counts.places += 1;
    if (counts.places !== options.crashAt) return false;
    interrupted = { replica, why: "crash" };
    return true;
  };

  const feed = (replica: SimulatedReplica, input: Input): void => {
    const inputs: Input[] = [input];
    for (let next = inputs.shift(); next !== undefined; next = inputs.shift()) {
      const result = step(replica.core, next);
      replica.core = result.state;
      for (const effect of result.effects) {
        if (stopsAt(replica)) return;
        const follows = carryOut(replica, effect);
        if (follows !== undefined) inputs.push(follows);
      }
    }
  };

  /** Answers what the core must hear of it at once. */
  const carryOut = (replica: SimulatedReplica, effect: Effect): Input | undefined => {
    switch (effect.type) {
      case "send":
        return send(replica, effect.link, effect.message);
      case "set-timer":
        replica.timers.add(effect.timer);
        return undefined;
      case "report-digest":
        if (!effect.agrees) counts.disagreements += 1;
        return undefined;
      case "renew-identity":
        if (counts.clones === 0) {
          throw new SimulationFailure(`replica ${replica.index} took a lost end for another replica`);
        }
        interrupted = { replica, why: "renewal" };
        return undefined;
      case "keep-images":
        replica.log.keepImages(effect.given, effect.from);
        return undefined;
      case "disconnect":
        throw new SimulationFailure(`replica ${replica.index} ended a link: ${effect.code}`);
      default: {
        const order = orderOf(replica, effect, observer);
        if (order !== undefined) replica.work.push(order);
        counts.mostOrdered = Math.max(counts.mostOrdered, replica.work.length);
        return undefined;
      }
    }
  };

  const send = (replica: SimulatedReplica, id: LinkId, message: Message): Input | undefined => {
    const bytes = encodeMessage(message);
    counts.bytes += bytes.length;
    if (message.type === "changes" && message.groups.length > 0) {
      counts.messagesWithRows += 1;
      counts.rowsSent += message.groups.reduce((sum, group) => sum + group.changes.length, 0);
    }
    const found = openEnd(replica, id);
    if (found === undefined) return undefined;
    const isStretch = message.type === "changes" || message.type === "snapshot";
    if (isStretch && !found.wire.hasRoom(found.end)) {
      const beyond = sentWithoutRoom.get(found.wire) ?? [0, 0];
      sentWithoutRoom.set(found.wire, beyond);
      beyond[found.end] += 1;
      // What was being read when the room was gone.
      if (beyond[found.end] > 1)
        throw new SimulationFailure(`replica ${replica.index} reads on for a link that has no room`);
    }
    const hasRoom = found.wire.send(found.end, bytes);
    counts.mostHeld = Math.max(counts.mostHeld, found.wire.mostHeld);
    return hasRoom ? undefined : { type: "congested", link: id };
  };

  const openEnd = (replica: SimulatedReplica, id: LinkId): { readonly wire: Wire; readonly end: End } | undefined => {
    const wire = wires.find((candidate) => candidate.id === id);
    if (wire === undefined) return undefined;
    const end = wire.ends[0] === replica ? 0 : 1;
    return wire.open[end] ? { wire, end } : undefined;
  };

  const connect = async (a: SimulatedReplica, b: SimulatedReplica): Promise<void> => {
    if (a.database.siteId === b.database.siteId) return renew(a.log.epoch > b.log.epoch ? a : b);
    const id = nextLink as LinkId;
    nextLink += 1;
    const wireFaults = healed ? { drop: 0, duplicate: 0 } : faults;
    wires.push(createSimulatedWire({ id, ends: [a, b], windowMessages, faults: wireFaults, unit: chance.unit }));
    for (const [own, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const { siteId } = peer.database;
      const peerEpoch = peer.log.epoch;
      own.work.push(readSchemaOf(own), async () => {
        const greeting = await own.log.greeting(siteId);
        if (openEnd(own, id) === undefined) return undefined;
        return { type: "opened", link: id, peer: siteId, peerEpoch, ...greeting };
      });
    }
  };

  const lose = (wire: Wire, end: End): void => {
    if (!wire.open[end]) return;
    wire.close(end);
    feed(wire.ends[end], { type: "lost", link: wire.id });
  };

  /** Whether the end has said its hello: frames wait for that, as in the replicator. */
  const isReady = (wire: Wire, end: End): boolean => wire.ends[end].core.links.has(wire.id);

  const deliver = (wire: Wire, end: End): void => {
    const decoded = decodeMessage(wire.take(end), defaultReplicationLimits);
    if (!decoded.ok) throw new SimulationFailure(`could not decode a message: ${decoded.error.rule}`);
    const message = decoded.value;
    const replica = wire.ends[end];
    const { log, database } = replica;
    const held = "frontier" in message ? versionOf(message.frontier, database.siteId) : 0;
    log.noteSeen(held);
    const lostAfter = log.lostAfter(held);
    if (lostAfter !== undefined) counts.recoveries += 1;
    feed(replica, {
      type: "received",
      link: wire.id,
      message,
      ...(message.type === "hello" ? { resumeAt: log.resumePosition(message.cursor) } : {}),
      ...(lostAfter === undefined ? {} : { lostAfter }),
    });
  };

  const commit = async (replica: SimulatedReplica, statements: readonly string[], mark?: string): Promise<void> => {
    await replica.database.exec({ sql: statements.join(";\n") });
    if (mark !== undefined) await marks.written(replica, mark);
    replica.facts.push({ type: "committed" });
  };

  const insertMark = (mark: string): string => `INSERT INTO notes (id) VALUES ('${mark}')`;

  /** Its links are gone, which the other ends learn later. */
  const leave = (replica: SimulatedReplica): void => {
    if (interrupted?.replica === replica) interrupted = undefined;
    for (const wire of wires) for (const end of [0, 1] as const) if (wire.ends[end] === replica) wire.close(end);
  };

  const restart = async (replica: SimulatedReplica, losesEnd: boolean): Promise<void> => {
    leave(replica);
    if (!(await reopenSimulatedReplica(replica, opening(), wrapLog, losesEnd))) return;
    counts.lostEnds += 1;
    await marks.lostEnd(replica, replicas);
    // What others believe of it is of before, and nobody has to know yet.
    for (const wire of wires) if (wire.ends.includes(replica)) unaudited.add(wire);
  };

  const renew = async (replica: SimulatedReplica): Promise<void> => {
    counts.renewals += 1;
    leave(replica);
    // What was ordered before is still carried out, or not.
    if (chance.holds(0.5)) for (const order of replica.work) await order();
    const changeId = options.keepsCursors === true ? changeIdOnly : changeSiteId;
    const site = hexToBytes(chance.hex(16));
    await renewSimulatedReplica(replica, opening(), wrapLog, (connection) => changeId(connection, site));
  };

  const audit = async (): Promise<void> => {
    // Until two with one id find out, a peer that holds one's write seems to hold the other's.
    if (counts.clones > 0) return;
    for (const wire of wires) {
      for (const end of [0, 1] as const) {
        if (!wire.open[end] || unaudited.has(wire)) continue;
        const wrong = await marks.audit(wire.ends[end], wire.ends[end === 0 ? 1 : 0], wire.id);
        if (wrong !== undefined) throw new SimulationFailure(wrong);
      }
    }
  };

  const due: SimulatedWorld["due"] = () => {
    const now: Happening[] = [];
    const later: Happening[] = [];
    for (const wire of wires) {
      now.push(
        ...wire.due({
          lost: (end) => {
            if (wire.open[end === 0 ? 1 : 0]) counts.givenUp += 1;
            lose(wire, end);
          },
          writable: (end) => {
            const beyond = sentWithoutRoom.get(wire);
            if (beyond !== undefined) beyond[end] = 0;
            if (isReady(wire, end)) feed(wire.ends[end], { type: "writable", link: wire.id });
          },
        }),
      );
      for (const end of [0, 1] as const) {
        const waits = wire.open[end] && wire.arrived[end].length > 0 && isReady(wire, end);
        if (waits) now.push(() => deliver(wire, end));
      }
    }
    for (const replica of replicas) {
      const [order] = replica.work;
      if (order !== undefined) {
        now.push(async () => {
          replica.work.shift();
          const input = await order();
          if (input !== undefined) replica.facts.push(input);
        });
      }
      if (replica.facts.length > 0) {
        now.push(() => {
          const fact = replica.facts.shift() as Input;
          const isLate = fact.type === "opened" && openEnd(replica, fact.link) === undefined;
          if (!isLate && !stopsAt(replica)) feed(replica, fact);
        });
      }
      for (const timer of replica.timers) {
        later.push(() => {
          replica.timers.delete(timer);
          feed(replica, { type: "elapsed", timer });
        });
      }
    }
    return { now, later };
  };

  return {
    counts,
    replicas,
    wires,
    marks,
    addReplica: async (hasTable) => {
      const replica = await openSimulatedReplica(replicas.length, opening(), wrapLog);
      if (hasTable) await createTable(replica);
      replicas.push(replica);
    },
    clone: async (replica, ofSaved) => {
      counts.clones += 1;
      const disk = replica.disk.copy(ofSaved);
      replicas.push(await openSimulatedReplica(replicas.length, opening(), wrapLog, disk));
    },
    connect,
    isLinked: (a, b) => wires.some(({ ends, open }) => open[0] && open[1] && ends.includes(a) && ends.includes(b)),
    lose,
    loseAll: () => {
      for (const wire of wires) for (const end of [0, 1] as const) lose(wire, end);
    },
    write: (replica) => {
      const statements = randomWrite(chance);
      if (chance.holds(0.5)) return commit(replica, statements);
      const mark = `write-${nextMark++}`;
      return commit(replica, [...statements, insertMark(mark)], mark);
    },
    writeMark: (replica) => {
      const mark = `write-${nextMark++}`;
      return commit(replica, [insertMark(mark)], mark);
    },
    restart,
    learnTable: async (replica) => {
      await createTable(replica);
      replica.work.push(readSchemaOf(replica));
      if ((await replica.log.replayQuarantine()) > 0) replica.facts.push({ type: "committed" });
    },
    audit,
    due,
    happen: async (event) => {
      await event();
      while (interrupted !== undefined) {
        const { replica, why } = interrupted;
        await (why === "crash" ? restart(replica, options.crashLosesEnd ?? false) : renew(replica));
      }
    },
    heal: () => {
      healed = true;
      for (const wire of wires) wire.heal();
    },
    close: async () => {
      for (const { database } of replicas) await database.close();
    },
  };
};
