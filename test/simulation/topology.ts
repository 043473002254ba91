/** Who is linked with whom: graphs of `size` nodes, as pairs of indexes, each pair once. */

export type Edge = readonly [a: number, b: number];

export const topologies = ["mesh", "ring", "star", "random"] as const;

export type Topology = (typeof topologies)[number];

/** @param unit - uniform in [0, 1); used by `random`, a tree with as many edges again as it has nodes */
export const edgesOf = (topology: Topology, size: number, unit: () => number): readonly Edge[] => {
  switch (topology) {
    case "mesh":
      return Array.from({ length: size }, (_, a) => Array.from({ length: a }, (__, b): Edge => [a, b])).flat();
    case "ring":
      return Array.from({ length: size > 2 ? size : size - 1 }, (_, a): Edge => [a, (a + 1) % size]);
    case "star":
      return Array.from({ length: size - 1 }, (_, a): Edge => [0, a + 1]);
    case "random":
      return randomEdges(size, unit);
  }
};

const randomEdges = (size: number, unit: () => number): readonly Edge[] => {
  const below = (limit: number): number => Math.floor(unit() * limit);
  const edges = new Map<string, Edge>();
  const add = (a: number, b: number): void => {
    if (a !== b) edges.set(`${Math.min(a, b)} ${Math.max(a, b)}`, [a, b]);
  };
  for (let a = 1; a < size; a += 1) add(a, below(a));
  for (let i = 0; i < size; i += 1) add(below(size), below(size));
  return [...edges.values()];
};
