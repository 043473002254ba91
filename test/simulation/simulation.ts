/**
 * A deterministic simulation: a history in which everything is drawn from one seed, healing, and what must be true
 * then. simulated-world.ts says what can happen, disturbances.ts what is done to it.
 */

import { createChance } from "./history.ts";
import { disturb } from "./disturbances.ts";
import { marksOf, stateOf, type SimulatedReplica } from "./simulated-replica.ts";
import { createSimulatedWorld, SimulationFailure, type Counts, type WorldOptions } from "./simulated-world.ts";

export interface SimulationOptions extends WorldOptions {
  readonly seed: number;
  readonly replicas: number;
  /** Random events before healing. */
  readonly events: number;
  /** Some replicas create the table only in the end. Default: drawn from the seed. */
  readonly schemaSkew?: boolean;
  /** A replica's database is copied, and both copies go on. Default: drawn from the seed. */
  readonly clone?: boolean;
}

export interface SimulationReport extends Readonly<Counts> {
  /** After healing: rounds until nothing was left to happen. In a round happens everything that was due at its beginning. */
  readonly roundsToQuiet: number;
}

/** Histories need 85 on average; the longest of 500 took 350. */
const maxRounds = 600;
/** Histories have three on average, and eight at most. */
const maxHeld = 40;
const maxOrdered = 40;

/** Of all kinds, for a row of four cells: changes, progress, wants and digests. */
const maxBytesPerWrite = 600;

/** @throws SimulationFailure when something is not as it must be */
export const simulate = async (options: SimulationOptions): Promise<SimulationReport> => {
  const chance = createChance(options.seed);
  const world = createSimulatedWorld(chance, options);
  const { counts, replicas, wires, marks } = world;

  const arbitraryEvents = async (): Promise<void> => {
    const clones = options.clone ?? chance.holds(0.2);
    const cloneAt = clones ? chance.below(options.events) : -1;
    for (let i = 0; i < options.events; i += 1) {
      if (i === cloneAt) await world.clone(chance.pick(replicas), chance.holds(0.5));
      const { now, later } = world.due();
      // Timers run out whenever they like, but not all the time: digests read everything.
      const events = now.length > 0 && chance.holds(0.8) ? now : [...now, ...later];
      const isDue = events.length > 0 && chance.holds(0.8);
      await world.happen(isDue ? chance.pick(events) : () => disturb(world, chance));
    }
  };

  /**
   * Everything that is due happens, in rounds, until nothing is.
   * @param hurry - how often time passes although something else could happen before
   */
  const settle = async (hurry = 0.02): Promise<number> => {
    for (let rounds = 1; rounds <= maxRounds; rounds += 1) {
      const first = world.due();
      if (first.now.length + first.later.length === 0) return rounds;
      const count = Math.max(1, first.now.length);
      for (let i = 0; i < count; i += 1) {
        const { now, later } = world.due();
        const events = now.length === 0 || (later.length > 0 && chance.holds(hurry)) ? later : now;
        if (events.length > 0) await world.happen(chance.pick(events));
      }
    }
    throw new SimulationFailure(`not quiet after ${maxRounds} rounds`);
  };

  /** Links neighbours that are not; false when all were. */
  const linkInLine = async (line: readonly SimulatedReplica[]): Promise<boolean> => {
    const before = wires.length;
    for (let i = 1; i < line.length; i += 1) {
      const [a, b] = [line[i - 1] as SimulatedReplica, line[i] as SimulatedReplica];
      if (!world.isLinked(a, b)) await world.connect(a, b);
    }
    return wires.length > before;
  };

  /** Everyone learns the table, two with one id meet, and the network loses nothing more. */
  const heal = async (): Promise<void> => {
    for (const replica of replicas) if (!replica.hasTable) await world.learnTable(replica);
    for (const a of replicas) {
      const copy = replicas.find((b) => b.index > a.index && b.database.siteId === a.database.siteId);
      if (copy !== undefined) await world.connect(a, copy);
    }
    world.heal();
  };

  const check = async (): Promise<void> => {
    const states = await Promise.all(replicas.map(stateOf));
    const odd = states.findIndex((state) => state !== states[0]);
    if (odd !== -1) {
      throw new SimulationFailure(`replica ${odd} did not converge:\n${states[odd]}\nreplica 0:\n${states[0]}`);
    }
    const there = await marksOf(replicas[0] as SimulatedReplica);
    const lost = [...marks.kept].filter((mark) => !there.has(mark));
    if (lost.length > 0) throw new SimulationFailure(`acknowledged writes were lost: ${lost.join(", ")}`);
    if (new Set(replicas.map(({ database }) => database.siteId)).size < replicas.length) {
      throw new SimulationFailure("two replicas have one id");
    }
    if (counts.mostHeld > maxHeld || counts.mostOrdered > maxOrdered) {
      throw new SimulationFailure(`${counts.mostHeld} messages and ${counts.mostOrdered} orders waited in one place`);
    }
  };

  /** In quiet a write goes to every replica once, at a known cost. */
  const writeInQuiet = async (): Promise<void> => {
    const before = { ...counts };
    await world.writeMark(chance.pick(replicas));
    await settle(0);
    await check();
    const messages = counts.messagesWithRows - before.messagesWithRows;
    const bytes = counts.bytes - before.bytes;
    if (messages === replicas.length - 1 && bytes <= maxBytesPerWrite * replicas.length) return;
    throw new SimulationFailure(`a write in quiet took ${messages} messages with rows and ${bytes} bytes`);
  };

  try {
    const skew = options.schemaSkew ?? chance.holds(0.3);
    for (let i = 0; i < options.replicas; i += 1) await world.addReplica(i === 0 || !skew || chance.holds(0.6));

    await arbitraryEvents();
    await heal();
    if (chance.holds(0.5)) world.loseAll();
    const line = [...replicas].sort(() => chance.unit() - 0.5);
    await linkInLine(line);
    // Then a while of writes over links that hold: nothing may depend on linking anew.
    for (let i = 0; i < 12; i += 1) {
      const { now, later } = world.due();
      const isDue = now.length + later.length > 0 && chance.holds(0.8);
      await world.happen(isDue ? chance.pick([...now, ...later]) : () => world.write(chance.pick(replicas)));
    }
    await world.audit();
    // A link from before the healing may still give up: then, as a room does, it is made anew.
    let roundsToQuiet = 0;
    do roundsToQuiet += await settle();
    while (await linkInLine(line));
    await check();
    await writeInQuiet();

    // In step: linking anew sends no row.
    world.loseAll();
    const sent = counts.rowsSent;
    await linkInLine(line);
    await settle();
    if (counts.rowsSent !== sent) throw new SimulationFailure(`${counts.rowsSent - sent} rows were sent again`);
    return { ...counts, roundsToQuiet };
  } finally {
    await world.close();
  }
};
