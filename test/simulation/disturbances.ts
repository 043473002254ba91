/** What is done to a simulated world in the middle of its history: writes, links, cuts, crashes, older files. */

import type { Chance } from "./history.ts";
import type { SimulatedReplica } from "./simulated-replica.ts";
import type { SimulatedWorld } from "./simulated-world.ts";

/** One of them, drawn. */
export const disturb = async (world: SimulatedWorld, chance: Chance): Promise<void> => {
  const draw = chance.unit();
  const replica = chance.pick(world.replicas);
  const live = world.wires.filter(({ open }) => open[0] || open[1]);
  if (draw < 0.5) {
    if (replica.hasTable) await world.write(replica);
  } else if (draw < 0.7) {
    const other = chance.pick(world.replicas);
    const isHalfLinked = live.some(({ ends }) => ends.includes(replica) && ends.includes(other));
    if (other !== replica && !isHalfLinked) await world.connect(replica, other);
  } else if (draw < 0.75) {
    if (live.length > 0) world.lose(chance.pick(live), chance.holds(0.5) ? 0 : 1);
  } else if (draw < 0.8) {
    if (live.length > 0) {
      const wire = chance.pick(live);
      for (const end of [0, 1] as const) if (chance.holds(0.6)) wire.cut(end);
    }
  } else if (draw < 0.85) {
    await world.restart(replica, chance.holds(0.7));
  } else if (draw < 0.88) {
    await loseWhatOthersHold(world, chance, replica, chance.pick(world.replicas));
  } else if (draw < 0.95) {
    replica.disk.save();
  } else if (draw < 0.98) {
    await world.audit();
  } else if (!replica.hasTable) {
    await world.learnTable(replica);
  }
};

/** The worst that an older file can do: writes that reached another are lost here, and new ones come before both meet. */
const loseWhatOthersHold = async (
  world: SimulatedWorld,
  chance: Chance,
  replica: SimulatedReplica,
  other: SimulatedReplica,
): Promise<void> => {
  if (replica === other || !replica.hasTable) return;
  replica.disk.save();
  if (!world.isLinked(replica, other)) await world.connect(replica, other);
  await world.write(replica);
  for (let i = 0; i < 100; i += 1) {
    const { now, later } = world.due();
    if (now.length + later.length > 0) await world.happen(chance.pick(now.length > 0 ? now : later));
  }
  await world.restart(replica, true);
  await world.write(replica);
  await world.connect(replica, other);
};
