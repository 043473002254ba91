// @ts-check
/** Puts the results of a full run where they are read: results/, the README and docs/performance.md, between markers. */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { firstSyncChart } from "./chart.mjs";
import { report } from "./report.mjs";

const fromHere = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Replaces what stands between `<!-- bench -->` and `<!-- /bench -->`.
 * @param {string} file
 * @param {string} markdown
 */
const replaceMarked = async (file, markdown) => {
  const before = await readFile(file, "utf8");
  const marked = /(<!-- bench -->\n)[\s\S]*?(\n<!-- \/bench -->)/;
  if (!marked.test(before)) throw new Error(`${file} has no <!-- bench --> to replace`);
  const text = before.replace(marked, (_, /** @type {string} */ start, /** @type {string} */ end) => {
    return `${start}\n${markdown}\n${end}`;
  });
  await writeFile(file, await format(text, { ...(await resolveConfig(file)), filepath: file }));
};

/** @param {import("./report.mjs").Results} results */
export const publish = async (results) => {
  const { markdown, short } = report(results);
  await writeFile(fromHere("results/full.md"), `# Ledger beside its neighbours\n\n${markdown}\n`);
  await writeFile(fromHere("results/first-sync.svg"), firstSyncChart(results));
  const chart =
    '<img src="bench/results/first-sync.svg" alt="First sync of 10,000 rows over WebRTC, in seconds, by system" width="780" />';
  await replaceMarked(fromHere("../README.md"), `${chart}\n\n${short}`);
  await replaceMarked(fromHere("../docs/performance.md"), markdown);
};
