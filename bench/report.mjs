// @ts-check
/** Results as tables: every figure as a median of the rounds, and the bar that is to be met as ratios of them. */

import { systems } from "./systems.mjs";

/**
 * @typedef {object} Results
 * @property {string} startedAt
 * @property {number} seconds
 * @property {string} commit
 * @property {{ cpu: string | undefined, cores: number, memoryGiB: number, loadBefore: number[], loadAfter: number[] }} machine
 * @property {string} browser
 * @property {string} node
 * @property {Record<string, number>} shippedKilobytes
 * @property {Record<string, Record<string, number>[]>} figures - of each system, one entry a round
 */

/** @typedef {"w1" | "w2" | "w3" | "bytes" | "w3large" | "bytesLarge" | "w4p50" | "w4p95" | "w4quiet" | "w4busy" | "w4busyP95" | "w5" | "w6" | "w7" | "w7connect" | "w8" | "w8large" | "w9" | "w9large" | "rounds"} Key */
/** @typedef {(name: string, key: Key) => number} Look - a figure of a system; NaN where there is none */

/** @param {readonly number[]} values */
const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** @param {Results} results @returns {Look} */
export const lookInto = (results) => (name, key) => {
  const rounds = results.figures[name] ?? [];
  if (key === "rounds") return rounds.length;
  if (key === "w6") return results.shippedKilobytes[name] ?? Number.NaN;
  return median(rounds.flatMap((figures) => (figures[key] === undefined ? [] : [figures[key]])));
};

/** Of these two nothing is heard below 50 ms, which is where a task begins to be called long. @type {readonly Key[]} */
const taskKeys = ["w9", "w9large"];

/** @param {number} figure @param {number} digits @param {Key} key */
const figureToText = (figure, digits, key) => {
  if (!Number.isFinite(figure)) return "–";
  if (taskKeys.includes(key) && figure < 50) return "under 50";
  return figure.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
};

/** @typedef {readonly [key: Key, title: string, digits: number]} Column */

/** @type {readonly Column[]} */
const allColumns = [
  ["w1", "W1 single writes /s", 0],
  ["w2", "W2 10,000 rows in a batch, rows/s", 0],
  ["w3", "W3 first sync of 10,000 rows, s", 2],
  ["bytes", "received, MB", 2],
  ["w4p50", "W4 live p50, ms", 1],
  ["w4p95", "p95, ms", 1],
  ["w5", "W5 cold start, ms", 0],
  ["w6", "W6 shipped, kB gzip", 0],
  ["w8", "W8 memory after W3, MiB", 0],
  ["w9", "W9 longest task, ms", 0],
  ["rounds", "rounds", 0],
];

/** @type {readonly Column[]} */
const shortColumns = [
  ["w3", "First sync of 10,000 rows, s", 2],
  ["w4p50", "A write is at the other side, ms", 1],
  ["w2", "10,000 rows in a batch, rows/s", 0],
  ["w1", "Single durable writes /s", 0],
  ["w5", "Cold start, ms", 0],
  ["w6", "Shipped, kB gzip", 0],
];

/** @param {Results} results @param {readonly Column[]} columns @param {readonly string[]} names */
const systemTable = (results, columns, names) => {
  const look = lookInto(results);
  return [
    `| system | ${columns.map(([, title]) => title).join(" | ")} |`,
    `| --- |${columns.map(() => " ---: |").join("")}`,
    ...names.map(
      (name) =>
        `| ${systems[name]?.title ?? name} | ${columns.map(([key, , digits]) => figureToText(look(name, key), digits, key)).join(" | ")} |`,
    ),
  ].join("\n");
};

