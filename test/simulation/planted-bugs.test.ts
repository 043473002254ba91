/** The simulation checked by bugs: each of these breaks the core on purpose and must be found within the stated seeds. */

import { expect, test } from "vitest";
import type { Input, Step } from "../../src/replication/core-state.ts";
import { step as coreStep } from "../../src/replication/core.ts";
import { emptyFrontier, mergeFrontiers } from "../../src/replication/frontier.ts";
import { simulate, type StepFunction } from "./simulation.ts";

const mapEffects = (
  step: Step,
  change: (effect: Step["effects"][number]) => readonly Step["effects"][number][],
): Step => ({
  state: step.state,
  effects: step.effects.flatMap(change),
});

const bugs: Readonly<Record<string, StepFunction>> = {
  "claims what the sender holds before the end of its log": (state, input) =>
    coreStep(
      state,
      input.type === "received" && input.message.type === "changes"
        ? { ...input, message: { ...input.message, complete: true } }
        : input,
    ),
  "relays to nobody": (state, input) =>
    mapEffects(coreStep(state, input), (effect) =>
      effect.type === "send" && effect.message.type === "progress" ? [] : [effect],
    ),
  "offers own writes only when a link opens": (state, input) =>
    input.type === "committed" ? { state, effects: [] } : coreStep(state, input),
  "stops after the first stretch": (state, input: Input) =>
    coreStep(state, input.type === "read" ? { ...input, stretch: { ...input.stretch, complete: true } } : input),
  "sends what the peer is known to hold": (state, input) =>
    mapEffects(coreStep(state, input), (effect) =>
      effect.type === "read-changes" ? [{ ...effect, after: 0, known: emptyFrontier }] : [effect],
    ),
  "skips a version when it reads on": (state, input) =>
    mapEffects(coreStep(state, input), (effect) =>
      effect.type === "read-changes" && effect.after > 0 ? [{ ...effect, after: effect.after + 1 }] : [effect],
    ),
  "holds the peer's frontier before its rows are stored": (state, input) => {
    const step = coreStep(state, input);
    if (input.type !== "received" || input.message.type !== "changes") return step;
    return { ...step, state: { ...step.state, frontier: mergeFrontiers(step.state.frontier, input.message.frontier) } };
  },
};

const seeds = 150;

test.for(Object.entries(bugs))("finds a core that %s", { timeout: 300_000 }, async ([, step]) => {
  let foundAt: number | undefined;
  for (let seed = 1; seed <= seeds && foundAt === undefined; seed += 1) {
    await simulate({ seed, replicas: 2 + (seed % 3), events: 60, step }).then(
      (report) => {
        if (report.disagreements > 0) foundAt = seed;
      },
      () => {
        foundAt = seed;
      },
    );
  }

  expect(foundAt).toBeDefined();
});
