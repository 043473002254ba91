/** What the documents say must be true: options, codes, events, commands, links, and code samples that compile. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { errorCodes } from "../../src/common/errors.ts";
import { optionDefaults } from "../../src/options.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "signaling-server/README.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
].filter((file) => existsSync(join(root, file)));

/** Names of the properties that an interface in a source file declares. */
const propertiesOf = (file: string, name: string): readonly string[] => {
  const body = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, "s").exec(read(file))?.[1] ?? "";
  return [...body.matchAll(/^ {2}(?:readonly )?"?([\w-]+)"?\??:/gm)].map((match) => match[1] ?? "");
};

/** The cells of the table row of README whose first cell is `name` in backticks. */
const rowOf = (name: string): readonly string[] | undefined => {
  const row = read("README.md")
    .split("\n")
    .find((line) => line.startsWith(`| \`${name}\``));
  return row?.split("|").map((cell) => cell.trim());
};

/** Names of the public methods that a class in a source file declares. */
const methodsOf = (file: string): readonly string[] => {
  const names = [...read(file).matchAll(/^ {2}(?:static )?(?:async )?(\w+)(?:<[^(]*>)?\(/gm)].map(
    (match) => match[1] ?? "",
  );
  return [...new Set(names)].filter((name) => name !== "constructor");
};

describe("README", () => {
  const options = propertiesOf("src/options.ts", "LedgerOptions");
  const events = propertiesOf("src/api.ts", "LedgerEvents");
  const methods = methodsOf("src/ledger.ts");

  it("finds the lists it is checked against", () => {
    expect(options).toContain("dbName");
    expect(events).toContain("peer-join");
    expect(methods).toContain("getNodeId");
  });

  it.each(methods)("tells of the method %s", (method) => {
    expect(read("README.md")).toMatch(new RegExp(`^\\| \`(?:static )?${method}(?:<R>)?\\(`, "m"));
  });

  it("keeps its two commands", () => {
    for (const command of ["npm ci && npm start", "npm ci && npm test"]) {
      expect(read("README.md")).toContain(`\`\`\`sh\n${command}\n\`\`\``);
    }
  });

  it.each(Object.keys(errorCodes))("says what %s means and what to do", (code) => {
    expect((rowOf(code) ?? []).filter((cell) => cell !== "")).toHaveLength(3);
  });

  it.each(options)("has a table row for the option %s", (option) => {
    expect(rowOf(option)).toBeDefined();
  });

  it.each(Object.entries(optionDefaults))("tells the default of the option %s", (option, value) => {
    const plain = (rowOf(option) ?? []).join(" ").replace(/(?<=\d),(?=\d{3})/g, "");

    expect(plain).toContain(Array.isArray(value) ? "none" : String(value));
  });

  it.each(events)("tells of the event %s", (event) => {
    expect(read("README.md")).toContain(`\`${event}`);
  });

  it("lists every error code, and none that does not exist", () => {
    const named = new Set(read("README.md").match(/\bLEDGER_[A-Z_]+[A-Z]/g));
    const environment = new Set(["LEDGER_INSTALL_BROWSERS", "LEDGER_E2E_WORKERS"]);

    expect([...named].filter((code) => !environment.has(code)).sort()).toEqual(Object.keys(errorCodes).sort());
  });
});

describe.each(documents)("%s", (document) => {
  const text = read(document);

  it("links only to files that exist", () => {
    const targets = [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map((match) => match[1] ?? "");

    expect(targets.filter((target) => !existsSync(join(root, dirname(document), target)))).toEqual([]);
  });

  it("links only to headings that exist", () => {
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replace(/\s/g, "-"),
    );
    const targets = [...text.matchAll(/\]\(#([^)\s]+)\)/g)].map((match) => match[1] ?? "");

    expect(targets.filter((target) => !headings.includes(target))).toEqual([]);
  });

  it("has its code between fences", () => {
    const prose = text.replace(/^( *)(`{3,}).*?^\1\2$/gms, "");

    expect(prose.split("\n").filter((line) => /^ *(const |await |import [{*]|db\.|for \()/.test(line))).toEqual([]);
  });

  it("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
    const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? "");

    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

describe("code samples in Markdown", () => {
  // What samples may use without saying where it comes from.
  const prelude = `import type { Ledger as LedgerType } from "ledger";
declare global { var db: LedgerType; }
`;

  it("compile against the public API", () => {
    mkdirSync(join(root, ".tmp"), { recursive: true });
    const directory = mkdtempSync(join(root, ".tmp/samples-"));
    try {
      writeFileSync(join(directory, "prelude.d.ts"), prelude);
      const tsconfig = {
        extends: "../../tsconfig.json",
        compilerOptions: {
          noUnusedLocals: false,
          noUnusedParameters: false,
          jsx: "react-jsx",
          paths: {
            ledger: ["../../src/index.ts"],
            "ledger/testing": ["../../src/testing.ts"],
            "ledger/react": ["../../src/react.ts"],
            "ledger/kysely": ["../../src/kysely.ts"],
            "ledger/drizzle": ["../../src/drizzle.ts"],
          },
        },
        include: ["."],
      };
      writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(tsconfig));
      for (const document of documents) {
        const samples = read(document).matchAll(/^```(tsx?)\n(.*?)^```/gms);
        for (const [index, [, extension = "", sample = ""]] of [...samples].entries()) {
          const name = `${document.replaceAll(/[/.]/g, "-")}-${index + 1}.${extension}`;
          writeFileSync(join(directory, name), `${sample}\nexport {};\n`);
        }
      }

      const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], {
        cwd: directory,
        encoding: "utf8",
      });

      const ownErrors = tsc.stdout.split("\n").filter((line) => /^[^\s.]/.test(line) && !line.startsWith(".."));
      expect(ownErrors).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
