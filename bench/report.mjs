// @ts-check
/** Results as a table with ratios, the bar that is to be met, and a chart. */

import { systems } from "./systems.mjs";

/**
 * @typedef {object} Results
 * @property {string} startedAt
 * @property {number} seconds
 * @property {string} commit
 * @property {{ cpu: string | undefined, cores: number, memoryGiB: number, loadBefore: number[], loadAfter: number[] }} machine
 * @property {string} browser
 * @property {string} node
 * @property {number} rounds
 * @property {Record<string, number>} shippedKilobytes
 * @property {Record<string, Record<string, number>[]>} figures
 */

/** @param {readonly number[]} values */
const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

const columns = /** @type {const} */ ([
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
]);

/** @param {Results} results */
export const report = (results) => {
  /** @param {string} name @param {string} key */
  const value = (name, key) =>
    key === "w6"
      ? (results.shippedKilobytes[name] ?? Number.NaN)
      : median((results.figures[name] ?? []).flatMap((figures) => (figures[key] === undefined ? [] : [figures[key]])));
  const names = Object.keys(results.figures);
  /** @param {number} figure @param {number} digits */
  const text = (figure, digits) => (Number.isFinite(figure) ? figure.toFixed(digits) : "–");

  const table = [
    `| system | ${columns.map(([, title]) => title).join(" | ")} |`,
    `| --- |${columns.map(() => " ---: |").join("")}`,
    ...names.map(
      (name) =>
        `| ${systems[name]?.title ?? name} | ${columns.map(([key, , digits]) => text(value(name, key), digits)).join(" | ")} |`,
    ),
  ];
  /** @type {[string, number, string][]} */
  const bar = [
    ["W1: Ledger / bare engine (at least 0.85)", value("ledger", "w1") / value("bare-engine", "w1"), "≥ 0.85"],
    ["W2: Ledger / bare engine (at least 0.8)", value("ledger", "w2") / value("bare-engine", "w2"), "≥ 0.8"],
    ["W2: Ledger / RxDB (at least 4)", value("ledger", "w2") / value("rxdb-documented", "w2"), "≥ 4"],
    ["W3: RxDB as documented / Ledger (at least 30)", value("rxdb-documented", "w3") / value("ledger", "w3"), "≥ 30"],
    ["W3: RxDB tuned / Ledger (at least 5)", value("rxdb-tuned", "w3") / value("ledger", "w3"), "≥ 5"],
    ["W3: Yjs over a channel / Ledger (at least 1)", value("yjs-channel", "w3") / value("ledger", "w3"), "≥ 1"],
    [
      "W3: bytes, Ledger / Yjs over a channel (at most 1.1)",
      value("ledger", "bytes") / value("yjs-channel", "bytes"),
      "≤ 1.1",
    ],
    ["W3: 100,000 rows / 10,000 rows (at most 11)", value("ledger", "w3large") / value("ledger", "w3"), "≤ 11"],
    ["W4: p50, Ledger / RxDB (at most 0.6)", value("ledger", "w4p50") / value("rxdb-documented", "w4p50"), "≤ 0.6"],
    ["W5: Ledger / RxDB (at most 1)", value("ledger", "w5") / value("rxdb-documented", "w5"), "≤ 1"],
    [
      "W7: 100 changes on 100,000 rows / W3 of 100,000 (at most 1/50)",
      value("ledger", "w7") / value("ledger", "w3large"),
      "≤ 0.02",
    ],
    ["W9: Ledger's longest task, ms (at most 50)", value("ledger", "w9"), "≤ 50"],
  ];
  const met = (/** @type {number} */ ratio, /** @type {string} */ limit) => {
    const most = Number(limit.slice(2));
    return (limit.startsWith("≥") ? ratio >= most : ratio <= most) ? "met" : "missed";
  };
  const ratios = [
    "| bar | ratio | |",
    "| --- | ---: | --- |",
    ...bar
      .filter(([, ratio]) => Number.isFinite(ratio))
      .map(([title, ratio, limit]) => `| ${title} | ${ratio.toPrecision(3)} | ${met(ratio, limit)} |`),
  ];
  const { machine } = results;
  const large = Number.isFinite(value("ledger", "w3large"))
    ? `Ledger with 100,000 rows: first sync ${text(value("ledger", "w3large"), 1)} s and ${text(value("ledger", "bytesLarge"), 1)} MB; 100 changes after a while offline ${text(value("ledger", "w7"), 3)} s from connect() on.`
    : "";
  const remarks = names.flatMap((name) =>
    systems[name]?.remark === undefined ? [] : [`- ${systems[name].title}: ${systems[name].remark}.`],
  );

  const markdown = `# Ledger beside its neighbours

Run of ${results.startedAt.slice(0, 10)} at commit ${results.commit}: ${results.rounds} interleaved rounds in ${results.seconds} s, medians. ${results.browser}, Node ${results.node}, ${machine.cores} cores (${machine.cpu ?? "?"}), ${machine.memoryGiB} GiB, load ${machine.loadBefore[0]?.toFixed(1)} before and ${machine.loadAfter[0]?.toFixed(1)} after. Absolute figures mean little on a shared machine; the ratios do.

${table.join("\n")}

${large}

${ratios.join("\n")}

${remarks.join("\n")}
`;
  return {
    markdown,
    svg: chart(names.map((name) => ({ title: systems[name]?.title ?? name, seconds: value(name, "w3") }))),
  };
};

/**
 * First sync, on a logarithmic scale: the systems are far apart.
 * @param {readonly { title: string, seconds: number }[]} entries
 */
const chart = (entries) => {
  const bars = entries.filter(({ seconds }) => Number.isFinite(seconds)).toSorted((a, b) => a.seconds - b.seconds);
  const least = Math.min(...bars.map(({ seconds }) => seconds)) / 2;
  const most = Math.max(...bars.map(({ seconds }) => seconds));
  const width = (/** @type {number} */ seconds) => (Math.log(seconds / least) / Math.log(most / least)) * 360;
  const rows = bars.map(({ title, seconds }, index) => {
    const y = 44 + index * 28;
    const fill = title === "Ledger" ? "#0f766e" : title.startsWith("limit") ? "#cbd5e1" : "#64748b";
    return `<text x="330" y="${y + 13}" text-anchor="end">${title}</text><rect x="340" y="${y}" width="${width(seconds).toFixed(1)}" height="18" rx="3" fill="${fill}"/><text x="${(348 + width(seconds)).toFixed(1)}" y="${y + 13}">${seconds.toFixed(2)} s</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${60 + bars.length * 28}" font-family="system-ui, sans-serif" font-size="13" fill="currentColor" color="#475569">
<text x="340" y="24" font-weight="600">First sync of 10,000 rows over WebRTC (seconds, logarithmic)</text>
${rows.join("\n")}
</svg>
`;
};
