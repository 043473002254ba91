/** The histories that seeds stand for: their sizes, so that a seed alone says everything. */

import { simulate, type SimulationOptions, type SimulationReport } from "./simulation.ts";

type Extras = Omit<SimulationOptions, "seed" | "replicas" | "events">;

/** Two to four replicas and fifty events before healing. */
export const simulateSeed = (seed: number, extras: Extras = {}): Promise<SimulationReport> =>
  simulate({ seed, replicas: 2 + (seed % 3), events: 50, ...extras });

export interface Outcome {
  readonly histories: number;
  /** With their seeds. */
  readonly failures: readonly string[];
  /** Histories in which digests differed although no log had lost its end and no two had one id. */
  readonly disagreed: number;
  readonly lostEnds: number;
  readonly recoveries: number;
  readonly renewals: number;
  readonly givenUp: number;
  readonly snapshots: number;
  /** Rows sent / rows that had an effect, over all. */
  readonly redundancy: number;
}

/** @param every - 2 for every second seed, so that two can share the work */
export const simulateSeeds = async (first: number, histories: number, every = 1): Promise<Outcome> => {
  const failures: string[] = [];
  const sum = { lostEnds: 0, recoveries: 0, renewals: 0, givenUp: 0, snapshots: 0, rowsSent: 0, rowsEffective: 0 };
  let disagreed = 0;
  for (let i = 0; i < histories; i += 1) {
    const seed = first + i * every;
    try {
      const report = await simulateSeed(seed);
      if (foundDifference(report)) disagreed += 1;
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += report[name];
    } catch (error) {
      failures.push(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`.slice(0, 2_000));
    }
  }
  const { rowsSent, rowsEffective, ...counts } = sum;
  return { histories, failures, disagreed, redundancy: rowsSent / rowsEffective, ...counts };
};

/** Digests differed, and nothing that happened to the replicas is known to have that effect. */
export const foundDifference = ({ disagreements, lostEnds, clones }: SimulationReport): boolean =>
  disagreements > 0 && lostEnds === 0 && clones === 0;

/**
 * A short history once for every place in it, at which the replica that comes to it crashes instead. Answers what went
 * wrong, each with the place.
 * @param every - only every so manyth place
 */
export const crashEverywhere = async (seed: number, every: number, extras: Extras = {}): Promise<readonly string[]> => {
  const history = { seed, replicas: 3, events: 40, ...extras };
  const { places } = await simulate(history);
  const failures: string[] = [];
  for (let crashAt = 1 + (seed % every); crashAt <= places; crashAt += every) {
    await simulate({ ...history, crashAt }).catch((error: unknown) => {
      failures.push(`seed ${seed}, crash at ${crashAt} of ${places}: ${String(error).slice(0, 1_000)}`);
    });
  }
  return failures;
};
