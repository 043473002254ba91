/** What replication costs, measured on timed meshes. scripts/replication-figures.mjs prints it, mesh-cost.test.ts bounds it. */

import { createSeededRandom } from "../support/seeded-random.ts";
import { openTimedMesh } from "./timed-mesh.ts";
import { edgesOf, type Topology } from "./topology.ts";

export interface Cost {
  readonly topology: Topology;
  readonly size: number;
  readonly links: number;
  /** Per write, of writes that come one after the other. */
  readonly messagesWithRows: number;
  readonly messages: number;
  readonly bytes: number;
  /** Rows sent / rows that had an effect: of these writes, and while every replica writes once a second. */
  readonly redundancy: number;
  readonly busyRedundancy: number;
  readonly busyMessages: number;
  readonly busyBytes: number;
  readonly hops: number;
  /** Per write, if everyone passed on at once to all but the sender what is new to it: computed, not measured. */
  readonly naiveMessages: number;
  readonly naiveBytes: number;
}

/** @param writes - of the sequence; twice as many per replica are made in the busy time */
export const measureCost = async (topology: Topology, size: number, writes: number): Promise<Cost> => {
  const edges = edgesOf(topology, size, createSeededRandom(size).unit);
  const mesh = await openTimedMesh({ seed: size, size, edges });
  try {
    await mesh.settle();
    mesh.meter.restart();
    let hops = 0;
    for (let i = 0; i < writes; i += 1) {
      await mesh.write((i * 7) % size);
      await mesh.settle();
      hops = Math.max(hops, mesh.meter.traffic.hops);
    }
    const calm = mesh.meter.traffic;

    mesh.meter.restart();
    const busyWrites = 2 * size;
    for (let i = 0; i < busyWrites; i += 1) {
      await mesh.write((i * 7) % size);
      await mesh.clock.run(1_000 / size);
    }
    await mesh.settle();
    const busy = mesh.meter.traffic;

    const naiveMessages = 2 * edges.length - (size - 1);
    return {
      topology,
      size,
      links: edges.length,
      messagesWithRows: calm.messagesWithRows / writes,
      messages: calm.messages / writes,
      bytes: calm.bytes / writes,
      redundancy: calm.rowsSent / calm.rowsEffective,
      busyRedundancy: busy.rowsSent / busy.rowsEffective,
      busyMessages: busy.messages / busyWrites,
      busyBytes: busy.bytes / busyWrites,
      hops,
      naiveMessages,
      naiveBytes: (naiveMessages * calm.bytesWithRows) / calm.messagesWithRows,
    };
  } finally {
    await mesh.close();
  }
};

/** Rows sent / rows that had an effect, when a replica that missed `writes` writes links with all others at once. */
export const measureReturn = async (size: number, writes: number): Promise<number> => {
  const edges = edgesOf("mesh", size - 1, () => 0);
  const mesh = await openTimedMesh({ seed: size, size, edges });
  try {
    for (let i = 0; i < writes; i += 1) {
      await mesh.write(i % (size - 1));
      await mesh.clock.run(100);
    }
    await mesh.settle();
    mesh.meter.restart();
    for (let i = 0; i < size - 1; i += 1) mesh.link([size - 1, i]);
    await mesh.settle();
    const { rowsSent, rowsEffective } = mesh.meter.traffic;
    return rowsSent / rowsEffective;
  } finally {
    await mesh.close();
  }
};