/** @type {(look: Look) => readonly (readonly [what: string, ratio: number, sense: "at least" | "at most", limit: number])[]} */
const bars = (look) => {
  const ratio = (/** @type {[string, Key]} */ above, /** @type {[string, Key]} */ below) =>
    look(...above) / look(...below);
  // How many rows it replicates at a time matters to first syncs only: of everything else its entries are two measurements.
  const rxdb = (/** @type {Key} */ key, /** @type {(...values: number[]) => number} */ best) => {
    const figures = ["rxdb-documented", "rxdb-tuned"].map((name) => look(name, key)).filter(Number.isFinite);
    return figures.length === 0 ? Number.NaN : best(...figures);
  };
  return [
    ["W1: Ledger / the bare engine", ratio(["ledger", "w1"], ["bare-engine", "w1"]), "at least", 0.85],
    ["W2: Ledger / the bare engine", ratio(["ledger", "w2"], ["bare-engine", "w2"]), "at least", 0.8],
    ["W2: Ledger / the better RxDB", look("ledger", "w2") / rxdb("w2", Math.max), "at least", 4],
    ["W3: RxDB as documented / Ledger", ratio(["rxdb-documented", "w3"], ["ledger", "w3"]), "at least", 30],
    ["W3: RxDB with batchSize 500 / Ledger", ratio(["rxdb-tuned", "w3"], ["ledger", "w3"]), "at least", 5],
    ["W3: Yjs over a channel / Ledger", ratio(["yjs-channel", "w3"], ["ledger", "w3"]), "at least", 1],
    ["W3: bytes, Ledger / Yjs over a channel", ratio(["ledger", "bytes"], ["yjs-channel", "bytes"]), "at most", 1.1],
    ["W3: 100,000 rows / 10,000 rows", ratio(["ledger", "w3large"], ["ledger", "w3"]), "at most", 11],
    ["W4: p50, Ledger / the better RxDB", look("ledger", "w4p50") / rxdb("w4p50", Math.min), "at most", 0.6],
    [
      "W4: p50 while serving a newcomer 100,000 rows / else",
      ratio(["ledger", "w4busy"], ["ledger", "w4quiet"]),
      "at most",
      2,
    ],
    ["W5: Ledger / the better RxDB", look("ledger", "w5") / rxdb("w5", Math.min), "at most", 1],
    [
      "W7: 100 changes on 100,000 rows / W3 of 100,000",
      ratio(["ledger", "w7"], ["ledger", "w3large"]),
      "at most",
      1 / 50,
    ],
    ["W9: Ledger's longest task / 50 ms", look("ledger", "w9") / 50, "at most", 1],
  ];
};

/** @param {Results} results */
const barTable = (results) => [
  "| the bar | ratio | required | |",
  "| --- | ---: | --- | --- |",
  ...bars(lookInto(results))
    .filter(([, ratio]) => Number.isFinite(ratio))
    .map(([what, ratio, sense, limit]) => {
      const isMet = sense === "at least" ? ratio >= limit : ratio <= limit;
      return `| ${what} | ${ratio.toPrecision(3)} | ${sense} ${limit} | ${isMet ? "met" : "missed"} |`;
    }),
];

/** How Ledger's own figures grow by ten times the rows. @param {Results} results */
const growthTable = (results) => {
  const look = lookInto(results);
  const row = (
    /** @type {string} */ what,
    /** @type {number} */ small,
    /** @type {number} */ large,
    /** @type {number} */ digits,
  ) =>
    `| ${what} | ${figureToText(small, digits, "w3")} | ${figureToText(large, digits, "w3")} | ${figureToText(large / small, 1, "w3")} |`;
  return [
    "| Ledger | 10,000 rows | 100,000 rows | ratio |",
    "| --- | ---: | ---: | ---: |",
    row("W3 first sync, s", look("ledger", "w3"), look("ledger", "w3large"), 2),
    row("received, MB", look("ledger", "bytes"), look("ledger", "bytesLarge"), 2),
    row("W4 live p50, ms", look("ledger", "w4p50"), look("ledger", "w4quiet"), 1),
    row("W8 memory after it, MiB", look("ledger", "w8"), look("ledger", "w8large"), 0),
    `| W7 100 changes after a while offline: from the link, from connect(), s | – | ${figureToText(look("ledger", "w7"), 3, "w7")}, ${figureToText(look("ledger", "w7connect"), 3, "w7connect")} | – |`,
    `| W4 live p50 and p95 while a third peer takes everything, ms | – | ${figureToText(look("ledger", "w4busy"), 1, "w4busy")}, ${figureToText(look("ledger", "w4busyP95"), 1, "w4busyP95")} | – |`,
  ];
};

/** @param {Results} results */
const runLine = ({ startedAt, commit, seconds, browser, node, machine }) =>
  `Run of ${startedAt.slice(0, 10)} at commit ${commit}: ${Math.ceil(seconds / 60)} minutes, medians of interleaved rounds. ${browser}, Node ${node}, ${machine.cores} cores (${machine.cpu ?? "?"}), ${machine.memoryGiB} GiB, load ${machine.loadBefore[0]?.toFixed(1)} before and ${machine.loadAfter[0]?.toFixed(1)} after. Absolute figures mean little on a shared machine; the ratios do.`;

/** @param {Results} results */
export const report = (results) => {
  const names = Object.keys(results.figures);
  const remarks = names.flatMap((name) =>
    systems[name]?.remark === undefined ? [] : [`- ${systems[name].title}: ${systems[name].remark}.`],
  );
  const growth = Number.isFinite(lookInto(results)("ledger", "w3large")) ? growthTable(results).join("\n") : "";
  const full = [
    runLine(results),
    systemTable(results, allColumns, names),
    remarks.join("\n"),
    barTable(results).join("\n"),
    growth,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
  return {
    /** Everything. */
    markdown: full,
    /** For the README: neighbours only, in the figures that an app notices. */
    short: `${systemTable(
      results,
      shortColumns,
      names.filter((name) => systems[name]?.isLimit !== true),
    )}\n\n${runLine(results)}`,
  };
};
