// @ts-check
/** The files that operators start from speak of settings that exist. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { limitDefinitions } from "../src/limits.js";
import { readSettings, settingDefinitions } from "../src/settings.js";

const known = new Set([...settingDefinitions, ...Object.values(limitDefinitions)].map(({ env }) => env));
/** @param {string} name */
const read = (name) => readFileSync(new URL(`../${name}`, import.meta.url), "utf8");

describe("Dockerfile", () => {
  it("runs without root, checks its health, and sets only what there is", () => {
    const text = read("Dockerfile");
    const names = [...(/^ENV (.*)$/m.exec(text)?.[1] ?? "").matchAll(/([A-Z_]+)=/g)].map(([, name]) => name);

    expect(names.filter((name) => name !== "NODE_ENV" && !known.has(name ?? ""))).toEqual([]);
    expect(text).toMatch(/^USER node$/m);
    expect(text).toMatch(/^HEALTHCHECK /m);
    expect(text).toMatch(/^CMD \["node", "signaling-server\/src\/main\.js"\]$/m);
  });
});

describe("compose.yaml", () => {
  it("sets only what there is, to values that are accepted", async () => {
    const block = /^ {2}environment:\n((?: {4}.+\n)+)/m.exec(read("compose.yaml"))?.[1] ?? "";
    const env = Object.fromEntries(
      [...block.matchAll(/^ {4}([A-Z_]+): (.*)$/gm)].map(([, name = "", value = ""]) => [
        name,
        // As Compose does: the value after `:-`, or one that the operator has to give.
        value.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1").replaceAll(/\$\{\w+:\?[^}]*\}/g, "given-by-operator"),
      ]),
    );

    const { options } = await readSettings(env);

    expect(Object.keys(env).filter((name) => !known.has(name))).toEqual([]);
    expect(options.nats?.url).toBe("nats://nats:4222");
    expect(options.turn?.urls).toHaveLength(2);
  });
});
