// @ts-check
/**
 * Adds up what the test runners reported and prints one line: `N passed, N failed`, with `, N skipped` when there are
 * any. A runner that left no report, or that failed beside its tests, counts as one failure.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @typedef {{ passed: number, failed: number, skipped: number }} Sum */

/**
 * @param {any} report as `vitest --reporter=json` writes it
 * @returns {Sum}
 */
const sumVitest = (report) => {
  // A file that cannot even be loaded has no tests that could fail.
  const brokenFiles = report.testResults.filter(
    (/** @type {any} */ file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !report.success ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
};

/**
 * @param {any} report as Playwright's json reporter writes it
 * @returns {Sum}
 */
const sumPlaywright = (report) => ({
  passed: report.stats.expected,
  failed: report.stats.unexpected + report.stats.flaky + report.errors.length,
  skipped: report.stats.skipped,
});

const runners = [
  { name: "unit tests (Vitest)", file: "vitest.json", sum: sumVitest },
  { name: "browser tests (Playwright)", file: "playwright.json", sum: sumPlaywright },
];

/** @type {Sum} */
const total = { passed: 0, failed: 0, skipped: 0 };
for (const { name, file, sum } of runners) {
  const path = fileURLToPath(new URL(`../test-results/${file}`, import.meta.url));
  const result = existsSync(path) ? sum(JSON.parse(readFileSync(path, "utf8"))) : undefined;
  if (result === undefined) console.log(`${name}: did not run`);
  else console.log(`${name}: ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
  total.passed += result?.passed ?? 0;
  total.failed += result?.failed ?? 1;
  total.skipped += result?.skipped ?? 0;
}

console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
if (total.failed > 0 || total.passed === 0) process.exitCode = 1;
