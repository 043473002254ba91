// @ts-check
/** The workloads, each against one system's page. What they are called is explained in docs/performance.md. */

import { Ledger } from "../dist/index.js";
import { openPeer } from "./peer.mjs";
import { signalingUrlOf } from "./servers.mjs";
import { systems } from "./systems.mjs";

/** @typedef {Record<string, number>} Figures */
/** @typedef {import("./peer.mjs").Peer} Peer */
/** @typedef {import("./src/system.ts").PeerOptions} PeerOptions */
/** @typedef {Omit<PeerOptions, "name">} Base */

export const rowCount = 10_000;
const singleWrites = 200;
/** So many times, and more while they take less than this: one flush that takes long weighs as much as ten others. */
const leastSingleSeries = 3;
const mostSingleSeries = 12;
const singlesMs = 3_000;
/** A first sync is measured so often in a round when it takes no longer than this. */
const firstSyncs = 3;
const shortFirstSyncS = 3;
const liveWrites = 100;
const changedRows = 100;
/** A first sync of 10,000 rows that takes longer is given up. RxDB's takes most of a minute where nothing else runs. */
const firstSyncLimitMs = 150_000;
/** So long a system is waited for that never got there before. */
const hopelessLimitMs = 15_000;
const liveLimitMs = 5_000;
/** What is stored behind an answer gets this long. */
const settlingMs = 2_000;

/**
 * @template T
 * @param {Promise<T>} work
 * @param {number} limitMs
 * @returns {Promise<T | undefined>} undefined when it took longer
 */
const within = async (work, limitMs) => {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limitMs, undefined)));
  try {
    return /** @type {T | undefined} */ (await Promise.race([work, late]));
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // It fails when its browser is closed under it.
  }
};

/** @param {readonly number[]} values @param {number} share */
export const quantile = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN;

/** @param {Peer} peer @returns {Promise<number>} when connecting began, milliseconds since the epoch */
const startConnecting = (peer) =>
  peer.page.evaluate(() => {
    void window.bench.connect();
    return performance.timeOrigin + performance.now();
  });

/**
 * A first sync: the giver has `rows`, the taker is new.
 * @param {Peer} giver
 * @param {Peer} taker
 * @param {number} rows
 * @param {number} limitMs
 * @returns {Promise<{ seconds: number, megabytes: number, longestTaskMs: number } | undefined>}
 */
export const firstSync = async (giver, taker, rows, limitMs) => {
  giver.connectTo(taker.page);
  taker.connectTo(giver.page);
  // Some wait for the peer, some for their server: a moment is enough for those.
  await within(
    giver.page.evaluate(() => window.bench.connect()),
    1_000,
  );
  await giver.page.evaluate(() => window.bench.longestTask());
  await taker.page.evaluate(() => window.bench.longestTask());
  const startedMs = await startConnecting(taker);
  const reachedMs = await within(
    taker.page.evaluate((count) => window.bench.reached(count), rows),
    limitMs,
  );
  if (reachedMs === undefined) return undefined;
  return {
    seconds: (reachedMs - startedMs) / 1000,
    megabytes: (await taker.page.evaluate(() => window.bench.bytesReceived())) / 1e6,
    longestTaskMs: Math.max(
      await giver.page.evaluate(() => window.bench.longestTask()),
      await taker.page.evaluate(() => window.bench.longestTask()),
    ),
  };
};

/**
 * Milliseconds from each write of the giver to the taker's event, one write after the other, while `goesOn`.
 * @param {Peer} giver
 * @param {Peer} taker
 * @param {number} from - of rows that nobody has
 * @param {(written: number) => boolean} goesOn
 */
export const liveLatencies = async (giver, taker, from, goesOn) => {
  /** @type {number[]} */
  const latencies = [];
  while (goesOn(latencies.length)) {
    // It listens before anything is written: an event that came first would be waited for in vain.
    await taker.page.evaluate(() => window.bench.awaitChange());
    const seen = taker.page.evaluate(() => window.bench.changeSeen());
    const startedMs = await giver.page.evaluate((index) => window.bench.insertAt(index), from + latencies.length);
    const seenMs = await within(seen, liveLimitMs);
    if (seenMs === undefined) break;
    latencies.push(seenMs - startedMs);
  }
  return latencies;
};

