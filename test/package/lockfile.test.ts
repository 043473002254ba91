/** `npm ci` must work on every platform, whichever registry the lock file was last written with. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

interface Lock {
  readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>>;
}

it("has an entry for every optional package; otherwise run node scripts/complete-lock.mjs", () => {
  const lock = JSON.parse(
    readFileSync(fileURLToPath(new URL("../../package-lock.json", import.meta.url)), "utf8"),
  ) as Lock;
  const paths = Object.keys(lock.packages);

  const missing = Object.values(lock.packages)
    .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
    .filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`)));

  expect(missing).toEqual([]);
});
