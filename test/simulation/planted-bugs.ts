/** Bugs to plant in the core or the change log, which the simulation must find, and within how many histories it does. */

import type { ChangeLog } from "../../src/database/change-log.ts";
import type { Effect, Input, Step } from "../../src/replication/core-state.ts";
import { step as coreStep } from "../../src/replication/core.ts";
import { emptyFrontier, mergeFrontiers } from "../../src/replication/frontier.ts";
import type { StepFunction } from "./simulated-world.ts";
import type { SimulationOptions } from "./simulation.ts";

export interface PlantedBug {
  /** Finishes "finds a replica that …". */
  readonly name: string;
  readonly plant: Pick<
    SimulationOptions,
    "step" | "wrapLog" | "reusesVersions" | "keepsCursors" | "schemaSkew" | "clone"
  >;
  /** The history that finds it is one of so many, from seed 1 on. */
  readonly seeds: number;
}

const mapEffects = (step: Step, change: (effect: Effect) => readonly Effect[]): Step => ({
  state: step.state,
  effects: step.effects.flatMap(change),
});

/** A core whose orders are changed by `change`, which may look at what it was told. */
const withEffects =
  (change: (effect: Effect, state: Step["state"]) => readonly Effect[]): StepFunction =>
  (state, input) => {
    const step = coreStep(state, input);
    return mapEffects(step, (effect) => change(effect, step.state));
  };

/** A core that is told something else than what happened. */
const withInputs =
  (change: (input: Input) => Input): StepFunction =>
  (state, input) =>
    coreStep(state, change(input));

const withoutMessages = (type: string): StepFunction =>
  withEffects((effect) => (effect.type === "send" && effect.message.type === type ? [] : [effect]));

/** Digests would find out, and what they repair hides the bug. */
const withoutDigests =
  (step: StepFunction = coreStep): StepFunction =>
  (state, input) =>
    mapEffects(step(state, input), (effect) => (effect.type === "read-digest" ? [] : [effect]));

const withLog =
  (change: (log: ChangeLog) => Partial<ChangeLog>) =>
  (log: ChangeLog): ChangeLog => ({ ...log, ...change(log) });

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "claims what the sender holds before the end of its log",
    plant: {
      step: withoutDigests(
        withInputs((input) =>
          input.type === "received" && input.message.type === "changes"
            ? { ...input, message: { ...input.message, complete: true } }
            : input,
        ),
      ),
    },
    seeds: 120,
  },
  {
    name: "raises its place in a peer's log too early",
    plant: {
      step: withoutDigests(
        withEffects((effect) =>
          effect.type === "apply-changes"
            ? [{ ...effect, cursor: { ...effect.cursor, position: effect.cursor.position + 1 } }]
            : [effect],
        ),
      ),
    },
    seeds: 120,
  },
  { name: "relays to nobody", plant: { step: withoutMessages("progress") }, seeds: 15 },
  { name: "asks for nothing that it lacks", plant: { step: withoutMessages("want") }, seeds: 10 },
  {
    name: "sends own writes only when a link opens",
    plant: { step: (state, input) => (input.type === "committed" ? { state, effects: [] } : coreStep(state, input)) },
    seeds: 10,
  },
  {
    name: "stops after the first stretch",
    plant: {
      step: withInputs((input) =>
        input.type === "read" ? { ...input, stretch: { ...input.stretch, complete: true } } : input,
      ),
    },
    seeds: 10,
  },
  {
    name: "sends what the peer is known to hold",
    plant: {
      step: withEffects((effect) =>
        effect.type === "read-changes" ? [{ ...effect, after: 0, known: emptyFrontier }] : [effect],
      ),
    },
    seeds: 10,
  },
  {
    name: "skips a version when it reads on",
    plant: {
      step: withEffects((effect) =>
        effect.type === "read-changes" && effect.after > 0 ? [{ ...effect, after: effect.after + 1 }] : [effect],
      ),
    },
    seeds: 10,
  },
  {
    name: "merges a peer's frontier before its rows are stored",
    plant: {
      step: (state, input) => {
        const step = coreStep(state, input);
        if (input.type !== "received" || input.message.type !== "changes") return step;
        const frontier = mergeFrontiers(step.state.frontier, input.message.frontier);
        return { ...step, state: { ...step.state, frontier } };
      },
    },
    seeds: 80,
  },
  {
    name: "never sends a peer the peer's own writes, also after it lost its log's end",
    plant: {
      step: withEffects((effect, state) => {
        if (effect.type !== "send" || effect.message.type !== "changes") return [effect];
        const peer = state.links.get(effect.link)?.peer;
        const groups = effect.message.groups.filter(({ site }) => site !== peer);
        return [{ ...effect, message: { ...effect.message, groups } }];
      }),
    },
    seeds: 40,
  },
  {
    name: "does not ask for own writes that it lost",
    plant: {
      wrapLog: withLog(() => ({ lostAfter: () => undefined })),
      step: withoutDigests(),
    },
    seeds: 40,
  },
  { name: "uses versions again after its log's end was lost", plant: { reusesVersions: true }, seeds: 200 },
  {
    name: "gives two transactions one stamp",
    plant: {
      step: withoutDigests(),
      wrapLog: withLog((log) => ({
        apply: (delta) => {
          const [first, ...rest] = delta.groups;
          if (first === undefined) return log.apply(delta);
          const changes = [first, ...rest].flatMap((group) => group.changes);
          return log.apply({ ...delta, groups: [{ ...first, changes }] });
        },
      })),
    },
    seeds: 150,
  },
  {
    name: "takes a new id and goes on where it was in its peers' logs",
    plant: { clone: true, keepsCursors: true, step: withoutDigests() },
    seeds: 200,
  },
  {
    name: "takes a snapshot for everything that its sender holds",
    plant: {
      step: (state, input) => {
        const step = coreStep(state, input);
        if (input.type !== "received" || input.message.type !== "snapshot") return step;
        const frontier = mergeFrontiers(step.state.frontier, input.message.frontier);
        return { ...step, state: { ...step.state, frontier } };
      },
    },
    seeds: 300,
  },
  {
    name: "drops what it has no table for",
    plant: {
      schemaSkew: true,
      wrapLog: withLog(() => ({ replayQuarantine: () => Promise.resolve(0) })),
      step: withoutDigests(),
    },
    seeds: 100,
  },
  {
    name: "reads on although the link has no room",
    plant: { step: (state, input) => (input.type === "congested" ? { state, effects: [] } : coreStep(state, input)) },
    seeds: 80,
  },
];