/** @param {string} name @returns {Base} in a room of its own */
const baseOf = (name) => ({ room: Ledger.createToken(), signalingUrl: signalingUrlOf(name), initiator: false });

/**
 * W1 of systems that take turns series by series: what else the machine does with its disk meets all of them.
 * @param {readonly { readonly name: string, readonly url: string }[]} pages
 * @returns {Promise<Record<string, number>>} writes per second of each that stores
 */
export const measureSingles = async (pages) => {
  /** @type {{ name: string, peer: Peer, series: number[] }[]} */
  const all = [];
  try {
    for (const { name, url } of pages) {
      if (systems[name]?.stores !== true) continue;
      const peer = await openPeer(url);
      all.push({ name, peer, series: [] });
      await peer.page.evaluate((o) => window.bench.open(o), { ...baseOf(name), name: "singles" });
      await peer.page.evaluate(() => window.bench.insertOneByOne(20, 900_000));
    }
    const goesOn = (/** @type {readonly number[]} */ series) =>
      series.length < leastSingleSeries ||
      (series.length < mostSingleSeries && series.reduce((sum, ms) => sum + ms, 0) < singlesMs);
    for (let left = all; left.length > 0; left = left.filter(({ series }) => goesOn(series))) {
      for (const { peer, series } of left) {
        series.push(
          await peer.page.evaluate(
            ([count, at]) => window.bench.insertOneByOne(count, at),
            /** @type {const} */ ([singleWrites, series.length * singleWrites]),
          ),
        );
      }
    }
    return Object.fromEntries(all.map(({ name, series }) => [name, (singleWrites / quantile(series, 0.5)) * 1000]));
  } finally {
    for (const { peer } of all) await peer.close();
  }
};

/** W2, W5. @param {Peer} giver @param {Base} base @param {string} name */
const measureStorage = async (giver, base, name) => {
  await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "many" });
  const manyMs = await giver.page.evaluate((n) => window.bench.insertAll(n, 0), rowCount);
  // With relaxed durability an answer comes before the rows are stored, and closing the page would lose them.
  await new Promise((resolve) => setTimeout(resolve, settlingMs));
  await giver.reopen();
  const cold = await giver.page.evaluate((o) => window.bench.coldStart(o), { ...base, name: "many" });
  if (cold.rows !== 50) console.error(`  ${name} answered ${cold.rows} rows after a cold start: it lost them`);
  await giver.reopen();
  const figures = { w2: (rowCount / manyMs) * 1000 };
  return cold.rows === 50 ? { ...figures, w5: cold.ms } : figures;
};

/**
 * W3, W4, W8, W9. The giver's rows are there, or made now where nothing is stored.
 * @param {Peer} giver
 * @param {() => Promise<Peer>} openTaker
 * @param {() => Base} baseOf - with a room of its own each time
 * @param {{ isFilled: boolean, limitMs: number }} options
 * @returns {Promise<Figures>}
 */
const measureSync = async (giver, openTaker, baseOf, { isFilled, limitMs }) => {
  const syncOnce = async () => {
    const base = baseOf();
    await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "many" });
    if (!isFilled) await giver.page.evaluate((n) => window.bench.insertAll(n, 0), rowCount);
    const taker = await openTaker();
    await taker.page.evaluate((o) => window.bench.open(o), { ...base, name: "many", initiator: true });
    return { taker, first: await firstSync(giver, taker, rowCount, limitMs) };
  };

  const { taker, first } = await syncOnce();
  if (first === undefined) return {};
  const w8 = await taker.memoryMiB();
  const live = await liveLatencies(giver, taker, 500_000, (written) => written < liveWrites);
  await taker.close();
  const syncs = [first];
  while (first.seconds < shortFirstSyncS && syncs.length < firstSyncs) {
    await giver.reopen();
    const again = await syncOnce();
    await again.taker.close();
    if (again.first !== undefined) syncs.push(again.first);
  }
  const middleOf = (/** @type {keyof typeof first} */ key) => {
    const values = syncs.map((sync) => sync[key]);
    return quantile(values, 0.5);
  };
  return {
    w3: middleOf("seconds"),
    bytes: middleOf("megabytes"),
    w4p50: quantile(live, 0.5),
    w4p95: quantile(live, 0.95),
    w8,
    w9: middleOf("longestTaskMs"),
  };
};

