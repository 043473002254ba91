/** Patterns that apps' bundlers read out of our files by their form. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));

const filesWith = (pattern: RegExp): readonly string[] =>
  readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && pattern.test(readFileSync(join(src, file), "utf8")))
    .sort();

it("has no template in new URL(…, import.meta.url): Vite takes it for a glob and ships every file beside it", () => {
  // Instead: put the name into a variable and write new URL(name, import.meta.url), which bundlers leave alone.
  expect(filesWith(/new URL\(\s*`[^`]*\$\{[^`]*`,\s*import\.meta\.url/)).toEqual([]);
});

it("starts the worker in one place, in the form that bundlers find", () => {
  const files = filesWith(/new URL\(\s*"(?:\.\.?\/)+worker\.ts",\s*import\.meta\.url\s*,?\s*\)/);

  expect(files).toHaveLength(1);
});

it("never imports Node's modules statically, which a browser could not load", () => {
  expect(filesWith(/^(?:import|export) (?!type )[^;]*from "node:/m)).toEqual([]);
});
