/**
 * `npm run measure:replication [-- --room 500]`: what replication costs, as the tables of docs/replication-figures.md.
 * Real engine, replicator and links on simulated time. With `--room` only the table of one large room.
 */

import { parseArgs } from "node:util";
import { createServer } from "vite";

const { values } = parseArgs({
  options: { room: { type: "string" }, sizes: { type: "string", default: "4,8,16,32" } },
});

const vite = await createServer({
  configFile: false,
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
});

/** @param {readonly (readonly (string | number)[])[]} rows */
const print = (rows) => {
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
};
/** @param {number} value */
const two = (value) => value.toFixed(2);
/** @param {readonly number[]} all */
const mean = (all) => all.reduce((sum, value) => sum + value, 0) / all.length;

const printCosts = async () => {
  const { measureCost, measureReturn } = await vite.ssrLoadModule("/test/simulation/figures.ts");
  const { topologies } = await vite.ssrLoadModule("/test/simulation/topology.ts");
  print([
    [
      "topology",
      "N",
      "links",
      "with rows",
      "redundancy",
      "messages",
      "bytes",
      "hops",
      "busy: redundancy",
      "messages",
      "bytes",
      "naive: with rows",
      "bytes",
    ],
    Array.from({ length: 13 }, () => "---"),
  ]);
  for (const topology of topologies) {
    for (const size of values.sizes.split(",").map(Number)) {
      const cost = await measureCost(topology, size, 10);
      print([
        [
          topology,
          size,
          cost.links,
          two(cost.messagesWithRows),
          two(cost.redundancy),
          Math.round(cost.messages),
          Math.round(cost.bytes),
          cost.hops,
          two(cost.busyRedundancy),
          Math.round(cost.busyMessages),
          Math.round(cost.busyBytes),
          cost.naiveMessages,
          Math.round(cost.naiveBytes),
        ],
      ]);
    }
  }
  console.log(`\nA replica that missed 200 writes links with 7 others: redundancy ${two(await measureReturn(8, 200))}`);
};

/** @param {number} size */
const printRoom = async (size) => {
  const { openLargeRoom } = await vite.ssrLoadModule("/test/simulation/large-room.ts");
  const startMs = performance.now();
  const room = await openLargeRoom(size, 1);
  print([
    ["replicas", "reached", "links each", "mean", "spread", "hops", "with rows", "redundancy", "messages", "bytes"],
    Array.from({ length: 10 }, () => "---"),
  ]);
  /** @param {readonly number[]} writers */
  const printSpread = async (writers) => {
    const degrees = room.degrees();
    const seen = [];
    for (const writer of writers) seen.push({ ms: await room.spread(writer), traffic: room.meter.traffic });
    /** @param {(traffic: import("../test/simulation/traffic-meter.ts").Traffic) => number} pick */
    const meanOf = (pick) => mean(seen.map(({ traffic }) => pick(traffic)));
    print([
      [
        degrees.length,
        room.reached(),
        `${Math.min(...degrees)} to ${Math.max(...degrees)}`,
        two(mean(degrees)),
        `${Math.round(mean(seen.map(({ ms }) => ms)))} ms`,
        Math.max(...seen.map(({ traffic }) => traffic.hops)),
        meanOf(({ messagesWithRows }) => messagesWithRows),
        two(meanOf(({ rowsSent, rowsEffective }) => rowsSent / rowsEffective)),
        Math.round(meanOf(({ messages }) => messages)),
        Math.round(meanOf(({ bytes }) => bytes)),
      ],
    ]);
  };
  await printSpread(Array.from({ length: 10 }, (_, i) => Math.floor((i * size) / 10)));
  room.leave(Array.from({ length: size }, (_, i) => i).filter((i) => i % 5 === 1));
  const reachedAtOnce = room.reached();
  await room.clock.run(60_000);
  await printSpread(Array.from({ length: 5 }, (_, i) => Math.floor(i * (size / 5 / 5)) * 5));
  await room.close();
  const memory = Math.round(process.memoryUsage().rss / 1e6);
  console.log(`\nRight after a fifth left at once, before any new link: ${reachedAtOnce} reached.`);
  console.log(`${Math.round((performance.now() - startMs) / 1000)} s, ${memory} MB resident`);
};

await (values.room === undefined ? printCosts() : printRoom(Number(values.room)));
await vite.close();
