/** The layer rules of .oxlintrc.json must bite: each forbidden import, planted in a file, is reported. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const forbidden = [
  ["src/common/planted.ts", "../database/database.ts"],
  ["src/common/planted.ts", "nanoevents"],
  ["src/replication/planted.ts", "../database/database.ts"],
  ["src/replication/planted.ts", "../transport/link.ts"],
  ["src/replication/planted.ts", "../ledger.ts"],
  ["src/replication/planted.ts", "node:fs"],
  ["src/database/planted.ts", "../transport/link.ts"],
  ["src/database/planted.ts", "../signaling/signaling.ts"],
  ["src/database/planted.ts", "node:fs"],
  ["src/database/planted.ts", "simple-peer/simplepeer.min.js"],
  ["src/transport/planted.ts", "../database/database.ts"],
  ["src/transport/planted.ts", "simple-peer/simplepeer.min.js"],
  ["src/signaling/planted.ts", "../database/database.ts"],
  ["src/signaling/planted.ts", "../transport/link.ts"],
  ["src/signaling/planted.ts", "../replication/message.ts"],
  ["src/security/planted.ts", "../transport/link.ts"],
  ["src/security/planted.ts", "../signaling/signaling.ts"],
  ["src/security/planted.ts", "idb-keyval"],
  ["src/planted.ts", "@vlcn.io/wa-sqlite"],
  ["src/tabs/planted.ts", "idb-keyval"],
  ["src/tabs/planted.ts", "react"],
  ["src/react/planted.ts", "../ledger.ts"],
  ["src/react/planted.ts", "../live/live-query.ts"],
  ["src/react/planted.ts", "react-dom"],
  ["src/kysely/planted.ts", "../ledger.ts"],
  ["src/kysely/planted.ts", "drizzle-orm"],
  ["src/drizzle/planted.ts", "../ledger.ts"],
  ["src/drizzle/planted.ts", "kysely"],
] as const;

const allowed = [
  ["src/common/emitter.ts", "nanoevents"],
  ["src/replication/planted.ts", "../common/ids.ts"],
  ["src/replication/planted.ts", "./message.ts"],
  ["src/database/planted.ts", "../replication/change.ts"],
  ["src/database/planted.ts", "@vlcn.io/wa-sqlite/dist/crsqlite-sync.mjs"],
  ["src/transport/webrtc-channel.ts", "simple-peer/simplepeer.min.js"],
  ["src/security/planted.ts", "../transport/channel.ts"],
  ["src/security/key-cache.ts", "idb-keyval"],
  ["src/planted.ts", "./database/database.ts"],
  ["src/react/planted.ts", "react"],
  ["src/react/planted.ts", "../index.ts"],
  ["src/kysely/planted.ts", "kysely"],
  ["src/kysely/planted.ts", "../index.ts"],
  ["src/drizzle/planted.ts", "drizzle-orm/sqlite-proxy"],
] as const;

const others = {
  "src/cycle/one.ts": ['import { two } from "./two.ts";', "export const one = two - 1;"],
  "src/cycle/two.ts": ['export { one } from "./one.ts";', "export const two = 2;"],
  "src/planted-rules.ts": [
    'console.log("hello");',
    "export const anything: any = 1;",
    "if (anything) {",
    "}",
    "const later = async (): Promise<void> => {};",
    "later();",
  ],
};

const importOf = (specifier: string): string => `export type * from "${specifier}";`;

interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** Writes the files to a directory of their own, with this repository's rules, and runs oxlint there once. */
const lint = (linesByFile: ReadonlyMap<string, readonly string[]>): readonly Finding[] => {
  const directory = mkdtempSync(join(tmpdir(), "ledger-layers-"));
  try {
    cpSync(join(root, ".oxlintrc.json"), join(directory, ".oxlintrc.json"));
    for (const [file, lines] of linesByFile) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), `${lines.join("\n")}\n`);
    }
    const { stdout, stderr } = spawnSync(join(root, "node_modules/.bin/oxlint"), ["-f", "json"], {
      cwd: directory,
      encoding: "utf8",
    });
    if (!stdout.startsWith("{")) throw new Error(`oxlint did not run: ${stdout}${stderr}`);
    const report = JSON.parse(stdout) as OxlintReport;
    return report.diagnostics.map(({ filename, code, labels }) => ({
      file: filename,
      line: labels[0]?.span.line ?? 0,
      rule: code,
    }));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

interface OxlintReport {
  readonly diagnostics: readonly {
    readonly filename: string;
    readonly code: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

describe("the layer rules", () => {
  const linesByFile = new Map<string, string[]>(Object.entries(others));
  for (const [file, specifier] of [...forbidden, ...allowed]) {
    linesByFile.set(file, [...(linesByFile.get(file) ?? []), importOf(specifier)]);
  }
  let findings: readonly Finding[];

  beforeAll(() => {
    findings = lint(linesByFile);
  });

  const rulesBrokenBy = (file: string, line: string): readonly string[] => {
    const number = (linesByFile.get(file) ?? []).indexOf(line) + 1;
    return findings.filter((finding) => finding.file === file && finding.line === number).map(({ rule }) => rule);
  };

  it.each(forbidden)("keep %s from importing %s", (file, specifier) => {
    expect(rulesBrokenBy(file, importOf(specifier))).toEqual(["eslint(no-restricted-imports)"]);
  });

  it.each(allowed)("let %s import %s", (file, specifier) => {
    expect(rulesBrokenBy(file, importOf(specifier))).toEqual([]);
  });

  it("report an import cycle", () => {
    expect(
      findings
        .filter(({ rule }) => rule === "import(no-cycle)")
        .map(({ file }) => file)
        .sort(),
    ).toEqual(["src/cycle/one.ts", "src/cycle/two.ts"]);
  });

  it("report console in src, any, an empty block and a promise left alone", () => {
    const rules = findings.filter(({ file }) => file === "src/planted-rules.ts").map(({ rule }) => rule);

    expect([...rules].sort()).toEqual([
      "eslint(no-console)",
      "eslint(no-empty)",
      "typescript(no-explicit-any)",
      "typescript(no-floating-promises)",
    ]);
  });
});
