/** README's example of a test is run as it stands. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

it("runs README's example of ledger/testing to its end", async () => {
  const samples = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```ts\n(.*?)^```/gms)];
  const [example] = samples.map((match) => match[1] ?? "").filter((sample) => sample.includes("ledger/testing"));
  expect(example).toBeDefined();

  mkdirSync(join(root, ".tmp"), { recursive: true });
  const directory = mkdtempSync(join(root, ".tmp/example-"));
  try {
    const file = join(directory, "example.ts");
    writeFileSync(file, `${example}\nexport const done = true;\n`);

    expect(((await import(file)) as { readonly done: unknown }).done).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