/**
 * The large W3, W7, and W4 while the giver serves another newcomer.
 * @param {Peer} giver
 * @param {Peer} taker
 * @param {Peer} newcomer
 * @param {Base} base
 * @param {number} rows
 * @returns {Promise<Figures>}
 */
const measureLarge = async (giver, taker, newcomer, base, rows) => {
  await giver.page.evaluate((o) => window.bench.open(o), { ...base, name: "large" });
  for (let from = 0; from < rows; from += rowCount) {
    await giver.page.evaluate(([n, f]) => window.bench.insertAll(n, f), /** @type {const} */ ([rowCount, from]));
  }
  await taker.page.evaluate((o) => window.bench.open(o), { ...base, name: "large", initiator: true });
  const first = await firstSync(giver, taker, rows, firstSyncLimitMs);
  if (first === undefined) return {};
  const w8large = await taker.memoryMiB();

  await taker.page.evaluate(() => window.bench.disconnect());
  await giver.page.evaluate(
    ([n, all]) => window.bench.retitle(n, all, "changed meanwhile"),
    /** @type {const} */ ([changedRows, rowCount]),
  );
  const startedMs = await startConnecting(taker);
  const reachedMs = await taker.page.evaluate(
    ([n, all]) => window.bench.reachedTitled(n, all, "changed meanwhile"),
    /** @type {const} */ ([changedRows, rowCount]),
  );
  const linkedMs = (await taker.page.evaluate(() => window.bench.linkedAt())) ?? startedMs;

  const quiet = await liveLatencies(giver, taker, 600_000, (written) => written < liveWrites);
  await newcomer.page.evaluate((o) => window.bench.open(o), { ...base, name: "large" });
  let served = false;
  await startConnecting(newcomer);
  const arrival = newcomer.page.evaluate((count) => window.bench.reached(count), rows).then(() => (served = true));
  const busy = await liveLatencies(giver, taker, 700_000, () => !served);
  await arrival;
  return {
    w3large: first.seconds,
    bytesLarge: first.megabytes,
    w7: (reachedMs - linkedMs) / 1000,
    w7connect: (reachedMs - startedMs) / 1000,
    w8large,
    w9large: first.longestTaskMs,
    w4quiet: quantile(quiet, 0.5),
    w4busy: quantile(busy, 0.5),
    w4busyP95: quantile(busy, 0.95),
  };
};

/**
 * Everything but W1.
 * @param {string} name
 * @param {string} url
 * @param {{ isHopeless: boolean, withLarge: boolean }} options - whether W3 never ended before; whether the large W3 and W7 are run
 * @returns {Promise<Figures>}
 */
export const measure = async (name, url, { isHopeless, withLarge }) => {
  const system = systems[name];
  if (system === undefined) throw new Error(`there is no system ${name}`);
  const base = () => baseOf(name);
  /** @type {Peer[]} */
  const peers = [];
  const open = async () => {
    const peer = await openPeer(url);
    peers.push(peer);
    return peer;
  };
  try {
    const giver = await open();
    /** @type {Figures} */
    const figures = system.stores ? await measureStorage(giver, base(), name) : {};
    if (system.syncs && !isHopeless) {
      const limitMs = system.neverSyncs === true ? hopelessLimitMs : firstSyncLimitMs;
      Object.assign(figures, await measureSync(giver, open, base, { isFilled: figures.w5 !== undefined, limitMs }));
      for (const taker of peers.splice(1)) await taker.close();
    }
    if (system.manyRows !== undefined && withLarge) {
      await giver.reopen();
      Object.assign(figures, await measureLarge(giver, await open(), await open(), base(), system.manyRows));
    }
    return figures;
  } finally {
    for (const peer of peers) await peer.close();
  }
};
